"""Reports on the collectors: in snapshots, in the gateway's own metrics, and in the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.engine.run import Outcome
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status

_LONGEST_COMPARISON = 100
"""The number of unreadable values of a command of which a change is noticed and logged."""

_MAX_LOGGED_SOURCES = 100
"""Libraries and reasons that are logged at most."""


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

    Only finished runs count. A snapshot that is made earlier, for a scrape that ran out of time, changes nothing here.

    Attributes:
        runs: how often collectors were started.
        samples_dropped: samples that were dropped, by collector.
        failures: failed commands, by collector, command and status.
        values_unreadable: values that could not be read, by collector and command.
        states: the state of each collector in its last run.
        unreadable_values: the reasons why values of each command could not be read in its last run.
    """

    def __init__(self) -> None:
        self.runs = 0
        self.samples_dropped: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str, Status]] = Counter()
        self.values_unreadable: Counter[tuple[str, str]] = Counter()
        self.states: dict[str, _CollectorState] = {}
        self.unreadable_values: dict[tuple[str, str], frozenset[str]] = {}
        self._logged_sources: set[tuple[str, str, str]] = set()
        self._log = structlog.get_logger("engine")

    def record(self, outcome: Outcome) -> None:
        """Counts and logs the outcome of a finished run."""
        report = outcome.report
        self.samples_dropped[report.name] += outcome.samples.dropped
        self._count_failures(outcome)
        self._log_change(outcome)
        self._count_unreadable_values(report)
        self._log_sources(report)

    def make_snapshot(self, outcomes: Sequence[Outcome], *, time: float, started: float) -> Snapshot:
        """Returns the snapshot of some outcomes.

        Args:
            outcomes: one for each collector.
            time: when the first of their runs started, in Unix seconds.
            started: the same on the monotonic clock.
        """
        merged = SampleSet()
        for outcome in outcomes:
            merged.update(outcome.samples)
        reports = {outcome.report.name: outcome.report for outcome in outcomes}
        self._add_samples(merged, reports)
        return Snapshot(
            samples_by_metric=merged.samples_by_metric,
            collectors=reports,
            time=time,
            started=started,
            complete=all(outcome.complete for outcome in outcomes),
        )

    def _count_failures(self, outcome: Outcome) -> None:
        for command in outcome.report.commands:
            countable = bool(command.tool) or command.name in outcome.tracebacks
            if command.status is not Status.OK and countable:
                self.failures[outcome.report.name, command.name, command.status] += 1

    def _count_unreadable_values(self, report: CollectorReport) -> None:
        for command in report.commands:
            if command.status is Status.OK:
                key = (report.name, command.name)
                self.values_unreadable[key] += len(command.unreadable)
                self._log_unreadable_values(key, command)

    def _log_unreadable_values(self, key: tuple[str, str], command: CommandReport) -> None:
        """Logs if other values than in the previous run could not be read."""
        reasons = frozenset(value.reason for value in command.unreadable[:_LONGEST_COMPARISON])
        if reasons == self.unreadable_values.get(key, frozenset()):
            return
        self.unreadable_values[key] = reasons
        event: dict[str, Any] = {"collector": key[0], "command": key[1]}
        if not reasons:
            self._log.info("values readable again", **event)
            return
        first = command.unreadable[0]
        event |= {"values": len(command.unreadable), "reason": first.reason}
        if first.line is not None:
            event["line"] = first.line
        self._log.warning("values unreadable", **event)

    def _log_sources(self, report: CollectorReport) -> None:
        """Logs each library that answers, and each reason for which a tool is run instead, once."""
        for command in report.commands:
            source = (report.name, command.name, command.library or command.library_failure)
            if command.status is not Status.OK or not source[2] or source in self._logged_sources:
                continue
            if len(self._logged_sources) < _MAX_LOGGED_SOURCES:
                self._logged_sources.add(source)
                details = {"collector": report.name, "command": command.name}
                if command.library:
                    self._log.info("library in use", **details, library=command.library)
                else:
                    self._log.info("tool in use", **details, reason=command.library_failure)

    def _log_change(self, outcome: Outcome) -> None:
        """Logs if a collector's state differs from the previous run."""
        report = outcome.report
        state = _CollectorState.of(report)
        previous = self.states.get(report.name)
        if state == previous:
            return
        self.states[report.name] = state
        event = {"collector": report.name, "state": report.status.value}
        if report.failing:
            previous_failures = previous.failures if previous else {}
            changes = (
                command for command in report.failing if previous_failures.get(command.name) is not command.status
            )
            cause = next(changes, report.failing[0])
            if report.failed:
                self._log.warning("collector failing", **event, **_failure_event(outcome, cause))
            else:  # an alarm says so if it should run
                self._log.info("subsystem not running", **event, **_failure_event(outcome, cause))
        elif previous is None:
            self._log.info("collector ready" if report.present else "subsystem absent", **event)
        else:
            self._log.warning("collector state changed", **event)

    def _add_samples(self, samples: SampleSet, reports: Mapping[str, CollectorReport]) -> None:
        """Adds the gateway's metrics about collectors and commands."""
        for name, report in reports.items():
            samples.add(self_metrics.COLLECTOR_STATE, self_metrics.COLLECTOR_STATE.flags_for(report.status), name)
            samples.add(self_metrics.SAMPLES_DROPPED, self.samples_dropped[name], name)
            if report.present:
                samples.add(self_metrics.SCRAPE_SUCCESS, int(report.status is Status.OK), name)
                samples.add(self_metrics.SCRAPE_DURATION, report.duration, name)
                for command in report.commands:
                    self._add_command_samples(samples, name, command)
        for (name, command_name, status), count in self.failures.items():
            if name in reports:
                samples.add(self_metrics.COMMAND_FAILURES, count, name, command_name, status.value)
        samples.add(self_metrics.RUNS, self.runs)

    def _add_command_samples(self, samples: SampleSet, collector: str, command: CommandReport) -> None:
        """Adds the metrics about a command. A step that runs no tool only has values that could not be read."""
        key = (collector, command.name)
        samples.add(self_metrics.VALUES_UNREADABLE, self.values_unreadable[key], *key)
        if not command.tool:
            return
        samples.add(self_metrics.COMMAND_DURATION, command.duration, *key)
        if command.source is not None:
            samples.add(self_metrics.COMMAND_SOURCE, self_metrics.COMMAND_SOURCE.flags_for(command.source), *key)
        samples.add(self_metrics.COMMAND_TIMEOUTS, self.failures[*key, Status.TIMED_OUT], *key)


def _failure_event(outcome: Outcome, command: CommandReport) -> dict[str, Any]:
    """Returns the details that the log shows of the command because of which a collector fails."""
    event: dict[str, Any] = {"command": command.name}
    if command.tool and command.tool != command.name:
        event["tool"] = command.tool
    event["reason"] = command.detail
    if command.line is not None:
        event["line"] = command.line
    others = [f"{other.name}: {other.status.value}" for other in outcome.report.failing if other is not command]
    if others:
        event["others"] = ", ".join(others)
    if trace := outcome.tracebacks.get(command.name):
        event["exception"] = trace
    return event
