"""Which node a notification names, and whether a node sends what all nodes know: by ids, whatever the names are."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gateway.alarms.notification import Change, Notification
from gateway.alarms.service import AlarmService
from gateway.conditions.model import Reason
from gateway.frontends.prometheus.alertmanager.alerts import AlertBuilder
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


HOSTNAME = "host1.example"


def configured(name: str) -> Sample:
    """Returns what corosync.conf shows, whether or not the daemons run."""
    return corosync_metrics.INFO, 1, ("demo", "knet", "", name)


def published(*snapshots: Snapshot, dc_only: bool = True) -> list[Notification]:
    """Returns what is published about snapshots that follow each other."""
    notifications: list[Notification] = []
    settings = alarm_settings(dc_only=dc_only)
    service = AlarmService(NoSource(), notifications.append, settings, hostname=HOSTNAME, clock=FakeClock())
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
        pytest.param((configured("n1"),), True, "n1", id="the name in corosync.conf"),
        pytest.param((member("1", ""), configured("n1.example")), True, "n1", id="Pacemaker has another name"),
        pytest.param((member("9", "odd.example"), configured("odd")), True, "odd", id="a name from the DNS"),
        pytest.param((), True, HOSTNAME, id="no id: it cannot tell"),
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


DOWN: Sample = (corosync_metrics.UP, 0, ())
UP: Sample = (corosync_metrics.UP, 1, ())


async def test_the_name_in_the_cluster_is_known_before_the_daemons_run() -> None:
    stopped = make_snapshot(DOWN, configured("n1"))
    running = make_snapshot(UP, configured("n1"), member("1", "n1"), N1_HAS_ID_1)
    notifications = published(stopped, running, stopped)
    assert {each.condition for each in notifications} == {"started", "corosync-down"}
    assert {(each.node, each.cluster) for each in notifications} == {("n1", "demo")}


async def test_an_alarm_is_cleared_under_the_names_under_which_it_was_raised() -> None:
    """Alertmanager identifies an alert by its labels: with other labels, the alert would stay."""
    unknown, down = make_snapshot(UP), make_snapshot(DOWN)
    known = make_snapshot(UP, member("1", "n1"), N1_HAS_ID_1, DC)
    _, raised, cleared, again, cleared_again = published(unknown, down, known, down, known, dc_only=False)
    assert [each.change for each in (raised, cleared)] == [Change.RAISED, Change.CLEARED]
    assert (raised.node, raised.cluster) == (cleared.node, cleared.cluster) == (HOSTNAME, "")
    assert (again.node, again.cluster) == (cleared_again.node, cleared_again.cluster) == ("n1", "demo")
    (first,) = AlertBuilder({}).build(raised)
    (last,) = AlertBuilder({}).build(cleared)  # another one: targets may have been replaced by a reload
    assert first.labels["instance"] == HOSTNAME
    assert last.labels == first.labels
