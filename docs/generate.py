"""Writes the generated parts of the documentation: ``python docs/generate.py`` in the project's environment.

A generated part stands between two comments, ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``. Everything
around them is written by hand and stays.
"""
# ruff: noqa: INP001 - a script, not a module of a package

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.catalog import METRICS, PREFIX
from gateway.options import OPTIONS, Field, Option, Records
from gateway.samples import Metric

DOCS = Path(__file__).parent

DROP_IN = frozenset(
    {
        "corosync_member_votes",
        "corosync_quorate",
        "corosync_quorum_votes",
        "corosync_ring_errors",
        "corosync_rings",
        "drbd_al_writes",
        "drbd_bm_writes",
        "drbd_connections",
        "drbd_connections_pending",
        "drbd_connections_received",
        "drbd_connections_sent",
        "drbd_connections_sync",
        "drbd_connections_unacked",
        "drbd_lower_pending",
        "drbd_quorum",
        "drbd_read",
        "drbd_resources",
        "drbd_split_brain",
        "drbd_upper_pending",
        "drbd_written",
        "pacemaker_config_last_change",
        "pacemaker_fail_count",
        "pacemaker_location_constraints",
        "pacemaker_maintenance_mode_enabled",
        "pacemaker_migration_threshold",
        "pacemaker_node_attributes",
        "pacemaker_nodes",
        "pacemaker_resources",
        "pacemaker_stonith_enabled",
        "sbd_devices",
        "sbd_timeouts",
        "scrape_duration_seconds",
        "scrape_success",
    }
)
"""The metrics whose names, labels and types are those of ``ha_cluster_exporter``, without the prefix."""

_SUBSYSTEMS = ("pacemaker", "corosync", "sbd", "drbd")


# --- Tables ----------------------------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _row(header)
    yield _row(["---"] * len(header))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(text: str) -> str:
    return f"`{text}`"


# --- Options ---------------------------------------------------------------------------------------------------------


def options() -> Iterator[str]:
    """Yields the lines of the table of options."""
    yield from _table(("key", "default", "flag", "meaning"), map(_option, OPTIONS))


def _option(option: Option) -> tuple[str, str, str, str]:
    flags = ", ".join(_code(flag) for flag in option.flags)
    return _code(option.key), _code(_literal(option.default)), flags, option.help


def records() -> Iterator[str]:
    """Yields the lines of the table of what arrays of tables hold."""
    rows = (
        _field(option.key, field)
        for option in OPTIONS
        if isinstance(option.read, Records)
        for field in option.read.fields
    )
    yield from _table(("key", "default", "meaning"), rows)


def _field(key: str, field: Field) -> tuple[str, str, str]:
    default = "" if field.default is None else _code(_literal(field.default))
    return f"`[[{key}]]` {_code(field.name)}", default, field.help


def _literal(value: Any) -> str:
    """Returns a default as it would stand in the file: TOML, which for these is JSON."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


# --- Metrics ---------------------------------------------------------------------------------------------------------


def subsystem(metric: Metric) -> str:
    """Returns the part of the page that a metric stands in."""
    first = metric.name.removeprefix(PREFIX).partition("_")[0]
    return first if first in _SUBSYSTEMS else "gateway"


def _metrics(name: str) -> Callable[[], Iterator[str]]:
    def lines() -> Iterator[str]:
        chosen = [metric for metric in METRICS if subsystem(metric) == name]
        yield from _table(("metric", "type", "labels", "meaning", "drop-in", "in HA-CLUSTER-MIB"), map(_metric, chosen))

    return lines


def _metric(metric: Metric) -> tuple[str, ...]:
    labels = [_code(label) for label in metric.labels]
    if metric.states:
        states = " ".join(_code(state) for state in metric.states)
        labels.append(f"{_code(metric.state_label)}: {states}")
    drop_in = "yes" if metric.name.removeprefix(PREFIX) in DROP_IN else ""
    objects = " ".join(map(_code, metric.mib))
    return _code(metric.name), metric.kind.value, ", ".join(labels), metric.help, drop_in, objects


# --- Pages -----------------------------------------------------------------------------------------------------------

PAGES: Mapping[str, Mapping[str, Callable[[], Iterable[str]]]] = {
    "configuration.md": {"options": options, "records": records},
    "metrics.md": {name: _metrics(name) for name in (*_SUBSYSTEMS, "gateway")},
}
"""The generated parts, by page and name."""


def page(name: str) -> str:
    """Returns a page with its generated parts as they ought to be.

    Raises:
        ValueError: a part has no place on the page.
    """
    text = (DOCS / name).read_text("utf-8")
    for part, lines in PAGES[name].items():
        begin, end = f"<!-- generated: {part} -->", f"<!-- end of {part} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"{name}: the part {part!r} has no place")
        text = "\n".join((before + begin, "", *lines(), "", end + after))
    return text


def main() -> None:
    """Writes the pages that are out of date, and names them."""
    for name in PAGES:
        wanted = page(name)
        if (DOCS / name).read_text("utf-8") != wanted:
            (DOCS / name).write_text(wanted, "utf-8")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
