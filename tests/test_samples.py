"""Sample sets: merging, and the count of dropped samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.samples import Merge, Metric, MetricKind, Sample, SampleSet, Value, as_float

NUMBER = Metric(name="number", help="One number.", labels=("a",))
LARGEST = Metric(name="largest", help="The largest of several.", labels=("a",), merge=Merge.MAX)
STATES = Metric(name="states", help="Flags.", labels=("a",), states=("up", "down", "odd"), state_label="state")
NAN = float("nan")


def add_all(metric: Metric, *numbers: Value | None) -> tuple[list[Value], int]:
    samples = SampleSet()
    for number in numbers:
        samples.add(metric, number, "x")
    return [sample.value for sample in samples], samples.dropped


@pytest.mark.parametrize(
    ("metric", "numbers", "kept", "dropped"),
    [
        (NUMBER, (), [], 0),
        (NUMBER, (None, None), [], 0),
        (NUMBER, (1,), [1], 0),
        (NUMBER, (None, 1, None), [1], 0),
        (NUMBER, (1, 1, 1.0), [1], 0),
        (NUMBER, (1, 2, 3), [1], 2),
        (NUMBER, (0, 1), [0], 1),
        (NUMBER, (math.inf, math.inf, -math.inf), [math.inf], 1),
        (NUMBER, (NAN,), [], 1),
        (NUMBER, (NAN, 1), [1], 1),
        (NUMBER, (1, NAN), [1], 1),
        (NUMBER, (NAN, NAN, 1, NAN), [1], 3),
        (NUMBER, (2**70, 2**70), [2**70], 0),
        (NUMBER, (10**400, 10**400, 5, NAN), [10**400], 2),
        (NUMBER, (NAN, 10**400), [10**400], 1),
        (LARGEST, (1, 3, 2), [3], 0),
        (LARGEST, (-math.inf, -5, NAN), [-5], 1),
        (LARGEST, (NAN, math.inf, 5), [math.inf], 1),
        (STATES, ((True, False, False), (False, True, False)), [(True, True, False)], 0),
        (STATES, ((False, False, False), (False, False, False)), [(False, False, False)], 0),
    ],
)
def test_samples_with_equal_labels(metric: Metric, numbers: tuple[Value], kept: list[Value], dropped: int) -> None:
    assert add_all(metric, *numbers) == (kept, dropped)


def test_flags_and_numbers_do_not_mix() -> None:
    samples = SampleSet()
    samples.add(STATES, (True, False, False), "x")
    with pytest.raises(TypeError, match="states has both flags and numbers"):
        samples.add(STATES, 1, "x")
    with pytest.raises(ValueError, match="shorter"):
        samples.add(STATES, (True, False), "x")


def test_samples_with_different_labels() -> None:
    samples = SampleSet()
    samples.add(NUMBER, 1, "x")
    samples.add(NUMBER, 2, "")
    samples.add(LARGEST, 3, "x")
    assert list(samples) == [Sample(NUMBER, ("x",), 1), Sample(NUMBER, ("",), 2), Sample(LARGEST, ("x",), 3)]
    assert (len(samples), samples.dropped) == (3, 0)


def test_states_by_name() -> None:
    assert STATES.flags_for("down") == (False, True, False)
    assert STATES.flags_for("unknown") == (False, False, False)


def test_metrics_are_compared_by_identity() -> None:
    twin = Metric(name="number", help="One number.", labels=("a",))
    assert twin != NUMBER
    assert len({twin, NUMBER}) == 2
    assert NUMBER.kind is MetricKind.GAUGE


numbers = st.lists(
    st.tuples(
        st.sampled_from([NUMBER, LARGEST]),
        st.sampled_from("xy"),
        st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([NAN, math.inf, -math.inf])),
    )
)


@given(numbers, numbers)
def test_update_adds_each_sample_of_the_other_set(
    first: list[tuple[Metric, str, Value]], second: list[tuple[Metric, str, Value]]
) -> None:
    one, other, together = SampleSet(), SampleSet(), SampleSet()
    for target, source in ((one, first), (other, second)):
        for metric, label, number in source:
            target.add(metric, number, label)
            together.add(metric, number, label)
    before, dropped = list(other), one.dropped + other.dropped
    one.update(other)
    one.add(NUMBER, 1, "new")
    together.add(NUMBER, 1, "new")
    assert sorted(map(repr, one)) == sorted(map(repr, together))
    assert one.dropped >= dropped
    assert list(other) == before


@pytest.mark.parametrize(
    ("number", "result"), [(1, 1.0), (-0.5, -0.5), (10**400, math.inf), (-(10**400), -math.inf), (math.inf, math.inf)]
)
def test_numbers_as_float(number: float, result: float) -> None:
    assert as_float(number) == result
