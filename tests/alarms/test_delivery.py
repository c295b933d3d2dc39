"""The delivery to one target: its queue, its pauses, its state, and its end."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gateway.alarms.channel import Channel, DeliveryError, DeliveryResult, DeliveryStats, NoReceiverError, RefusedError
from gateway.alarms.delivery import Delivery, DeliveryState
from gateway.alarms.notification import Notification
from gateway.backoff import Backoff
from tests.alarms.notifications import GatedChannel, link_faulty, node_lost, routine_change
from tests.alarms.targets import QUICK
from tests.waiting import until


class FailingChannel(Channel):
    """A channel that fails with the given errors, one after the other, and then delivers."""

    def __init__(self, *errors: Exception, sent: bool = False) -> None:
        self.attempts: list[int] = []
        self._errors = list(errors)
        self._sent = sent

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        self.attempts.append(notification.sequence)
        if self._errors:
            raise self._errors.pop(0)
        return DeliveryResult.SENT

    def was_sent(self, notification: Notification) -> bool:
        return self._sent


def make_delivery(channel: Channel, *, backoff: Backoff = QUICK, queue_size: int = 1000) -> Delivery:
    return Delivery("target", "inform", channel, backoff=backoff, queue_size=queue_size)


# --- the queue -------------------------------------------------------------------------------------------------------


async def test_a_full_queue_drops_the_oldest_notification_that_is_not_being_delivered() -> None:
    channel = GatedChannel()
    delivery = make_delivery(channel, queue_size=3)
    with capture_logs() as logs:
        await delivery.start()
        delivery.enqueue(link_faulty(1))
        await until(lambda: channel.attempts == [1])
        for sequence in range(2, 9):
            delivery.enqueue(link_faulty(sequence))
        assert (delivery.queued, delivery.stats.dropped) == (3, 5)
        channel.gate.set()
        await until(lambda: channel.delivered == [1, 7, 8, 8])  # the last is the summary
        await delivery.close(0)
    assert [(log["event"], log.get("dropped_sequence")) for log in logs] == [("notification queue full", 2)]


async def test_a_full_queue_drops_routine_changes_before_alarms() -> None:
    channel = GatedChannel()
    delivery = make_delivery(channel, queue_size=4)
    await delivery.start()
    delivery.enqueue(node_lost(1))
    await until(lambda: channel.attempts == [1])
    for sequence in (2, 3, 4, 5, 6, 7):
        delivery.enqueue(node_lost(sequence) if sequence % 2 else routine_change(sequence))
    assert (delivery.queued, delivery.stats.dropped) == (4, 3)
    channel.gate.set()
    await until(lambda: channel.delivered == [1, 3, 5, 7, 7])  # the last is the summary
    await delivery.close(0)


async def test_notifications_wait_for_the_start_and_are_dropped_after_the_end() -> None:
    channel = GatedChannel()
    channel.gate.set()
    delivery = make_delivery(channel)
    delivery.enqueue(node_lost(1))
    await delivery.start()
    await until(lambda: channel.delivered == [1])
    await delivery.close(0)
    delivery.enqueue(node_lost(2))
    assert (delivery.queued, delivery.stats.dropped) == (0, 1)


async def test_notifications_that_the_channel_does_not_accept_are_not_queued() -> None:
    class Choosy(GatedChannel):
        def accepts(self, notification: Notification) -> bool:
            return notification.sequence > 1

    delivery = make_delivery(Choosy())
    delivery.enqueue(node_lost(1))
    delivery.enqueue(node_lost(2))
    assert (delivery.queued, delivery.stats.dropped) == (1, 0)
    await delivery.close(0)


# --- attempts --------------------------------------------------------------------------------------------------------


async def test_a_new_notification_ends_a_pause() -> None:
    channel = FailingChannel(DeliveryError("not now"))
    delivery = make_delivery(channel, backoff=Backoff(first=1000, longest=1000, least=0.01))
    await delivery.start()
    delivery.enqueue(node_lost(1))
    await until(lambda: delivery.stats.failed == 1)
    delivery.enqueue(node_lost(2))
    await until(lambda: channel.attempts == [1, 1, 2])
    await delivery.close(0)


async def test_failure_and_recovery_are_logged_once_each() -> None:
    channel = FailingChannel(*[DeliveryError("not now")] * 3)
    delivery = make_delivery(channel)
    with capture_logs() as logs:
        await delivery.start()
        delivery.enqueue(node_lost(1))
        await until(lambda: delivery.stats.failed == 3)
        assert (delivery.state, delivery.last_error) == (DeliveryState.FAILING, "not now")
        await until(lambda: delivery.queued == 0)
        assert (delivery.state, delivery.last_error) == (DeliveryState.OK, "")
        await delivery.close(0)
    assert [log["event"] for log in logs] == ["notifications not delivered", "notifications delivered again"]


@pytest.mark.parametrize(("sent", "dropped"), [(False, 1), (True, 0)])
async def test_a_refused_notification_is_not_repeated_and_dropped_unless_it_was_sent(
    *, sent: bool, dropped: int
) -> None:
    channel = FailingChannel(RefusedError("too big"), sent=sent)
    delivery = make_delivery(channel)
    await delivery.start()
    delivery.enqueue(node_lost(1))
    delivery.enqueue(node_lost(2))
    await until(lambda: delivery.queued == 0)
    assert channel.attempts == [1, 2]
    assert (delivery.stats.failed, delivery.stats.dropped) == (1, dropped)
    await delivery.close(0)


async def test_a_bug_costs_only_one_notification() -> None:
    channel = FailingChannel(ValueError("a bug"))
    delivery = make_delivery(channel)
    with capture_logs() as logs:
        await delivery.start()
        delivery.enqueue(node_lost(1))
        delivery.enqueue(node_lost(2))
        await until(lambda: delivery.queued == 0)
        await delivery.close(0)
    assert channel.attempts == [1, 2]
    assert (delivery.stats.failed, delivery.stats.dropped) == (1, 1)
    assert "notification not delivered" in [log["event"] for log in logs]


async def test_a_missing_receiver_is_neither_a_failure_nor_logged_and_takes_no_time_at_the_end() -> None:
    channel = FailingChannel(*[NoReceiverError("none")] * 1000)
    delivery = make_delivery(channel, queue_size=3)
    with capture_logs() as logs:
        await delivery.start()
        delivery.enqueue(node_lost(1))
        await until(lambda: len(channel.attempts) >= 2)
        for sequence in range(2, 7):
            delivery.enqueue(node_lost(sequence))
        assert (delivery.state, delivery.stats.failed, delivery.last_error) == (DeliveryState.IDLE, 0, "none")
        await delivery.close(600)
    assert delivery.stats.dropped == 6
    assert logs == []


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_undelivered_notifications_are_logged_at_the_end() -> None:
    delivery = make_delivery(GatedChannel())
    with capture_logs() as logs:
        await delivery.start()
        for sequence in range(1, 26):
            delivery.enqueue(node_lost(sequence))
        await delivery.close(0)
        await delivery.close(0)
    (lost,) = logs
    assert (lost["event"], lost["lost"]) == ("notifications lost", 25)
    assert lost["notifications"] == [f"{sequence} node-lost raised node2" for sequence in range(1, 21)]
    assert delivery.stats.dropped == 25


async def test_a_notification_that_was_sent_before_the_end_is_not_lost() -> None:
    class Sent(GatedChannel):
        def was_sent(self, notification: Notification) -> bool:
            return notification.sequence == 1

    channel = Sent()
    delivery = make_delivery(channel)
    await delivery.start()
    delivery.enqueue(node_lost(1))
    delivery.enqueue(node_lost(2))
    await until(lambda: channel.attempts == [1])
    await delivery.close(0)
    assert delivery.stats.dropped == 1


async def test_a_delivery_that_was_never_started_can_be_closed() -> None:
    delivery = make_delivery(GatedChannel())
    delivery.enqueue(node_lost())
    with capture_logs() as logs:
        await delivery.close(0)
    assert [log["event"] for log in logs] == ["notifications lost"]
