"""The alerts of notifications: their labels, their times, and what Alertmanager would refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.catalog import ACCUMULATORS, CONDITION_BY_NAME, CONDITIONS
from gateway.conditions.model import Reason, Severity
from gateway.conditions.view import ClusterView
from gateway.frontends.prometheus.alertmanager.alerts import Alert, AlertBuilder, encode
from tests.alarms.notifications import node_lost
from tests.alarms.snapshots import make_snapshot
from tests.alarms.stack_walks import WALKS
from tests.fakes import FakeClock

TIME = 1_700_000_000.0


def built(notification: Notification, builder: AlertBuilder | None = None) -> Alert:
    (alert,) = (builder or AlertBuilder({})).build(notification)
    return alert


def document(*notifications: Notification, expires: float = TIME + 240) -> list[dict[str, Any]]:
    builder = AlertBuilder({"site": "berlin"})
    alerts = [alert for notification in notifications for alert in builder.build(notification)]
    loaded: list[dict[str, Any]] = json.loads(encode(alerts, expires=expires))
    return loaded


def quorum_lost(**changes: Any) -> Notification:
    fields = {"condition": "quorum-lost", "object": "", "severity": Severity.CRITICAL, "text": "Quorum is lost"}
    return node_lost(**{**fields, **changes})


def test_an_alert_of_one_node() -> None:
    assert document(quorum_lost()) == [
        {
            "labels": {
                "alertname": "HaClusterQuorumLost",
                "cluster": "demo",
                "condition": "quorum-lost",
                "instance": "node1",
                "node": "node1",
                "sender": "ha-cluster-gateway",
                "severity": "critical",
                "site": "berlin",
            },
            "annotations": {
                "summary": "demo: Quorum is lost",
                "description": f"Quorum is lost. {CONDITION_BY_NAME['quorum-lost'].meaning}",
                "action": CONDITION_BY_NAME["quorum-lost"].action,
            },
            "startsAt": "2023-11-14T22:13:20.000+00:00",
            "endsAt": "2023-11-14T22:17:20.000+00:00",
        }
    ]


def test_an_alert_about_the_cluster_is_the_same_from_every_node() -> None:
    one, other = built(node_lost(node="node1")), built(node_lost(node="node3"))
    assert one.labels == other.labels
    assert one.labels["node"] == "node2"
    assert "instance" not in one.labels


def test_a_cleared_alert_has_the_labels_and_the_start_of_the_raised_one() -> None:
    builder = AlertBuilder({})
    raised = built(quorum_lost(cluster=""), builder)
    cleared = built(quorum_lost(change=Change.CLEARED, reason=Reason.RECOVERED, time=TIME + 9), builder)
    assert cleared.labels == raised.labels
    assert (cleared.starts, cleared.ends) == (TIME, TIME + 9)
    assert cleared.annotations["reason"] == "recovered"


def test_a_repeated_alert_keeps_its_labels_when_the_name_of_the_cluster_becomes_known() -> None:
    builder = AlertBuilder({})
    raised = built(quorum_lost(cluster=""), builder)
    repetition = node_lost(kind=NotificationKind.REPETITION, active=(quorum_lost(cluster="demo", text="New text"),))
    repeated = built(repetition, builder)
    assert repeated.labels == raised.labels
    assert repeated.annotations["description"].startswith("New text")
    assert builder.build(node_lost(kind=NotificationKind.REPETITION)) == ()


def test_an_alert_does_not_end_before_its_start_although_the_clock_was_set_back() -> None:
    builder = AlertBuilder({})
    built(quorum_lost(), builder)
    cleared = built(quorum_lost(change=Change.CLEARED, reason=Reason.GONE, time=TIME - 50), builder)
    assert cleared.ends is not None
    assert cleared.starts <= cleared.ends
    (alert,) = document(quorum_lost(), expires=TIME - 50)
    assert alert["endsAt"] == alert["startsAt"]


@pytest.mark.parametrize("hostile", ["<script>", 'a"b', "a\nb", "\u202eabc", "\ud800", "x" * 4000, "\x00"])
def test_a_hostile_name_is_a_label_of_bounded_length(hostile: str) -> None:
    (alert,) = document(node_lost(object=hostile, text=hostile, cluster=hostile))
    assert all(1 <= len(value) <= 255 for value in alert["labels"].values())
    assert all(len(value) <= 1024 for value in alert["annotations"].values())
    (other,) = document(node_lost(object=hostile + "!", text=hostile, cluster=hostile))
    assert other["labels"] != alert["labels"]


def test_a_test_is_distinct_from_a_real_alert_and_ends_by_itself() -> None:
    test = built(quorum_lost(kind=NotificationKind.TEST))
    assert test.labels["test"] == "true"
    assert test.ends == TIME + 300
    assert built(node_lost(kind=NotificationKind.TEST, condition="test", object="")).labels["alertname"] == (
        "HaClusterTest"
    )


@pytest.mark.parametrize("name", [condition.name for condition in CONDITIONS if condition.name in WALKS])
def test_the_labels_of_every_condition_identify_its_object_and_nothing_else(name: str) -> None:
    """They do not depend on the node that sends them, or on values that can change while the alarm is active."""
    walk = WALKS[name]
    table, view = AlarmTable(), None
    clock = FakeClock()
    for number, samples in enumerate((walk.before, walk.present, walk.present)):
        view = ClusterView(make_snapshot(*samples), view, accumulators=ACCUMULATORS)
        table.evaluate(view, now=number * 1000.0, time=TIME)
    alarm = next(alarm for alarm in table.active if alarm.condition.name == name)
    notification = NotificationBuilder(clock=clock).repetition([alarm]).active[0]
    labels = built(notification).labels
    condition = CONDITION_BY_NAME[name]
    assert labels["condition"] == name
    assert labels.get("object", "") == walk.object
    own = {"alertname", "cluster", "condition", "object", "sender", "severity", *(["instance"] * condition.local)}
    for label in labels.keys() - own - {"node"}:
        assert labels[label] in walk.object, (label, labels)
    if not condition.local and "node" in labels:
        assert labels["node"] in walk.object
