"""No target gets the clear of an alarm without its raise, whatever the reason is that it never got the raise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from gateway.alarms.channel import DeliveryResult, DeliveryStats, RefusedError
from gateway.alarms.delivery import Delivery
from gateway.alarms.notification import Change, Notification
from gateway.conditions.model import Severity
from tests.alarms.demo_alarms import Setting, make_setting
from tests.alarms.notifications import GatedChannel, node_lost
from tests.alarms.targets import QUICK
from tests.config_values import alarm_settings
from tests.waiting import until


class RecordingChannel(GatedChannel):
    """A channel that records changes and sequence numbers, and refuses some of them."""

    def __init__(self, *refused: int) -> None:
        super().__init__()
        self.gate.set()
        self.received: list[tuple[str, int]] = []
        self._refused = refused

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        if notification.sequence in self._refused:
            raise RefusedError("too big")
        self.received.append((notification.change.value, notification.sequence))
        return await super().deliver(notification, stats)


async def deliver(
    notifications: Sequence[Notification], *refused: int, queue_size: int = 100
) -> tuple[list[tuple[str, int]], int]:
    """Returns what a target gets, and how much is dropped."""
    channel = RecordingChannel(*refused)
    delivery = Delivery("target", "trap", channel, backoff=QUICK, queue_size=queue_size)
    for notification in notifications:
        delivery.enqueue(notification)
    await delivery.start()
    await until(lambda: delivery.queued == 0)
    await delivery.close(0)
    return channel.received, delivery.stats.dropped


def cleared(raised: Notification, sequence: int) -> Notification:
    return dataclasses.replace(raised, sequence=sequence, change=Change.CLEARED, raised=raised)


async def clear_by_configuration(setting: Setting, **settings: object) -> Notification:
    """Disables the condition of the alarm that is active at the start, and returns the notification of its clear."""
    setting.alarms.configure(alarm_settings(disabled=["fencing-disabled"], **settings))
    return setting.recorder.notifications[-1]


@pytest.mark.parametrize("least", [None, Severity.CRITICAL])
async def test_an_alarm_that_was_not_raised_at_the_start_is_raised_before_its_clear(least: Severity | None) -> None:
    async with make_setting(raise_at_start=least) as setting:
        await clear_by_configuration(setting)
        received, _ = await deliver(setting.recorder.notifications)
    assert received == [("info", 1), ("raised", 2), ("cleared", 3)]


async def test_an_alarm_that_was_raised_at_the_start_is_not_raised_again() -> None:
    async with make_setting(raise_at_start=Severity.INFO) as setting:
        clear = await clear_by_configuration(setting)
        received, _ = await deliver(setting.recorder.notifications)
    assert received == [("info", 1), ("raised", 2), ("cleared", 3)]
    assert clear.raised is not None
    raised = dataclasses.replace(setting.recorder.notifications[1], uptime=clear.raised.uptime)
    assert clear.raised == raised


async def test_a_node_that_becomes_the_dc_raises_what_it_clears() -> None:
    async with make_setting(dc_only=True, raise_at_start=Severity.INFO) as setting:  # another node is the DC
        assert setting.recorder.summaries == ["info started"]
        setting.alarms._settings = alarm_settings(dc_only=False)
        await clear_by_configuration(setting)
        received, _ = await deliver(setting.recorder.notifications)
    assert received == [("info", 1), ("raised", 2), ("cleared", 3)]


async def test_a_target_that_is_newer_than_an_alarm_gets_the_raise_with_its_number() -> None:
    raised = node_lost(4)
    received, _ = await deliver([node_lost(8, object="node3"), cleared(raised, 9)])
    assert received == [("raised", 8), ("raised", 4), ("cleared", 9)]


async def test_an_alarm_that_came_back_without_this_target_is_raised_again() -> None:
    """The first clear was sent by another node."""
    first, second = node_lost(1), node_lost(5)
    received, _ = await deliver([first, cleared(second, 6)])
    assert received == [("raised", 1), ("raised", 5), ("cleared", 6)]


async def test_the_clear_of_a_raise_that_the_receiver_refuses_is_dropped() -> None:
    raised, other = node_lost(1), node_lost(2, object="node3")
    assert await deliver([raised, other, cleared(raised, 3), cleared(other, 4)], 1) == (
        [("raised", 2), ("cleared", 4)],
        2,
    )


async def test_the_clear_is_dropped_too_if_it_follows_the_refusal() -> None:
    channel = RecordingChannel(1)
    delivery = Delivery("target", "trap", channel, backoff=QUICK)
    await delivery.start()
    raised = node_lost(1)
    delivery.enqueue(raised)
    await until(lambda: delivery.stats.dropped == 1)
    delivery.enqueue(cleared(raised, 2))
    delivery.enqueue(node_lost(3))
    await until(lambda: delivery.queued == 0)
    await delivery.close(0)
    assert (channel.received, delivery.stats.dropped) == ([("raised", 3)], 2)


async def test_the_pair_is_dropped_together_if_there_is_no_room() -> None:
    active = [
        node_lost(number, condition="resource-failed", category=None, object=str(number), severity=Severity.CRITICAL)
        for number in range(1, 4)
    ]
    late = node_lost(0, condition="link-faulty", category=None, severity=Severity.MINOR)
    received, dropped = await deliver([*active, cleared(dataclasses.replace(late, sequence=4), 5)], queue_size=3)
    assert received[:3] == [("raised", 1), ("raised", 2), ("raised", 3)]
    assert not [change for change, _ in received if change == "cleared"]
    assert dropped == 2
