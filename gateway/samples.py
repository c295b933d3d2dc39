"""Metrics and samples: the neutral form of all data, between the collectors and the frontends.

A sample consists of a metric, the values of its labels, and a number. For a metric with states it has one flag per
state instead: a node is one sample with nine flags, not nine samples. Each frontend expands it as its protocol
requires: Prometheus into one line per state, SNMP into one column per state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from operator import itemgetter
from typing import NamedTuple

PREFIX = "ha_cluster_"
"""The prefix of every metric name, except for ``process_*``."""

MILLI = 1000
"""Milliseconds in a second: a ``mib_factor``."""

MICRO = 1_000_000
"""Microseconds in a second: a ``mib_factor``."""

HUNDREDTHS = 100
"""Hundredths of a percent in a percent: a ``mib_factor``."""

Labels = tuple[str, ...]
"""The values of labels, in the order of the metric's label names."""

Flags = tuple[bool | None, ...]
"""One flag for each state, in the order of the metric's states; None if it is unknown."""

Value = float | Flags
"""A number, float or int; or the flags of a metric with states."""


class MetricKind(Enum):
    """The Prometheus type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"


class Merge(Enum):
    """How two samples with equal labels and different numbers are merged. Flags are always combined with OR."""

    FIRST = "first"
    """The first is kept; the second is dropped and counted."""
    LAST = "last"
    """The last is kept: for tools that list events in chronological order."""
    MAX = "max"
    """The larger is kept: the instances of a clone on one node share their labels, and the worst one matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectByLabel:
    """A choice among the objects of a metric by the value of one of its labels.

    Attributes:
        label: the name of the label.
        objects: the object that shows a sample, by the label's value; samples with other values are not shown.
    """

    label: str
    objects: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """A metric, as both frontends publish it.

    Attributes:
        name: the full name, with its prefix.
        help: the HELP text, one sentence.
        kind: gauge or counter.
        labels: the names of the labels, in the order in which samples list their values.
        states: the values of ``state_label``, one flag each; empty for a metric with numbers.
        state_label: the label whose value is the name of a state.
        merge: how samples with equal labels are merged.
        mib: the objects of HA-CLUSTER-MIB that show it: one for its number, one for each state, one for each value of
            ``mib_choice``, or, if the number is always 1, the row or the objects that show its labels.
        mib_choice: how the value of a label selects one of these objects.
        mib_labels: the scalars that show labels, by label. Columns that show labels are declared in ``MibRow``.
        mib_factor: the factor from the metric's unit to the object's unit.
        drop_in: whether its name, labels and type are those of ``ha_cluster_exporter`` and must never change.
    """

    name: str
    help: str
    kind: MetricKind = MetricKind.GAUGE
    labels: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    state_label: str = ""
    merge: Merge = Merge.FIRST
    mib: tuple[str, ...] = ()
    mib_choice: ObjectByLabel | None = None
    mib_labels: Mapping[str, str] = field(default_factory=dict)
    mib_factor: int = 1
    drop_in: bool = False

    def flags_for(self, state: str) -> Flags:
        """Returns flags of which only this state's is set; none is set for an unknown state."""
        return tuple(name == state for name in self.states)


def gauge(
    name: str,
    text: str,
    *labels: str,
    states: tuple[str, ...] = (),
    state_label: str = "",
    merge: Merge = Merge.FIRST,
    drop_in: bool = False,
    mib: str | ObjectByLabel | Mapping[str, str],
    mib_factor: int = 1,
) -> Metric:
    """Declares a gauge.

    Args:
        name: the name without ``PREFIX``.
        text: the HELP text, one sentence.
        labels: as ``Metric.labels``.
        states: as ``Metric.states``.
        state_label: as ``Metric.state_label``.
        merge: as ``Metric.merge``.
        drop_in: as ``Metric.drop_in``.
        mib: its objects in HA-CLUSTER-MIB: their names separated by blanks; or a choice among them by a label; or
            the scalars that show its labels, by label.
        mib_factor: as ``Metric.mib_factor``.
    """
    return Metric(
        name=PREFIX + name,
        help=text,
        labels=labels,
        states=states,
        state_label=state_label,
        merge=merge,
        mib=_object_names(mib),
        mib_choice=mib if isinstance(mib, ObjectByLabel) else None,
        mib_labels=mib if isinstance(mib, Mapping) else {},
        mib_factor=mib_factor,
        drop_in=drop_in,
    )


