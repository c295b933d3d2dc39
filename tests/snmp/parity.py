"""Compares what Prometheus and SNMP show of samples, in both directions.

The comparison has its own conversions, and finds rows by the values of their columns, not by their indexes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.frontends.snmp import rows, tables
from gateway.frontends.snmp.rows import Binding
from gateway.samples import SampleSet, Value
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Object, mib
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics
from tests.snmp.walked import Index, Walked, walked

MIB = mib()
BINDINGS = {binding.metric: binding for binding in rows.bindings(MIB)}

Cell = tuple[str, Index]
"""The object and the index of one value."""


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
    return min(max(round(raw), least), most)


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


def is_unknown(target: Object, raw: str | float | None) -> bool:
    """Returns whether a value is a flag that is unknown, so that its object is absent."""
    assert target.syntax is not None
    return target.syntax.name == "TruthValue" and raw in {"", None}


def same(target: Object, value: int | bytes | None, raw: str | float | None) -> bool:
    """Returns whether a value is as expected; a text that is too long may end in a hash."""
    if is_unknown(target, raw):
        return value is None
    assert raw is not None
    wanted = expected(target, raw)
    if isinstance(wanted, bytes) and len(wanted) > 255:
        assert isinstance(value, bytes)
        return wanted.startswith(value[:240]) and value[-9:-8] == b"~"
    return value == wanted


# --- the comparison --------------------------------------------------------------------------------------------------


def expected_objects(
    binding: Binding, labels: tuple[str, ...], value: Value
) -> Iterator[tuple[Object, str | float | None]]:
    """Yields each object that shows part of a sample, and the value that it should have."""
    metric = binding.metric
    named = dict(zip(metric.labels, labels, strict=True))
    for label, name in binding.labels.items():
        yield MIB[name], named[label]
    objects = [MIB[name] for name in metric.mib if name not in binding.labels.values() and MIB[name].readable]
    if not objects:
        assert value == 1
    elif metric.mib_choice is not None:
        assert not isinstance(value, tuple)
        yield MIB[metric.mib_choice.objects[named[metric.mib_choice.label]]], value * metric.mib_factor
    elif isinstance(value, tuple) and len(objects) > 1:
        yield from zip(objects, value, strict=True)
    elif isinstance(value, tuple):
        yield objects[0], next((state for state, on in zip(metric.states, value, strict=True) if on), "")
    else:
        yield objects[0], value * metric.mib_factor


def index_numbers(binding: Binding, labels: tuple[str, ...]) -> list[int]:
    """Returns the numbers in the index: labels that are numbers have no column of their own."""
    named = dict(zip(binding.metric.labels, labels, strict=True))
    index = binding.row.index if binding.row else ()
    return [int(named[label]) for label in index if label in {"node_id", "number", "peer_node_id"}]


def matching_cells(binding: Binding, labels: tuple[str, ...], value: Value, walk: Walked) -> set[Cell]:
    """Returns the cells of each row that shows a sample completely."""
    objects = list(expected_objects(binding, labels, value))
    numbers = index_numbers(binding, labels)
    shown = [target.name for target, raw in objects if not is_unknown(target, raw)]
    candidates = walk.get(shown[-1], {})
    return {
        (name, index)
        for index in candidates
        if all(number in index for number in numbers)
        and all(same(target, walk.get(target.name, {}).get(index), raw) for target, raw in objects)
        for name in shown
    }


def differences(samples: SampleSet, walk: Walked) -> Iterator[str]:
    """Yields a text for each value that only one of the protocols shows."""
    matched: set[Cell] = set()
    for sample in samples:
        cells = matching_cells(BINDINGS[sample.metric], sample.labels, sample.value, walk)
        if not cells:
            yield f"{sample.metric.name}{sample.labels} {sample.value} is not in the MIB"
        matched |= cells
    beyond = rows.DERIVED | set(rows.LIVE.values())
    walked_cells = {(name, index) for name, column in walk.items() for index in column if name not in beyond}
    for name, index in sorted(walked_cells - matched):
        yield f"{name}{index} is in the MIB, and in no sample"


ONE_ROW_PER_SAMPLE = {
    pacemaker_metrics.NODES: "haClusterNodeOnline",
    pacemaker_metrics.NODE_ATTRIBUTES: "haClusterNodeAttrValue",
    pacemaker_metrics.RESOURCES: "haClusterResourceActive",
    pacemaker_metrics.LOCATION_CONSTRAINTS: "haClusterLocationScore",
    pacemaker_metrics.BANS: "haClusterBanScore",
    pacemaker_metrics.FAIL_COUNT: "haClusterHistoryFailCount",
    pacemaker_metrics.OPERATION_DURATION: "haClusterOperationDuration",
    pacemaker_metrics.FAILED_ACTIONS: "haClusterFailedActionStatus",
    corosync_metrics.MEMBER_VOTES: "haClusterMemberVotes",
    corosync_metrics.RINGS: "haClusterLinkHealthy",
    sbd_metrics.SLOTS: "haClusterSbdSlotMessage",
    drbd_metrics.CONNECTIONS: "haClusterDrbdPeerVolumeRole",
}


def missing_rows(samples: SampleSet, walk: Walked) -> Iterator[str]:
    """Yields a text for each column with another number of cells than its metric has samples."""
    for metric, column in ONE_ROW_PER_SAMPLE.items():
        cells, expected_cells = len(walk.get(column, {})), len(samples.samples_by_metric.get(metric, {}))
        if cells != expected_cells:
            yield f"{column}: {cells} cells for {expected_cells} samples of {metric.name}"
