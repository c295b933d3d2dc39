"""Which node a notification names, and whether a node sends what all nodes know: by ids, whatever the names are."""

from __future__ import annotations

import socket

import pytest
from structlog.testing import capture_logs

from gateway.alarms.notification import Notification
from gateway.alarms.service import AlarmService
from gateway.conditions.model import Reason
from gateway.snapshot import Snapshot
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.alarms.snapshots import DC, Sample, make_snapshot, node
from tests.config_values import alarm_settings
from tests.fakes import FakeClock
from tests.waiting import until

N1_HAS_ID_1: Sample = (pacemaker_metrics.NODE_INFO, 1, ("n1", "1", ""))
N2_HAS_ID_2: Sample = (pacemaker_metrics.NODE_INFO, 1, ("n2", "2", ""))
NODES = (DC, N1_HAS_ID_1, N2_HAS_ID_2, node("n1", "online"))


def member(node_id: str, name: str) -> Sample:
    return corosync_metrics.MEMBER_VOTES, 1, (node_id, name, "true")


class NoSource:
    """A source of snapshots that is never used."""

    latest: Snapshot | None = None

    async def collect(self) -> Snapshot:
        raise NotImplementedError


def published(*snapshots: Snapshot, dc_only: bool = True) -> list[Notification]:
    """Returns what is published about snapshots that follow each other."""
    notifications: list[Notification] = []
    service = AlarmService(NoSource(), notifications.append, alarm_settings(dc_only=dc_only), clock=FakeClock())
    for snapshot in snapshots:
        service.on_snapshot(snapshot)
    return notifications


@pytest.mark.parametrize(
    ("local", "sends", "name"),
    [
        pytest.param((member("1", "n1"),), True, "n1", id="the same names"),
        pytest.param((member("1", "n1.example"),), True, "n1", id="a domain in Corosync"),
        pytest.param((member("1", ""),), True, "n1", id="no name in Corosync"),
        pytest.param((member("2", "n1"),), False, "n2", id="the name of another node in Corosync"),
        pytest.param((member("2", ""),), False, "n2", id="another node is the controller"),
        pytest.param((member("9", "odd"),), True, "odd", id="an id that Pacemaker does not know"),
        pytest.param((), True, socket.gethostname(), id="no id: it cannot tell"),
    ],
)
async def test_a_node_is_known_by_its_id(local: tuple[Sample, ...], sends: bool, name: str) -> None:  # noqa: FBT001
    samples = (*NODES, *local)
    started, *others = published(
        make_snapshot(*samples, node("n2", "online")), make_snapshot(*samples, node("n2", "online", "standby"))
    )
    assert started.node == name
    assert [notification.condition for notification in others] == (["node-standby"] if sends else [])


async def test_the_reason_is_in_the_notification_and_in_the_log() -> None:
    with capture_logs() as logs:
        *_, cleared = published(make_snapshot(*NODES, node("n2")), make_snapshot(DC, N1_HAS_ID_1, node("n1", "online")))
        await until(lambda: any(log["event"] == "alarm cleared" for log in logs))
    assert (cleared.reason, cleared.text) == (Reason.GONE, "n2 is no longer configured")
    (log,) = (log for log in logs if log["event"] == "alarm cleared")
    assert (log["reason"], log["text"]) == ("gone", cleared.text)
