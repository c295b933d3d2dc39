"""Tables: searching, what is not there, indexes of odd names, and values that do not fit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.frontends.snmp import tables
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
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.situations import situations
from tests.snmp.walked import Index, read, walked

MIB = mib()
ROOT = SearchRange(MIB.root, oids.after_subtree(MIB.root))


def build(samples: SampleSet, *, age: float = 0.0) -> VariableTable:
    snapshot = Snapshot(samples_by_metric=samples.samples_by_metric)
    return tables.build(snapshot, samples.samples_by_metric, MIB, age=lambda: age)


def healthy() -> VariableTable:
    return build(dict(situations())["demo/healthy"])


def text_index(text: str) -> Index:
    return len(text), *map(ord, text)


def got(table: VariableTable, name: Oid) -> Variable:
    (variable,) = table.get([name])
    return variable


def next_in(table: VariableTable, searched: SearchRange) -> VarBind | None:
    (variable,) = table.get_next([searched])
    varbind = read(variable)
    return None if varbind.type is Type.END_OF_MIB_VIEW else varbind


def oid(name: str, *index: int) -> bytes:
    return MIB[name].oid + oids.encode(index)


# --- searching -------------------------------------------------------------------------------------------------------


def test_get_finds_what_is_there() -> None:
    found = read(got(healthy(), oid("haClusterNodeOnline", *text_index("node2"))))
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
def test_get_tells_no_instance_from_no_object(name: bytes, kind: Type) -> None:
    found = read(got(healthy(), name))
    assert (found.oid, found.type, found.value) == (name, kind, None)


def test_before_the_first_snapshot_there_is_no_instance() -> None:
    empty = tables.empty(MIB)
    assert read(got(empty, oid("haClusterQuorate", 0))).type is Type.NO_SUCH_INSTANCE
    assert next_in(empty, ROOT) is None


def test_a_walk_meets_everything_once() -> None:
    found, whole = [], healthy()
    searched = ROOT
    while (varbind := next_in(whole, searched)) is not None:
        found.append(varbind)
        searched = SearchRange(varbind.oid, ROOT.end)
    assert found == list(map(read, whole))
    assert len(found) == len(whole) > 500


def test_a_range_ends_before_its_end_and_begins_at_its_start_only_if_that_is_included() -> None:
    whole = healthy()
    first, second = oid("haClusterQuorate", 0), oid("haClusterVotesExpected", 0)
    found = {
        (include, end): next_in(whole, SearchRange(first, end, include))
        for include in (False, True)
        for end in (first, second, b"")
    }
    assert found[True, second] == read(got(whole, first))
    assert found[True, first] is None
    assert found[False, second] is None
    assert found[False, b""] == read(got(whole, second))


def test_nothing_in_a_range_has_the_name_of_its_start() -> None:
    start = oid("haClusterQuorate", 0)
    (variable,) = healthy().get_next([SearchRange(start, start)])
    found = read(variable)
    assert (found.oid, found.type) == (start, Type.END_OF_MIB_VIEW)


def test_the_age_is_of_the_moment_at_which_it_is_asked_for() -> None:
    ages = iter([0.0, 7.9, 8.0, 9.0])
    whole = tables.build(Snapshot(samples_by_metric={}), {}, MIB, age=lambda: next(ages))
    name = oid("haClusterSnapshotAge", 0)
    assert got(whole, name).cell.value == 7
    found = next_in(whole, SearchRange(name, b"", include=True))
    assert found is not None
    assert found.value == 8


# --- rows ------------------------------------------------------------------------------------------------------------


def resources(*rows: tuple[str, ...]) -> SampleSet:
    """Rows of node, resource and role."""
    samples = SampleSet()
    for node, resource, role in rows:
        flags = (True, False, False, False, False)
        samples.add(pacemaker_metrics.RESOURCES, flags, node, resource, role, "true", "a", "", "")
    return samples


def test_rows_that_share_their_names_are_numbered() -> None:
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


def test_long_names_are_cut_and_told_apart_by_a_hash_and_whole_in_their_column() -> None:
    names = ["x" * 64, "x" * 65, "x" * 70 + "1", "x" * 70 + "2", "ä" * 40]
    samples = SampleSet()
    for name in names:
        samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, 1, name)
    found = walked(build(samples), MIB)["haClusterNodeName"]
    assert {value.decode() for value in found.values() if isinstance(value, bytes)} == set(names)
    texts = {bytes(index[1:]) for index in found}
    assert {len(text) for text in texts} <= {63, 64}  # a character of two octets is not cut in half
    assert b"x" * 64 in texts
    assert sum(text[-9:-8] == b"~" for text in texts) == 4
    assert all(index[0] == len(index) - 1 for index in found)
    assert found == walked(build(samples), MIB)["haClusterNodeName"]


def test_names_that_would_share_an_index_do_not() -> None:
    samples = SampleSet()
    for name in ("", "-"):
        samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, 1, name)
    assert set(walked(build(samples), MIB)["haClusterNodeName"].values()) == {b"", b"-"}


def test_a_name_that_is_no_text_is_shown_as_prometheus_shows_it() -> None:
    samples = SampleSet()
    samples.add(drbd_metrics.SPLIT_BRAIN, 1, b"r\xff".decode("utf-8", "surrogateescape"), "0")
    assert set(walked(build(samples), MIB)["haClusterDrbdSplitBrainResource"].values()) == {b"r?"}


def test_numbers_that_do_not_fit_are_the_nearest_that_do() -> None:
    samples = SampleSet()
    for name, count in (("a", math.inf), ("b", -1), ("c", 999_999.4), ("d", 2**70)):
        samples.add(pacemaker_metrics.FAIL_COUNT, count, name, "r")
        samples.add(drbd_metrics.WRITTEN, count, name, "0")
        samples.add(drbd_metrics.UPPER_PENDING, count, name, "0")
    found = walked(build(samples), MIB)
    assert list(found["haClusterHistoryFailCount"].values()) == [1_000_000, -1, 999_999, 1_000_000]
    assert list(found["haClusterDrbdVolumeWritten"].values()) == [2**64 - 1, 0, 1_023_999_386, 2**64 - 1]
    assert list(found["haClusterDrbdVolumeUpperPending"].values()) == [2**32 - 1, 0, 999_999, 2**32 - 1]


@pytest.mark.parametrize("seconds", [1.7e308, 10**400], ids=["float", "integer"])
def test_a_number_that_overflows_in_the_unit_of_its_object_is_the_largest(seconds: float) -> None:
    samples = SampleSet()
    samples.add(pacemaker_metrics.STONITH_TIMEOUT, seconds)
    assert list(walked(build(samples), MIB)["haClusterStonithTimeout"].values()) == [2**31 - 1]


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


def test_a_collector_that_failed_says_why() -> None:
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


def test_without_pacemaker_nothing_is_counted() -> None:
    assert not [name for name in walked(build(SampleSet()), MIB) if name.startswith("haClusterNodes")]


# --- anything --------------------------------------------------------------------------------------------------------

any_text = st.text(max_size=90)
any_number = st.floats(allow_nan=False) | st.integers()


@given(st.data())
def test_anything_that_is_sampled_can_be_walked(data: st.DataObject) -> None:
    samples = SampleSet()
    metrics = [metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics]
    for metric in data.draw(st.lists(st.sampled_from(metrics), min_size=1, max_size=8)):
        for labels in data.draw(st.lists(st.tuples(*(any_text for _ in metric.labels)), max_size=4)):
            flags = tuple(data.draw(st.booleans()) for _ in metric.states)
            samples.add(metric, flags or data.draw(any_number), *labels)
    whole = build(samples)
    walked(whole, MIB)
    for variable in whole:
        assert got(whole, variable.oid).varbind == variable.varbind