def _object_names(mib: str | ObjectByLabel | Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(mib, str):
        return tuple(mib.split())
    return tuple((mib.objects if isinstance(mib, ObjectByLabel) else mib).values())


def counter(name: str, text: str, *labels: str, drop_in: bool = False, mib: str | ObjectByLabel) -> Metric:
    """Declares a counter; the arguments are those of ``gauge``."""
    return Metric(
        name=PREFIX + name,
        help=text,
        labels=labels,
        kind=MetricKind.COUNTER,
        mib=_object_names(mib),
        mib_choice=mib if isinstance(mib, ObjectByLabel) else None,
        drop_in=drop_in,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MibRow:
    """A row of a table in HA-CLUSTER-MIB: which labels are its index, and which columns show labels.

    The columns that show values are named by ``Metric.mib``. A metric that goes into a row that is declared already
    needs no line here.

    Attributes:
        entry: the name of the row's object, such as ``haClusterNodeEntry``.
        index: the labels that are its indexes, in the order of the MIB.
        numbered: whether the row has one more index, a number that distinguishes samples with equal indexes.
        columns: the columns that show labels, by label.
    """

    entry: str
    index: tuple[str, ...]
    numbered: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MibCounts:
    """Scalars of HA-CLUSTER-MIB that count the samples of a metric with states, for thresholds in an NMS.

    Attributes:
        metric: the metric whose samples are counted.
        objects: the condition that a sample has to meet, by the object that shows the count. It receives the sample's
            labels and flags by name.
        total: the sample that has the number of all samples. If it is 0, so are the counts; if there is none, they are
            unknown without a sample.
    """

    metric: Metric
    objects: Mapping[str, Callable[[Mapping[str, str | bool | None]], object]]
    total: tuple[Metric, Labels] | None = None


def label_selector(positions: Sequence[int]) -> Callable[[Labels], Labels]:
    """Returns a fast selector for the labels at the given positions."""
    if list(positions) == list(range(len(positions))):
        return itemgetter(slice(len(positions)))  # if this selects all labels, it returns the same tuple
    if len(positions) > 1:
        return itemgetter(*positions)
    return itemgetter(slice(positions[0], positions[0] + 1))


def as_float(value: float) -> float:
    """Returns a number as a float; an integer that is too large for a float becomes infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _either(first: bool | None, second: bool | None) -> bool | None:  # noqa: FBT001 - flags
    """Returns the disjunction of two flags; None if it depends on one that is unknown."""
    return True if first or second else None if first is None or second is None else False


class Sample(NamedTuple):
    """The value of a metric for one combination of labels."""

    metric: Metric
    labels: Labels
    value: Value


SamplesByMetric = Mapping[Metric, Mapping[Labels, Value]]
"""Samples grouped by metric; each combination of labels occurs at most once."""


class SampleSet:
    """A set of samples in which each combination of labels occurs at most once.

    Attributes:
        samples_by_metric: the samples by metric and labels, in the order in which they were added first.
        dropped: the number of samples that were dropped: not a number, or a second value for the same labels.
    """

    __slots__ = ("dropped", "samples_by_metric")

    def __init__(self) -> None:
        self.samples_by_metric: dict[Metric, dict[Labels, Value]] = {}
        self.dropped = 0

    def add(self, metric: Metric, value: Value | None, *labels: str) -> None:
        """Adds a sample. None means that the value is unknown, and adds nothing."""
        if value is None:
            return
        family = self.samples_by_metric.get(metric)
        if family is None:
            family = self.samples_by_metric[metric] = {}
        current = family.setdefault(labels, value)
        if current is not value or value != value:  # noqa: PLR0124 - NaN is the only value that differs from itself
            self._merge(metric, family, labels, current, value)

    def update(self, other: SampleSet) -> None:
        """Adds all samples of another set, and its number of dropped samples."""
        self.dropped += other.dropped
        for metric, family in other.samples_by_metric.items():
            if metric not in self.samples_by_metric:
                self.samples_by_metric[metric] = dict(family)
                continue
            for labels, value in family.items():
                self.add(metric, value, *labels)

    def _merge(self, metric: Metric, family: dict[Labels, Value], labels: Labels, current: Value, value: Value) -> None:
        """Merges a second value for the same labels, or drops a value that is not a number."""
        if isinstance(current, tuple) and isinstance(value, tuple):
            family[labels] = tuple(_either(*pair) for pair in zip(current, value, strict=True))
        elif isinstance(current, tuple) or isinstance(value, tuple):
            raise TypeError(f"{metric.name} has both flags and numbers")
        elif math.isnan(as_float(value)):
            self.dropped += 1
            if math.isnan(as_float(current)):
                del family[labels]
        elif metric.merge is Merge.LAST:
            family[labels] = value
        elif metric.merge is Merge.MAX:
            family[labels] = max(current, value)
        elif current != value:
            self.dropped += 1

    def __iter__(self) -> Iterator[Sample]:
        for metric, family in self.samples_by_metric.items():
            for labels, value in family.items():
                yield Sample(metric, labels, value)

    def __len__(self) -> int:
        return sum(map(len, self.samples_by_metric.values()))
