"""Active alarms are repeated for receivers that forget them: what is published when, and what it makes unnecessary."""

from __future__ import annotations

import asyncio

from gateway.alarms.channel import DeliveryStats
from gateway.alarms.delivery import Delivery
from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.snmp.mib.module import mib
from tests.alarms.notifications import GatedChannel, node_lost
from tests.alarms.targets import QUICK
from tests.waiting import until


def test_a_repetition_is_not_sent_by_snmp() -> None:
    assert not Renderer(mib(), compat=("corosync", "pacemaker")).accepts(node_lost(kind=NotificationKind.REPETITION))


class ForgetfulChannel(GatedChannel):
    """A channel for a receiver that gets all active alarms in each repetition."""

    def supersedes(self, newer: Notification, older: Notification) -> bool:
        return newer.kind is NotificationKind.REPETITION and older.change is not Change.CLEARED


async def test_a_notification_that_is_superseded_is_neither_delivered_nor_dropped() -> None:
    channel = ForgetfulChannel()
    delivery = Delivery("target", "alertmanager", channel, backoff=QUICK)
    await delivery.start()
    delivery.enqueue(node_lost(1))
    await until(lambda: channel.attempts == [1])
    for notification in (node_lost(2), node_lost(3, change=Change.CLEARED), node_lost(4)):
        delivery.enqueue(notification)
    delivery.enqueue(node_lost(5, kind=NotificationKind.REPETITION))
    assert delivery.queued == 3
    channel.gate.set()
    await until(lambda: channel.delivered == [1, 3, 5])
    assert delivery.stats == DeliveryStats(sent=3)
    await asyncio.wait_for(delivery.close(1), 5)
