"""One run of the collectors: plans, commands, and the samples made of their readings."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

from gateway.clock import Clock
from gateway.engine.prober import Prober
from gateway.host.host import Host
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems.probe import Collector, Plan, Probe, Reading, is_configured

PLAN_STEP, SAMPLES_STEP = "plan", "samples"
"""The names under which reports show the two steps of a collector that are not commands, if they fail."""

_UNFINISHED = Reading(status=Status.TIMED_OUT, detail="did not finish before the scrape timed out")
_NOT_CONFIGURED = Reading(status=Status.NOT_INSTALLED, detail="its configuration was not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has obtained of one collector.

    Attributes:
        name: the collector's name.
        plan: what it had to read; None if its subsystem is absent.
        configured: whether the configuration of the subsystem exists although it is absent.
        duration: seconds from the start of the run to the end of the last command that has ended.
        readings: the readings of its probes and files, by name.
        samples: the samples made of these.
    """

    name: str
    plan: Plan | None = None
    configured: bool = False
    duration: float = 0.0
    readings: Mapping[str, Reading] = field(default_factory=dict)
    samples: SampleSet = field(default_factory=SampleSet)


class Run:
    """Runs some collectors once.

    Args:
        collectors: the collectors to run.
        required: the names of those whose subsystem must exist; any other may be absent.
        set_up: the names of those whose subsystem has existed in an earlier run; the run updates it.
        host: the machine to read.
        prober: carries out the probes.
        clock: measures durations.

    Attributes:
        names: the names of the collectors.
        time: when the run was created, in Unix seconds.
        started: the same on the monotonic clock.
        tracebacks: the tracebacks of the gateway's own errors, by collector and command.
    """

    def __init__(
        self,
        collectors: Sequence[Collector],
        *,
        required: Collection[str] = (),
        set_up: set[str],
        host: Host,
        prober: Prober,
        clock: Clock,
    ) -> None:
        self.names = frozenset(collector.name for collector in collectors)
        self.time = clock.time()
        self.started = clock.monotonic()
        self.tracebacks: dict[tuple[str, str], str] = {}
        self._collectors = {collector.name: collector for collector in collectors}
        self._required = frozenset(required)
        self._set_up = set_up
        self._configured: set[str] = set()
        self._host = host
        self._prober = prober
        self._clock = clock
        self._plans: dict[str, Plan | None] = {}
        self._readings: dict[tuple[str, str], asyncio.Task[Reading]] = {}
        self._last_ends: dict[str, float] = {}
        self._outcomes: dict[str, asyncio.Task[Outcome]] = {}

    @property
    def commands_done(self) -> int:
        """The number of commands that have ended: as long as it stays the same, so do the outcomes."""
        return sum(task.done() for task in self._readings.values())

    def start(self) -> None:
        """Makes the plans, and starts all commands at once."""
        self._plans = {name: self._plan(collector) for name, collector in self._collectors.items()}
        plans = {name: plan for name, plan in self._plans.items() if plan is not None}
        # the first command of every collector before the second of any: the first ones take longest
        for probes in zip_longest(*(plan.probes for plan in plans.values())):
            for name, probe in zip(plans, probes, strict=True):
                if probe is not None:
                    self._readings[name, probe.name] = asyncio.create_task(self._read(name, probe))
        for name, plan in plans.items():
            self._outcomes[name] = asyncio.create_task(self._finish(name, plan))

    async def wait(self) -> None:
        """Waits until every collector has finished."""
        if self._outcomes:
            await asyncio.wait(self._outcomes.values())

    async def outcomes(self) -> Sequence[Outcome]:
        """Returns the outcome of each collector as of now; a command that still runs counts as timed out."""
        outcomes = []
        for name, plan in self._plans.items():
            if plan is None:
                outcomes.append(Outcome(name=name, configured=name in self._configured))
            elif (task := self._outcomes[name]).done():
                outcomes.append(task.result())
            else:
                outcomes.append(await self._outcome(name, plan))
        return outcomes

    def cancel(self) -> Sequence[asyncio.Task[Any]]:
        """Cancels all commands, and returns the tasks to wait for."""
        tasks = (*self._readings.values(), *self._outcomes.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _plan(self, collector: Collector) -> Plan | None:
        """Returns a collector's plan, or None if its subsystem is absent and need not exist.

        Tools that disappear while the configuration stays are being replaced, or were removed by mistake: the subsystem
        is not absent for that, and the tools fail.
        """
        required = collector.name in self._required
        try:
            if not required and not any(map(self._host.find, collector.presence_tools)):
                configured = is_configured(collector, self._host)
                self._configured |= {collector.name} if configured else set()
                if not configured or collector.name not in self._set_up:
                    return None
            plan = collector.plan(self._host)
        except Exception as error:  # noqa: BLE001 - a bug in one collector must not affect the others
            reading = self._internal_error(collector.name, PLAN_STEP, error)
            return Plan(files={PLAN_STEP: reading}, required_files=(PLAN_STEP,))
        if plan is None and required:
            return Plan(files={"configuration": _NOT_CONFIGURED}, required_files=("configuration",))
        if plan is not None:
            self._set_up.add(collector.name)
        return plan

    async def _read(self, collector: str, probe: Probe) -> Reading:
        try:
            return await self._prober.read(collector, probe)
        except Exception as error:  # noqa: BLE001 - a bug in one parser must not affect other readings
            return self._internal_error(collector, probe.name, error)
        finally:
            self._last_ends[collector] = self._clock.monotonic()

    async def _finish(self, name: str, plan: Plan) -> Outcome:
        """Makes a collector's samples as soon as its own commands have ended, while others still run."""
        if plan.probes:
            await asyncio.wait([self._readings[name, probe.name] for probe in plan.probes])
        return await self._outcome(name, plan)

    async def _outcome(self, name: str, plan: Plan) -> Outcome:
        """Makes the samples of all readings that are available; a failure to do so becomes a reading as well."""
        readings = dict(plan.files)
        for probe in plan.probes:
            task = self._readings[name, probe.name]
            readings[probe.name] = task.result() if task.done() else _UNFINISHED
        samples = SampleSet()
        if PLAN_STEP not in readings:
            size = sum(reading.size for reading in readings.values())
            make_samples = partial(self._collectors[name].make_samples, dict(readings))
            try:
                samples = await self._prober.run_in_thread_if_large(size, make_samples)
            except Exception as error:  # noqa: BLE001 - a bug in one collector must not affect the others
                readings[SAMPLES_STEP] = self._internal_error(name, SAMPLES_STEP, error)
        duration = self._last_ends.get(name, self.started) - self.started
        return Outcome(name=name, plan=plan, duration=duration, readings=readings, samples=samples)

    def _internal_error(self, collector: str, command: str, error: Exception) -> Reading:
        """Returns the reading for an error of the gateway itself, and keeps its traceback for the log."""
        self.tracebacks[collector, command] = "".join(traceback.format_exception(error))
        detail = " ".join(f"internal error: {type(error).__name__}: {error}".split())
        return Reading(status=Status.FAILED, detail=detail)
