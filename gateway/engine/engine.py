"""Runs the collectors side by side and publishes snapshots. One run serves all who ask while it is under way."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar

import structlog

from gateway import self_metrics
from gateway.clock import Clock, SystemClock
from gateway.engine.mode import CollectorMode
from gateway.host.host import Host
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.probe import Collector, Plan, Probe, Reading, read_result

_T = TypeVar("_T")

LARGE_OUTPUT = 64 * 1024
"""Bytes of output from which on parsing and translating would hold up the event loop, and go to a thread."""


_PLAN, _SAMPLES = "plan", "samples"
"""How reports call the two steps of a collector that are no commands, where they go wrong."""


_Collected = tuple[dict[str, Reading], SampleSet]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of some collectors, while it is under way.

    Attributes:
        plans: what each collector wanted; None where its subsystem is absent.
        readings: the commands, by collector and name.
        ended: when the last command of a collector has ended.
        collected: the readings and samples of each collector, once all its commands have ended.
        result: makes the snapshot once all have ended.
        partial: makes the snapshot of what is known before that, and for how many commands it was started.
        counted: the failures that are in the totals.
        dropped: how many dropped samples of each collector are in the totals.
        noted: the collectors whose state was compared with that of the run before.
        bugs: the traces of the gateway's own errors.
    """

    time: float
    started: float
    plans: dict[str, Plan | None] = field(default_factory=dict)
    readings: dict[tuple[str, str], asyncio.Task[Reading]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    collected: dict[str, asyncio.Task[_Collected]] = field(default_factory=dict)
    result: asyncio.Task[Snapshot] | None = None
    partial: tuple[int, asyncio.Task[Snapshot]] | None = None
    counted: set[tuple[str, str]] = field(default_factory=set)
    dropped: Counter[str] = field(default_factory=Counter)
    noted: set[str] = field(default_factory=set)
    bugs: dict[tuple[str, str], str] = field(default_factory=dict)

    def internal_error(self, collector: str, command: str, error: Exception) -> Reading:
        """Returns the reading that stands for an error of the gateway itself, and keeps its trace for the log."""
        self.bugs[collector, command] = "".join(traceback.format_exception(error))
        detail = " ".join(f"internal error: {type(error).__name__}: {error}".split())
        return Reading(status=Status.FAILED, detail=detail)

    def partial_snapshot(self, make: Callable[[], Coroutine[Any, Any, Snapshot]]) -> asyncio.Task[Snapshot]:
        """Returns what is known by now; all who give up before more is known share it."""
        done = sum(task.done() for task in self.readings.values())
        if self.partial is None or self.partial[0] != done:
            self.partial = done, asyncio.create_task(make())
        return self.partial[1]


class Engine:
    """Collects on demand.

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
        self.latest: Snapshot | None = None
        self._host = host
        self._modes = dict(modes or {})
        self._collectors = {
            collector.name: collector for collector in collectors if self._mode(collector.name) is not CollectorMode.OFF
        }
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger("engine")
        self._workers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parser")
        self._runs: list[_Run] = []
        self._variants: dict[tuple[str, str], int] = {}
        self._static: dict[tuple[str, str], tuple[object, Reading]] = {}
        self._states: dict[str, _State] = {}
        self._totals = _Totals()
        self._subscribers: list[Callable[[Snapshot], None]] = []

    @property
    def collectors(self) -> tuple[str, ...]:
        """The names of the collectors that are not off."""
        return tuple(self._collectors)

    async def collect(self, names: Collection[str] | None = None, *, timeout: float | None = None) -> Snapshot:
        """Returns a snapshot that is being made now, or a new one.

        Args:
            names: the collectors that are wanted; None for all.
            timeout: seconds after which to do without what is not yet known; it counts as timed out.
        """
        wanted = self._collectors.keys() if names is None else self._collectors.keys() & set(names)
        run = next((run for run in self._runs if run.plans.keys() == wanted), None) or self._start(wanted)
        assert run.result is not None
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(run.result)
        except TimeoutError:
            return await asyncio.shield(run.partial_snapshot(partial(self._snapshot, run)))

    def subscribe(self, callback: Callable[[Snapshot], None]) -> None:
        """Registers a callback that receives every complete snapshot."""
        self._subscribers.append(callback)

    async def close(self) -> None:
        """Ends what is under way, with its processes."""
        tasks: list[asyncio.Task[Any]] = []
        for run in self._runs:
            tasks += (*run.readings.values(), *run.collected.values())
            tasks += filter(None, (run.result, run.partial and run.partial[1]))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _mode(self, name: str) -> CollectorMode:
        return self._modes.get(name, CollectorMode.AUTO)

    def _start(self, names: Collection[str]) -> _Run:
        self._totals.runs += 1
        run = _Run(time=self._clock.time(), started=self._clock.monotonic())
        for name, collector in self._collectors.items():
            if name in names:
                run.plans[name] = self._plan(run, collector)
        present = {name: plan for name, plan in run.plans.items() if plan is not None}
        # the first command of each collector before the second of any: the first are those that read_result longest
        for probes in zip_longest(*(plan.probes for plan in present.values())):
            for name, probe in zip(present, probes, strict=True):
                if probe is not None:
                    run.readings[name, probe.name] = asyncio.create_task(self._probe(run, name, probe))
        for name, plan in present.items():
            run.collected[name] = asyncio.create_task(self._collect(run, name, plan))
        run.result = asyncio.create_task(self._finish(run))
        self._runs.append(run)
        return run

    def _plan(self, run: _Run, collector: Collector) -> Plan | None:
        """Returns a collector's plan, or None where its subsystem is absent and may be."""
        required = self._mode(collector.name) is CollectorMode.ON
        try:
            if not required and not any(map(self._host.find, collector.presence_tools)):
                return None
            plan = collector.plan(self._host)
        except Exception as error:  # noqa: BLE001 - a bug in one collector costs that collector
            return Plan(files={_PLAN: run.internal_error(collector.name, _PLAN, error)}, required_files=(_PLAN,))
        if plan is None and required:
            missing = Reading(status=Status.NOT_INSTALLED, detail="its configuration was not found")
            return Plan(files={"configuration": missing}, required_files=("configuration",))
        return plan

    async def _probe(self, run: _Run, collector: str, probe: Probe) -> Reading:
        key = (collector, probe.name)
        try:
            identity = self._host.identity(probe.tool) if probe.static else None
            if identity is not None and (known := self._static.get(key)) and known[0] == identity:
                return known[1]
            reading = await self._first_good(key, probe)
        except Exception as error:  # noqa: BLE001 - a bug in one parser costs what it reads
            return run.internal_error(*key, error)
        finally:
            run.ended[collector] = self._clock.monotonic()
        if identity is not None and reading.status is Status.OK:
            self._static[key] = (identity, reading)
        return reading

    async def _first_good(self, key: tuple[str, str], probe: Probe) -> Reading:
        """Tries the variants of a probe, the one that last worked before the others."""
        remembered = self._variants.get(key, 0)
        order = sorted(range(len(probe.variants)), key=lambda index: index != remembered)
        first: Reading | None = None
        for index in order:
            result = await self._host.run(probe.tool, *probe.variants[index])
            reading = await self._off_loop(len(result.stdout), partial(read_result, probe, result))
            if reading.status is Status.OK:
                self._variants[key] = index
                return reading
            first = first or reading
            if reading.status not in {Status.FAILED, Status.UNPARSABLE}:
                return reading  # another spelling would not help
        assert first is not None
        return first

    async def _off_loop(self, size: int, work: Callable[[], _T]) -> _T:
        """Does work on that many bytes of output, in a thread where it would hold up the event loop."""
        if size <= LARGE_OUTPUT:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def _finish(self, run: _Run) -> Snapshot:
        try:
            if run.collected:
                await asyncio.wait(run.collected.values())
            snapshot = await self._snapshot(run)
            if run.plans.keys() == self._collectors.keys():
                self._publish(snapshot)
        finally:
            self._runs.remove(run)  # from here on whoever asks gets a new run
        return snapshot

    def _publish(self, snapshot: Snapshot) -> None:
        self.latest = snapshot
        for callback in self._subscribers:
            try:
                callback(snapshot)
            except Exception:  # noqa: BLE001 - a bug in one subscriber must not keep the snapshot from the others
                self._log.exception("snapshot subscriber failed")

    async def _snapshot(self, run: _Run) -> Snapshot:
        """Returns what a run has brought until now."""
        merged = SampleSet()
        reports = {}
        for name, plan in run.plans.items():
            readings: dict[str, Reading] = {}
            if plan is not None:
                task = run.collected[name]
                readings, samples = task.result() if task.done() else await self._samples(run, name, plan)
                self._totals.dropped[name] += max(0, samples.dropped - run.dropped[name])
                run.dropped[name] = max(samples.dropped, run.dropped[name])
                merged.update(samples)
            reports[name] = report = _report(run, name, plan, readings)
            self._count(run, report)
            self._note(run, report)
        _add_gateway_samples(merged, reports, self._totals)
        return Snapshot(
            samples_by_metric=merged.samples_by_metric,
            collectors=reports,
            time=run.time,
            started=run.started,
        )

    async def _collect(self, run: _Run, name: str, plan: Plan) -> _Collected:
        """Makes a collector's samples as soon as its own commands have ended, while others still run."""
        if plan.probes:
            await asyncio.wait([run.readings[name, probe.name] for probe in plan.probes])
        return await self._samples(run, name, plan)

    async def _samples(self, run: _Run, name: str, plan: Plan) -> _Collected:
        """Returns what is known by now: readings, and their samples. Failing to make these is a reading, too."""
        late = Reading(status=Status.TIMED_OUT, detail="not finished when the answer was due")
        tasks = {probe.name: run.readings[name, probe.name] for probe in plan.probes}
        readings = {**plan.files, **{probe: task.result() if task.done() else late for probe, task in tasks.items()}}
        if _PLAN in readings:
            return readings, SampleSet()
        size = sum(reading.size for reading in readings.values())
        try:
            return readings, await self._off_loop(size, partial(self._collectors[name].make_samples, readings))
        except Exception as error:  # noqa: BLE001 - a bug in one collector costs that collector
            return {**readings, _SAMPLES: run.internal_error(name, _SAMPLES, error)}, SampleSet()

    def _count(self, run: _Run, report: CollectorReport) -> None:
        """Counts each failure of a run once, whether the scrape or the command gives up first."""
        for command in report.commands:
            key = (report.name, command.name)
            if command.status is not Status.OK and (command.tool or key in run.bugs) and key not in run.counted:
                run.counted.add(key)
                self._totals.failures[*key, command.status.value] += 1

    def _note(self, run: _Run, report: CollectorReport) -> None:
        """Logs a change of a collector's state, once.

        A run is compared with the run before by the first snapshot that is made of it: where a scrape cannot wait for a
        slow command, that command has not recovered each time that it ends too late.
        """
        if report.name in run.noted:
            return
        run.noted.add(report.name)
        state = _State(present=report.present, failing={command.name: command.status for command in report.failing})
        known = self._states.get(report.name)
        if state == known:
            return
        self._states[report.name] = state
        event = {"collector": report.name, "state": report.status.value}
        if report.failing:
            before = known.failing if known else {}
            news = (command for command in report.failing if before.get(command.name) is not command.status)
            command = next(news, report.failing[0])
            self._log.warning("collector failing", **event, **_event(run, report, command))
        elif known is None:
            self._log.info("collector ready" if report.present else "subsystem not on this host", **event)
        else:
            self._log.warning("collector state changed", **event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What is compared to find out whether a collector's state has changed."""

    present: bool
    failing: Mapping[str, Status]


def _event(run: _Run, report: CollectorReport, command: CommandReport) -> dict[str, Any]:
    """Returns what the log says of a command because of which a collector fails."""
    event: dict[str, Any] = {"command": command.name}
    if command.tool and command.tool != command.name:
        event["tool"] = command.tool
    event["reason"] = command.detail
    if command.line is not None:
        event["line"] = command.line
    if others := [f"{other.name}: {other.status.value}" for other in report.failing if other is not command]:
        event["others"] = ", ".join(others)
    if trace := run.bugs.get((report.name, command.name)):
        event["exception"] = trace
    return event


@dataclass(slots=True)
class _Totals:
    """What has been counted since the start."""

    runs: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def _report(run: _Run, name: str, plan: Plan | None, readings: Mapping[str, Reading]) -> CollectorReport:
    if plan is None:
        return CollectorReport(name=name, present=False)
    tools = {probe.name: probe.tool for probe in plan.probes}
    required = {*plan.required_files, _SAMPLES, *(probe.name for probe in plan.probes if probe.required)}
    return CollectorReport(
        name=name,
        duration=run.ended.get(name, run.started) - run.started,
        commands=tuple(
            CommandReport(
                name=command,
                tool=tools.get(command, ""),
                status=reading.status,
                detail=" ".join(reading.detail.split()),  # one line, whatever a library says
                line=reading.line,
                duration=reading.duration,
                required=command in required,
            )
            for command, reading in readings.items()
        ),
    )


def _add_gateway_samples(samples: SampleSet, reports: Mapping[str, CollectorReport], totals: _Totals) -> None:
    for name, report in reports.items():
        samples.add(self_metrics.COLLECTOR_STATE, self_metrics.COLLECTOR_STATE.flags_for(report.status), name)
        samples.add(self_metrics.SAMPLES_DROPPED, totals.dropped[name], name)
        if not report.present:
            continue
        samples.add(self_metrics.SCRAPE_SUCCESS, int(report.status is Status.OK), name)
        samples.add(self_metrics.SCRAPE_DURATION, report.duration, name)
        for command in (command for command in report.commands if command.tool):
            samples.add(self_metrics.COMMAND_DURATION, command.duration, name, command.name)
            timeouts = totals.failures[name, command.name, Status.TIMED_OUT.value]
            samples.add(self_metrics.COMMAND_TIMEOUTS, timeouts, name, command.name)
    for (name, command_name, reason), count in totals.failures.items():
        if name in reports:
            samples.add(self_metrics.COMMAND_FAILURES, count, name, command_name, reason)
    samples.add(self_metrics.RUNS, totals.runs)
