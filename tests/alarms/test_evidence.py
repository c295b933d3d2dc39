"""What proves that Pacemaker's conditions are there, over or gone, from one state of a cluster to the next."""

from __future__ import annotations

import re

import pytest

from gateway.alarms.alarm_table import AlarmEvent
from gateway.alarms.notification import Change
from gateway.conditions.model import Reason
from gateway.host.host import CommandResult
from gateway.status import Status
from tests import series
from tests.alarms.documents import EVENTS, NO_DC, OPTIONS, QUIET, TROUBLE, Outputs, fence_event, node, resource
from tests.alarms.states import cleared, raised, read, walk
from tests.fakes import FakeHost
from tests.subsystems import make_collector

STOPPED = {("resource-stopped", name) for name in ("vip", "s")}


def changed(outputs: Outputs, *replacements: tuple[str, str], cib: tuple[str, str] = ("", "")) -> Outputs:
    """Returns outputs with pieces replaced, each of which must be there."""
    status, constraints = outputs.crm_mon.decode(), outputs.cib.decode()
    for old, new in replacements:
        assert old in status
        status = status.replace(old, new)
    assert cib[0] in constraints
    return Outputs(status.encode(), constraints.replace(*cib).encode() if cib[0] else outputs.cib)


def of(condition: str, events: list[AlarmEvent]) -> list[tuple[Change, str, Reason]]:
    """Returns the events of a condition."""
    return [(each.change, each.alarm.object, each.reason) for each in events if each.alarm.condition.name == condition]


# --- What should run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.FAILED, Status.NOT_PERMITTED, Status.TIMED_OUT, Status.NOT_INSTALLED])
def test_without_constraints_it_is_unknown_what_a_revoked_ticket_stops(status: Status) -> None:
    assert STOPPED | {("promoted-missing", "p"), ("clone-degraded", "c")} <= raised(walk(read(TROUBLE)))
    shown = {condition for condition, _ in raised(walk(read(TROUBLE, cibadmin=status)))}
    assert not shown & {"resource-stopped", "promoted-missing", "clone-degraded", "move-left-behind"}
    assert cleared(walk(read(TROUBLE), read(TROUBLE, cibadmin=status))) == frozenset()


def test_while_all_tickets_are_granted_nobody_needs_the_constraints() -> None:
    granted = changed(TROUBLE, ('status="revoked"', 'status="granted"'))
    assert raised(walk(read(granted, cibadmin=Status.TIMED_OUT))) >= STOPPED | {("resource-stopped", "geo")}


def test_a_colocation_that_keeps_a_clone_off_a_node_is_no_problem() -> None:
    assert not of("clone-degraded", walk(read(QUIET)))
    together = changed(QUIET, cib=('rsc="d" with-rsc="db" score="-INFINITY"', 'rsc="d" with-rsc="db" score="-1"'))
    elsewhere = changed(QUIET, cib=('rsc="d" with-rsc="db"', 'rsc="d" with-rsc="off"'))
    with_it = changed(QUIET, cib=('with-rsc="db" score="-INFINITY"', 'with-rsc="off" score="INFINITY"'))
    shown = [raised(walk(read(each))) for each in (together, elsewhere, with_it)]
    assert shown == [frozenset(), {("clone-degraded", "d")}, frozenset()]


def test_older_versions_do_not_print_stop_all_resources() -> None:
    older = changed(TROUBLE, (' stop-all-resources="false"', ""), ('api-version="2.25"', 'api-version="2.2"'))
    assert raised(walk(read(older))) >= STOPPED
    active = re.compile(r'<resource [^>]* active="true".*?</resource>')
    nothing_runs = Outputs(active.sub("", older.crm_mon.decode()).encode(), older.cib)
    assert not of("resource-stopped", walk(read(nothing_runs)))


def test_a_partition_without_quorum_does_not_know_what_the_other_one_runs() -> None:
    without = ('with_quorum="true"', 'with_quorum="false"')
    unknown, ignored = changed(TROUBLE, without), changed(TROUBLE, without, ('policy="stop"', 'policy="ignore"'))
    for outputs, are_raised in ((unknown, False), (ignored, True)):
        shown = raised(walk(read(outputs)))
        assert [alarm in shown for alarm in (*STOPPED, ("promoted-missing", "p"))] == [are_raised] * 3
    assert cleared(walk(read(TROUBLE), read(unknown))) == frozenset()


def test_options_of_the_cluster_explain_the_states_of_its_objects() -> None:
    assert raised(walk(read(OPTIONS))) == {
        (name, "") for name in ("maintenance-mode", "stop-all-resources", "fencing-disabled")
    }


# --- Over or gone ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("states", [("offline", "unclean"), ("pending",), ("offline",), ("shutdown",)])
def test_a_clone_is_not_complete_because_the_node_of_an_instance_has_a_problem(states: tuple[str, ...]) -> None:
    later = changed(TROUBLE, (node("n8"), node("n8", *states)))
    assert ("clone-degraded", "c") in raised(walk(read(TROUBLE)))
    assert of("clone-degraded", walk(read(TROUBLE), read(later))) == []


def test_a_clone_is_complete_with_the_missing_instance_or_while_its_node_is_in_standby() -> None:
    runs = changed(TROUBLE, (resource("cr") + "</clone>", resource("cr", "n8") + "</clone>"))
    standby = changed(TROUBLE, (node("n8"), node("n8", "standby")))
    for later in (runs, standby):
        events = of("clone-degraded", walk(read(TROUBLE), read(later)))
        assert events == [(Change.CLEARED, "c", Reason.RECOVERED)]


