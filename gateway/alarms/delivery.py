"""Delivers notifications to one target: in order, again and again until they have arrived, and keeps account of it.

A delivery has a queue, a task and a channel of its own, so what one target does or fails to do is nothing to another::

    idle ──delivered──▶ ok ◀──delivered── failing
      └──────not delivered──┴──not delivered──▲

The log has one line for each way into and out of ``failing``.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, Protocol

import structlog

from gateway.alarms.notification import Notification
from gateway.errors import GatewayError
from gateway.frontends.snmp.notifications.target import TargetKind
from gateway.snmp.values import VarBind

QUEUE_SIZE = 1000
"""Notifications that wait for one target at most: some two megabytes."""

PACE = 0.01
"""Seconds between two notifications that nobody acknowledges: receivers lose packets of a burst."""

_MAX_LISTED = 20
"""Lost notifications that a line of the log names."""
_MAX_DOUBLINGS = 16


class DeliveryError(GatewayError):
    """A notification was not delivered, and is to be tried again; the message says why."""


class RefusedError(DeliveryError):
    """A notification was not delivered, and it would not help to repeat it."""


class NobodyError(DeliveryError):
    """There is nobody to deliver to, and nobody has been since the start: no failure, and nothing to tell of."""


class DeliveryState(StrEnum):
    """How the last delivery went; the names are those of haClusterTargetState."""

    IDLE = "idle"
    """There was none yet."""
    OK = "ok"
    FAILING = "failing"


class Result(StrEnum):
    """What is known of a notification that was delivered."""

    SENT = "sent"
    """It was sent; no more can be known."""
    ACKNOWLEDGED = "acknowledged"
    """The receiver has said that it has it."""


class Outcome(NamedTuple):
    """What has become of a test.

    Attributes:
        target: the name of the target.
        kind: how it is told.
        result: how well the test went, or None where it did not.
        error: why it did not; empty where it did.
    """

    target: str
    kind: TargetKind
    result: Result | None
    error: str = ""


@dataclass(slots=True, kw_only=True)
class DeliveryStats:
    """What has become of the notifications to a target.

    Attributes:
        sent: notifications that have left, each counted once.
        acknowledged: those of them that the receiver has acknowledged.
        retries: how often one was sent again.
        failed: deliveries that were given up, if only for the time being.
        dropped: notifications that will never be sent, or never again.
        state: how the last delivery went.
        last_error: why it failed; empty where it did not.
    """

    sent: int = 0
    acknowledged: int = 0
    retries: int = 0
    failed: int = 0
    dropped: int = 0
    state: DeliveryState = DeliveryState.IDLE
    last_error: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class QueuedNotification:
    """A notification on its way to one target.

    Attributes:
        varbinds: its variables, ``sysUpTime.0`` and ``snmpTrapOID.0`` first.
        notice: what it tells.
        result: where somebody waits for what becomes of it: a test.
        left: whether it has been sent, and nothing more is done for it.
    """

    varbinds: Sequence[VarBind]
    notice: Notification
    result: asyncio.Future[Result] | None = None
    left: bool = False

    def settle(self, result: Result | DeliveryError) -> None:
        """Tells whoever waits."""
        if self.result is None or self.result.done():
            return
        if isinstance(result, Result):
            self.result.set_result(result)
        else:
            self.result.set_exception(result)


class Channel(Protocol):
    """A way to a target."""

    async def start(self) -> None:
        """Gets ready."""
        ...

    async def deliver(self, parcel: QueuedNotification, account: DeliveryStats) -> Result:
        """Delivers a notification, and enters what was sent, acknowledged and sent again.

        Raises:
            DeliveryError: it has not arrived, as far as can be known.
        """
        ...

    async def close(self) -> None:
        """Ends whatever is under way."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between two attempts at a delivery.

    Attributes:
        least: in any case; whatever is left of a pause ends when there is something new to tell.
        first: the longest pause after the first failure; each is up to twice as long as the one before.
        longest: the longest of all.
    """

    least: float = 0.5
    first: float = 1.0
    longest: float = 15.0

    def after(self, failures: int, jitter: float) -> float:
        """Returns the pause after so many failures; ``jitter``, from 0 to 1, keeps gateways from acting as one."""
        longest = min(self.longest, self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
        return max(self.least, longest * (1 + jitter) / 2)


class Delivery:
    """Delivers to one target, from ``start`` to ``close``.

    Args:
        name: of the target.
        kind: how it is told.
        channel: the way to it.
        pauses: between attempts.
        size: how many notifications may wait; for one more the oldest is dropped.
        jitter: returns numbers from 0 to 1.

    Attributes:
        name: of the target.
        kind: how it is told.
        account: what has become of its notifications.
    """

    def __init__(
        self,
        name: str,
        kind: TargetKind,
        channel: Channel,
        *,
        pauses: Pauses | None = None,
        size: int = QUEUE_SIZE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.kind = kind
        self.account = DeliveryStats()
        self._channel = channel
        self._pauses = pauses or Pauses()
        self._size = size
        self._jitter = jitter
        self._log = structlog.get_logger("alarms").bind(target=name, kind=kind.value)
        self._queue: deque[QueuedNotification] = deque()
        self._under_way = False
        self._failures = 0
        self._dropped = 0
        self._closing = False
        self._nobody = False
        self._new = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def queued(self) -> int:
        """Notifications that wait to be sent or acknowledged."""
        return len(self._queue)

    def submit(self, parcel: QueuedNotification) -> None:
        """Takes a notification in; at once, whatever the target does."""
        if self._closing:
            self._drop(parcel)
            return
        self._queue.append(parcel)
        if len(self._queue) > self._size:
            self._drop_one()
        self._empty.clear()
        self._new.set()

    async def start(self) -> None:
        """Begins to deliver."""
        await self._channel.start()
        self._task = asyncio.create_task(self._run(), name=f"notifications to {self.name}")

    async def close(self, grace: float) -> None:
        """Ends; what is queued has some seconds to be delivered, and the log has the rest."""
        self._closing = True
        self._new.set()
        if self._task is not None:
            grace = 0 if self._nobody else grace
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._empty.wait()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._channel.close()
        self._lose()

    # --- one after the other -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            while not self._queue:
                self._new.clear()
                await self._new.wait()
            if not await self._deliver(self._queue[0]):
                await self._pause()

    async def _deliver(self, parcel: QueuedNotification) -> bool:
        """Makes one attempt, and returns whether the next notification may follow at once."""
        self._under_way = True
        try:
            result = await self._channel.deliver(parcel, self.account)
        except NobodyError as error:
            self._nobody = True
            self._failures += 1
            self.account.last_error = str(error)
            parcel.settle(error)
            return False
        except DeliveryError as error:
            self._nobody = False
            self._fails(str(error))
            parcel.settle(error)
            if not isinstance(error, RefusedError):
                return False
            if not parcel.left:
                self.account.dropped += 1
        except Exception as error:  # noqa: BLE001 - a mistake of ours, with this one; it must not keep back the next
            self._log.exception("notification not delivered", sequence=parcel.notice.sequence)
            self.account.dropped += 1
            self._fails(repr(error))
            parcel.settle(DeliveryError(repr(error)))
        else:
            self._succeeds()
            parcel.settle(result)
        finally:
            self._under_way = False
        self._queue.popleft()
        if not self._queue:
            self._empty.set()
        return True

    async def _pause(self) -> None:
        """Waits after a failure: for all the pause, or, beyond the least of it, until there is something new."""
        self._new.clear()
        failures = 1 if self._closing else self._failures
        pause = self._pauses.after(failures, self._jitter())
        await asyncio.sleep(self._pauses.least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause - self._pauses.least):
                await self._new.wait()

    # --- the account -------------------------------------------------------------------------------------------------

    def _succeeds(self) -> None:
        account = self.account
        if account.state is DeliveryState.FAILING:
            self._log.info("notifications delivered again", queued=self.queued - 1, dropped=self._dropped)
        account.state = DeliveryState.OK
        account.last_error = ""
        self._nobody = False
        self._failures = self._dropped = 0

    def _fails(self, reason: str) -> None:
        account = self.account
        if account.state is not DeliveryState.FAILING:
            self._log.warning("notifications not delivered", error=reason, queued=self.queued)
        account.state = DeliveryState.FAILING
        account.last_error = reason
        account.failed += 1
        self._failures += 1

    def _drop_one(self) -> None:
        """Drops the oldest: of those that are no alarms of ours, such as operations that went well, or else of all.

        What is under way may have arrived already, so it stays.
        """
        first = 1 if self._under_way else 0
        waiting = enumerate(islice(self._queue, first, None), first)
        place = next((place for place, parcel in waiting if not parcel.notice.notification), first)
        parcel = self._queue[place]
        del self._queue[place]
        if not self._dropped and not self._nobody:
            self._log.error("queue full, dropping the oldest", size=self._size, sequence=parcel.notice.sequence)
        self._drop(parcel)

    def _drop(self, parcel: QueuedNotification) -> None:
        self._dropped += 1
        self.account.dropped += 1
        parcel.settle(RefusedError(self.account.last_error or "dropped"))

    def _lose(self) -> None:
        """Drops what is left at the end."""
        lost = [parcel for parcel in self._queue if not parcel.left]
        self._queue.clear()
        self._empty.set()
        if not lost:
            return
        for parcel in lost:
            self._drop(parcel)
        if self._nobody:
            return
        self._log.error(
            "notifications lost",
            lost=len(lost),
            error=self.account.last_error,
            notices=[
                " ".join(filter(None, (str(notice.sequence), notice.condition, notice.change, notice.object)))
                for notice in (parcel.notice for parcel in lost[:_MAX_LISTED])
            ],
        )
