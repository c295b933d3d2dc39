"""The details of alarm events, which both forms of other programs are rendered from."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.details import event_details
from gateway.alarms.notification import Change, Details
from gateway.catalog import ACCUMULATORS, CONDITION_BY_NAME
from gateway.conditions.view import ClusterView
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.subsystems.corosync import metrics as corosync_metrics
from tests.alarms.notifications import node_lost
from tests.alarms.snapshots import Sample, make_snapshot

RAISED, CLEARED = Change.RAISED, Change.CLEARED
HERE = {"node": "n1", "node_id": "1"}


def member(node_id: str, name: str, *, local: bool = False) -> Sample:
    labels = {"node_id": node_id, "node": name, "local": str(local).lower()}
    return (
        corosync_metrics.MEMBER_VOTES,
        1,
        tuple(labels.get(label, "") for label in corosync_metrics.MEMBER_VOTES.labels),
    )


def link(number: str, peer_id: str) -> Sample:
    labels = {"number": number, "peer_node_id": peer_id}
    metric = corosync_metrics.LINK_CONNECTED
    return metric, 1, tuple(labels.get(label, "") for label in metric.labels)


MEMBERS = (member("1", "n1", local=True), member("2", "n2"), member("3", "n3"))
LINKS = (link("0", "2"), link("0", "3"), link("1", "2"), link("1", "3"))
VIEW = ClusterView(make_snapshot(*MEMBERS, *LINKS), accumulators=ACCUMULATORS)


def event(condition: str, change: Change, about: str = "", **fields: str) -> AlarmEvent:
    alarm = Alarm(
        condition=CONDITION_BY_NAME[condition], object=about, fields=fields, first_seen=0, last_seen=0.0, since=0
    )
    return AlarmEvent(alarm=alarm, change=change, text="a text")


@pytest.mark.parametrize(
    ("tested", "expected", "forms"),
    [
        (event("quorum-lost", RAISED), {"kind": "quorum", **HERE, "status": "not quorate"}, ["corosync"]),
        (event("quorum-lost", CLEARED), {"kind": "quorum", **HERE, "status": "quorate"}, ["corosync"]),
        (
            event("node-lost", RAISED, "n2", node_id="2"),
            {"kind": "node", "node": "n2", "node_id": "2", "status": "left", "description": "lost"},
            ["corosync", "pacemaker"],
        ),
        (
            event("node-lost", CLEARED, "n2", node_id="2"),
            {"kind": "node", "node": "n2", "node_id": "2", "status": "joined", "description": "member"},
            ["corosync", "pacemaker"],
        ),
        (
            event("fencing-performed", RAISED, "n2"),
            {"kind": "fencing", "node": "n2", "task": "st_notify_fence", "description": "a text", "rc": "0"},
            ["pacemaker"],
        ),
        (
            event("fencing-failed", RAISED, "n2"),
            {"kind": "fencing", "node": "n2", "task": "st_notify_fence", "description": "a text", "rc": "1"},
            ["pacemaker"],
        ),
        (
            event("failed-action", RAISED, "o", node="n2", resource="vip", operation="monitor", status="not running"),
            {
                "kind": "resource",
                "node": "n2",
                "resource": "vip",
                "task": "monitor",
                "description": "not running",
                "rc": "1",
            },
            ["pacemaker"],
        ),
        (
            event("link-peer-down", RAISED, number="1", node_id="3"),
            {"kind": "link", **HERE, "peer_id": "3", "number": "1", "status": "disconnected"},
            ["corosync"],
        ),
    ],
)
def test_an_event_has_the_details_that_its_forms_need(
    tested: AlarmEvent, expected: Mapping[str, str], forms: list[str]
) -> None:
    (details,) = event_details(tested, VIEW)
    assert details == expected
    assert [name for name, form in FORMS.items() if form(node_lost(), details)] == forms


def test_a_link_that_is_down_has_details_for_each_peer() -> None:
    def peers(details: tuple[Details, ...]) -> list[tuple[str, str]]:
        return [(each["peer_id"], each["status"]) for each in details]

    assert peers(event_details(event("link-down", RAISED, number="1"), VIEW)) == [
        ("2", "disconnected"),
        ("3", "disconnected"),
    ]
    assert peers(event_details(event("link-down", CLEARED, number="1"), VIEW)) == [
        ("2", "operational"),
        ("3", "operational"),
    ]


@pytest.mark.parametrize(
    ("condition", "change"), [("fencing-performed", CLEARED), ("failed-action", CLEARED), ("maintenance-mode", RAISED)]
)
def test_other_events_have_no_details(condition: str, change: Change) -> None:
    assert event_details(event(condition, change, "n2"), VIEW) == ()


def test_before_the_first_view_there_are_no_details() -> None:
    assert event_details(event("quorum-lost", RAISED), None) == ()
