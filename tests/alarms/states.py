"""States of a cluster as outputs of Pacemaker's tools, evaluated one after the other."""

from __future__ import annotations

from typing import NamedTuple

from gateway.alarms.alarm_table import AlarmEvent, AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS, CONDITION_BY_NAME
from gateway.conditions.model import Reason
from gateway.conditions.view import ClusterView
from gateway.host.host import CommandResult
from gateway.samples import SamplesByMetric
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.pacemaker.conditions import CONDITIONS
from tests import series
from tests.alarms.documents import Outputs
from tests.fakes import FakeHost
from tests.subsystems import make_collector

LONG = 1000.0
"""Seconds between two states: more than any condition is held down."""

NOW = 1_795_805_000.0
"""The time of the documents, 2026-11-27 18:43:20 UTC."""

OTHERS = frozenset(CONDITION_BY_NAME) - {condition.name for condition in CONDITIONS}
"""The conditions of other subsystems."""

Alarms = frozenset[tuple[str, str]]
"""Conditions with their objects."""


class State(NamedTuple):
    """What the collector makes of the outputs of one state."""

    samples: SamplesByMetric
    report: CollectorReport


def read(outputs: Outputs, **failing: Status) -> State:
    """Returns the state that outputs show; commands fail with the given status."""
    collector = make_collector("pacemaker")
    plan = collector.plan(FakeHost())
    assert plan is not None
    results = {"crm_mon": series.ended(outputs.crm_mon), "cibadmin": series.ended(outputs.cib)}
    results |= {name: CommandResult(status=status) for name, status in failing.items()}
    readings = series.readings(plan.probes, results)
    commands = tuple(
        CommandReport(name=name, tool=name, status=each.status, detail=each.detail, unreadable=each.unreadable)
        for name, each in readings.items()
    )
    samples = collector.make_samples({**plan.files, **readings}).samples_by_metric
    return State(samples, CollectorReport(name="pacemaker", commands=commands))


def walk(*states: State) -> list[AlarmEvent]:
    """Evaluates states one after the other; returns the events of the last one.

    In the first state, the alarms that are active at the start count as raised.
    """
    table, view, events = AlarmTable(disabled=OTHERS), None, []
    for number, state in enumerate(states):
        now = number * LONG
        snapshot = Snapshot(
            samples_by_metric=state.samples,
            collectors={"pacemaker": state.report},
            time=NOW + now,
            started=now,
        )
        view = ClusterView(snapshot, view, accumulators=ACCUMULATORS)
        events = table.evaluate(view, now=now, time=NOW + now) + table.on_timer(now=now + LONG)
        if not number:
            events = [AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text) for alarm in table.active]
    return events


def raised(events: list[AlarmEvent]) -> Alarms:
    """Returns the alarms that are raised."""
    return frozenset(
        (event.alarm.condition.name, event.alarm.object) for event in events if event.change is Change.RAISED
    )


def cleared(events: list[AlarmEvent]) -> Alarms:
    """Returns the alarms that are cleared for another reason than time."""
    return frozenset(
        (event.alarm.condition.name, event.alarm.object)
        for event in events
        if event.change is Change.CLEARED and event.reason is not Reason.EXPIRED
    )
