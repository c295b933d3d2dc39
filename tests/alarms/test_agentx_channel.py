"""Notifications through a master agent that a test controls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from structlog.testing import capture_logs

from gateway.alarms.channel import DeliveryResult
from gateway.alarms.delivery import DeliveryState
from gateway.alarms.notifier import TargetOutcome
from gateway.frontends.snmp.notifications.deliveries import AGENTX
from gateway.snmp.values import VarBind
from tests.alarms.notifications import node_lost
from tests.alarms.targets import FakeMasterAgent, delivery_of, make_notifier, running_notifier
from tests.waiting import until


async def test_notifications_without_a_session_are_handed_over_later_and_in_order() -> None:
    master = FakeMasterAgent(registered=False)
    with capture_logs() as logs:
        async with running_notifier(master=master) as notifier:
            for sequence in range(1, 6):
                notifier.publish(node_lost(sequence))
            await until(lambda: master.attempts >= 3)
            delivery = delivery_of(notifier, AGENTX)
            assert (delivery.state, delivery.last_error, delivery.stats.sent) == (
                DeliveryState.FAILING,
                "no session",
                0,
            )
            master.registered = True
            await until(lambda: delivery.queued == 0)
            assert master.accepted == [1, 2, 3, 4, 5]
            assert (delivery.state, delivery.stats.sent) == (DeliveryState.OK, 5)
            assert (delivery.stats.acknowledged, delivery.stats.dropped) == (0, 0)
    assert [(log["event"], log["target"]) for log in logs] == [
        ("notifications not delivered", AGENTX),
        ("notifications delivered again", AGENTX),
    ]


async def test_a_host_without_a_master_agent_is_not_a_failure() -> None:
    master = FakeMasterAgent(registered=False, absent=True)
    with capture_logs() as logs:
        notifier = make_notifier(master=master, grace=600, queue_size=3)
        await notifier.start()
        notifier.publish(node_lost(1))
        await until(lambda: master.attempts >= 2)
        for sequence in range(2, 7):
            notifier.publish(node_lost(sequence))
        assert delivery_of(notifier, AGENTX).state is DeliveryState.IDLE
        await notifier.close()
    assert logs == []


async def test_notifications_are_not_handed_over_in_a_burst() -> None:
    master = FakeMasterAgent()
    async with running_notifier(master=master) as notifier:
        began = asyncio.get_running_loop().time()
        for sequence in range(1, 21):
            notifier.publish(node_lost(sequence))
        await until(lambda: len(master.accepted) == 20)
        assert asyncio.get_running_loop().time() - began >= 0.19


async def test_a_notification_that_was_handed_over_is_not_lost_at_the_end() -> None:
    class Slow(FakeMasterAgent):
        async def notify(self, varbinds: Sequence[VarBind]) -> None:
            self.attempts += 1
            await asyncio.Event().wait()

    master = Slow()
    with capture_logs() as logs:
        async with running_notifier(master=master) as notifier:
            notifier.publish(node_lost(1))
            notifier.publish(node_lost(2))
            await until(lambda: master.attempts == 1)
    assert [log["notifications"] for log in logs if log["event"] == "notifications lost"] == [
        ["2 node-lost raised node2"]
    ]


async def test_an_encoding_error_costs_only_one_notification() -> None:
    class Unwilling(FakeMasterAgent):
        async def notify(self, varbinds: Sequence[VarBind]) -> None:
            if varbinds[1].value == 1:
                raise ValueError("no such type")
            await super().notify(varbinds)

    master = Unwilling()
    with capture_logs() as logs:
        async with running_notifier(master=master) as notifier:
            test = asyncio.create_task(notifier.test(node_lost(1)))
            (second,) = await notifier.test(node_lost(2))
            (first,) = await test
            stats = delivery_of(notifier, AGENTX).stats
    assert (first.result, first.error) == (None, "ValueError('no such type')")
    assert second == TargetOutcome(AGENTX, "agentx", DeliveryResult.SENT)
    assert (stats.failed, stats.dropped, master.accepted) == (1, 1, [2])
    assert "notification not delivered" in [log["event"] for log in logs]
