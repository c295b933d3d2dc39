"""Runs of several collectors that callers wait for together, and the snapshots that these callers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from gateway.engine.run import CollectorRun, Outcome
from gateway.snapshot import Snapshot

MakeSnapshot = Callable[[Sequence[Outcome]], Snapshot]
"""Makes a snapshot of the outcomes of several collectors."""


class RunGroup:
    """One run of each selected collector. A run may belong to several groups.

    Args:
        runs: the runs, in the order of the collectors.
        make_snapshot: makes a snapshot of their outcomes.

    Attributes:
        runs: the runs.
        names: the names of the collectors.
        all_new: whether all runs were new or in progress when the group was made.
        complete: makes the snapshot of the complete runs; the engine sets it.
    """

    def __init__(self, runs: Sequence[CollectorRun], *, make_snapshot: MakeSnapshot) -> None:
        self.runs = frozenset(runs)
        self.names = frozenset(run.name for run in runs)
        self.all_new = not any(run.finished for run in runs)
        self.complete: asyncio.Task[Snapshot] | None = None
        self._ordered = tuple(runs)
        self._make_snapshot = make_snapshot
        self._partial: tuple[int, asyncio.Task[Snapshot]] | None = None

    @property
    def finished(self) -> bool:
        """Whether the complete snapshot has been made."""
        return self.complete is not None and self.complete.done()

    async def wait(self) -> None:
        """Waits until all runs have finished."""
        for run in self._ordered:
            await run.wait()

    async def make_snapshot(self) -> Snapshot:
        """Returns a snapshot of the commands that have ended."""
        return self._make_snapshot([await run.outcome() for run in self._ordered])

    def partial_snapshot(self) -> asyncio.Task[Snapshot]:
        """Returns a snapshot of the commands that have ended; it is shared until the next command ends."""
        done = sum(run.commands_done for run in self._ordered)
        if self._partial is None or self._partial[0] != done:
            self._partial = done, asyncio.create_task(self.make_snapshot())
        return self._partial[1]

    def cancel(self) -> Sequence[asyncio.Task[Any]]:
        """Cancels the snapshots that are being made, and returns the tasks to wait for."""
        snapshots = [task for task in (self.complete, self._partial and self._partial[1]) if task is not None]
        for task in snapshots:
            task.cancel()
        return snapshots
