"""Delivers notifications to one target: in order, repeatedly until each of them has arrived, and keeps statistics.

Every target has a delivery with its own queue, task and channel, so that no target can hold up another::

    idle ──delivered──▶ ok ◀──delivered── failing
      └──not delivered───┴──not delivered────▲

Each transition into or out of ``failing`` is logged once.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from enum import StrEnum

import structlog

from gateway.alarms.channel import (
    Channel,
    DeliveryError,
    DeliveryResult,
    DeliveryStats,
    NoReceiverError,
    RefusedError,
)
from gateway.alarms.delivery_queue import DeliveryQueue, QueuedNotification
from gateway.alarms.drop_summary import DropSummary
from gateway.alarms.notification import Notification, NotificationKind
from gateway.backoff import Backoff
from gateway.waiting import completed_within

QUEUE_SIZE = 1000
"""Notifications that may wait for one target: a few megabytes at most."""

BACKOFF = Backoff(first=1.0, longest=15.0, least=0.5)
"""The pauses between two attempts, unless a target has others."""

_MAX_LISTED = 20
"""Lost notifications that one log event lists."""


class DeliveryState(StrEnum):
    """How the last delivery ended; the names are those of haClusterTargetState."""

    IDLE = "idle"
    """There was no delivery yet."""
    OK = "ok"
    FAILING = "failing"


class Delivery:
    """Delivers the notifications to one target, from ``start`` to ``close``.

    Args:
        name: the name of the target.
        kind: the kind of the target, such as ``inform``.
        channel: sends to the target.
        settings: what the channel was made of; a reload keeps a delivery with the same name and equal settings.
        backoff: the pauses between two attempts. After the least pause, a new notification ends a pause.
        queue_size: how many notifications may wait.

    Attributes:
        name: the name of the target.
        kind: the kind of the target.
        settings: what its channel was made of.
        stats: counts what became of its notifications.
        state: how the last delivery ended.
        last_error: why the last delivery failed; empty if it succeeded.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        channel: Channel,
        *,
        settings: object = None,
        backoff: Backoff = BACKOFF,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self.name = name
        self.kind = kind
        self.settings = settings
        self.stats = DeliveryStats()
        self.state = DeliveryState.IDLE
        self.last_error = ""
        self._channel = channel
        self._backoff = backoff
        self._log = structlog.get_logger("alarms").bind(target=name, kind=kind)
        self._queue = DeliveryQueue(queue_size)
        self._drop_summary = DropSummary()
        self._delivering = False
        self._retries = 0
        self._dropped_since_success = 0
        self._closing = False
        self._has_no_receiver = False
        self._wake = asyncio.Event()
        self._queue_empty = asyncio.Event()
        self._queue_empty.set()
        self._task: asyncio.Task[None] | None = None
        self._predecessor: asyncio.Task[None] | None = None

    @property
    def queued(self) -> int:
        """The number of notifications that wait to be sent or acknowledged."""
        return len(self._queue)

    def accepts(self, notification: Notification) -> bool:
        """Returns whether the target has a message for a notification."""
        return self._channel.accepts(notification)

    def enqueue(self, notification: Notification, outcome: asyncio.Future[DeliveryResult] | None = None) -> None:
        """Queues a notification if the channel accepts it; returns at once, without waiting for the target.

        Args:
            notification: the notification to deliver.
            outcome: receives the outcome of the first attempt.
        """
        queued = QueuedNotification(notification=notification, outcome=outcome)
        if not self._channel.accepts(notification):
            queued.fail(RefusedError("the channel has no message for this notification"))
            return
        if self._closing:
            self._drop(queued)
            return
        if notification.kind is NotificationKind.REPETITION:
            self._remove_superseded(notification)
        self._drop_summary.observe(notification)
        if (raised := self._queue.missing_raise(notification)) is not None:
            self._append(QueuedNotification(notification=raised))
        elif self._queue.has_refused_raise(notification):
            self._drop(queued)
            return
        self._append(queued)

    def _append(self, queued: QueuedNotification) -> None:
        for dropped in self._queue.append(queued):
            self._drop_for_room(dropped)
        if self._queue:
            self._queue_empty.clear()
            self._wake.set()

    async def start(self) -> None:
        """Starts to deliver the queued notifications."""
        await self._channel.start()
        self._task = asyncio.create_task(self._run(), name=f"notifications to {self.name}")

    async def prepare_channel(self, rollback: AsyncExitStack) -> None:
        """Starts the channel, for a delivery that is to take the place of another one; ``rollback`` closes it."""
        rollback.push_async_callback(self._channel.close)
        await self._channel.start()

    def take_over(self, previous: Delivery) -> None:
        """Continues the queue and the statistics of another delivery to the same target, which ends.

        What the other one was just delivering is delivered again, unless it was sent for good.
        """
        if previous._task is not None:
            previous._task.cancel()
        self.stats, self.state, self.last_error = previous.stats, previous.state, previous.last_error
        self._queue, previous._queue = previous._queue, DeliveryQueue(previous._queue.size)
        self._drop_summary = previous._drop_summary
        if self._queue:
            self._queue_empty.clear()
        self._predecessor = asyncio.create_task(previous.close(0))
        self._task = asyncio.create_task(self._run_after(previous), name=f"notifications to {self.name}")

    async def _run_after(self, previous: Delivery) -> None:
        first = self._queue.first if self._queue else None
        if self._predecessor is not None:
            await asyncio.shield(self._predecessor)
        if first is not None and first in self._queue and previous._channel.was_sent(first.notification):
            self._queue.remove(first)
        await self._run()

    async def close(self, grace: float) -> None:
        """Stops; waits some seconds for queued notifications, and logs and drops the rest. Idempotent.

        Args:
            grace: how many seconds to wait.
        """
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await completed_within(self._queue_empty.wait(), 0 if self._has_no_receiver else grace)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._predecessor is not None:
            await self._predecessor
        await self._channel.close()
        self._drop_all()

    # --- attempts ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            if not await self._deliver(self._queue.first):
                await self._back_off()

    async def _deliver(self, queued: QueuedNotification) -> bool:
        """Makes one attempt at a notification, and returns whether the next one may follow at once."""
        self._delivering = True
        self._queue.pin(queued)
        try:
            result = await self._channel.deliver(queued.notification, self.stats)
        except RefusedError as error:
            self._on_failure(str(error))
            queued.fail(error)
            if not self._channel.was_sent(queued.notification):
                self.stats.dropped += 1
                for dropped in self._queue.drop_refused(queued):
                    self._drop(dropped)
        except DeliveryError as error:
            if isinstance(error, NoReceiverError):
                self._on_no_receiver(str(error))
            else:
                self._on_failure(str(error))
            queued.fail(error)
            return False
        except Exception as error:  # noqa: BLE001 - a bug with this notification must not hold up the next one
            self._log.exception("notification not delivered", sequence=queued.notification.sequence)
            self._on_failure(repr(error))
            queued.fail(DeliveryError(repr(error)))
            self.stats.dropped += 1
        else:
            self._on_success()
            queued.complete(result)
        finally:
            self._delivering = False
        if queued in self._queue:
            self._queue.remove(queued)
        if not self._queue:
            self._on_queue_empty()
        return True

    async def _back_off(self) -> None:
        """Pauses after a failure; when the least pause is over, a new notification ends it."""
        self._wake.clear()
        pause = self._backoff.pause(0 if self._closing else self._retries - 1)
        await asyncio.sleep(self._backoff.least)
        await completed_within(self._wake.wait(), pause - self._backoff.least)

    # --- outcomes ----------------------------------------------------------------------------------------------------

    def _on_success(self) -> None:
        if self.state is DeliveryState.FAILING:
            self._log.info("notifications delivered again", queued=self.queued - 1, dropped=self._dropped_since_success)
        self.state = DeliveryState.OK
        self.last_error = ""
        self._has_no_receiver = False
        self._retries = self._dropped_since_success = 0

    def _on_failure(self, reason: str) -> None:
        if self.state is not DeliveryState.FAILING:
            self._log.warning("notifications not delivered", error=reason, queued=self.queued)
        self.state = DeliveryState.FAILING
        self.last_error = reason
        self.stats.failed += 1
        self._has_no_receiver = False
        self._retries += 1

    def _on_no_receiver(self, reason: str) -> None:
        self.last_error = reason
        self._has_no_receiver = True
        self._retries += 1

    def _on_queue_empty(self) -> None:
        """Reports what was dropped, if anything, after all that was not."""
        summary = self._drop_summary.take()
        if summary is not None and self._channel.accepts(summary):
            self._append(QueuedNotification(notification=summary))
        else:
            self._queue_empty.set()

    # --- dropping ----------------------------------------------------------------------------------------------------

    def _remove_superseded(self, newer: Notification) -> None:
        """Removes what need not be delivered once a newer notification is; none of it is lost."""
        being_delivered = self._queue.first if self._delivering else None
        self._queue.remove_if(
            lambda queued: queued is not being_delivered and self._channel.supersedes(newer, queued.notification)
        )

    def _drop_for_room(self, queued: QueuedNotification) -> None:
        """Drops a notification because the queue is full."""
        if not self._dropped_since_success and not self._has_no_receiver:
            sequence = queued.notification.sequence
            self._log.error("notification queue full", size=self._queue.size, dropped_sequence=sequence)
        self._drop_summary.add(queued.notification)
        self._drop(queued)

    def _drop(self, queued: QueuedNotification) -> None:
        self._dropped_since_success += 1
        self.stats.dropped += 1
        queued.fail(RefusedError(self.last_error or "dropped"))

    def _drop_all(self) -> None:
        """Drops and logs the notifications that are left at the end."""
        lost = [queued for queued in self._queue if not self._channel.was_sent(queued.notification)]
        self._queue.clear()
        self._queue_empty.set()
        for queued in lost:
            self._drop(queued)
        if lost and not self._has_no_receiver:
            self._log.error(
                "notifications lost",
                lost=len(lost),
                error=self.last_error,
                notifications=[_summary(queued.notification) for queued in lost[:_MAX_LISTED]],
            )


def _summary(notification: Notification) -> str:
    """Returns a notification in a few words, for the log."""
    words = str(notification.sequence), notification.condition, notification.change, notification.object
    return " ".join(filter(None, words))
