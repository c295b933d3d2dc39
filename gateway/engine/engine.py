"""Collects on demand, runs each collector once at a time for all callers, and publishes snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from time import tzset

import structlog

from gateway.clock import Clock, SystemClock
from gateway.engine.mode import CollectorMode
from gateway.engine.prober import Prober
from gateway.engine.reporting import Reporter
from gateway.engine.run import CollectorRun, start_together
from gateway.engine.run_group import RunGroup
from gateway.host.host import Host
from gateway.snapshot import Snapshot
from gateway.subsystems.probe import Collector, is_configured
from gateway.waiting import completed_within


class Engine:
    """Runs the collectors when a snapshot is requested.

    A collector never runs twice at the same time: a caller that arrives while it runs waits for that run, whatever
    else it has selected.

    Args:
        host: the machine to read.
        collectors: all collectors.
        modes: when each collector runs, by name; ``AUTO`` if not given.
        min_interval: seconds from the start of a run during which callers that allow it get its result again.
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
        min_interval: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        self.latest: Snapshot | None = None
        self._host = host
        self._set_up: set[str] = set()
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger("engine")
        self._prober = Prober(host, clock=self._clock)
        self._reporter = Reporter()
        self._runs: dict[str, CollectorRun] = {}
        self._groups: list[RunGroup] = []
        self._subscribers: list[Callable[[Snapshot], None]] = []
        self.configure(collectors, modes=modes or {}, min_interval=min_interval)

    def configure(
        self, collectors: Sequence[Collector], *, modes: Mapping[str, CollectorMode], min_interval: float
    ) -> None:
        """Replaces the settings; they apply to the runs that begin after this moment.

        Args:
            collectors: as for the constructor, and so are the others.
            modes: when each collector runs.
            min_interval: how long a result is reused.
        """
        self._collectors = [collector for collector in collectors if modes.get(collector.name) is not CollectorMode.OFF]
        self._required = frozenset(name for name, mode in modes.items() if mode is CollectorMode.ON)
        self._min_interval = min_interval
        self._prober.forget_denials()
        self._runs = {name: run for name, run in self._runs.items() if not run.finished}

    @property
    def collector_names(self) -> tuple[str, ...]:
        """The names of the collectors that are not off."""
        return tuple(collector.name for collector in self._collectors)

    def is_expected(self, name: str) -> bool:
        """Returns whether a subsystem should run on this host: its collector is on, or it is configured."""
        collectors = (collector for collector in self._collectors if collector.name == name)
        return name in self._required or any(is_configured(collector, self._host) for collector in collectors)

    async def collect(
        self, names: Collection[str] | None = None, *, timeout: float | None = None, allow_recent: bool = False
    ) -> Snapshot:
        """Returns a snapshot of runs in progress and of new runs.

        Args:
            names: the collectors to run; None for all.
            timeout: seconds to wait for the runs. After that the snapshot is made of the commands that have ended, and
                the others count as timed out, in this snapshot only.
            allow_recent: whether the result of a finished run will do if it is younger than the minimum interval.
        """
        selected = frozenset(self.collector_names if names is None else {*names} & {*self.collector_names})
        group = self._find_group(selected, allow_recent=allow_recent)
        assert group.complete is not None
        if await completed_within(asyncio.shield(group.complete), timeout):
            return group.complete.result()
        return await asyncio.shield(group.partial_snapshot())

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Registers a callback that receives every complete snapshot of all collectors.

        No run is published twice, so that nothing counts as evidence twice.
        """
        self._subscribers.append(callback)

    async def close(self) -> None:
        """Ends all runs in progress, and all processes. Idempotent."""
        tasks = [task for run in self._runs.values() for task in run.cancel()]
        tasks += [task for group in self._groups for task in group.cancel()]
        await asyncio.gather(*tasks, self._host.close(), return_exceptions=True)
        self._prober.close()

    def _find_group(self, names: frozenset[str], *, allow_recent: bool) -> RunGroup:
        """Returns a group of runs that others have requested as well, or a new one."""
        usable = self._usable_runs(names, allow_recent=allow_recent)
        for group in self._groups:
            in_progress = group.all_new and not group.finished and group.names == names
            if in_progress or (usable and group.names == names and group.runs == usable):
                return group
        return self._start_group(names, {run.name: run for run in usable})

    def _usable_runs(self, names: frozenset[str], *, allow_recent: bool) -> frozenset[CollectorRun]:
        """Returns the runs whose outcome a caller may get: those in progress, and perhaps recent ones."""
        min_interval = self._min_interval if allow_recent else 0.0
        oldest = self._clock.monotonic() - min_interval
        runs = (run for name, run in self._runs.items() if name in names)
        return frozenset(run for run in runs if not run.finished or (min_interval and run.started > oldest))

    def _start_group(self, names: frozenset[str], usable: Mapping[str, CollectorRun]) -> RunGroup:
        """Returns a group of usable runs, and new runs of the other collectors."""
        tzset()  # tools print local times; without this, a process keeps the time zone of its start
        selected = [collector for collector in self._collectors if collector.name in names]
        new = {collector.name: self._new_run(collector) for collector in selected if collector.name not in usable}
        self._runs.update(new)
        self._set_up.update(name for name, run in new.items() if run.set_up)
        self._groups = [group for group in self._groups if not (group.finished and group.names & new.keys())]
        if new or not names:
            self._reporter.runs += 1
        runs = [{**usable, **new}[collector.name] for collector in selected]
        time = min((run.time for run in runs), default=self._clock.time())
        started = min((run.started for run in runs), default=self._clock.monotonic())
        group = RunGroup(runs, make_snapshot=partial(self._reporter.make_snapshot, time=time, started=started))
        start_together([*new.values()])
        group.complete = asyncio.create_task(self._complete(group))
        self._groups.append(group)
        return group

    def _new_run(self, collector: Collector) -> CollectorRun:
        return CollectorRun(
            collector,
            required=collector.name in self._required,
            was_set_up=collector.name in self._set_up,
            host=self._host,
            prober=self._prober,
            clock=self._clock,
            on_outcome=self._reporter.record,
        )

    async def _complete(self, group: RunGroup) -> Snapshot:
        try:
            await group.wait()
            snapshot = await group.make_snapshot()
            if group.all_new and group.names == frozenset(self.collector_names):
                self._publish(snapshot)
        finally:
            self._groups.remove(group)
            if not self._min_interval:
                # a caller that arrives from now on gets new runs
                self._runs = {name: run for name, run in self._runs.items() if not run.finished}
        if self._min_interval:
            self._groups.append(group)
        return snapshot

    def _publish(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        for callback in self._subscribers:
            try:
                callback(snapshot)
            except Exception:  # noqa: BLE001 - a bug in one subscriber must not keep the snapshot from the others
                self._log.exception("snapshot subscriber failed")
