"""Outputs of tools that are damaged in one place, and what the alarm table makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.samples import SampleSet
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from tests import series
from tests.cases import CONFIGURATION_FILES, OUTPUT_FILES
from tests.fakes import MISSING, FakeHost
from tests.subsystems import WITHOUT_MODULE, make_collectors

Files = Mapping[str, bytes]
"""The outputs of tools and the configuration files of one state, by the names of the files of a case."""

LONG = 1000.0
"""More seconds than any condition is held down."""

GARBLED = "frobnicated"
"""A word that no tool prints."""


class Mutation(NamedTuple):
    """A file that is damaged in one place.

    Attributes:
        what: the damage.
        content: the damaged file.
    """

    what: str
    content: bytes


# --- Damage ----------------------------------------------------------------------------------------------------------


def mutations(name: str, content: bytes) -> Iterator[Mutation]:
    """Yields every damage of one file: of each key if it is JSON, of each line and word otherwise."""
    yield Mutation("no output", b"")
    yield from _of_json(content) if name.endswith(".json") else _of_text(content)


def _of_json(content: bytes) -> Iterator[Mutation]:
    document = json.loads(content)
    for value, key, path in _places(document, ""):
        original = value[key]
        del value[key]
        yield Mutation(f"{path} removed", json.dumps(document).encode())
        value[f"{key}x"] = original
        yield Mutation(f"{path} renamed", json.dumps(document).encode())
        del value[f"{key}x"]
        for replacement in (None, GARBLED, -1):
            value[key] = replacement
            yield Mutation(f"{path} = {replacement}", json.dumps(document).encode())
        value[key] = original


def _places(value: Any, path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yields each object and key in a document, with the path of the key."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key in list(value):
            yield value, key, f"{path}.{key}"
            yield from _places(value[key], f"{path}.{key}")


def _of_text(content: bytes) -> Iterator[Mutation]:
    lines = content.splitlines(keepends=True)
    for index, line in enumerate(lines):
        before, after = b"".join(lines[:index]), b"".join(lines[index + 1 :])
        if line.strip():
            yield Mutation(f"without {line!r}", before + after)
            yield Mutation(f"cut off before {line!r}", before)
            yield Mutation(f"cut off in {line!r}", before + line[: len(line) // 2])
            yield Mutation(f"not UTF-8: {line!r}", before + b"\xff".join((line[:2], line[2:])) + after)
    for match in re.finditer(rb"[A-Za-z0-9_.-]+", content):
        for replacement in (GARBLED.encode(), b"-1", b""):
            yield Mutation(
                f"{match[0]!r} = {replacement!r} at {match.start()}",
                content[: match.start()] + replacement + content[match.end() :],
            )


# --- Alarms ----------------------------------------------------------------------------------------------------------


def snapshot(files: Files) -> Snapshot:
    """Returns the snapshot of a host on which the tools print these files. A tool without a file is not installed."""
    host = FakeHost(files={path: files[name] for path, name in CONFIGURATION_FILES.items() if name in files})
    samples = SampleSet()
    reports: dict[str, CollectorReport] = {}
    for collector in make_collectors("corosync", "qdevice", "qnetd", "drbd", options=WITHOUT_MODULE):
        plan = collector.plan(host)
        if plan is None:
            continue
        names = {probe.name: OUTPUT_FILES.get(probe.name, "") for probe in plan.probes}
        if not files.keys() & set(names.values()):
            continue
        results = {
            probe: series.ended(files[name], int(files.get(f"{name}.rc", b"0"))) if name in files else MISSING
            for probe, name in names.items()
        }
        readings = {**plan.files, **series.readings(plan.probes, results)}
        samples.update(collector.make_samples(readings))
        commands = tuple(
            CommandReport(name=name, status=reading.status, unreadable=reading.unreadable)
            for name, reading in readings.items()
        )
        reports[collector.name] = CollectorReport(name=collector.name, commands=commands)
    return Snapshot(samples_by_metric=samples.samples_by_metric, collectors=reports)


class Event(NamedTuple):
    """An alarm that was raised or cleared: the change, the condition, the object and the reason."""

    change: str
    condition: str
    object: str
    reason: str


def walk(*snapshots: Snapshot) -> list[list[Event]]:
    """Returns what each snapshot raises and clears; for the first, what is wrong already.

    A collector that fails is left out.
    """
    table, view, steps = AlarmTable(disabled={"collector-failing"}), None, []
    for number, each in enumerate(snapshots):
        now = number * LONG
        view = ClusterView(each, view, accumulators=ACCUMULATORS)
        events = table.evaluate(view, now=now, time=now)
        events += table.on_timer(now=now + LONG / 2)
        step = [Event(event.change, event.alarm.condition.name, event.alarm.object, event.reason) for event in events]
        if number == 0:
            step = [Event(Change.RAISED, alarm.condition.name, alarm.object, "none") for alarm in table.active]
        steps.append(step)
    return steps


def changes(intact: Snapshot, damaged: Snapshot) -> list[Event]:
    """Returns what is raised and cleared because of damage: at the start, after the intact output, and before it."""
    active = {event[1:3] for event in walk(intact)[0]}
    at_start = [event for event in walk(damaged)[0] if event[1:3] not in active]
    return [*at_start, *(event for step in walk(intact, damaged, intact)[1:] for event in step)]
