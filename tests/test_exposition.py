"""Compares the pages with those of ``prometheus_client``, and checks complete outputs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import exposition as client_text
from prometheus_client import parser as text_parser
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as ClientFamily
from prometheus_client.openmetrics import exposition as client_openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.registry import Collector, CollectorRegistry

from gateway import catalog
from gateway.frontends.prometheus import exposition
from gateway.samples import Labels, Metric, MetricKind, SamplesByMetric, Value
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics

PLAIN = Metric(name="t_plain", help="No labels.")
GAUGE = Metric(name="t_gauge", help='A "gauge" of C:\\temp\nin two lines.', labels=("zone", "a", "le"))
COUNTER = Metric(name="t_counter_total", help="A counter.", kind=MetricKind.COUNTER, labels=("a",))
FIRST = Metric(name="t_first", help="State first.", labels=("x", "y"), states=("on", "off"), state_label="state")
LAST = Metric(name="t_last", help="State last.", labels=("b", "a"), states=("on", "off", "ill"), state_label="status")
MIDDLE = Metric(name="t_middle", help="State between.", labels=("z", "a"), states=("on",), state_label="m")
BARE = Metric(name="t_bare", help="Only a state.", states=("on", "off"), state_label="state")
ALL = (PLAIN, GAUGE, COUNTER, FIRST, LAST, MIDDLE, BARE)

# --- Compared with prometheus_client ---------------------------------------------------------------------------------


def lines(metric: Metric, labels: Labels, value: Value) -> Iterator[tuple[dict[str, str], float]]:
    """Yields the labels and the number of each line of a sample."""
    named = dict(zip(metric.labels, labels, strict=True))
    if isinstance(value, tuple):
        for state, flag in zip(metric.states, value, strict=True):
            if flag is not None:
                yield {**named, metric.state_label: state}, float(flag)
    else:
        yield named, float(value)


class Reference(Collector):
    def __init__(self, samples_by_metric: SamplesByMetric) -> None:
        self._families = samples_by_metric

    def collect(self) -> Iterable[ClientFamily]:
        for metric, samples in self._families.items():
            if not samples:
                continue
            family: ClientFamily
            if metric.kind is MetricKind.COUNTER:
                family = CounterMetricFamily(metric.name, metric.help)
            else:
                family = GaugeMetricFamily(metric.name, metric.help)
            for labels, value in samples.items():
                for named, number in lines(metric, labels, value):
                    family.add_sample(metric.name, named, number)
            yield family


def registry(samples_by_metric: SamplesByMetric) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Reference(samples_by_metric))
    return registry


def normalize(families: Iterable[ClientFamily]) -> dict[str, Any]:
    return {
        family.name: (
            family.type,
            family.documentation,
            {
                (sample.name, tuple(sorted(sample.labels.items()))): (sample.value, sample.timestamp, sample.exemplar)
                for sample in family.samples
            },
            len(family.samples),
        )
        for family in families
    }


def parse_text(page: bytes) -> dict[str, Any]:
    return normalize(text_parser.text_string_to_metric_families(page.decode()))


def parse_openmetrics(page: bytes) -> dict[str, Any]:
    return normalize(openmetrics_parser.text_string_to_metric_families(page.decode()))  # type: ignore[no-untyped-call]


text = st.text(
    st.one_of(st.sampled_from('"\\\n\r\t {}=,#n0é€😀\x00\x7f\u2028%'), st.characters(exclude_categories=["Cs"])),
    max_size=8,
)
number = st.one_of(
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, -(2**53), 10**23, 18446744073709551608, 1e16, 1e22, 5e-324, -0.0]),
    st.sampled_from([math.inf, -math.inf, 0, 1, 0.0, 1.0, True, False]),
    st.floats(allow_nan=False),
)


@st.composite
def page(draw: st.DrawFn) -> dict[Metric, dict[Labels, Value]]:
    samples_by_metric: dict[Metric, dict[Labels, Value]] = {}
    for metric in draw(st.lists(st.sampled_from(ALL), unique=True)):
        labels = st.tuples(*[text] * len(metric.labels))
        value = st.tuples(*[st.sampled_from((True, False, None))] * len(metric.states)) if metric.states else number
        if metric.kind is MetricKind.COUNTER:
            value = number.map(abs)
        samples_by_metric[metric] = draw(st.dictionaries(labels, value, max_size=4))
    return samples_by_metric


@given(page())
def test_text_is_equivalent_to_that_of_prometheus_client(samples_by_metric: dict[Metric, dict[Labels, Value]]) -> None:
    ours = parse_text(exposition.encode_text(samples_by_metric))
    assert ours == parse_text(client_text.generate_latest(registry(samples_by_metric)))
    assert ours == normalize(Reference(samples_by_metric).collect())


@given(page())
def test_openmetrics_is_equivalent_to_that_of_prometheus_client(
    samples_by_metric: dict[Metric, dict[Labels, Value]],
) -> None:
    theirs = client_openmetrics.generate_latest(registry(samples_by_metric))  # type: ignore[no-untyped-call]
    ours = exposition.encode_openmetrics(samples_by_metric)
    assert parse_openmetrics(ours) == parse_openmetrics(theirs)
    assert ours.endswith(b"# EOF\n")


LINE = re.compile(r'[a-z_:]+(?:\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)')
NUMBER = re.compile(r"[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


@given(page())
def test_every_line_is_a_name_labels_and_one_number(samples_by_metric: dict[Metric, dict[Labels, Value]]) -> None:
    for encode, end in ((exposition.encode_text, ""), (exposition.encode_openmetrics, "# EOF\n")):
        page_text = encode(samples_by_metric).decode()
        assert page_text.endswith(end)
        for line in page_text.removesuffix(end).split("\n")[:-1]:
            if not line.startswith(("# HELP ", "# TYPE ")):
                match = LINE.fullmatch(line)
                assert match, line
                assert NUMBER.fullmatch(match[1]), line
    assert exposition.encode_text(samples_by_metric).count(b"\n# TYPE ") == sum(map(bool, samples_by_metric.values()))


@given(st.dictionaries(st.tuples(st.text(), st.text(), st.text()), number))
def test_no_label_value_breaks_the_page(samples: Mapping[Labels, Value]) -> None:
    for encode in (exposition.encode_text, exposition.encode_openmetrics):
        assert encode({GAUGE: samples}).decode().count("\nt_gauge{") == len(samples)


@given(page(), page(), st.sampled_from([exposition.TEXT, exposition.OPENMETRICS]))
def test_a_page_does_not_depend_on_the_page_before(
    first: dict[Metric, dict[Labels, Value]], second: dict[Metric, dict[Labels, Value]], content_type: str
) -> None:
    encoder = exposition.PageEncoder(content_type)
    for samples_by_metric in (first, second, {**first, **second}, {**second, **first}, first):
        alone = exposition.PageEncoder(content_type).encode(samples_by_metric)
        assert sorted(encoder.encode(samples_by_metric).split(b"\n")) == sorted(alone.split(b"\n"))


def test_samples_of_the_page_before_are_not_encoded_again() -> None:
    class Text(str):
        __slots__ = ("times",)

        def __str__(self) -> str:
            times.append(1)
            return super().__str__()

    times: list[int] = []
    encoder = exposition.PageEncoder(exposition.TEXT)
    labels = (Text("é"),)
    pages = [encoder.encode({COUNTER: {labels: value}}) for value in (3, 3.0, 4, 4)]
    assert pages == [exposition.encode_text({COUNTER: {("é",): value}}) for value in (3, 3, 4, 4)]
    assert len(times) == 2


# --- Complete pages --------------------------------------------------------------------------------------------------

FAMILIES: SamplesByMetric = {
    LAST: {("b1", "a1"): (True, False, True)},
    GAUGE: {("z", "", 'C:\\ "n"\n'): 2.5},
    PLAIN: {(): 10**400},
    COUNTER: {("é",): 3.0},
    BARE: {},
}


def test_a_page_in_text_format() -> None:
    assert exposition.encode_text(FAMILIES).decode() == (
        "# HELP t_counter_total A counter.\n"
        "# TYPE t_counter_total counter\n"
        't_counter_total{a="é"} 3\n'
        '# HELP t_gauge A "gauge" of C:\\\\temp\\nin two lines.\n'
        "# TYPE t_gauge gauge\n"
        't_gauge{a="",le="C:\\\\ \\"n\\"\\n",zone="z"} 2.5\n'
        "# HELP t_last State last.\n"
        "# TYPE t_last gauge\n"
        't_last{a="a1",b="b1",status="on"} 1\n'
        't_last{a="a1",b="b1",status="off"} 0\n'
        't_last{a="a1",b="b1",status="ill"} 1\n'
        "# HELP t_plain No labels.\n"
        "# TYPE t_plain gauge\n"
        "t_plain +Inf\n"
    )


def test_a_page_in_openmetrics() -> None:
    assert exposition.encode_openmetrics({COUNTER: {("x",): 3}, GAUGE: {("z", "a", "l"): -math.inf}}).decode() == (
        "# HELP t_counter A counter.\n"
        "# TYPE t_counter counter\n"
        't_counter_total{a="x"} 3\n'
        '# HELP t_gauge A \\"gauge\\" of C:\\\\temp\\nin two lines.\n'
        "# TYPE t_gauge gauge\n"
        't_gauge{a="a",le="l",zone="z"} -Inf\n'
        "# EOF\n"
    )


def test_an_empty_page() -> None:
    assert (exposition.encode_text({}), exposition.encode_openmetrics({})) == (b"", b"# EOF\n")


def test_the_only_counter_without_total_keeps_its_name() -> None:
    samples_by_metric: SamplesByMetric = {pacemaker_metrics.CONFIG_LAST_CHANGE: {(): 1790000000}}
    name = "ha_cluster_pacemaker_config_last_change"
    sample = f"{name} 1790000000\n"
    page_text = exposition.encode_text(samples_by_metric).decode()
    assert f"# TYPE {name} counter\n" in page_text
    assert page_text.endswith(f"\n{sample}")
    # OpenMetrics has no counters without _total
    page_text = exposition.encode_openmetrics(samples_by_metric).decode()
    assert f"# TYPE {name} unknown\n{sample}# EOF\n" in page_text
    assert list(parse_openmetrics(page_text.encode())[name][2].values()) == [(1790000000, None, None)]


def test_every_metric_can_be_parsed_in_both_formats() -> None:
    samples_by_metric = {
        metric: {tuple(metric.labels): tuple(True for _ in metric.states) if metric.states else 1}
        for metric in catalog.METRICS
        if metric is not pacemaker_metrics.CONFIG_LAST_CHANGE  # the client's text parser appends _total to its name
    }
    in_text, in_openmetrics = (
        parse_text(exposition.encode_text(samples_by_metric)),
        parse_openmetrics(exposition.encode_openmetrics(samples_by_metric)),
    )
    assert in_text.keys() == in_openmetrics.keys()
    for name, (_, _, samples, count) in in_text.items():
        assert in_openmetrics[name][2:] == (samples, count)
        assert {sample for sample, _ in samples} <= {name, f"{name}_total"}
    sample_names = {sample for _, _, samples, _ in in_text.values() for sample, _ in samples}
    assert sample_names == {metric.name for metric in samples_by_metric}


@pytest.mark.parametrize("encode", [exposition.encode_text, exposition.encode_openmetrics])
@pytest.mark.parametrize("label", ["\ud800", "a\udcffb", '\ude00"\\\n'])
def test_surrogates_are_replaced(encode: Callable[[SamplesByMetric], bytes], label: str) -> None:
    expected = label.encode("utf-8", "replace").decode().replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    assert f'{{a="{expected}"}} 1\n' in encode({COUNTER: {(label,): 1}}).decode()


@pytest.mark.parametrize("encode", [exposition.encode_text, exposition.encode_openmetrics])
def test_a_metric_that_cannot_be_encoded_costs_only_itself(encode: Callable[..., bytes]) -> None:
    """Whatever a bug has put into it: a value that is none, labels that are no text, too few flags."""
    good = Metric(name="good", help="Good.", labels=("a",))
    states = Metric(name="states", help="States.", labels=("a",), states=("on", "off"), state_label="state")
    bad: Any = {
        Metric(name="value", help="x", labels=("a",)): {("x",): "many"},
        Metric(name="label", help="x", labels=("a",)): {(None,): 1.0},
        Metric(name="labels", help="x", labels=("a", "b")): {("x",): 1.0},
        Metric(name="no_samples", help="x"): 7,
        states: {("x",): (True,)},
    }
    failed: list[str] = []
    page = encode({**bad, good: {("x",): 1.0}}, on_error=lambda name, error: failed.append(name))
    assert sorted(failed) == ["label", "labels", "no_samples", "states", "value"]
    assert page.decode().startswith("# HELP good Good.\n")
    assert page.decode().removesuffix("# EOF\n").endswith('good{a="x"} 1\n')
    assert page.count(b"# HELP") == 1
