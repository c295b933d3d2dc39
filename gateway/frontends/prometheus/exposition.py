"""Encodes samples as text: the Prometheus text format 0.0.4 and OpenMetrics 1.0. Pure.

``prometheus_client`` has encoders, but they need an object for every line; for the samples of a large cluster this
module takes less than a tenth of their time (``docs/adr``). A property test checks that both mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from gateway.samples import Flags, Labels, Metric, MetricKind, SamplesByMetric, Value, as_float, label_selector

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_MAX_EXACT_INTEGER = 2**53
"""Integers below it have the same value as a float."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


OnError = Callable[[str, Exception], None]
"""Receives the name of what cannot be encoded because of a bug, and the error. The page is encoded without it."""


def _raise_error(name: str, error: Exception) -> None:
    del name
    raise error


class PageEncoder:
    """Encodes pages in the format of one content type, and does not encode again what the page before had.

    From one scrape to the next, nearly all samples of a cluster stay the same, and comparing them takes a third of the
    time. Pages can be encoded in several threads at once.

    Args:
        content_type: ``TEXT`` or ``OPENMETRICS``.
    """

    def __init__(self, content_type: str) -> None:
        self._header = _openmetrics_header if content_type == OPENMETRICS else _text_header
        self._end = ["# EOF\n"] if content_type == OPENMETRICS else []
        self._families: dict[Metric, _Family] = {}

    def encode(self, samples_by_metric: SamplesByMetric, *, on_error: OnError = _raise_error) -> bytes:
        """Returns the page with these samples."""
        parts: list[str] = []
        for metric in sorted(samples_by_metric, key=lambda metric: metric.name):
            samples = samples_by_metric[metric]
            if not samples:
                continue
            try:
                parts.append(self._encode_family(metric, samples))
            except Exception as error:  # noqa: BLE001 - a bug in one metric must not cost the page
                on_error(metric.name, error)
        # a file name may contain bytes that are not UTF-8: replacing them keeps the rest of the page usable
        return "".join([*parts, *self._end]).encode("utf-8", "replace")

    def _encode_family(self, metric: Metric, samples: Mapping[Labels, Value]) -> str:
        before = self._families.get(metric)
        if before is not None and before.samples == samples:
            text = before.text
        else:
            text = "".join([self._header(metric), *(_state_lines if metric.states else _number_lines)(metric, samples)])
        self._families[metric] = _Family(samples, text)  # the newest samples, so that the old ones can be released
        return text


class _Family(NamedTuple):
    """The samples of a metric, and their lines on a page."""

    samples: Mapping[Labels, Value]
    text: str


def encode_text(samples_by_metric: SamplesByMetric, *, on_error: OnError = _raise_error) -> bytes:
    """Returns a page in text format 0.0.4."""
    return PageEncoder(TEXT).encode(samples_by_metric, on_error=on_error)


def encode_openmetrics(samples_by_metric: SamplesByMetric, *, on_error: OnError = _raise_error) -> bytes:
    """Returns a page in OpenMetrics 1.0.

    OpenMetrics requires that the name of a counter ends in ``_total``; counters whose established name does not are of
    type ``unknown`` here.
    """
    return PageEncoder(OPENMETRICS).encode(samples_by_metric, on_error=on_error)


def _text_header(metric: Metric) -> str:
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.kind.value}\n"


def _openmetrics_header(metric: Metric) -> str:
    name, kind = metric.name, metric.kind.value
    if metric.kind is MetricKind.COUNTER:
        name = metric.name.removesuffix("_total")
        kind = kind if name != metric.name else "unknown"
    return f"# HELP {name} {metric.help.translate(_ESCAPES)}\n# TYPE {name} {kind}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineLayout:
    """How the lines of a metric are composed.

    Attributes:
        before: the template of the text before the state, or before the number if the metric has no states.
        after: the template of the text between the state and the number.
        labels_before: selects the label values of the first template from a sample's labels.
        labels_after: selects those of the second.
    """

    before: str
    after: str
    labels_before: Callable[[Labels], Labels]
    labels_after: Callable[[Labels], Labels]


@cache
def _line_layout(metric: Metric) -> _LineLayout:
    """Returns the layout of a metric's lines. Labels are in alphabetical order, as the Go client writes them."""
    positions = sorted(range(len(metric.labels)), key=lambda position: metric.labels[position])
    if not metric.states:
        pairs = ",".join(f'{metric.labels[position]}="%s"' for position in positions)
        before = f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "
        return _LineLayout(
            before=before, after="", labels_before=label_selector(positions), labels_after=label_selector([])
        )
    left = [position for position in positions if metric.labels[position] < metric.state_label]
    right = [position for position in positions if metric.labels[position] > metric.state_label]
    pairs_left = "".join(f'{metric.labels[position]}="%s",' for position in left)
    pairs_right = "".join(f',{metric.labels[position]}="%s"' for position in right)
    return _LineLayout(
        before=f'{metric.name}{{{pairs_left}{metric.state_label}="',
        after=f'"{pairs_right}}}',
        labels_before=label_selector(left),
        labels_after=label_selector(right),
    )


def _number_lines(metric: Metric, samples: Mapping[Labels, Value]) -> Iterable[str]:
    layout = _line_layout(metric)
    before, select = layout.before, layout.labels_before
    return [before % select(labels) + _number_end(value) for labels, value in _escape_labels(samples)]


def _state_lines(metric: Metric, samples: Mapping[Labels, Value]) -> Iterable[str]:
    layout = _line_layout(metric)
    for labels, flags in _escape_labels(samples):
        before = layout.before % layout.labels_before(labels)
        # one sample becomes many lines with the same beginning
        if ends := _state_ends(metric, layout.after % layout.labels_after(labels), flags):
            yield before + before.join(ends)


@lru_cache(maxsize=1024)
def _state_ends(metric: Metric, after: str, flags: Flags) -> tuple[str, ...]:
    """Returns the ends of the lines, one per known state. Cached: nearly all samples of a metric have the same."""
    states = zip(metric.states, flags, strict=True)
    return tuple(f"{state}{after} {flag:d}\n" for state, flag in states if flag is not None)


def _escape_labels(samples: Mapping[Labels, Value]) -> Iterable[tuple[Labels, Value]]:
    """Returns the samples with escaped label values. Few need escaping, so all are searched at once first."""
    joined = "".join(map("".join, samples))
    if '"' not in joined and "\\" not in joined and "\n" not in joined:
        return samples.items()
    return [(tuple(value.translate(_ESCAPES) for value in labels), number) for labels, number in samples.items()]


@lru_cache(maxsize=4096)
def _number_end(value: Value) -> str:
    """Returns a number as the end of a line. Cached: most numbers are 0, 1, or one of a few."""
    assert not isinstance(value, tuple)
    number = as_float(value)
    if math.isinf(number):
        return "+Inf\n" if number > 0 else "-Inf\n"
    if number.is_integer() and -_MAX_EXACT_INTEGER < number < _MAX_EXACT_INTEGER:
        return f"{int(number)}\n"
    return f"{number!r}\n"
