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

from gateway.alarms.conditions import CONDITIONS
from gateway.alarms.notification import Change, notification_name
from gateway.catalog import METRICS
from gateway.conditions.model import Condition
from gateway.config.options import OPTIONS, Field, Option, Records
from gateway.frontends.snmp.rows import bindings
from gateway.samples import Metric
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, Object, mib
from gateway.snmp.oid import Oid
from gateway.subsystems import SUBSYSTEMS

DOCS = Path(__file__).parent


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


def _option(option: Option[Any]) -> tuple[str, str, str, str]:
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
    return next((subsystem.name for subsystem in SUBSYSTEMS if metric in subsystem.metrics), "gateway")


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
    drop_in = "yes" if metric.drop_in else ""
    objects = " ".join(map(_code, metric.mib))
    return _code(metric.name), metric.kind.value, ", ".join(labels), metric.help, drop_in, objects


# --- The MIB ---------------------------------------------------------------------------------------------------------

GROUPS = ("cluster", "nodes", "resources", "corosync", "sbd", "drbd", "gateway", "alarms")
"""The branches of haClusterObjects, in the order of their numbers, which begin with 1."""

MIB = mib()


def _below(oid: Oid, module: Mib = MIB) -> str:
    """Returns an identifier as it is below the root."""
    return oids.dotted(oid.removeprefix(module.root))


def _group(number: int) -> Callable[[], Iterator[str]]:
    """Returns what yields the scalars of a branch, then its tables."""

    def lines() -> Iterator[str]:
        branch = MIB.root + oids.encode((1, number))
        found = [entry for entry in MIB.objects.values() if entry.oid.startswith(branch)]
        scalars = [entry for entry in found if not entry.row and not entry.index]
        parts = [list(_objects(scalars))] if scalars else []
        for row, columns in MIB.rows():
            if row.oid.startswith(branch):
                parts.append(
                    [f"### {row.name.removesuffix('Entry')}Table", "", _introduction(row), "", *_objects(columns)]
                )
        for place, part in enumerate(parts):
            yield from ([""] if place else [])
            yield from part

    return lines


def _introduction(row: Object) -> str:
    indexes = ", ".join(map(_code, row.index))
    shown = _shown_by(row.name)
    metrics = f" In Prometheus, rows are those of {shown}." if shown else ""
    return f"`{_below(row.oid[:-4])}`. {row.description} Index: {indexes}.{metrics}"


def _objects(listed: Iterable[Object]) -> Iterator[str]:
    yield from _table(("object", "OID", "syntax", "meaning", "Prometheus"), map(_object, listed))


def _object(entry: Object) -> tuple[str, ...]:
    meaning = entry.description if entry.readable else f"{entry.description} Not to be read: it is in the index."
    return _code(entry.name), _code(_below(entry.oid)), _syntax(entry), meaning, _shown_by(entry.name)


def _syntax(entry: Object) -> str:
    """Returns a syntax as people want it: the type, the names of its numbers, where its decimal point is, its units."""
    syntax = entry.syntax
    assert syntax is not None
    name = "INTEGER" if syntax.names and syntax.name == "INTEGER" else syntax.name
    parts = [_code(name)]
    if syntax.names and syntax.name != "TruthValue":
        parts.append(" ".join(_code(f"{word}({number})") for number, word in syntax.names.items()))
    if syntax.decimals:
        parts.append(f"{syntax.decimals} decimal places")
    if entry.units:
        parts.append(entry.units)
    return ", ".join(parts)


def _shown_by(name: str) -> str:
    """Returns the metrics that show an object; where it is none's value, the first that has it as a label."""
    labels = {
        binding.metric.name: label
        for binding in reversed(bindings(MIB))
        for label, shown in binding.labels.items()
        if shown == name
    }
    shown = [metric for metric in METRICS if name in metric.mib]
    if not shown and labels:
        shown = [metric for metric in METRICS if metric.name == list(labels)[-1]]
    return ", ".join(
        f"{_code(metric.name)}, label {_code(labels[metric.name])}"
        if metric.name in labels
        else _code(metric.name + _matcher(metric, name))
        for metric in shown
    )


