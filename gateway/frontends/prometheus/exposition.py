"""Samples as text: Prometheus 0.0.4, and OpenMetrics 1.0. Pure.

``prometheus_client`` has writers of its own, but they want an object for each line; for the samples of a large cluster
this module takes less than a tenth of the time (``docs/adr``). A property test holds both to the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter

from gateway.samples import Flags, Labels, Metric, MetricKind, SamplesByMetric, Value, as_float

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_MAX_EXACT = 2**53
"""Up to here a float and an integer mean the same number."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def text(samples_by_metric: SamplesByMetric) -> bytes:
    """Returns the page in text format 0.0.4."""
    return _encode(_families(samples_by_metric, _text_head))


def openmetrics(samples_by_metric: SamplesByMetric) -> bytes:
    """Returns the page in OpenMetrics 1.0.

    A counter whose contract name lacks ``_total`` is of type ``unknown`` here, as OpenMetrics knows no such counter.
    """
    return _encode([*_families(samples_by_metric, _openmetrics_head), "# EOF\n"])


def _encode(pieces: Iterable[str]) -> bytes:
    # names of files may hold bytes that are no text: they must not cost the page
    return "".join(pieces).encode("utf-8", "replace")


def _families(samples_by_metric: SamplesByMetric, head: Callable[[Metric], str]) -> list[str]:
    pieces: list[str] = []
    for metric in sorted(samples_by_metric, key=lambda metric: metric.name):
        samples = samples_by_metric[metric]
        if samples:
            pieces.append(head(metric))
            pieces += _state_lines(metric, samples) if metric.states else _lines(metric, samples)
    return pieces


def _text_head(metric: Metric) -> str:
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.kind.value}\n"


def _openmetrics_head(metric: Metric) -> str:
    name, kind = metric.name, metric.kind.value
    if metric.kind is MetricKind.COUNTER:
        name = metric.name.removesuffix("_total")
        kind = kind if name != metric.name else "unknown"
    return f"# HELP {name} {metric.help.translate(_ESCAPES)}\n# TYPE {name} {kind}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How the lines of a metric are put together.

    Attributes:
        before: a template for what stands before the state, or before the number where there is none.
        after: a template for what stands between the state and the number.
        pick_before: the label values of the first template, of a sample's labels.
        pick_after: those of the second.
    """

    before: str
    after: str
    pick_before: Callable[[Labels], Labels]
    pick_after: Callable[[Labels], Labels]


@cache
def _layout(metric: Metric) -> _Layout:
    """Labels stand in alphabetical order, as the Go client writes them."""
    order = sorted(range(len(metric.labels)), key=lambda index: metric.labels[index])
    if not metric.states:
        pairs = ",".join(f'{metric.labels[index]}="%s"' for index in order)
        before = f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "
        return _Layout(before=before, after="", pick_before=_picker(order), pick_after=_picker([]))
    first = [index for index in order if metric.labels[index] < metric.state_label]
    rest = [index for index in order if metric.labels[index] > metric.state_label]
    left = "".join(f'{metric.labels[index]}="%s",' for index in first)
    right = "".join(f',{metric.labels[index]}="%s"' for index in rest)
    return _Layout(
        before=f'{metric.name}{{{left}{metric.state_label}="',
        after=f'"{right}}}',
        pick_before=_picker(first),
        pick_after=_picker(rest),
    )


def _picker(order: list[int]) -> Callable[[Labels], Labels]:
    """Returns a function that takes the values at these places out of a tuple."""
    if order == list(range(len(order))):
        return itemgetter(slice(len(order)))  # of the whole tuple this is the tuple itself
    if len(order) > 1:
        return itemgetter(*order)
    return itemgetter(slice(order[0], order[0] + 1)) if order else itemgetter(slice(0))


def _lines(metric: Metric, samples: Mapping[Labels, Value]) -> Iterable[str]:
    layout = _layout(metric)
    before, pick = layout.before, layout.pick_before
    return [before % pick(labels) + _number(value) for labels, value in _escaped(samples)]


def _state_lines(metric: Metric, samples: Mapping[Labels, Value]) -> Iterable[str]:
    layout = _layout(metric)
    for labels, flags in _escaped(samples):
        before = layout.before % layout.pick_before(labels)
        # one sample is many lines that begin alike
        yield before + before.join(_ends(metric, layout.after % layout.pick_after(labels), flags))


@lru_cache(maxsize=1024)
def _ends(metric: Metric, after: str, flags: Flags) -> tuple[str, ...]:
    """Returns what follows on each state's line; nearly all samples of a metric share it."""
    return tuple(f"{state}{after} {flag:d}\n" for state, flag in zip(metric.states, flags, strict=True))


def _escaped(samples: Mapping[Labels, Value]) -> Iterable[tuple[Labels, Value]]:
    """Returns the samples, their label values escaped. Hardly any needs it, so all are looked at together first."""
    joined = "".join(map("".join, samples))
    if '"' not in joined and "\\" not in joined and "\n" not in joined:
        return samples.items()
    return [(tuple(value.translate(_ESCAPES) for value in labels), number) for labels, number in samples.items()]


@lru_cache(maxsize=4096)
def _number(value: Value) -> str:
    """Returns a number as the end of a line. Remembers: most are 0, 1, or one of few."""
    assert not isinstance(value, tuple)
    number = as_float(value)
    if math.isinf(number):
        return "+Inf\n" if number > 0 else "-Inf\n"
    if number.is_integer() and -_MAX_EXACT < number < _MAX_EXACT:
        return f"{int(number)}\n"
    return f"{number!r}\n"
