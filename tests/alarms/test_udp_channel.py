"""Traps and informs to receivers that are quick, slow, silent, absent or unwilling."""

from __future__ import annotations

import asyncio
import statistics
import time
from functools import partial

from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from structlog.testing import capture_logs

from gateway.alarms.channel import DeliveryResult
from gateway.alarms.delivery import DeliveryState
from gateway.backoff import Backoff
from gateway.frontends.snmp.notifications.target import TargetKind
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.message import CommunityCodec
from gateway.snmp.usm_encoding import MsgFlags
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import TOO_BIG, Manager, Receiver, acknowledge, community_pdu, sequences
from tests.alarms.targets import USERS, delivery_of, running_notifier, target
from tests.ports import free_port
from tests.snmptrapd import COMMUNITY, HOST
from tests.waiting import until


def has_received(receiver: Receiver, count: int) -> bool:
    return len(receiver.messages) == count


# --- in time ---------------------------------------------------------------------------------------------------------


async def test_a_silent_receiver_holds_up_no_other_target() -> None:
    with Receiver() as silent, Receiver(acknowledge) as good:
        targets = (target(silent.port), target(free_port()), target(good.port, timeout=5.0))
        async with running_notifier(*targets) as notifier:
            delays = []
            for sequence in range(1, 31):
                began = asyncio.get_running_loop().time()
                notifier.publish(node_lost(sequence))
                await until(partial(has_received, good, sequence))
                delays.append(good.times[-1] - began)
            assert sequences(good.messages) == list(range(1, 31))
            assert set(sequences(silent.messages)) == {1}
            assert statistics.median(delays) < 0.02


async def test_a_notification_leaves_at_once() -> None:
    with Receiver() as receiver:
        async with running_notifier(target(receiver.port, TargetKind.TRAP)) as notifier:
            delays = []
            for sequence in range(1, 21):
                began = asyncio.get_running_loop().time()
                notifier.publish(node_lost(sequence))
                await until(partial(has_received, receiver, sequence))
                delays.append(receiver.times[-1] - began)
    assert min(delays) < 0.005


# --- informs ---------------------------------------------------------------------------------------------------------


async def test_an_inform_is_repeated_as_configured_before_the_attempt_is_given_up() -> None:
    with Receiver() as silent:
        backoff = Backoff(first=30, longest=30, least=30)
        async with running_notifier(target(silent.port, timeout=0.05, retries=3), backoff=backoff) as notifier:
            notifier.publish(node_lost())
            delivery = delivery_of(notifier, f"{HOST}:{silent.port}")
            await until(lambda: delivery.stats.failed == 1)
            assert (delivery.stats.sent, delivery.stats.retries) == (1, 3)
            assert delivery.last_error == "no answer in 0.2 s"
            assert len(set(silent.messages)) == 1
            assert len(silent.messages) == 4


async def test_a_late_acknowledgement_counts() -> None:
    with Receiver() as slow:
        backoff = Backoff(first=0.1, longest=0.1, least=0.05)
        async with running_notifier(target(slow.port, timeout=0.05, retries=0), backoff=backoff) as notifier:
            notifier.publish(node_lost())
            stats = delivery_of(notifier, f"{HOST}:{slow.port}").stats
            await until(lambda: stats.failed == 1)
            slow.send(acknowledge(slow.messages[0])[0])
            await until(lambda: stats.acknowledged == 1)
            assert len(slow.messages) == 1


async def test_replies_to_other_messages_do_not_count() -> None:
    def answer(message: bytes) -> list[bytes]:
        request_id = v2c.apiPDU.get_request_id(community_pdu(message))
        other = CommunityCodec(COMMUNITY).encode_inform(int(request_id) + 1, ())
        return [b"", b"nonsense", message, *acknowledge(other)]

    with Receiver(answer) as confused:
        async with running_notifier(target(confused.port, timeout=0.05)) as notifier:
            notifier.publish(node_lost())
            stats = delivery_of(notifier, f"{HOST}:{confused.port}").stats
            await until(lambda: stats.failed == 1)
            assert stats.acknowledged == 0


async def test_many_datagrams_at_once_do_not_hide_the_acknowledgement() -> None:
    with Receiver(lambda message: [b"nonsense"] * 50 + acknowledge(message)) as receiver:
        async with running_notifier(target(receiver.port, timeout=5.0)) as notifier:
            (outcome,) = await notifier.test(node_lost())
            assert outcome.result is DeliveryResult.ACKNOWLEDGED


async def test_a_hostile_receiver_costs_neither_much_time_nor_many_log_events() -> None:
    varbind = ber.sequence(ber.identifier(oids.parse("1.3")), ber.octets(b""))
    largest = ber.sequence(
        ber.integer(1),
        ber.octets(COMMUNITY.encode()),
        ber.tagged(PduTag.RESPONSE, ber.integer(0) * 3 + ber.sequence(varbind * 7000)),
    )
    answers = [largest, b"\x30\x80" * 30000, b"", b"nonsense"] * 25

    with Receiver(lambda message: answers) as hostile, Receiver(acknowledge) as good, capture_logs() as logs:
        targets = (target(hostile.port, timeout=0.1), target(good.port, timeout=5.0))
        async with running_notifier(*targets) as notifier:
            began = time.process_time()
            for sequence in (1, 2, 3):
                notifier.publish(node_lost(sequence))
            stats = delivery_of(notifier, f"{HOST}:{hostile.port}").stats
            await until(lambda: stats.failed >= 2)
            used = time.process_time() - began
            await until(partial(has_received, good, 3))
        assert stats.acknowledged == 0
    assert len(hostile.messages) >= 4
    assert used < 1.0  # one of the largest answers took half a second once
    assert [log["event"] for log in logs if log["log_level"] == "debug"] == ["replies discarded"]


