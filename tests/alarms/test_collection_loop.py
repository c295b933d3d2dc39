"""When the alarm engine collects: regularly, after events, and not sooner than needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.alarms.collection_loop import CollectionLoop
from gateway.snapshot import Snapshot
from tests.fakes import FakeClock
from tests.waiting import until


class FakeSource:
    """Makes empty snapshots.

    Attributes:
        latest: the last one.
        collections: how many collections were started.
        gate: collections do not end before it is set.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.latest: Snapshot | None = None
        self.collections = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._clock = clock

    async def collect(self) -> Snapshot:
        """Returns a snapshot that starts now and ends when the gate is open."""
        self.collections += 1
        snapshot = Snapshot(samples_by_metric={}, collectors={}, started=self._clock.monotonic())
        await self.gate.wait()
        self.latest = snapshot
        return snapshot


class Loop:
    """A collection loop over a source and a clock that a test controls."""

    def __init__(self, *, interval: float = 15.0) -> None:
        self.clock = FakeClock(1000)
        self.source = FakeSource(self.clock)
        self.deadline = self.confirmation = float("inf")
        self.timer_calls: list[float] = []
        self.collections_at_callback = 0
        self.loop = CollectionLoop(
            self.source,
            interval=interval,
            next_deadline=lambda: self.deadline,
            on_timer=self._on_timer,
            next_confirmation=lambda: self.confirmation,
            quiet_period=0,
            clock=self.clock,
        )

    def _on_timer(self, now: float) -> None:
        self.timer_calls.append(now)
        self.collections_at_callback = self.source.collections
        self.deadline = float("inf")


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Loop]:
    tested = Loop(**options)
    task = asyncio.create_task(tested.loop.run())
    try:
        yield tested
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_collects_once_at_the_start() -> None:
    async with running() as tested:
        await until(lambda: tested.source.latest is not None)
        assert tested.source.collections == 1


async def test_it_collects_again_after_the_interval() -> None:
    async with running(interval=0.02) as tested:
        await until(lambda: tested.source.latest is not None)
        tested.clock.advance(0.02)
        await until(lambda: tested.source.collections == 2)


async def test_a_requested_collection_begins_at_once() -> None:
    async with running() as tested:
        await until(lambda: tested.source.latest is not None)
        tested.clock.advance(1)
        tested.loop.request_collection()
        tested.clock.advance(0.001)
        await until(lambda: tested.source.collections == 2)


async def test_a_run_that_was_in_progress_when_a_collection_was_requested_is_followed_by_another() -> None:
    async with running() as tested:
        tested.source.gate.clear()
        await until(lambda: tested.source.collections == 1)
        tested.clock.advance(1)
        tested.loop.request_collection()
        tested.clock.advance(0.001)
        tested.source.gate.set()
        await until(lambda: tested.source.collections == 2)


@pytest.mark.parametrize("deadline", [1000.0, 1000.01])
async def test_the_callback_runs_at_the_deadline_without_a_collection(deadline: float) -> None:
    tested = Loop()
    tested.deadline = deadline
    task = asyncio.create_task(tested.loop.run())
    await until(lambda: bool(tested.timer_calls))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tested.source.collections == 1


async def test_what_is_pending_is_confirmed_by_a_collection_before_the_callback_runs() -> None:
    tested = Loop()
    tested.source.gate.clear()
    task = asyncio.create_task(tested.loop.run())
    await until(lambda: tested.source.collections == 1)
    tested.deadline = tested.confirmation = 1000.5
    tested.clock.advance(1)  # the collection that is in progress began before
    tested.source.gate.set()
    await until(lambda: bool(tested.timer_calls))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tested.collections_at_callback == 2
