"""The alarm service over a recorded cluster: what is published, in which order, when, and by which node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.alarms.delivery import Delivery
from gateway.alarms.notification import Change, NotificationKind
from gateway.alarms.notifier import Notifier
from gateway.alarms.service import AlarmService
from gateway.alarms.sources.alert_socket import Alert, AlertKind
from gateway.alarms.sources.quorum_watcher import QuorumUpdate, QuorumWatchLost
from gateway.catalog import CONDITION_BY_NAME
from gateway.conditions.model import Severity
from gateway.engine.engine import Engine
from gateway.frontends.snmp.cache import TableCache
from gateway.frontends.snmp.notifications.alarm_values import alarm_values
from gateway.frontends.snmp.notifications.rendering import mib_notification
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.publication import Publication
from gateway.snmp.mib.module import mib
from gateway.status import Status
from tests.alarms.demo_alarms import Recorder, Setting, make_setting
from tests.alarms.notifications import GatedChannel
from tests.config_values import alarm_settings
from tests.snmp.walked import walked
from tests.subsystems import make_collectors
from tests.waiting import until

QUORUM_LOST = QuorumUpdate(time=7.0, quorate=False, members=(1,), ring=9, initial=False, quorum_changed=True)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    async with make_setting() as setting:
        yield setting


# --- the start -------------------------------------------------------------------------------------------------------


async def test_the_start_is_one_notification_that_lists_the_active_alarms(setting: Setting) -> None:
    (notification,) = setting.recorder.notifications
    assert (notification.sequence, notification.kind, notification.change) == (
        1,
        NotificationKind.STARTED,
        Change.INFO,
    )
    assert notification.text == "The gateway has started, and 1 alarm is active: fencing-disabled"
    assert (notification.node, notification.cluster) == ("node1", "demo")


async def test_alarms_that_are_active_at_the_start_are_published_if_configured() -> None:
    async with make_setting(raise_at_start=Severity.INFO) as setting:
        assert setting.recorder.summaries == ["info started", "raised fencing-disabled"]


# --- snapshots -------------------------------------------------------------------------------------------------------


async def test_a_failover_is_published_in_order_and_numbered_without_a_gap(setting: Setting) -> None:
    assert await setting.lasting("node-lost") == ["raised votes-missing", "raised node-lost node3"]
    lost = await setting.lasting("quorum-lost")
    assert lost[0] == "raised quorum-lost"
    assert {"raised node-lost node2", "raised drbd-quorum r-nfs/0", "raised drbd-suspended r-nfs"} <= set(lost)
    restored = await setting.situation("recovery")
    assert restored[0] == "cleared quorum-lost"
    assert {"cleared node-lost node2", "cleared node-lost node3", "raised drbd-split-brain r-backup/0"} <= set(restored)
    numbers = [notification.sequence for notification in setting.recorder.notifications]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_notification_has_all_that_a_channel_needs(setting: Setting) -> None:
    await setting.lasting("node-lost")
    raised = setting.recorder.notifications[-1]
    assert (raised.kind, raised.condition, raised.object) == (NotificationKind.CONDITION, "node-lost", "node3")
    assert (raised.severity, raised.node, raised.cluster) == ("major", "node1", "demo")
    assert raised.text == "node3 is not online"
    assert raised.uptime == setting.clock.monotonic()
    assert mib_notification(raised) == "haClusterNodeAlarm"
    assert raised.details == (
        {"kind": "node", "node": "node3", "node_id": "3", "status": "left", "description": "lost"},
    )
    await setting.situation("recovery")
    _, cleared = (each for each in setting.recorder.notifications if each.condition == "node-lost")
    assert mib_notification(cleared) == "haClusterNodeClear"
    assert cleared.details[0]["status"] == "joined"


async def test_with_dc_only_this_node_publishes_only_what_is_about_itself() -> None:
    async with make_setting(dc_only=True) as setting:  # in the demo the DC is node2, and this is node1
        await setting.situation("node-lost")
        assert setting.recorder.summaries == ["info started"]
        assert "raised quorum-lost" in await setting.situation("quorum-lost")


async def test_routine_changes_are_published_only_if_configured_and_without_numbers_of_their_own() -> None:
    async with make_setting(routine_changes=True) as setting, make_setting() as without:
        for each in (setting, without):
            await each.situation("quorum-lost")
        routine = [
            notification
            for notification in setting.recorder.notifications
            if notification.kind is NotificationKind.ROUTINE_CHANGE
        ]
        others = [notification for notification in setting.recorder.notifications if notification not in routine]
        assert {notification.details[0]["kind"] for notification in routine} <= {"resource", "attribute"}
        assert routine
        assert [notification.sequence for notification in others] == list(range(1, len(others) + 1))
        assert setting.alarms.last_notification is others[-1]
        assert without.recorder.summaries == [
            f"{notification.change} {notification.condition} {notification.object}".strip() for notification in others
        ]


async def test_a_step_on_another_host_of_the_demo_has_no_alarms_of_the_host_before(setting: Setting) -> None:
    """Neither tools nor configuration of a cluster are there, and no upgrade explains that."""
    await setting.lasting("arbitrated")
    assert {"fencing-disabled"} <= {alarm.condition.name for alarm in setting.alarms.active_alarms}
    published = await setting.lasting("arbitrator-one-left")
    assert "cleared fencing-disabled" in published
    assert {alarm.condition.source.collector for alarm in setting.alarms.active_alarms} <= {"qnetd"}
    await setting.lasting("geo-conflict")
    await setting.lasting("healthy")
    assert {alarm.condition.source.collector for alarm in setting.alarms.active_alarms} <= {"pacemaker", "sbd", "drbd"}


# --- events ----------------------------------------------------------------------------------------------------------


async def test_a_loss_of_quorum_is_published_from_within_the_event_and_logged_later(setting: Setting) -> None:
    setting.clock.advance(1)
    with capture_logs() as logs:
        setting.alarms.on_quorum_event(QUORUM_LOST)
        assert setting.recorder.summaries[1:] == ["raised quorum-lost"]
        assert logs == []
    assert setting.recorder.notifications[-1].time == 7.0
    assert setting.changes == 1
    setting.alarms.on_quorum_event(QUORUM_LOST)
    assert len(setting.recorder.notifications) == 2


async def test_a_loss_of_quorum_is_sent_before_it_is_logged(setting: Setting) -> None:
    channel = GatedChannel()
    notifier = Notifier([Delivery("target", "trap", channel)], grace=0)
    await notifier.start()
    service = AlarmService(setting.engine, notifier.publish, alarm_settings(), clock=setting.clock)
    service.on_snapshot(await setting.engine.collect())
    channel.gate.set()
    await until(lambda: channel.delivered == [1])
    setting.clock.advance(1)
    with capture_logs() as logs:
        service.on_quorum_event(QUORUM_LOST)
        await until(lambda: bool(logs))
        assert channel.delivered == [1, 2]
    await notifier.close()


async def test_a_lost_watch_is_not_a_lost_quorum(setting: Setting) -> None:
    setting.alarms.on_quorum_event(QuorumWatchLost(time=1.0, status=Status.NOT_RUNNING, detail="gone"))
    assert setting.recorder.summaries == ["info started"]


async def test_nothing_is_published_before_the_first_snapshot() -> None:
    setting = Setting()
    setting.alarms.on_quorum_event(QUORUM_LOST)
    assert setting.recorder.notifications == []
    await setting.engine.close()


async def test_an_exception_while_publishing_does_not_reach_the_quorum_watcher(setting: Setting) -> None:
    setting.recorder.error = ZeroDivisionError()
    setting.clock.advance(1)
    with capture_logs() as logs:
        setting.alarms.on_quorum_event(QUORUM_LOST)
    assert "alarm evaluation failed" in [log["event"] for log in logs]


# --- samples and the MIB ---------------------------------------------------------------------------------------------


async def test_active_alarms_are_in_the_metrics_and_in_the_mib(setting: Setting) -> None:
    notifier = Notifier([Delivery("manager:162", "inform", GatedChannel())])
    notifier._deliveries[0].last_error = "no answer"
    publication = Publication(clock=setting.clock)
    for add_samples in (setting.alarms.add_samples, notifier.add_samples):
        publication.add_source(add_samples)
    cache = TableCache(setting.engine, publication, mib(), max_age=15, clock=setting.clock)
    cache.add_value_source(partial(alarm_values, setting.alarms, notifier))
    setting.engine.subscribe(cache.on_snapshot)
    await setting.lasting("quorum-lost")
    for notification in setting.recorder.notifications:
        notifier.publish(notification)
    await cache.refresh()
    values = walked(cache._table, mib())
    condition, node = (len("node-lost"), *b"node-lost"), (len("node3"), *b"node3")
    assert values["haClusterAlarmText"][condition + node] == b"node3 is not online"
    action = CONDITION_BY_NAME["node-lost"].action.replace("`", "'")
    assert values["haClusterAlarmAction"][condition + node] == action.encode()
    assert values["haClusterAlarmSeverity"][condition + node] == 3
    assert values["haClusterAlarmsCritical"][0,] == 3
    assert values["haClusterNoticeSequence"][0,] == setting.recorder.notifications[-1].sequence
    assert values["haClusterNoticeNode"][0,] == b"node1"
    assert values["haClusterNoticeCondition"][0,] == setting.recorder.notifications[-1].condition.encode()
    assert set(values["haClusterTargetLastError"].values()) == {b"no answer"}
    await cache.close()


# --- in time ---------------------------------------------------------------------------------------------------------


class LiveSetting:
    """An alarm service over the demo's healthy cluster, on the system clock."""

    def __init__(self, **settings: Any) -> None:
        host = ReplayHost(Recording.load(DEMO), scale=1000)  # healthy for hours
        self.engine = Engine(host, make_collectors("pacemaker", "corosync"))
        self.recorder = Recorder()
        self.alarms = AlarmService(self.engine, self.recorder.publish, alarm_settings(**settings))
        self.collections = 0
        self.engine.subscribe(self.alarms.on_snapshot)
        self.engine.subscribe(self._on_snapshot)

    def _on_snapshot(self, snapshot: object) -> None:
        self.collections += 1


