"""Collects on demand, shares a run among all callers that arrive while it is in progress, and publishes snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.clock import Clock, SystemClock
from gateway.engine.mode import CollectorMode
from gateway.engine.prober import Prober
from gateway.engine.reporting import Reporter, RunReporter
from gateway.engine.run import Run
from gateway.host.host import Host
from gateway.snapshot import Snapshot
from gateway.subsystems.probe import Collector
from gateway.waiting import completed_within


@dataclass(slots=True, kw_only=True)
class _SharedRun:
    """A run in progress, and the snapshots that its callers share.

    Attributes:
        run: executes the collectors.
        reporter: makes its snapshots.
        complete: makes the snapshot of the complete run; None before it is started.
        partial: makes a snapshot before that, together with the number of commands that had ended at the time.
    """

    run: Run
    reporter: RunReporter
    complete: asyncio.Task[Snapshot] | None = None
    partial: tuple[int, asyncio.Task[Snapshot]] | None = None

    async def make_snapshot(self) -> Snapshot:
        return self.reporter.make_snapshot(await self.run.outcomes())

    def partial_snapshot(self) -> asyncio.Task[Snapshot]:
        """Returns a snapshot of the commands that have ended; it is shared until the next command ends."""
        done = self.run.commands_done
        if self.partial is None or self.partial[0] != done:
            self.partial = done, asyncio.create_task(self.make_snapshot())
        return self.partial[1]

    def cancel(self) -> Sequence[asyncio.Task[Any]]:
        """Cancels everything in progress, and returns the tasks to wait for."""
        snapshots = [task for task in (self.complete, self.partial and self.partial[1]) if task is not None]
        for task in snapshots:
            task.cancel()
        return (*self.run.cancel(), *snapshots)


class Engine:
    """Runs the collectors when a snapshot is requested.

    Args:
        host: the machine to read.
        collectors: all collectors.
        modes: when each collector runs, by name; ``AUTO`` if not given.
        clock: measures durations.

    Attributes:
        latest: the last complete snapshot of all collectors, or None before the first.
    """

    def __init__(
        self,
        host: Host,
        collectors: Sequence[Collector],
        *,
        modes: Mapping[str, CollectorMode] | None = None,
        clock: Clock | None = None,
    ) -> None:
        modes = modes or {}
        self.latest: Snapshot | None = None
        self._host = host
        self._collectors = [collector for collector in collectors if modes.get(collector.name) is not CollectorMode.OFF]
        self._required = frozenset(name for name, mode in modes.items() if mode is CollectorMode.ON)
        self._set_up: set[str] = set()
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger("engine")
        self._prober = Prober(host)
        self._reporter = Reporter()
        self._runs: list[_SharedRun] = []
        self._subscribers: list[Callable[[Snapshot], None]] = []

    @property
    def collector_names(self) -> tuple[str, ...]:
        """The names of the collectors that are not off."""
        return tuple(collector.name for collector in self._collectors)

    async def collect(self, names: Collection[str] | None = None, *, timeout: float | None = None) -> Snapshot:
        """Returns the snapshot of a run in progress, or of a new run.

        Args:
            names: the collectors to run; None for all.
            timeout: seconds to wait for the run. After that the snapshot is made of the commands that have ended, and
                the others count as timed out.
        """
        selected = frozenset(self.collector_names if names is None else {*names} & {*self.collector_names})
        shared = next((shared for shared in self._runs if shared.run.names == selected), None) or self._start(selected)
        assert shared.complete is not None
        if await completed_within(asyncio.shield(shared.complete), timeout):
            return shared.complete.result()
        return await asyncio.shield(shared.partial_snapshot())

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Registers a callback that receives every complete snapshot of all collectors."""
        self._subscribers.append(callback)

    async def close(self) -> None:
        """Ends all runs in progress, with their processes. Idempotent."""
        tasks = [task for shared in self._runs for task in shared.cancel()]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._prober.close()

    def _start(self, names: Collection[str]) -> _SharedRun:
        run = Run(
            [collector for collector in self._collectors if collector.name in names],
            required=self._required,
            set_up=self._set_up,
            host=self._host,
            prober=self._prober,
            clock=self._clock,
        )
        shared = _SharedRun(run=run, reporter=self._reporter.start_run(run))
        run.start()
        shared.complete = asyncio.create_task(self._complete(shared))
        self._runs.append(shared)
        return shared

    async def _complete(self, shared: _SharedRun) -> Snapshot:
        try:
            await shared.run.wait()
            snapshot = await shared.make_snapshot()
            if shared.run.names == frozenset(self.collector_names):
                self._publish(snapshot)
        finally:
            self._runs.remove(shared)  # a caller that arrives from now on gets a new run
        return snapshot

    def _publish(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        for callback in self._subscribers:
            try:
                callback(snapshot)
            except Exception:  # noqa: BLE001 - a bug in one subscriber must not keep the snapshot from the others
                self._log.exception("snapshot subscriber failed")
