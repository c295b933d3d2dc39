"""Tables: searching, missing variables, indexes of unusual names, and values out of range."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.frontends.snmp import tables
from gateway.frontends.snmp.rows import MibValue
from gateway.frontends.snmp.tables import Omission
from gateway.frontends.snmp.variable import Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type, VarBind
from gateway.status import Status
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics
from tests.situations import situations
from tests.snmp.walked import Index, read, walked

MIB = mib()
ROOT = SearchRange(MIB.root, oids.after_subtree(MIB.root))


def build(
    samples: SampleSet, *, age: float = 0.0, report: Callable[[Omission], object] = lambda omission: None
) -> VariableTable:
    snapshot = Snapshot(samples_by_metric=samples.samples_by_metric)
    return tables.build(snapshot, samples.samples_by_metric, MIB, age=lambda: age, report=report)


def healthy() -> VariableTable:
    return build(dict(situations())["demo/healthy"])


def text_index(text: str) -> Index:
    return len(text), *map(ord, text)


def get_one(table: VariableTable, name: Oid) -> Variable:
    (variable,) = table.get([name])
    return variable


def get_next_in(table: VariableTable, searched: SearchRange) -> VarBind | None:
    (variable,) = table.get_next([searched])
    varbind = read(variable)
    return None if varbind.type is Type.END_OF_MIB_VIEW else varbind


def oid(name: str, *index: int) -> bytes:
    return MIB[name].oid + oids.encode(index)


# --- searching -------------------------------------------------------------------------------------------------------


def test_get_returns_a_value() -> None:
    found = read(get_one(healthy(), oid("haClusterNodeOnline", *text_index("node2"))))
    assert (found.type, found.value) == (Type.INTEGER, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (oid("haClusterNodeOnline", *text_index("node9")), Type.NO_SUCH_INSTANCE),
        (oid("haClusterNodeOnline"), Type.NO_SUCH_INSTANCE),
        (oid("haClusterName", 1), Type.NO_SUCH_INSTANCE),
        (oid("haClusterNodeIndex", *text_index("node1")), Type.NO_SUCH_OBJECT),
        (MIB.root, Type.NO_SUCH_OBJECT),
        (oids.parse("1.3.6.1.2.1.1.1.0"), Type.NO_SUCH_OBJECT),
        (b"", Type.NO_SUCH_OBJECT),
    ],
)
def test_get_distinguishes_no_such_instance_from_no_such_object(name: bytes, kind: Type) -> None:
    found = read(get_one(healthy(), name))
    assert (found.oid, found.type, found.value) == (name, kind, None)


def test_before_the_first_snapshot_there_is_no_instance() -> None:
    empty = tables.empty(MIB)
    assert read(get_one(empty, oid("haClusterQuorate", 0))).type is Type.NO_SUCH_INSTANCE
    assert get_next_in(empty, ROOT) is None


def test_a_walk_returns_every_variable_once() -> None:
    found, table = [], healthy()
    searched = ROOT
    while (varbind := get_next_in(table, searched)) is not None:
        found.append(varbind)
        searched = SearchRange(varbind.oid, ROOT.end)
    assert found == list(map(read, table))
    assert len(found) == len(table) > 500


def test_a_range_excludes_its_end_and_includes_its_start_on_request() -> None:
    table = healthy()
    first, second = oid("haClusterQuorate", 0), oid("haClusterVotesExpected", 0)
    found = {
        (include, end): get_next_in(table, SearchRange(first, end, include))
        for include in (False, True)
        for end in (first, second, b"")
    }
    assert found[True, second] == read(get_one(table, first))
    assert found[True, first] is None
    assert found[False, second] is None
    assert found[False, b""] == read(get_one(table, second))


def test_end_of_mib_view_has_the_name_of_the_start() -> None:
    start = oid("haClusterQuorate", 0)
    (variable,) = healthy().get_next([SearchRange(start, start)])
    found = read(variable)
    assert (found.oid, found.type) == (start, Type.END_OF_MIB_VIEW)


def test_the_age_is_read_at_each_request() -> None:
    ages = iter([0.0, 7.9, 8.0, 9.0])
    table = tables.build(Snapshot(samples_by_metric={}), {}, MIB, age=lambda: next(ages))
    name = oid("haClusterSnapshotAge", 0)
    assert get_one(table, name).cell.value == 7
    found = get_next_in(table, SearchRange(name, b"", include=True))
    assert found is not None
    assert found.value == 8


# --- rows ------------------------------------------------------------------------------------------------------------


def resources(*rows: tuple[str, ...]) -> SampleSet:
    """Returns the samples of some resources, given as node, resource and role."""
    samples = SampleSet()
    for node, resource, role in rows:
        flags = (True, False, False, False, False)
        samples.add(pacemaker_metrics.RESOURCES, flags, node, resource, role, "true", "a", "", "")
    return samples


def test_rows_with_equal_indexes_are_numbered() -> None:
    found = walked(
        build(resources(("n1", "r", "started"), ("n1", "r", "promoted"), ("", "r", "stopped"), ("n2", "r", "started"))),
        MIB,
    )
    assert found["haClusterResourceRole"] == {
        (*text_index("r"), *text_index("-"), 1): 2,
        (*text_index("r"), *text_index("n1"), 1): 4,
        (*text_index("r"), *text_index("n1"), 2): 3,
        (*text_index("r"), *text_index("n2"), 1): 3,
    }


def test_a_row_keeps_its_index_when_its_state_changes() -> None:
    before, after = (walked(build(resources(("n1", "r", role))), MIB) for role in ("started", "promoted"))
    assert before["haClusterResourceRole"].keys() == after["haClusterResourceRole"].keys()


def test_two_metrics_of_one_row_share_its_number() -> None:
    samples = SampleSet()
    for operation, time in (("start", None), ("monitor", 5), ("stop", None), ("demote", 7)):
        labels = ("n", "r", operation, "0", "error")
        samples.add(pacemaker_metrics.FAILED_ACTIONS, 1, *labels)
        samples.add(pacemaker_metrics.FAILED_ACTIONS_TIMESTAMP, time, *labels)
    found = walked(build(samples), MIB)
    operations = found["haClusterFailedActionOperation"]
    timed = {operations[index] for index in found["haClusterFailedActionTime"]}
    assert timed == {b"monitor", b"demote"}


def test_long_names_are_cut_and_hashed_in_the_index_and_complete_in_their_column() -> None:
    names = ["x" * 47, "x" * 48, "x" * 70 + "1", "x" * 70 + "2", "ä" * 40]
    samples = SampleSet()
    for name in names:
        samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, 1, name)
    found = walked(build(samples), MIB)["haClusterNodeName"]
    assert {value.decode() for value in found.values() if isinstance(value, bytes)} == set(names)
    texts = {bytes(index[1:]) for index in found}
    assert {len(text) for text in texts} <= {46, 47}  # a character of two octets is not cut in half
    assert b"x" * 47 in texts
    assert sum(text[-9:-8] == b"~" for text in texts) == 4
    assert all(index[0] == len(index) - 1 for index in found)
    assert found == walked(build(samples), MIB)["haClusterNodeName"]


def test_names_with_the_same_index_get_different_ones() -> None:
    samples = SampleSet()
    for name in ("", "-"):
        samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, 1, name)
    assert set(walked(build(samples), MIB)["haClusterNodeName"].values()) == {b"", b"-"}


def test_samples_in_different_columns_share_a_row() -> None:
    samples = SampleSet()
    for setting, seconds in (("watchdog", 5), ("allocate", 2), ("loop", 1), ("msgwait", 10)):
        samples.add(sbd_metrics.TIMEOUTS, seconds, "/dev/sda", setting)
    found = walked(build(samples), MIB)
    index = text_index("/dev/sda")
    assert found["haClusterSbdDeviceName"] == {index: b"/dev/sda"}
    assert found["haClusterSbdDeviceMsgwait"] == {index: 10}


def index_texts(name: str, index: Index) -> Iterator[tuple[bytes, int]]:
    """Yields each text in an index of an object, and its largest size."""
    numbers = list(index)
    for part in MIB.index_of(row) if (row := MIB[name].row) else ():
        number = numbers.pop(0)
        assert part.syntax is not None
        if part.syntax.size:
            yield bytes(numbers[:number]), part.syntax.size
            del numbers[:number]


def test_no_short_name_has_a_hash_in_its_index() -> None:
    for situation, samples in situations():
        for name, values in walked(build(samples), MIB).items():
            for index in values:
                for text, size in index_texts(name, index):
                    hashed = re.search(rb"~[0-9a-f]{8}$", text)
                    # up to three octets of a character that was cut are left out
                    assert not hashed or len(text) >= size - 3, f"{situation}: {name} {text!r}"


def test_a_name_that_is_not_utf_8_is_shown_as_in_prometheus() -> None:
    samples = SampleSet()
    samples.add(drbd_metrics.SPLIT_BRAIN, 1, b"r\xff".decode("utf-8", "surrogateescape"), "0")
    assert set(walked(build(samples), MIB)["haClusterDrbdSplitBrainResource"].values()) == {b"r?"}


def test_numbers_out_of_range() -> None:
    """A gauge stays at the end of its range, a counter wraps, and other values are omitted."""
    omissions: list[Omission] = []
    samples = SampleSet()
    for name, count in (("a", math.inf), ("b", -1), ("c", 999_999.4), ("d", 2**70 + 1)):
        samples.add(pacemaker_metrics.FAIL_COUNT, count, name, "r")
        samples.add(drbd_metrics.WRITTEN, count, name, "0")
        samples.add(drbd_metrics.UPPER_PENDING, count, name, "0")
    found = walked(build(samples, report=omissions.append), MIB)
    assert list(found["haClusterHistoryFailCount"].values()) == [1_000_000, -1, 999_999, 1_000_000]
    assert list(found["haClusterDrbdVolumeWritten"].values()) == [1_023_999_386, 1024]
    assert list(found["haClusterDrbdVolumeUpperPending"].values()) == [2**32 - 1, 0, 999_999, 2**32 - 1]
    assert omissions == [Omission("haClusterDrbdVolumeWritten", reason) for reason in ("inf", "-1024")]


@pytest.mark.parametrize(
    "seconds",
    [1.7e308, math.inf, 10**400, 10**5000, 2_147_483.648, -0.001],
    ids=["product", "infinite", "large", "huge", "just above", "negative"],
)
def test_a_number_that_does_not_fit_in_the_unit_of_its_object_is_omitted(seconds: float) -> None:
    omissions: list[Omission] = []
    samples = SampleSet()
    samples.add(pacemaker_metrics.STONITH_TIMEOUT, seconds)
    samples.add(pacemaker_metrics.FAIL_COUNT, 1, "node1", "r")
    found = walked(build(samples, report=omissions.append), MIB)
    assert "haClusterStonithTimeout" not in found
    assert list(found["haClusterHistoryFailCount"].values()) == [1]
    assert [name for name, _, _ in omissions] == ["haClusterStonithTimeout"]
    assert len(omissions[0].reason) < 100


@pytest.mark.parametrize("digits", [10, 21, 309, 5000])
def test_an_absurd_number_in_a_label_costs_its_row(digits: int) -> None:
    """A label is a text, so that nothing has limited the number before."""
    omissions: list[Omission] = []
    samples = SampleSet()
    for interval in ("10000", "9" * digits):
        samples.add(pacemaker_metrics.OPERATION_DURATION, 1, "node1", "r", "monitor", interval)
    found = walked(build(samples, report=omissions.append), MIB)
    assert list(found["haClusterOperationInterval"].values()) == [10_000]
    assert list(found["haClusterOperationDuration"].values()) == [1000]
    assert [name for name, _, _ in omissions] == [pacemaker_metrics.OPERATION_DURATION.name]
    assert len(omissions[0].reason) < 100


def test_a_label_that_does_not_fit_an_index_costs_its_row() -> None:
    omissions: list[Omission] = []
    samples = SampleSet()
    for volume in ("0", "zero", "9" * 30):
        samples.add(drbd_metrics.WRITTEN, 1, "r", volume)
    found = walked(build(samples, report=omissions.append), MIB)
    assert list(found["haClusterDrbdVolumeWritten"]) == [(*text_index("r"), 0)]
    assert [(name, error) for name, _, error in omissions] == [(drbd_metrics.WRITTEN.name, None)] * 2


@pytest.mark.parametrize("another", [(), ("zero",)])
def test_of_two_rows_with_one_number_as_their_index_one_is_omitted(another: tuple[str, ...]) -> None:
    omissions: list[Omission] = []
    samples = SampleSet()
    for number, (node_id, node) in enumerate([("1", "a"), ("1", "b"), ("2", "c"), *((text, "d") for text in another)]):
        samples.add(corosync_metrics.MEMBER_VOTES, number + 1, node_id, node, "false")
    found = walked(build(samples, report=omissions.append), MIB)
    assert found["haClusterMemberVotes"] == {(1,): 1, (2,): 3}
    assert found["haClusterMemberName"] == {(1,): b"a", (2,): b"c"}
    assert [name for name, _, _ in omissions] == [corosync_metrics.MEMBER_VOTES.name] * (1 + len(another))


def test_an_error_in_one_row_costs_this_row() -> None:
    omissions: list[Omission] = []
    samples = SampleSet()
    samples.add(drbd_metrics.WRITTEN, 1, "r", "0")
    samples.add(drbd_metrics.WRITTEN, 2, "s", "0")
    values: Any = samples.samples_by_metric[drbd_metrics.WRITTEN]
    values["r", "0"] = "not a number of samples"  # a bug
    values[object(), "0"] = 3  # another one
    found = walked(build(samples, report=omissions.append), MIB)
    assert list(found["haClusterDrbdVolumeWritten"]) == [(*text_index("s"), 0)]
    assert {name for name, _, _ in omissions} == {drbd_metrics.WRITTEN.name, "haClusterDrbdVolumeWritten"}
    assert any(error is not None for _, _, error in omissions)


def test_an_error_in_the_values_beyond_the_metrics_costs_no_samples() -> None:
    def broken() -> Iterator[MibValue]:
        yield "haClusterAlarmsMajor", (), 5
        yield "no such object", (), 5
        yield "haClusterAlarmsMinor", (), 7
        raise RuntimeError("a bug")

    omissions: list[Omission] = []
    samples = SampleSet()
    samples.add(drbd_metrics.WRITTEN, 1, "r", "0")
    snapshot = Snapshot(samples_by_metric=samples.samples_by_metric)
    table = tables.build(
        snapshot, samples.samples_by_metric, MIB, age=lambda: 0.0, extra=broken(), report=omissions.append
    )
    found = walked(table, MIB)
    assert (found["haClusterAlarmsMajor"], found["haClusterAlarmsMinor"]) == ({(0,): 5}, {(0,): 7})
    assert "haClusterDrbdVolumeWritten" in found
    assert [name for name, _, _ in omissions] == ["no such object", "values beyond the metrics"]


@pytest.mark.parametrize(
    ("seconds", "date"),
    [
        (1_764_033_825.37, "07e9 0b19 0117 2d03 2b0000"),
        (0, "07b2 0101 0000 0000 2b0000"),
        (4e9, "0830 0a02 0706 2800 2b0000"),
        (math.inf, None),
        (1e15, None),
    ],
)
def test_times_are_dates_in_utc(seconds: float, date: str | None) -> None:
    samples = SampleSet()
    samples.add(pacemaker_metrics.CONFIG_LAST_CHANGE, seconds)
    found = walked(build(samples), MIB).get("haClusterConfigLastChange", {}).get((0,))
    assert found == (None if date is None else bytes.fromhex(date))


def test_the_last_error_of_a_collector_is_shown() -> None:
    command = CommandReport(name="crm_mon", tool="crm_mon", status=Status.NOT_PERMITTED, detail="exit status 4: no")
    report = CollectorReport(name="pacemaker", commands=(command,))
    snapshot = Snapshot(samples_by_metric={}, collectors={"pacemaker": report, "sbd": CollectorReport(name="sbd")})
    found = walked(tables.build(snapshot, snapshot.samples_by_metric, MIB, age=lambda: 0.0), MIB)[
        "haClusterCollectorLastError"
    ]
    assert found == {
        text_index("pacemaker"): b"crm_mon: not_permitted: exit status 4: no",
        text_index("sbd"): b"",
    }


def test_counts_for_thresholds() -> None:
    found = walked(build(dict(situations())["demo/node-lost"]), MIB)
    counts = {name: found[name][0,] for name in found if name.startswith(("haClusterNodes", "haClusterResourcesS"))}
    assert counts == {
        "haClusterNodesConfigured": 3,
        "haClusterNodesMaintenance": 0,
        "haClusterNodesOffline": 1,
        "haClusterNodesOnline": 2,
        "haClusterNodesPending": 0,
        "haClusterNodesStandby": 0,
        "haClusterNodesUnclean": 0,
        "haClusterResourcesStarted": 11,
        "haClusterResourcesStopped": 5,
    }


def test_without_samples_there_are_no_counts() -> None:
    counts = ("haClusterNodes", "haClusterResources")
    assert not [name for name in walked(build(SampleSet()), MIB) if name.startswith(counts)]


def test_without_resources_their_counts_are_zero() -> None:
    found = walked(build(dict(situations())["demo/arbitrated"]), MIB)
    names = ("Configured", "Failed", "Started", "Stopped", "Unmanaged")
    assert [found[f"haClusterResources{name}"][0,] for name in names] == [0] * len(names)


# --- anything --------------------------------------------------------------------------------------------------------

any_text = st.text(max_size=90)
any_number = st.floats(allow_nan=False) | st.integers()


@given(st.data())
def test_any_samples_can_be_walked(data: st.DataObject) -> None:
    samples = SampleSet()
    metrics = [metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics]
    for metric in data.draw(st.lists(st.sampled_from(metrics), min_size=1, max_size=8)):
        for labels in data.draw(st.lists(st.tuples(*(any_text for _ in metric.labels)), max_size=4)):
            flags = tuple(data.draw(st.booleans()) for _ in metric.states)
            samples.add(metric, flags or data.draw(any_number), *labels)
    table = build(samples)
    walked(table, MIB)
    for variable in table:
        assert get_one(table, variable.oid).varbind == variable.varbind