def _matcher(metric: Metric, name: str) -> str:
    """Returns what chooses the series that an object shows, where a metric has several objects."""
    choice = metric.mib_choice
    label, values = (choice.label, tuple(choice.objects)) if choice else (metric.state_label, metric.states)
    if len(metric.mib) != len(values):
        return ""
    return f'{{{label}="{values[metric.mib.index(name)]}"}}'


def notifications() -> Iterator[str]:
    """Yields the lines of the table of notifications."""
    rows = ((_code(found.name), _code(_below(found.oid)), found.description) for found in MIB.notifications.values())
    yield from _table(("notification", "OID", "meaning"), rows)


def variables() -> Iterator[str]:
    """Yields the lines of the table of what a notification carries, which is the same for all.

    Raises:
        ValueError: it is not.
    """
    carried = {found.objects for found in MIB.notifications.values()}
    if len(carried) != 1:
        raise ValueError("the notifications carry different objects: the page needs a table for each")
    rows = [
        ("1", "`sysUpTime.0`", "`1.3.6.1.2.1.1.3.0`", "`TimeTicks`", "How long the gateway has run."),
        ("2", "`snmpTrapOID.0`", "`1.3.6.1.6.3.1.1.4.1.0`", "`OBJECT IDENTIFIER`", "Which notification it is."),
    ]
    for place, name in enumerate(carried.pop(), 3):
        entry = MIB[name]
        rows.append(
            (str(place), _code(f"{name}.0"), _code(f"{_below(entry.oid)}.0"), _syntax(entry), entry.description)
        )
    yield from _table(("", "variable", "OID", "syntax", "meaning"), rows)


# --- Alarms ----------------------------------------------------------------------------------------------------------


def overview() -> Iterator[str]:
    """Yields the lines of the table of all conditions."""
    rows = (
        (
            f"[{condition.name}](#{condition.name})",
            condition.severity.value,
            condition.about or ("this node" if condition.local else "the cluster"),
            "each node" if condition.local else "all nodes, or the DC's",
            f"{condition.hold:g} s" if condition.hold else "",
        )
        for condition in CONDITIONS
    )
    yield from _table(("condition", "severity", "about", "told by", "raised after"), rows)


def conditions() -> Iterator[str]:
    """Yields a section for each condition."""
    for place, heading in enumerate(dict.fromkeys(condition.category.title for condition in CONDITIONS)):
        yield from ([""] if place else [])
        yield f"### {heading}"
        for condition in CONDITIONS:
            if condition.category.title == heading:
                yield from _condition(condition)


def _condition(condition: Condition) -> Iterator[str]:
    raised, cleared = (
        MIB.notifications[notification_name(condition.category, change)] for change in (Change.RAISED, Change.CLEARED)
    )
    when = f" when it has lasted {condition.hold:g} s" if condition.hold else ""
    over = f" {condition.expires_after:g} s later, by itself" if condition.expires_after else ""
    yield from ("", f"#### {condition.name}", "", f"{condition.severity.value.capitalize()}. {condition.meaning}", "")
    yield f"- Raised{when}: `{raised.name}` (`{_below(raised.oid)}`), “{condition.raised}”"
    yield f"- Cleared{over}: `{cleared.name}` (`{_below(cleared.oid)}`), “{condition.cleared}”"
    yield f"- What to do: {condition.action}"


# --- Pages -----------------------------------------------------------------------------------------------------------

PAGES: Mapping[str, Mapping[str, Callable[[], Iterable[str]]]] = {
    "configuration.md": {"options": options, "records": records},
    "metrics.md": {name: _metrics(name) for name in (*(subsystem.name for subsystem in SUBSYSTEMS), "gateway")},
    "mib.md": {
        **{name: _group(number) for number, name in enumerate(GROUPS, 1)},
        "notifications": notifications,
        "variables": variables,
    },
    "alarms.md": {"overview": overview, "variables": variables, "conditions": conditions},
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