@asynccontextmanager
async def running_setting(**settings: Any) -> AsyncIterator[LiveSetting]:
    """Runs an alarm service until the end of the block."""
    setting = LiveSetting(**settings)
    await setting.alarms.start()
    try:
        yield setting
    finally:
        await setting.alarms.close()
        await setting.alarms.close()
        await setting.engine.close()


async def test_it_collects_at_the_start_and_then_regularly() -> None:
    async with running_setting(interval=0.4) as setting:
        await until(lambda: setting.collections >= 3)


async def test_heartbeats_are_published_regularly() -> None:
    async with running_setting(interval=60, heartbeat=0.1) as setting:
        await until(lambda: setting.recorder.summaries.count("info heartbeat") >= 2)
        assert setting.recorder.notifications[-1].kind is NotificationKind.HEARTBEAT
        assert setting.recorder.notifications[-1].text == "The gateway is running, and 1 alarm is active"


@pytest.mark.parametrize("event", [QUORUM_LOST, Alert(kind=AlertKind.NODE, object="node1", fields={})])
async def test_an_event_triggers_a_collection_at_once(event: QuorumUpdate | Alert) -> None:
    async with running_setting(interval=600) as setting:
        await until(lambda: setting.collections == 1)
        if isinstance(event, Alert):
            setting.alarms.on_alert(event)
        else:
            setting.alarms.on_quorum_event(event)
        await until(lambda: setting.collections == 2)


# --- repetitions -----------------------------------------------------------------------------------------------------


def repetitions(setting: Setting) -> list[list[str]]:
    """Returns the conditions in each repetition."""
    published = setting.recorder.notifications
    return [
        [alarm.condition for alarm in each.active] for each in published if each.kind is NotificationKind.REPETITION
    ]


async def test_active_alarms_are_repeated_from_the_start_on_even_if_there_are_none() -> None:
    async with make_setting(repeat_interval=60, disabled=frozenset({"fencing-disabled"})) as setting:
        assert repetitions(setting) == [[]]
        await setting.lasting("node-lost")
        setting.clock.advance(60)
        setting.alarms._on_timer(setting.clock.monotonic())
        assert "node-lost" in repetitions(setting)[-1]
        counted = [each.sequence for each in setting.recorder.notifications if each.is_counted]
        assert counted == list(range(1, len(counted) + 1))


async def test_nothing_is_repeated_without_a_receiver_that_needs_it() -> None:
    async with make_setting() as setting:
        setting.clock.advance(6000)
        setting.alarms._on_timer(setting.clock.monotonic())
        assert repetitions(setting) == []