async def test_an_inform_that_the_receiver_refuses_is_not_repeated() -> None:
    def answer(message: bytes) -> list[bytes]:
        return acknowledge(message, TOO_BIG if sequences([message]) == [1] else 0)

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port)) as notifier:
            test = asyncio.create_task(notifier.test(node_lost(1)))
            await until(lambda: len(receiver.messages) == 1)
            (second,) = await notifier.test(node_lost(2))
            (refused,) = await test
            stats = delivery_of(notifier, f"{HOST}:{receiver.port}").stats
        assert (refused.result, refused.error) == (None, "the receiver responds with the error tooBig")
        assert second.result is DeliveryResult.ACKNOWLEDGED
        assert sequences(receiver.messages) == [1, 2]
        assert (stats.sent, stats.acknowledged, stats.failed, stats.dropped) == (2, 1, 1, 1)


async def test_an_attempt_is_repeated_at_once_only_a_few_times_however_often_the_receiver_sends_its_time() -> None:
    user = USERS["SHA-256 AES"][0]
    manager = Manager(user)

    def answer(message: bytes) -> list[bytes]:
        is_discovery = b"manager" not in message
        flags = MsgFlags.NONE if is_discovery else MsgFlags.AUTH
        return [manager.report(message, 4 if is_discovery else 2, flags=flags)]

    with Receiver(answer) as receiver:
        async with running_notifier(target(receiver.port, user=user, timeout=0.2, retries=0)) as notifier:
            notifier.publish(node_lost())
            stats = delivery_of(notifier, f"{HOST}:{receiver.port}").stats
            await until(lambda: stats.failed == 1)
            assert (stats.sent, stats.acknowledged) == (1, 0)
            assert stats.retries in {2, 3}  # one or two of four messages discover the engine id


async def test_informs_have_some_seconds_to_arrive_at_the_end() -> None:
    with Receiver() as receiver, capture_logs() as logs:
        backoff = Backoff(first=1000, longest=1000, least=0.05)
        async with running_notifier(target(receiver.port, timeout=0.05), grace=20, backoff=backoff) as notifier:
            for sequence in (1, 2, 3):
                notifier.publish(node_lost(sequence))
            stats = delivery_of(notifier, f"{HOST}:{receiver.port}").stats
            await until(lambda: stats.failed == 1)
            receiver.answer = acknowledge
        assert (stats.acknowledged, stats.dropped) == (3, 0)
    assert [log["event"] for log in logs] == ["notifications not delivered", "notifications delivered again"]


async def test_informs_that_do_not_arrive_in_time_are_logged_at_the_end() -> None:
    with Receiver() as receiver, capture_logs() as logs:
        async with running_notifier(target(receiver.port), grace=0.05) as notifier:
            for sequence in range(1, 26):
                notifier.publish(node_lost(sequence))
            await until(lambda: len(receiver.messages) == 1)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2
        assert delivery_of(notifier, f"{HOST}:{receiver.port}").stats.dropped == 25
    assert [log["lost"] for log in logs if log["event"] == "notifications lost"] == [25]


# --- traps -----------------------------------------------------------------------------------------------------------


async def test_a_trap_to_a_closed_port_is_sent_once_and_the_failure_is_logged_once() -> None:
    port = free_port()
    with capture_logs() as logs:
        async with running_notifier(target(port, TargetKind.TRAP)) as notifier:
            outcomes = [(await notifier.test(node_lost(sequence)))[0] for sequence in (1, 2, 3)]
            delivery = delivery_of(notifier, f"{HOST}:{port}")
    assert {outcome.error for outcome in outcomes} == {"connection refused: nothing listens there"}
    assert delivery.state is DeliveryState.FAILING
    assert (delivery.stats.sent, delivery.stats.failed, delivery.stats.dropped) == (3, 3, 0)
    assert [log["event"] for log in logs] == ["notifications not delivered"]


async def test_a_trap_without_a_route_is_not_sent() -> None:
    unreachable = target(162, TargetKind.TRAP, host="255.255.255.255")  # broadcasts are not permitted
    async with running_notifier(unreachable) as notifier:
        (outcome,) = await notifier.test(node_lost())
        assert (outcome.result, outcome.error) == (None, "Permission denied")
        assert delivery_of(notifier, unreachable.name).stats.sent == 0


async def test_a_trap_that_is_too_large_is_dropped() -> None:
    with Receiver() as receiver:
        async with running_notifier(target(receiver.port, TargetKind.TRAP, community="c" * 65_500)) as notifier:
            (outcome,) = await notifier.test(node_lost(1))
            stats = delivery_of(notifier, f"{HOST}:{receiver.port}").stats
        assert outcome.result is None
        assert outcome.error.endswith("octets is too large")
        assert (stats.sent, stats.failed, stats.dropped) == (0, 1, 1)
        assert receiver.messages == []
