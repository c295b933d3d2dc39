"""Every condition is walked through its states: present, unknown, gone, and present, unknown, absent.

``test_conditions`` has recordings of clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS, CONDITION_BY_NAME, CONDITIONS
from gateway.conditions.model import Reason
from gateway.conditions.view import REMOVAL_TIME, ClusterView
from gateway.snapshot import CollectorReport, Snapshot
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.qnetd import metrics as qnetd_metrics
from tests.alarms.single_condition import Alarms, raised
from tests.alarms.snapshots import DC, Sample, make_snapshot
from tests.alarms.stack_walks import ALL_UP, CONNECTED, DEVICE, HEALTHY, LINK_1_DOWN, WALKS, path, ring, slot, volume
from tests.alarms.walks import LISTED, N1, N2, resource

ALL_COMMANDS = (
    "crm_mon",
    "cibadmin",
    "corosync-quorumtool",
    "corosync-cfgtool",
    "corosync-qdevice-tool",
    "status",
    "list",
    "configuration",
    "drbdsetup",
    "configurations",
    "list booth",
    "peers booth",
)


def failing() -> Snapshot:
    """Returns a snapshot in which every command has failed."""
    return make_snapshot(failing=dict.fromkeys(ALL_COMMANDS, Status.TIMED_OUT))


def without_tools(collector: str, started: float, *, configured: bool = False) -> Snapshot:
    """Returns a snapshot in which the tools of a subsystem are not installed."""
    report = CollectorReport(name=collector, present=False, configured=configured)
    return Snapshot(samples_by_metric={}, collectors={collector: report}, started=started)


STATES = [name for name in WALKS if not CONDITION_BY_NAME[name].expires_after]


@pytest.mark.parametrize("name", STATES)
def test_an_alarm_survives_every_view_that_proves_nothing(name: str) -> None:
    walk = WALKS[name]
    alarms = raised(name, walk)
    for samples in walk.unknown:
        assert alarms.evaluate(make_snapshot(*samples)) == []
    assert alarms.evaluate(failing()) == []
    assert alarms.evaluate(Snapshot(samples_by_metric={})) == []
    assert walk.absent is not None
    ((change, about, reason, text),) = alarms.evaluate(make_snapshot(*walk.absent))
    assert (change, about, reason) == (Change.CLEARED, walk.object, Reason.RECOVERED)
    assert "{" not in text


@pytest.mark.parametrize("name", [name for name in STATES if WALKS[name].gone is not None])
def test_an_alarm_about_an_object_that_is_gone_is_cleared_for_that_reason(name: str) -> None:
    walk = WALKS[name]
    assert walk.gone is not None
    alarms = raised(name, walk)
    assert alarms.evaluate(failing()) == []
    snapshot = make_snapshot(*walk.gone, unused=[walk.collector] if walk.unused_when_gone else ())
    ((change, about, reason, text),) = alarms.evaluate(snapshot)
    assert (change, about, reason) == (Change.CLEARED, walk.object, Reason.GONE)
    assert "no longer" in text or "was removed" in text


@pytest.mark.parametrize("name", [name for name in STATES if WALKS[name].collector])
def test_an_alarm_is_gone_with_its_subsystem(name: str) -> None:
    walk = WALKS[name]
    alarms = raised(name, walk)
    assert alarms.evaluate(without_tools(walk.collector, 0)) == []
    assert alarms.evaluate(without_tools(walk.collector, REMOVAL_TIME - 1)) == []
    ((change, _, reason, text),) = alarms.evaluate(without_tools(walk.collector, REMOVAL_TIME))
    assert (change, reason) == (Change.CLEARED, Reason.GONE)
    assert text.endswith(f"no longer monitored, as {walk.collector} is no longer set up on this node")


@pytest.mark.parametrize("name", [name for name in STATES if WALKS[name].collector])
def test_an_alarm_survives_tools_that_are_missing_for_some_time(name: str) -> None:
    walk = WALKS[name]
    alarms = raised(name, walk)
    for started in (0, REMOVAL_TIME, 2 * REMOVAL_TIME):
        assert alarms.evaluate(without_tools(walk.collector, started, configured=True)) == []
    assert alarms.evaluate(without_tools(walk.collector, 3 * REMOVAL_TIME)) == []
    assert alarms.evaluate(make_snapshot(*walk.present, started=4 * REMOVAL_TIME)) == []
    assert alarms.evaluate(without_tools(walk.collector, 5 * REMOVAL_TIME)) == []


@pytest.mark.parametrize("name", [name for name in WALKS if CONDITION_BY_NAME[name].expires_after])
def test_an_event_expires(name: str) -> None:
    walk = WALKS[name]
    alarms = Alarms(name)
    alarms.evaluate(make_snapshot(*walk.before))
    events = [event[:3] for event in alarms.evaluate(make_snapshot(*walk.present))]
    assert events == [(Change.RAISED, walk.object, Reason.NONE), (Change.CLEARED, walk.object, Reason.EXPIRED)]


def test_every_condition_of_a_subsystem_has_a_walk() -> None:
    names = {condition.name for condition in CONDITIONS if condition.source.collector}
    assert WALKS.keys() == names
    can_be_gone = {name for name in names if CONDITION_BY_NAME[name].gone}
    assert can_be_gone == {name for name in names if WALKS[name].gone is not None}


# --- DRBD's paths ----------------------------------------------------------------------------------------------------

TCP: Sample = (drbd_metrics.TRANSPORT_LOADED, 1, ("tcp",))
ONE_PATH = (*CONNECTED, path(1, 1), path(2, 0))


def test_a_path_that_tcp_does_not_use_is_not_down() -> None:
    alarms = Alarms("drbd-path")
    assert alarms.evaluate(make_snapshot(TCP, *CONNECTED)) == []
    assert alarms.evaluate(make_snapshot(TCP, *ONE_PATH)) == []
    assert alarms.evaluate(make_snapshot(TCP, *CONNECTED, path(1, 0), path(2, 1))) == []


def test_a_connection_that_has_used_several_paths_has_to_use_them_all() -> None:
    alarms = Alarms("drbd-path")
    assert alarms.evaluate(make_snapshot(TCP, *CONNECTED, path(1, 1), path(2, 1))) == []
    assert alarms.evaluate(failing()) == []
    ((change, _, _, text),) = alarms.evaluate(make_snapshot(TCP, *ONE_PATH))
    assert change is Change.RAISED
    assert text == "DRBD path 192.0.2.2:7000 to 192.0.2.9:7000 of r0 is down"


# --- SBD's slots -----------------------------------------------------------------------------------------------------


def test_a_message_may_be_left_while_a_device_cannot_be_listed() -> None:
    alarms = raised("sbd-message", WALKS["sbd-message"])
    clear = (HEALTHY, *slot("clear"))
    assert alarms.evaluate(make_snapshot(*clear, failing={f"list {DEVICE}": Status.FAILED})) == []
    assert [event[0] for event in alarms.evaluate(make_snapshot(*clear))] == [Change.CLEARED]


def test_without_drbds_module_there_is_no_resource() -> None:
    alarms = raised("drbd-connection", WALKS["drbd-connection"])
    assert alarms.evaluate(make_snapshot(failing={"drbdsetup": Status.FAILED})) == []
    ((_, _, reason, _),) = alarms.evaluate(make_snapshot(failing={"drbdsetup": Status.NOT_RUNNING}))
    assert reason is Reason.GONE


# --- The rings of Corosync 1 -----------------------------------------------------------------------------------------


def test_a_ring_of_corosync_1_needs_no_list_of_members() -> None:
    version: Sample = (corosync_metrics.INFO, 1, ("demo", "", "1.4.7", "n1"))
    alarms = Alarms("link-down")
    failing = {"corosync-quorumtool": Status.NOT_RUNNING}
    states = (1, 0, 1)
    changes = [alarms.evaluate(make_snapshot(version, ring(0), ring(1, each), failing=failing)) for each in states]
    assert [[(event[0], event[1]) for event in each] for each in changes] == [
        [],
        [(Change.RAISED, "link 1")],
        [(Change.CLEARED, "link 1")],
    ]


@pytest.mark.parametrize(("version", "changes"), [("3.0.1", []), ("3.0.3", [(Change.RAISED, "link 1")])])
def test_nodes_that_are_known_by_their_index_have_no_links(version: str, changes: list[tuple[Change, str]]) -> None:
    info: Sample = (corosync_metrics.INFO, 1, ("demo", "knet", version, "n1"))
    alarms = Alarms("link-down")
    assert alarms.evaluate(make_snapshot(info, *ALL_UP[1:])) == []
    events = alarms.evaluate(make_snapshot(info, *LINK_1_DOWN[1:], ring(1, 0)))
    assert [event[:2] for event in events] == changes


# --- What exactly is gone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "samples", "text"),
    [
        ("resource-failed", (DC, N1, LISTED, resource("other")), "db is no longer configured"),
        ("resource-failed", (DC, N2, LISTED, resource("db", on="n2")), "n1, which had db, is no longer configured"),
        ("resource-failed", (DC, N2, LISTED, resource("other", on="n2")), "db is no longer configured"),
        ("drbd-out-of-sync", (), "DRBD volume r0/0 is no longer configured on this node"),
        ("drbd-out-of-sync", volume(), "DRBD connection r0 to b is no longer configured on this node"),
    ],
)
def test_the_text_says_which_of_two_is_gone(name: str, samples: Sequence[Sample], text: str) -> None:
    ((_, _, reason, published),) = raised(name, WALKS[name]).evaluate(make_snapshot(*samples))
    assert (reason, published) == (Reason.GONE, text)


# --- An unused package of corosync-qnetd -----------------------------------------------------------------------------


def test_a_host_whose_corosync_qnetd_has_never_run_is_no_arbitrator() -> None:
    alarms = Alarms("qnetd-down")
    for _ in range(2):
        assert alarms.evaluate(make_snapshot((qnetd_metrics.UP, 0, ()))) == []


def test_a_host_whose_collector_of_corosync_qnetd_is_on_is_an_arbitrator_from_its_start() -> None:
    """A restart of the host, after which corosync-qnetd does not start, must not go unnoticed."""
    snapshot = make_snapshot((qnetd_metrics.UP, 0, ()))
    required = {name: replace(report, required=True) for name, report in snapshot.collectors.items()}
    view = ClusterView(replace(snapshot, collectors=required), accumulators=ACCUMULATORS)
    assert [finding.object for finding in CONDITION_BY_NAME["qnetd-down"].find(view)] == [""]
