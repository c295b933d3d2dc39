"""What Prometheus scrapes and what SNMP walks are the same: every value of every recorded situation, both ways.

The comparison has conversions of its own, and finds rows by what their columns say, not by how indexes are made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from gateway import catalog
from gateway.frontends.snmp import rows as bindings
from gateway.frontends.snmp import tables
from gateway.frontends.snmp.rows import BINDINGS, Binding
from gateway.samples import Metric, SampleSet, Value
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Object, mib
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics
from tests.situations import situations
from tests.snmp.walked import Index, Walked, walked

MIB = mib()
SITUATIONS = dict(situations())
BY_METRIC = {binding.metric: binding for binding in BINDINGS}

Seen = set[tuple[str, Index]]


def build(samples: SampleSet) -> Walked:
    snapshot = Snapshot(samples_by_metric=samples.samples_by_metric, time=1e9)
    return walked(tables.build(snapshot, snapshot.samples_by_metric, MIB, age=lambda: 0.0), MIB)


# --- what the MIB's value of a number, a flag or a label has to be ---------------------------------------------------


def as_number(target: Object, raw: float) -> int:
    assert target.syntax is not None
    limits = {
        "Gauge32": (0, 2**32 - 1),
        "Unsigned32": (0, 2**32 - 1),
        "Counter64": (0, 2**64 - 1),
        "CounterBasedGauge64": (0, 2**64 - 1),
        "HaClusterScore": (-1_000_000, 1_000_000),
    }
    least, most = limits.get(target.syntax.name, (0, 2**31 - 1))
    if math.isinf(raw):
        return most if raw > 0 else least
    scale: int = 10**target.syntax.decimals
    return min(max(round(raw * scale), least), most)


def as_date(raw: float) -> bytes:
    moment = datetime.fromtimestamp(raw, UTC)
    fields = (moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond // 100_000)
    return moment.year.to_bytes(2, "big") + bytes(fields) + b"+\0\0"


def as_word(target: Object, raw: str) -> int:
    assert target.syntax is not None
    plain = raw.replace("_", "").replace(" ", "").lower()
    names = {name.lower(): number for number, name in target.syntax.names.items()}
    return names.get(plain, 1)


def expected(target: Object, raw: str | float) -> int | bytes:
    assert target.syntax is not None
    name = target.syntax.name
    if name == "TruthValue":
        return 1 if raw in {"true", 1} else 2
    if target.syntax.names:
        return as_word(target, str(raw))
    if name == "SnmpAdminString":
        return str(raw).encode("utf-8", "replace")
    if name == "DateAndTime":
        return as_date(float(raw))
    return as_number(target, int(raw) if isinstance(raw, str) else raw)


def same(target: Object, value: int | bytes | None, raw: str | float) -> bool:
    """Whether a value is what it has to be; a text that is too long may end in a hash."""
    wanted = expected(target, raw)
    if isinstance(wanted, bytes) and len(wanted) > 255:
        assert isinstance(value, bytes)
        return wanted.startswith(value[:240]) and value[-9:-8] == b"~"
    return value == wanted


# --- the comparison --------------------------------------------------------------------------------------------------


def objects_of(binding: Binding, labels: tuple[str, ...], value: Value) -> Iterator[tuple[Object, str | float]]:
    """Yields each object that has to show part of a sample, and what it has to show."""
    metric = binding.metric
    named = dict(zip(metric.labels, labels, strict=True))
    for label, name in binding.labels.items():
        yield MIB[name], named[label]
    rest = [MIB[name] for name in metric.mib if name not in binding.labels.values() and MIB[name].readable]
    if not rest:
        assert value == 1
    elif binding.choice is not None:
        label, choices = binding.choice
        assert not isinstance(value, tuple)
        yield rest[choices.index(named[label])], value * binding.factor
    elif isinstance(value, tuple) and len(rest) > 1:
        yield from zip(rest, value, strict=True)
    elif isinstance(value, tuple):
        yield rest[0], next((state for state, on in zip(metric.states, value, strict=True) if on), "")
    else:
        yield rest[0], value * binding.factor


def numbers_of(binding: Binding, labels: tuple[str, ...]) -> list[int]:
    """Returns the index's numbers: labels that are numbers have no column of their own."""
    named = dict(zip(binding.metric.labels, labels, strict=True))
    return [int(named[label]) for label in binding.index if label in {"node_id", "number", "peer_node_id"}]