@pytest.mark.parametrize("condition", ["clone-degraded c", "promoted-missing p", "bundle-degraded web"])
def test_what_is_stopped_on_purpose_is_no_longer_incomplete(condition: str) -> None:
    name, about = condition.split()
    tag = "bundle" if about == "web" else "clone"
    (inner,) = re.findall(rf'<{tag} id="{about}">(.*?)</{tag}>', TROUBLE.crm_mon.decode())
    instance = re.compile(r'<resource id="([^"]+)"[^>]*(?:/>|[^/]>.*?</resource>)')
    later = changed(TROUBLE, (inner, instance.sub(lambda each: resource(each[1], target_role="Stopped"), inner)))
    assert of(name, walk(read(TROUBLE), read(later))) == [(Change.CLEARED, about, Reason.RECOVERED)]


def test_failures_on_a_deleted_node_are_gone() -> None:
    failed = changed(QUIET, (resource("dr", "n8"), resource("dr", "n8", failed=True)))
    deleted = changed(
        failed,
        (node("n8"), ""),
        ('<nodes_configured number="3"/>', '<nodes_configured number="2"/>'),
        (resource("dr", "n8", failed=True), resource("dr")),
    )
    assert of("resource-failed", walk(read(failed))) == [(Change.RAISED, "dr on n8", Reason.NONE)]
    assert of("resource-failed", walk(read(failed), read(deleted))) == [(Change.CLEARED, "dr on n8", Reason.GONE)]
    too_few = changed(deleted, ('<nodes_configured number="2"/>', '<nodes_configured number="3"/>'))
    assert of("resource-failed", walk(read(failed), read(too_few))) == []


def test_a_ban_with_a_lifetime_is_not_left_behind() -> None:
    ban = 'id="cli-ban-db-on-n8" rsc="db" node="n8" score="-INFINITY"/>'
    rule = (
        'id="cli-ban-db-on-n8" rsc="db"><rule id="r" score="-INFINITY"><expression id="e" attribute="#uname" '
        'operation="eq" value="n8"/><date_expression id="d" operation="lt" end="2026-11-27 {}:00:00Z"/></rule>'
        "</rsc_location>"
    )
    in_effect, expired = (changed(TROUBLE, cib=(ban, rule.format(hour))) for hour in (23, 12))
    raised_in = [raised(walk(read(each))) for each in (TROUBLE, in_effect, expired)]
    assert [("move-left-behind", "cli-ban-db-on-n8") in each for each in raised_in] == [True, False, False]
    assert of("move-left-behind", walk(read(TROUBLE), read(in_effect))) == []
    events = of("move-left-behind", walk(read(TROUBLE), read(expired)))
    assert events == [(Change.CLEARED, "cli-ban-db-on-n8", Reason.RECOVERED)]


# --- Events ----------------------------------------------------------------------------------------------------------


def test_a_live_migration_is_one_move() -> None:
    migrating = changed(QUIET, (resource("db", "n1"), resource("db", "n1", "n8", role="Migrating")))
    assert of("resource-moved", walk(read(QUIET), read(migrating))) == []
    assert of("resource-moved", walk(read(QUIET), read(migrating), read(QUIET))) == []
    after = walk(read(QUIET), read(migrating), read(EVENTS))
    assert (Change.RAISED, "db", Reason.NONE) in of("resource-moved", after)


@pytest.mark.parametrize(
    ("readable", "damaged"),
    [
        ('status="success" delegate="n1" completed="2026-11-27 16:30:00Z"', 'status="done"'),
        ("2026-11-27 16:30:00Z", "yesterday"),
        ("<fence_history>", '<fence_history status="1">'),
    ],
)
def test_what_could_not_be_read_is_not_new_when_it_can_be_read(readable: str, damaged: str) -> None:
    assert of("fencing-performed", walk(read(changed(QUIET, (readable, damaged))), read(QUIET))) == []


def test_a_history_that_is_merged_later_has_old_events() -> None:
    event = fence_event("n8", "reboot", "success", "16:30")
    assert of("fencing-performed", walk(read(changed(QUIET, (event, ""))), read(QUIET))) == []
    assert of("fencing-performed", walk(read(QUIET), read(EVENTS)))


# --- Pacemaker itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "exit_status", "status"),
    [
        ('<pacemaker-result><status code="1" message="Error occurred"/></pacemaker-result>', 1, Status.FAILED),
        ('<pacemaker-result><status code="0" message="OK"/></pacemaker-result>', 0, Status.UNPARSABLE),
        ('<pacemaker-result><status code="102" message="Not connected"/></pacemaker-result>', 102, Status.NOT_RUNNING),
        ("<pacemaker-result><crm-mon-disconnected/></pacemaker-result>", 0, Status.NOT_RUNNING),
        ("<crm_mon/>", 0, Status.UNPARSABLE),
        ("<crm_mon/>", 102, Status.NOT_RUNNING),
    ],
)
def test_pacemaker_is_down_only_if_the_tool_is_disconnected(document: str, exit_status: int, status: Status) -> None:
    plan = make_collector("pacemaker").plan(FakeHost())
    assert plan is not None
    result: CommandResult = series.ended(document.encode(), exit_status)
    assert series.readings(plan.probes, {"crm_mon": result})["crm_mon"].status is status


def test_without_a_dc_nothing_else_is_known() -> None:
    assert raised(walk(read(NO_DC))) == {("dc-missing", "")}
