"""Encodes a snapshot as a JSON document, which ``snapshot.schema.json`` describes. Pure.

``/api/v1/snapshot`` serves it, and ``collect --format json`` prints it. It has a header, which is small, and one line
for each sample: one call of Python's encoder for all of them would block the event loop, even from another thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import gateway
from gateway.alarms.alarm_table import Alarm
from gateway.frontends.prometheus.exposition import OnError
from gateway.printable import printable
from gateway.samples import Labels, Metric, SamplesByMetric, Value, as_float
from gateway.snapshot import CollectorReport, CommandReport, Snapshot

CONTENT_TYPE = "application/json"

VERSION = 1
"""The version of the format: it changes when a key is removed or changes its meaning, not when one is added."""

Entry = Mapping[str, Any]
"""An object of the document, as JSON types."""

_encode_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def alarm_entries(alarms: Sequence[Alarm]) -> list[Entry]:
    """Returns the entries of active alarms, in the same order."""
    return [
        {
            "condition": alarm.condition.name,
            "object": alarm.object,
            "severity": alarm.condition.severity.value,
            "text": alarm.text,
            "action": alarm.condition.action,
            "since": _iso_time(alarm.since),
            "since_timestamp_seconds": alarm.since,
        }
        for alarm in alarms
    ]


def encode(
    snapshot: Snapshot, samples_by_metric: SamplesByMetric, *, alarms: Sequence[Entry] | None, on_error: OnError
) -> bytes:
    """Returns the document, in UTF-8 and without control characters other than line ends.

    Args:
        snapshot: the snapshot.
        samples_by_metric: its samples, merged with those of the gateway itself.
        alarms: the entries of the active alarms; None if alarms have not been evaluated.
        on_error: receives the metrics that cannot be encoded because of a bug.
    """
    head = {
        "version": VERSION,
        "gateway": {"version": gateway.__version__},
        "time": _iso_time(snapshot.time),
        "timestamp_seconds": snapshot.time,
        "complete": snapshot.complete,
        "alarms": alarms,
        "collectors": {name: _collector(report) for name, report in snapshot.collectors.items()},
    }
    text = printable(json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False), multiline=True)
    lines = ",\n    ".join(_lines(samples_by_metric, on_error))
    samples = f"\n    {lines}\n  " if lines else ""
    end = f',\n  "samples": [{samples}]\n}}\n'
    return (text.removesuffix("\n}") + end).encode()


def _iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _collector(report: CollectorReport) -> Entry:
    return {
        "state": report.status.value,
        "duration_seconds": report.duration,
        "commands": [_command(command) for command in report.commands],
    }


def _command(command: CommandReport) -> Entry:
    return {
        "name": command.name,
        "state": command.status.value,
        "detail": command.detail,
        "line": command.line,
        "required": command.required,
        "duration_seconds": command.duration,
        "unreadable_values": len(command.unreadable),
    }


# --- Samples ---------------------------------------------------------------------------------------------------------


def _lines(samples_by_metric: SamplesByMetric, on_error: OnError) -> Iterator[str]:
    """Yields the entry of each sample: metrics in the order of the metrics page, and samples in that of the tools."""
    for metric in sorted(samples_by_metric, key=lambda metric: metric.name):
        try:
            lines = [_line(metric, labels, value) for labels, value in samples_by_metric[metric].items()]
        except Exception as error:  # noqa: BLE001 - a bug in one metric must not cost the document
            on_error(metric.name, error)
        else:
            yield from lines


def _line(metric: Metric, labels: Labels, value: Value) -> str:
    entry: dict[str, Any] = {"name": metric.name, "labels": dict(zip(metric.labels, labels, strict=True))}
    if isinstance(value, tuple):
        flags = zip(metric.states, value, strict=True)
        entry["states"] = {state: bool(flag) for state, flag in flags if flag is not None}
    else:
        entry["value"] = _number(value)
    return printable(_encode_line(entry))


def _number(value: float) -> float | str:
    """Returns a number that every JSON parser can read: JSON has no infinity."""
    number = as_float(value)
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