def assert_shown(binding: Binding, labels: tuple[str, ...], value: Value, found: Walked, seen: Seen) -> None:
    wanted = list(objects_of(binding, labels, value))
    numbers = numbers_of(binding, labels)
    matching: Callable[[Index], bool] = lambda index: (  # noqa: E731 - used once, right below
        all(number in index for number in numbers)
        and all(same(target, found.get(target.name, {}).get(index), raw) for target, raw in wanted)
    )
    anchor = found.get(wanted[-1][0].name, {})
    rows = [index for index in anchor if matching(index)]
    assert rows, f"{binding.metric.name}{labels} {value} is not in the MIB"
    seen.update((target.name, index) for target, _ in wanted for index in rows)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_both_protocols_show_the_same(situation: str) -> None:
    samples = SITUATIONS[situation]
    found = build(samples)
    seen: Seen = set()
    for metric, family in samples.samples_by_metric.items():
        for labels, value in family.items():
            assert_shown(BY_METRIC[metric], labels, value, found, seen)
    extra = bindings.DERIVED | set(bindings.LIVE.values())
    shown = {(name, index) for name, cells in found.items() for index in cells if name not in extra}
    assert shown == seen, "SNMP shows what Prometheus does not"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_there_is_a_row_for_each_sample(situation: str) -> None:
    samples = SITUATIONS[situation]
    found = build(samples)
    for metric, column in (
        (pacemaker_metrics.NODES, "haClusterNodeOnline"),
        (pacemaker_metrics.NODE_ATTRIBUTES, "haClusterNodeAttrValue"),
        (pacemaker_metrics.RESOURCES, "haClusterResourceActive"),
        (pacemaker_metrics.LOCATION_CONSTRAINTS, "haClusterLocationScore"),
        (pacemaker_metrics.BANS, "haClusterBanScore"),
        (pacemaker_metrics.FAIL_COUNT, "haClusterHistoryFailCount"),
        (pacemaker_metrics.OPERATION_DURATION, "haClusterOperationDuration"),
        (pacemaker_metrics.FAILED_ACTIONS, "haClusterFailedActionStatus"),
        (corosync_metrics.MEMBER_VOTES, "haClusterMemberVotes"),
        (corosync_metrics.RINGS, "haClusterLinkHealthy"),
        (sbd_metrics.SLOTS, "haClusterSbdSlotMessage"),
        (drbd_metrics.CONNECTIONS, "haClusterDrbdPeerVolumeRole"),
    ):
        assert len(found.get(column, {})) == len(samples.samples_by_metric.get(metric, {}))


# --- one catalogue ---------------------------------------------------------------------------------------------------


def test_every_metric_names_objects_that_exist_and_has_a_binding() -> None:
    for metric in catalog.METRICS:
        assert metric.mib, metric.name
        assert set(metric.mib) <= MIB.objects.keys(), metric.name
    assert {binding.metric for binding in BINDINGS} | bindings.LIVE.keys() == set(catalog.METRICS)
    assert len(BINDINGS) == len(BY_METRIC)


def test_every_object_shows_a_metric_or_is_known_to_be_derived() -> None:
    shown = {name for metric in catalog.METRICS for name in metric.mib if MIB[name].readable}
    shown |= {name for binding in BINDINGS for name in binding.labels.values()}
    assert shown | bindings.DERIVED == {target.name for target in MIB.readable}
    assert not shown & bindings.DERIVED


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda binding: str(binding.metric.name))
def test_a_binding_fits_its_row(binding: Binding) -> None:
    metric: Metric = binding.metric
    assert {*binding.index, *binding.labels} <= {*metric.labels}
    rows = {MIB[name].row or (name if MIB[name].index else "") for name in (*metric.mib, *binding.labels.values())}
    assert len(rows) == 1, "all objects of a metric are in one row"
    (row,) = rows
    assert len(MIB.index_of(row) if row else ()) == len(binding.index) + binding.numbered
    # every label is to be seen: in a column, in an index of numbers, or by the choice of the object
    chosen = {binding.choice[0]} if binding.choice else set()
    assert {*binding.index, *binding.labels, *chosen} == {*metric.labels}
    if len(metric.states) > 0:
        assert len(metric.mib) in {1, len(metric.states)}
