"""Notifications that consist of several messages: delivered in order, and none of them twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.alarms.channel import DeliveryError, DeliveryResult, DeliveryStats, RefusedError
from gateway.conditions.model import Category
from gateway.frontends.snmp.notifications.deliveries import AGENTX
from gateway.frontends.snmp.notifications.header import SnmpNotification
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.notifications.snmp_channel import SnmpChannel
from gateway.frontends.snmp.notifications.target import TargetKind
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import TOO_BIG, Receiver, acknowledge, community_pdu
from tests.alarms.targets import FakeMasterAgent, delivery_of, running_notifier, target
from tests.snmptrapd import HOST
from tests.waiting import until

DETAILS = {"kind": "node", "node": "node2", "node_id": "2", "status": "left", "description": "lost"}
NATIVE = oids.dotted(mib().notifications["haClusterNodeAlarm"].oid)
COROSYNC, PACEMAKER = "1.3.6.1.4.1.35488.0.1", "1.3.6.1.4.1.32723.2.1"
COMPAT = ("corosync", "pacemaker")
FORMS = [NATIVE, COROSYNC, PACEMAKER]


class ScriptedChannel(SnmpChannel):
    """A channel whose attempts to send a message end as a test has planned; without a plan they succeed."""

    def __init__(self, *plan: DeliveryError | DeliveryResult, late_error: str = "") -> None:
        super().__init__(Renderer(mib(), compat=COMPAT), pace=0)
        self.sent: list[str] = []
        self._plan = list(plan)
        self._error = late_error

    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        outcome = self._plan.pop(0) if self._plan else DeliveryResult.SENT
        if isinstance(outcome, DeliveryError):
            raise outcome
        assert isinstance(message[1].value, bytes)
        self.sent.append(oids.dotted(message[1].value))
        stats.sent += 1
        return outcome

    def _late_error(self) -> str:
        return self._error


def identifiers(messages: Sequence[bytes]) -> list[str]:
    """Returns the snmpTrapOID of messages of SNMPv2c."""
    return [str(v2c.apiPDU.get_varbinds(community_pdu(message))[1][1]) for message in messages]


async def test_all_forms_of_a_notification_are_sent_in_order() -> None:
    channel, notification = ScriptedChannel(), node_lost(details=(DETAILS,))
    assert await channel.deliver(notification, DeliveryStats()) is DeliveryResult.SENT
    assert channel.sent == FORMS
    assert channel.was_sent(notification)


async def test_a_retry_does_not_repeat_what_was_delivered() -> None:
    failure = DeliveryError("not now")
    channel, notification = ScriptedChannel(DeliveryResult.SENT, failure, failure), node_lost(details=(DETAILS,))
    stats = DeliveryStats()
    for _ in range(2):
        with pytest.raises(DeliveryError, match="not now"):
            await channel.deliver(notification, stats)
        assert channel.sent == [NATIVE]
        assert not channel.was_sent(notification)
    await channel.deliver(notification, stats)
    assert channel.sent == FORMS
    assert stats.sent == 3


async def test_the_next_notification_starts_anew_if_the_last_one_was_dropped() -> None:
    channel = ScriptedChannel(DeliveryResult.SENT, DeliveryError("not now"))
    with pytest.raises(DeliveryError):
        await channel.deliver(node_lost(1, details=(DETAILS,)), DeliveryStats())
    await channel.deliver(node_lost(2, details=(DETAILS,)), DeliveryStats())
    assert channel.sent == [NATIVE, *FORMS]


async def test_a_refused_message_does_not_cost_the_other_forms() -> None:
    channel, notification = ScriptedChannel(RefusedError("too big")), node_lost(details=(DETAILS,))
    with pytest.raises(RefusedError, match="too big"):
        await channel.deliver(notification, DeliveryStats())
    assert channel.sent == [COROSYNC, PACEMAKER]
    assert not channel.was_sent(notification)


async def test_an_error_after_sending_leaves_the_notification_sent() -> None:
    channel, notification = ScriptedChannel(late_error="refused"), node_lost(details=(DETAILS,))
    with pytest.raises(RefusedError, match="refused"):
        await channel.deliver(notification, DeliveryStats())
    assert channel.sent == FORMS
    assert channel.was_sent(notification)


async def test_a_notification_that_is_cancelled_after_it_was_sent_counts_as_sent() -> None:
    channel, notification = ScriptedChannel(), node_lost()
    channel._pace = 1000
    task = asyncio.create_task(channel.deliver(notification, DeliveryStats()))
    await until(lambda: channel.sent == [NATIVE])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert channel.was_sent(notification)
    assert not channel.was_sent(node_lost(2))


async def test_over_agentx_a_session_that_is_lost_in_between_continues_with_the_next_form() -> None:
    class Unsteady(FakeMasterAgent):
        async def notify(self, varbinds: SnmpNotification) -> None:
            self.registered = self.attempts != 1
            await super().notify(varbinds)
            assert isinstance(varbinds[0].value, bytes)
            self.accepted[-1] = oids.dotted(varbinds[0].value)

    master = Unsteady()
    async with running_notifier(master=master, compat=COMPAT) as notifier:
        notifier.publish(node_lost(details=(DETAILS,)))
        delivery = delivery_of(notifier, AGENTX)
        await until(lambda: delivery.queued == 0)
    assert master.accepted == FORMS
    assert (delivery.stats.sent, delivery.stats.failed) == (3, 1)


async def test_informs_that_were_acknowledged_are_not_repeated_and_keep_their_request_ids() -> None:
    replies: dict[str, int] = {}

    def answer(message: bytes) -> list[bytes]:
        """Acknowledges the first form at once, and each other at the third attempt."""
        (form,) = identifiers([message])
        replies[form] = replies.get(form, 0) + 1
        return acknowledge(message) if form == NATIVE or replies[form] == 3 else []

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port, timeout=0.05, retries=0), compat=COMPAT) as notifier:
            delivery = delivery_of(notifier, f"{HOST}:{receiver.port}")
            notifier.publish(node_lost(details=(DETAILS,)))
            await until(lambda: delivery.queued == 0)
    assert identifiers(receiver.messages) == [NATIVE, *[COROSYNC] * 3, *[PACEMAKER] * 3]
    assert len(set(receiver.messages)) == 3  # repeated messages are equal, request-id included
    stats = delivery.stats
    assert (stats.sent, stats.acknowledged, stats.retries, stats.failed) == (3, 3, 4, 4)


async def test_an_inform_that_the_receiver_refuses_does_not_cost_the_other_forms() -> None:
    def answer(message: bytes) -> list[bytes]:
        return acknowledge(message, TOO_BIG if identifiers([message]) == [NATIVE] else 0)

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port), compat=COMPAT) as notifier:
            delivery = delivery_of(notifier, f"{HOST}:{receiver.port}")
            notifier.publish(node_lost(details=(DETAILS,)))
            await until(lambda: delivery.queued == 0)
    assert identifiers(receiver.messages) == FORMS
    stats = delivery.stats
    assert (stats.sent, stats.acknowledged, stats.failed, stats.dropped) == (3, 2, 1, 1)
    assert delivery.last_error == "the receiver responds with the error tooBig"


async def test_without_the_native_form_notifications_without_another_form_are_not_queued() -> None:
    with Receiver() as receiver:
        to = target(receiver.port, TargetKind.TRAP)
        async with running_notifier(to, compat=("corosync",), native=False) as notifier:
            delivery = delivery_of(notifier, to.name)
            notifier.publish(node_lost(1))
            assert delivery.queued == 0
            notifier.publish(node_lost(2, details=(DETAILS,)))
            await until(lambda: identifiers(receiver.messages) == [COROSYNC])


async def test_a_notification_that_cannot_be_rendered_is_dropped() -> None:
    master = FakeMasterAgent()
    async with running_notifier(master=master) as notifier:
        notifier.publish(node_lost(1, category=Category(name="Unknown", title="", rank=0)))
        notifier.publish(node_lost(2))
        await until(lambda: master.accepted == [2])
        assert delivery_of(notifier, AGENTX).stats.dropped == 1
