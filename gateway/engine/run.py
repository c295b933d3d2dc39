"""One run of one collector: its plan, its commands, and the samples made of their readings."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from gateway.clock import Clock
from gateway.engine.prober import Prober
from gateway.host.host import Host
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport
from gateway.status import Cause, Status
from gateway.subsystems.probe import Collector, CommandError, Plan, Probe, Reading, is_configured

PLAN_STEP, SAMPLES_STEP = "plan", "samples"
"""The names under which reports show the two steps of a collector that are not commands, if they fail."""

_UNFINISHED = "did not finish before the scrape timed out"
_NOT_CONFIGURED = Reading(status=Status.NOT_INSTALLED, detail="its configuration was not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has obtained of its collector.

    Attributes:
        report: how its commands ended.
        samples: the samples made of their readings.
        tracebacks: the tracebacks of the gateway's own errors, by command.
        complete: whether all commands had ended.
    """

    report: CollectorReport
    samples: SampleSet = field(default_factory=SampleSet)
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True


class CollectorRun:
    """Runs a collector once. ``start_together`` starts it.

    Args:
        collector: the collector to run.
        required: whether its subsystem must exist; otherwise it may be absent.
        was_set_up: whether its subsystem has existed in an earlier run.
        host: the machine to read.
        prober: carries out the probes.
        clock: measures durations.
        on_outcome: receives the outcome when all commands have ended; not the incomplete ones before that.

    Attributes:
        name: the name of the collector.
        time: when the run was created, in Unix seconds.
        started: the same on the monotonic clock.
        set_up: whether its subsystem is set up on this host.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        required: bool,
        was_set_up: bool,
        host: Host,
        prober: Prober,
        clock: Clock,
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self.name = collector.name
        self.time = clock.time()
        self.started = clock.monotonic()
        self.set_up = False
        self._collector = collector
        self._required = required
        self._host = host
        self._prober = prober
        self._clock = clock
        self._on_outcome = on_outcome
        self._tracebacks: dict[str, str] = {}
        self._last_end = self.started
        self._configured = False
        self._plan = self._make_plan(was_set_up=was_set_up)
        self._readings: dict[str, asyncio.Task[Reading]] = {}
        self._outcome: asyncio.Task[Outcome] | None = None

    @property
    def probes(self) -> Sequence[Probe]:
        """The commands of the run."""
        return self._plan.probes if self._plan is not None else ()

    @property
    def finished(self) -> bool:
        """Whether the outcome is complete."""
        return self._outcome is not None and self._outcome.done()

    @property
    def commands_done(self) -> int:
        """The number of commands that have ended: as long as it stays the same, so does an incomplete outcome."""
        return sum(task.done() for task in self._readings.values())

    def start_probe(self, probe: Probe) -> None:
        """Starts one of the commands."""
        self._readings[probe.name] = asyncio.create_task(self._read(probe))

    def start_waiting(self) -> None:
        """Makes the outcome as soon as all commands have ended; all of them must have been started."""
        self._outcome = asyncio.create_task(self._complete())

    async def wait(self) -> None:
        """Waits until the outcome is complete."""
        assert self._outcome is not None
        await asyncio.wait([self._outcome])

    async def outcome(self) -> Outcome:
        """Returns the outcome as of now; a command that still runs counts as timed out."""
        if self._outcome is not None and self._outcome.done():
            return self._outcome.result()
        return await self._make_outcome()

    def cancel(self) -> Sequence[asyncio.Task[Any]]:
        """Cancels all commands, and returns the tasks to wait for."""
        tasks = [*self._readings.values(), *([self._outcome] if self._outcome is not None else [])]
        for task in tasks:
            task.cancel()
        return tasks

    def _make_plan(self, *, was_set_up: bool) -> Plan | None:
        """Returns the collector's plan, or None if its subsystem is absent and need not exist.

        Tools that disappear while the configuration stays are being replaced, or were removed by mistake: the subsystem
        is not absent for that, and the tools fail.
        """
        try:
            if not self._required and not any(map(self._host.find, self._collector.presence_tools)):
                self._configured = is_configured(self._collector, self._host)
                if not (self._configured and was_set_up):
                    return None
            plan = self._select_probes(self._collector.plan(self._host))
        except Exception as error:  # noqa: BLE001 - a bug in one collector must not affect the others
            reading = self._internal_error(PLAN_STEP, error)
            return Plan(files={PLAN_STEP: reading}, required_files=(PLAN_STEP,))
        if plan is None and self._required:
            return Plan(files={"configuration": _NOT_CONFIGURED}, required_files=("configuration",))
        self.set_up = plan is not None
        return plan

    def _select_probes(self, plan: Plan | None) -> Plan | None:
        """Returns a plan without the probes that cannot be carried out on this host and need not be."""
        if plan is None:
            return None
        return replace(plan, probes=tuple(probe for probe in plan.probes if self._prober.can_read(self.name, probe)))

    async def _read(self, probe: Probe) -> Reading:
        try:
            return await self._prober.read(self.name, probe)
        except Exception as error:  # noqa: BLE001 - a bug in one parser must not affect other readings
            return self._internal_error(probe.name, error)
        finally:
            self._last_end = self._clock.monotonic()

    async def _complete(self) -> Outcome:
        if self._readings:
            await asyncio.wait(self._readings.values())
        outcome = await self._make_outcome()
        self._on_outcome(outcome)
        return outcome

    async def _make_outcome(self) -> Outcome:
        """Makes the samples of all readings that are available; a failure to do so becomes a reading as well."""
        plan = self._plan
        if plan is None:
            return Outcome(report=CollectorReport(name=self.name, present=False, configured=self._configured))
        elapsed = self._clock.monotonic() - self.started
        unfinished = Reading(status=Status.TIMED_OUT, detail=_UNFINISHED, duration=elapsed)
        ended = {name: task.result() for name, task in self._readings.items() if task.done()}
        readings = {**plan.files, **dict.fromkeys(self._readings, unfinished), **ended}
        complete = len(ended) == len(self._readings)
        duration = self._last_end - self.started if complete else elapsed
        samples = SampleSet()
        if PLAN_STEP not in readings:
            size = sum(reading.size for reading in readings.values())
            make_samples = partial(self._collector.make_samples, dict(readings))
            try:
                samples = await self._prober.run_in_thread_if_large(size, make_samples)
            except CommandError as error:
                readings[SAMPLES_STEP] = Reading(status=error.status, detail=error.detail)
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not affect the others
                readings[SAMPLES_STEP] = self._internal_error(SAMPLES_STEP, error)
        commands = _command_reports(plan, readings)
        unused = self._is_unused(commands)
        report = CollectorReport(
            name=self.name, duration=duration, commands=commands, required=self._required, unused=unused
        )
        return Outcome(report=report, samples=samples, tracebacks=dict(self._tracebacks), complete=complete)

    def _is_unused(self, commands: Sequence[CommandReport]) -> bool:
        """Returns whether nothing uses the subsystem on this host: it is not configured, and certainly does not run.

        A subsystem without configurations is used wherever it is installed.
        """
        if self._required or not self._collector.configurations:
            return False
        changing = {probe.name for probe in self.probes if not probe.static}  # not the version of a program
        has_answer = any(command.name in changing and command.status is Status.OK for command in commands)
        statuses = {command.status for command in commands if command.required or command.failed}
        if has_answer or statuses != {Status.NOT_RUNNING}:
            return False
        return not is_configured(self._collector, self._host)

    def _internal_error(self, command: str, error: Exception) -> Reading:
        """Returns the reading for an error of the gateway itself, and keeps its traceback for the log."""
        self._tracebacks[command] = "".join(traceback.format_exception(error))
        detail = " ".join(f"internal error: {type(error).__name__}: {error}".split())
        return Reading(status=Status.FAILED, detail=detail, cause=Cause.BUG)


def start_together(runs: Sequence[CollectorRun]) -> None:
    """Starts all commands of several runs at once."""
    # the first command of every collector before the second of any: the first ones take longest
    for probes in zip_longest(*(run.probes for run in runs)):
        for run, probe in zip(runs, probes, strict=True):
            if probe is not None:
                run.start_probe(probe)
    for run in runs:
        run.start_waiting()


def _command_reports(plan: Plan, readings: Mapping[str, Reading]) -> tuple[CommandReport, ...]:
    tools = {probe.name: probe.tool for probe in plan.probes}
    required = {*plan.required_files, SAMPLES_STEP, *(probe.name for probe in plan.probes if probe.required)}
    return tuple(
        CommandReport(
            name=command,
            tool=tools.get(command, ""),
            status=reading.status,
            detail=" ".join(reading.detail.split()),  # one line, even if a library's message has several
            cause=reading.cause,
            line=reading.line,
            unreadable=reading.unreadable,
            duration=reading.duration,
            required=command in required,
            source=reading.source,
            library=reading.library,
            library_failure=" ".join(reading.library_failure.split()),
        )
        for command, reading in readings.items()
    )
