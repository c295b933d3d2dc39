"""Reports on the collectors: in snapshots, in the gateway's own metrics, and in the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway import self_metrics
from gateway.engine.run import SAMPLES_STEP, Outcome, Run
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status

_LONGEST_COMPARISON = 100
"""The number of unreadable values of a command of which a change is noticed and logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _CollectorState:
    """The part of a report whose changes are logged."""

    present: bool
    failures: Mapping[str, Status]

    @classmethod
    def of(cls, report: CollectorReport) -> _CollectorState:
        failures = {command.name: command.status for command in report.failing}
        return cls(present=report.present, failures=failures)


class Reporter:
    """Counts runs and failures since the start of the gateway, and remembers the state of each collector.

    Attributes:
        runs: how many runs were started.
        samples_dropped: samples that were dropped, by collector.
        failures: failed commands, by collector, command and status.
        values_unreadable: values that could not be read, by collector and command.
        states: the state of each collector in the last run.
        unreadable_values: the reasons why values of each command could not be read in its last run.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.samples_dropped: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str, Status]] = Counter()
        self.values_unreadable: Counter[tuple[str, str]] = Counter()
        self.states: dict[str, _CollectorState] = {}
        self.unreadable_values: dict[tuple[str, str], frozenset[str]] = {}
        self.log = structlog.get_logger("engine")

    def start_run(self, run: Run) -> RunReporter:
        """Counts a run, and returns its reporter."""
        self.runs += 1
        return RunReporter(self, run)


class RunReporter:
    """Reports on one run, of which several snapshots may be made: each failure is counted and logged once.

    Args:
        reporter: counts the failures of all runs.
        run: provides the results so far.
    """

    def __init__(self, reporter: Reporter, run: Run) -> None:
        self._reporter = reporter
        self._run = run
        self._counted_failures: set[tuple[str, str]] = set()
        self._counted_drops: Counter[str] = Counter()
        self._compared: set[str] = set()
        self._read: set[tuple[str, str]] = set()

    def make_snapshot(self, outcomes: Sequence[Outcome]) -> Snapshot:
        """Returns the snapshot of what the run has obtained of its collectors."""
        merged = SampleSet()
        reports = {}
        for outcome in outcomes:
            merged.update(outcome.samples)
            self._count_drops(outcome)
            reports[outcome.name] = report = _report(outcome)
            self._count_failures(report)
            self._log_change(report)
            self._count_unreadable_values(report)
        self._add_samples(merged, reports)
        return Snapshot(
            samples_by_metric=merged.samples_by_metric,
            collectors=reports,
            time=self._run.time,
            started=self._run.started,
        )

    def _count_drops(self, outcome: Outcome) -> None:
        name, dropped = outcome.name, outcome.samples.dropped
        self._reporter.samples_dropped[name] += max(0, dropped - self._counted_drops[name])
        self._counted_drops[name] = max(dropped, self._counted_drops[name])

    def _count_failures(self, report: CollectorReport) -> None:
        """Counts a failed command once, whether the scrape or the command gives up first."""
        for command in report.commands:
            key = (report.name, command.name)
            countable = bool(command.tool) or key in self._run.tracebacks
            if command.status is not Status.OK and countable and key not in self._counted_failures:
                self._counted_failures.add(key)
                self._reporter.failures[*key, command.status] += 1

    def _count_unreadable_values(self, report: CollectorReport) -> None:
        """Counts the values of each command that could not be read, as soon as the command has ended."""
        for command in report.commands:
            key = (report.name, command.name)
            if command.status is Status.OK and key not in self._read:
                self._read.add(key)
                self._reporter.values_unreadable[key] += len(command.unreadable)
                self._log_unreadable_values(key, command)

    def _log_unreadable_values(self, key: tuple[str, str], command: CommandReport) -> None:
        """Logs if other values than in the previous run could not be read."""
        reasons = frozenset(value.reason for value in command.unreadable[:_LONGEST_COMPARISON])
        if reasons == self._reporter.unreadable_values.get(key, frozenset()):
            return
        self._reporter.unreadable_values[key] = reasons
        event: dict[str, Any] = {"collector": key[0], "command": key[1]}
        if not reasons:
            self._reporter.log.info("values readable again", **event)
            return
        first = command.unreadable[0]
        event |= {"values": len(command.unreadable), "reason": first.reason}
        if first.line is not None:
            event["line"] = first.line
        self._reporter.log.warning("values unreadable", **event)

    def _log_change(self, report: CollectorReport) -> None:
        """Logs if a collector's state differs from the previous run.

        Only the first snapshot of a run is compared. If a scrape cannot wait for a slow command, the command does not
        count as recovered each time that it ends after the scrape.
        """
        if report.name in self._compared:
            return
        self._compared.add(report.name)
        state = _CollectorState.of(report)
        previous = self._reporter.states.get(report.name)
        if state == previous:
            return
        self._reporter.states[report.name] = state
        log, event = self._reporter.log, {"collector": report.name, "state": report.status.value}
        if report.failing:
            previous_failures = previous.failures if previous else {}
            changes = (
                command for command in report.failing if previous_failures.get(command.name) is not command.status
            )
            cause = next(changes, report.failing[0])
            log.warning("collector failing", **event, **self._failure_event(report, cause))
        elif previous is None:
            log.info("collector ready" if report.present else "subsystem absent", **event)
        else:
            log.warning("collector state changed", **event)

    def _failure_event(self, report: CollectorReport, command: CommandReport) -> dict[str, Any]:
        """Returns the details that the log shows of the command because of which a collector fails."""
        event: dict[str, Any] = {"command": command.name}
        if command.tool and command.tool != command.name:
            event["tool"] = command.tool
        event["reason"] = command.detail
        if command.line is not None:
            event["line"] = command.line
        if others := [f"{other.name}: {other.status.value}" for other in report.failing if other is not command]:
            event["others"] = ", ".join(others)
        if trace := self._run.tracebacks.get((report.name, command.name)):
            event["exception"] = trace
        return event

    def _add_samples(self, samples: SampleSet, reports: Mapping[str, CollectorReport]) -> None:
        """Adds the gateway's metrics about collectors and commands."""
        failures = self._reporter.failures
        for name, report in reports.items():
            samples.add(self_metrics.COLLECTOR_STATE, self_metrics.COLLECTOR_STATE.flags_for(report.status), name)
            samples.add(self_metrics.SAMPLES_DROPPED, self._reporter.samples_dropped[name], name)
            if not report.present:
                continue
            for command in report.commands:
                unreadable = self._reporter.values_unreadable[name, command.name]
                samples.add(self_metrics.VALUES_UNREADABLE, unreadable, name, command.name)
            samples.add(self_metrics.SCRAPE_SUCCESS, int(report.status is Status.OK), name)
            samples.add(self_metrics.SCRAPE_DURATION, report.duration, name)
            for command in (command for command in report.commands if command.tool):
                samples.add(self_metrics.COMMAND_DURATION, command.duration, name, command.name)
                timeouts = failures[name, command.name, Status.TIMED_OUT]
                samples.add(self_metrics.COMMAND_TIMEOUTS, timeouts, name, command.name)
        for (name, command_name, status), count in failures.items():
            if name in reports:
                samples.add(self_metrics.COMMAND_FAILURES, count, name, command_name, status.value)
        samples.add(self_metrics.RUNS, self._reporter.runs)


def _report(outcome: Outcome) -> CollectorReport:
    plan = outcome.plan
    if plan is None:
        return CollectorReport(name=outcome.name, present=False, configured=outcome.configured)
    tools = {probe.name: probe.tool for probe in plan.probes}
    required = {*plan.required_files, SAMPLES_STEP, *(probe.name for probe in plan.probes if probe.required)}
    return CollectorReport(
        name=outcome.name,
        duration=outcome.duration,
        commands=tuple(
            CommandReport(
                name=command,
                tool=tools.get(command, ""),
                status=reading.status,
                detail=" ".join(reading.detail.split()),  # one line, even if a library's message has several
                line=reading.line,
                unreadable=reading.unreadable,
                duration=reading.duration,
                required=command in required,
            )
            for command, reading in outcome.readings.items()
        ),
    )
