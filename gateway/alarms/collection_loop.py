"""Decides when the alarm engine collects: regularly, and soon after an event.

A collection that a scrape has started counts, too, so the interval starts anew with every snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn, Protocol

from gateway.clock import Clock, SystemClock
from gateway.snapshot import Snapshot
from gateway.waiting import completed_within

QUIET_PERIOD = 0.25
"""Seconds between two collections because of events: a failover is a storm of them."""


class SnapshotSource(Protocol):
    """Makes snapshots."""

    @property
    def latest(self) -> Snapshot | None:
        """The last snapshot, including those that scrapes requested; None before the first."""
        ...

    async def collect(self) -> Snapshot:
        """Returns a snapshot that is being made, or a new one."""
        ...


class CollectionLoop:
    """Collects regularly and after events, and runs a callback when a deadline has passed.

    Args:
        source: makes the snapshots.
        interval: seconds between two collections, at most.
        next_deadline: returns when ``on_timer`` must be called next, on the monotonic clock; infinity for never.
        on_timer: called with the time on the monotonic clock when a deadline may have passed.
        next_confirmation: returns the time from which a collection has to begin in any case; infinity for none.
        quiet_period: seconds between two collections because of events.
        clock: measures the interval and the quiet period.

    Attributes:
        interval: seconds between two collections, at most.
    """

    def __init__(
        self,
        source: SnapshotSource,
        *,
        interval: float,
        next_deadline: Callable[[], float],
        on_timer: Callable[[float], None],
        next_confirmation: Callable[[], float] = lambda: float("inf"),
        quiet_period: float = QUIET_PERIOD,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self.interval = interval
        self._next_deadline = next_deadline
        self._on_timer = on_timer
        self._next_confirmation = next_confirmation
        self._quiet_period = quiet_period
        self._clock = clock or SystemClock()
        self._requested = asyncio.Event()
        self._last_request = float("-inf")

    def request_collection(self) -> None:
        """Requests a collection that begins after this moment."""
        self._last_request = self._clock.monotonic()
        self._requested.set()

    async def run(self) -> NoReturn:
        """Collects until it is cancelled."""
        while True:
            self._requested.clear()
            snapshot = await self._source.collect()
            await asyncio.sleep(self._quiet_period)
            if snapshot.started > self._last_request:
                await self._wait()
            # else the run was in progress when the collection was requested, perhaps for a scrape

    async def _wait(self) -> None:
        """Waits until a collection is due or requested, and runs the callback while it waits."""
        while not await self._requested_before(min(self._next_collection(), self._next_deadline())):
            now = self._clock.monotonic()
            if now >= self._next_collection():
                return
            self._on_timer(now)

    async def _requested_before(self, time: float) -> bool:
        """Waits until a time on the monotonic clock; returns early, and true, if a collection is requested."""
        return await completed_within(self._requested.wait(), max(0.0, time - self._clock.monotonic()))

    def _next_collection(self) -> float:
        latest = self._source.latest
        started = latest.started if latest is not None else self._clock.monotonic()
        confirmation = self._next_confirmation()
        return min(started + self.interval, confirmation if started < confirmation else float("inf"))
