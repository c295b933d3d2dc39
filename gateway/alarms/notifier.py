"""Publishes notifications to all targets, and reports what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import structlog

from gateway.alarms.channel import DeliveryError, DeliveryResult
from gateway.alarms.delivery import Delivery
from gateway.alarms.notification import Notification
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.waiting import completed_within

GRACE = 5.0
"""Seconds that ``close`` waits for queued notifications."""

TEST_TIMEOUT = 10.0
"""Seconds that a test waits for each target, at most."""


class TargetOutcome(NamedTuple):
    """What became of a test at one target.

    Attributes:
        target: the name of the target.
        kind: the kind of the target.
        result: what is certain about the delivery; None if it failed.
        error: why it failed; empty if it did not.
    """

    target: str
    kind: str
    result: DeliveryResult | None
    error: str = ""


class Notifier:
    """Publishes notifications to all targets. A service; notifications from before the start are delivered after it.

    Args:
        deliveries: one for each target; their names differ.
        grace: seconds that ``close`` waits for queued notifications.
        test_timeout: seconds that a test waits for each target.
    """

    def __init__(
        self, deliveries: Sequence[Delivery], *, grace: float = GRACE, test_timeout: float = TEST_TIMEOUT
    ) -> None:
        _require_unique_names(deliveries)
        self._deliveries = tuple(deliveries)
        self._added: list[Delivery] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._grace = grace
        self._test_timeout = test_timeout
        self._sequence = 0
        self._log = structlog.get_logger("alarms")

    @property
    def last_errors(self) -> Mapping[str, str]:
        """Why the last delivery to each target failed, by the target's name; empty if it succeeded."""
        return {delivery.name: delivery.last_error for delivery in self._deliveries}

    async def start(self) -> None:
        """Starts to deliver. Channels derive keys and resolve names now, so that no notification waits for that."""
        for delivery in self._deliveries:  # one by one: many threads that derive keys would hold up the event loop
            await delivery.start()

    async def prepare(self, deliveries: Sequence[Delivery], rollback: AsyncExitStack) -> Callable[[], None]:
        """Prepares other targets, and returns a function that takes them over.

        A target whose settings are equal is not touched. One whose settings differ keeps its queue and its statistics.
        One that is not among the new ones is closed as at the end of the program: what is queued gets some seconds.

        Args:
            deliveries: one for each target, none of them started.
            rollback: closes what was prepared.
        """
        _require_unique_names(deliveries)
        current = {delivery.name: delivery for delivery in self._deliveries}
        kept, added, successors = [], [], []
        for delivery in deliveries:
            previous = current.pop(delivery.name, None)
            if previous is not None and previous.settings == delivery.settings:
                kept.append(previous)
                continue
            kept.append(delivery)
            if previous is None:
                added.append(delivery)
                rollback.push_async_callback(delivery.close, 0)
                await delivery.start()
            else:
                successors.append((previous, delivery))
                await delivery.prepare_channel(rollback)

        def commit() -> None:
            self._deliveries = tuple(kept)
            self._added += added
            for previous, delivery in successors:
                delivery.take_over(previous)
            for delivery in current.values():
                task = asyncio.create_task(delivery.close(self._grace))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

        return commit

    async def close(self) -> None:
        """Stops; waits some seconds for queued notifications, and logs and drops the rest. Idempotent."""
        await asyncio.gather(*(delivery.close(self._grace) for delivery in self._deliveries), *self._closing)

    def publish(self, notification: Notification) -> None:
        """Queues a notification for all targets; returns at once."""
        self._sequence = max(self._sequence, notification.sequence)
        for delivery in self._deliveries:
            self._enqueue(delivery, notification)

    def introduce(self, notifications: Sequence[Notification]) -> None:
        """Queues notifications for the targets that were added since the last call; returns at once."""
        added, self._added = self._added, []
        for delivery in added:
            for notification in notifications:
                self._enqueue(delivery, notification)

    def _enqueue(self, delivery: Delivery, notification: Notification) -> None:
        try:
            delivery.enqueue(notification)
        except Exception:  # noqa: BLE001 - a bug in one channel must not cost the other targets the notification
            self._log.exception("notification not queued", target=delivery.name, sequence=notification.sequence)

    async def test(self, *notifications: Notification) -> tuple[TargetOutcome, ...]:
        """Sends notifications to all targets, and returns the outcome at each.

        Only the first attempts count. A target gets the next notification if it got the one before, and has a message
        for it.
        """
        return tuple(await asyncio.gather(*(self._test_all(delivery, notifications) for delivery in self._deliveries)))

    async def _test_all(self, delivery: Delivery, notifications: Sequence[Notification]) -> TargetOutcome:
        first, *others = notifications
        outcome = await self._test(delivery, first)
        for notification in others:
            if outcome.result is not None and delivery.accepts(notification):
                outcome = await self._test(delivery, notification)
        return outcome

    async def _test(self, delivery: Delivery, notification: Notification) -> TargetOutcome:
        outcome: asyncio.Future[DeliveryResult] = asyncio.get_running_loop().create_future()
        delivery.enqueue(notification, outcome)
        try:
            if await completed_within(outcome, self._test_timeout):
                return TargetOutcome(delivery.name, delivery.kind, outcome.result())
            error = self._why_no_outcome(delivery)
        except DeliveryError as failure:
            error = str(failure)
        return TargetOutcome(delivery.name, delivery.kind, None, error)

    def _why_no_outcome(self, delivery: Delivery) -> str:
        """Returns why a test timed out: no response, or the notifications before it and why they are not delivered."""
        ahead = delivery.queued - 1
        if ahead <= 0:
            return delivery.last_error or f"no response within {self._test_timeout:g} s"
        text = "1 notification is queued before it" if ahead == 1 else f"{ahead} notifications are queued before it"
        return f"{text}: {delivery.last_error}" if delivery.last_error else text

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the samples about notifications to a set."""
        samples.add(self_metrics.NOTIFICATION_SEQUENCE, self._sequence)
        for delivery in self._deliveries:
            name, stats, state = delivery.name, delivery.stats, self_metrics.TARGET_STATE
            samples.add(state, state.flags_for(delivery.state.value), name, delivery.kind)
            samples.add(self_metrics.NOTIFICATIONS_SENT, stats.sent, name)
            samples.add(self_metrics.NOTIFICATIONS_ACKNOWLEDGED, stats.acknowledged, name)
            samples.add(self_metrics.NOTIFICATION_RETRIES, stats.retries, name)
            samples.add(self_metrics.NOTIFICATIONS_FAILED, stats.failed, name)
            samples.add(self_metrics.NOTIFICATIONS_DROPPED, stats.dropped, name)
            samples.add(self_metrics.NOTIFICATIONS_QUEUED, delivery.queued, name)


def _require_unique_names(deliveries: Sequence[Delivery]) -> None:
    names = [delivery.name for delivery in deliveries]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"several targets have the same name: {', '.join(sorted(repeated))}")
