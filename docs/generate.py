"""Writes the generated parts of the documentation; ``make regenerate`` runs it.

A generated part is between two comments, ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``. The text around
these parts is written by hand and is left alone. ``gateway.conf.example`` is generated as a whole.
"""
# ruff: noqa: INP001 - a script, not a module of a package

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.alarms.notification import Change
from gateway.catalog import CONDITIONS, METRICS
from gateway.conditions.model import Condition
from gateway.config.config import OPTIONS
from gateway.frontends.prometheus.snapshot_api import schema
from gateway.frontends.snmp.notifications.rendering import ADDITIONAL_VARIABLE, notification_name
from gateway.frontends.snmp.rows import bindings
from gateway.options.model import Field, Option, OptionValues, Records
from gateway.samples import Metric
from gateway.self_monitoring import self_metrics
from gateway.snmp import oid as oids
from gateway.snmp.mib import module
from gateway.snmp.mib.module import Object, mib
from gateway.snmp.oid import Oid
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.subsystem import Subsystem

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "gateway.conf.example"
MIB = mib()
COMPILED: Mapping[str, Mapping[str, Any]] = json.loads(
    (Path(module.__file__).parent / f"{module.MODULE}.json").read_text("utf-8")
)
"""The compiled MIB, for its branches and groups, which the gateway itself does not need."""


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


def options(listed: Iterable[Option[Any]] = OPTIONS) -> Iterator[str]:
    """Yields the lines of the table of options."""
    yield from _table(("key", "default", "flag", "meaning"), map(_option, listed))


def _option(option: Option[Any]) -> tuple[str, str, str, str]:
    flags = ", ".join(_code(flag) for flag in option.flags)
    return _code(option.key), _code(_literal(option.default)), flags, option.description


def records() -> Iterator[str]:
    """Yields the lines of the table of the keys in arrays of tables."""
    rows = (
        _field(option.key, field)
        for option in OPTIONS
        if isinstance(option.read, Records)
        for field in option.read.fields
    )
    yield from _table(("key", "default", "meaning"), rows)


def _field(key: str, field: Field) -> tuple[str, str, str]:
    default = "" if field.default is None else _code(_literal(field.default))
    only_with = f" (kind {', '.join(map(_code, field.only_with))})" if field.only_with else ""
    return f"`[[{key}]]` {_code(field.name)}{only_with}", default, field.help


def _literal(value: Any) -> str:
    """Returns a default as it is written in the file: TOML, which is JSON for these values."""
    return json.dumps(value)


INTRODUCTION = """\
# Configuration of ha-cluster-gateway: every option, with its default.
#
# The gateway reads /etc/ha-cluster-gateway/gateway.conf, or the file that --config names. The file is optional, and
# needs only the options that differ from their defaults. Flags override it (ha-cluster-gateway --help);
# "ha-cluster-gateway check" validates it. The format is TOML. Only root and the user of the gateway may write the file
# and the directories that lead to it. If it contains passwords or communities, not everyone may read it.
#
# SIGHUP (systemctl reload ha-cluster-gateway) makes a running gateway read it again. An option that says so takes
# effect only after a restart.
"""

HEADINGS: Mapping[str, str] = {
    "web": "# --- The HTTP server: metrics, the status page, JSON, service discovery, health and reload.\n",
    "log": "# --- The log, on standard error.\n",
    "collectors": "# --- The collectors, one for each subsystem. auto costs nothing if a subsystem is not installed.\n",
    "snmp": "# --- SNMP: HA-CLUSTER-MIB, through the host's snmpd and from the built-in agent.\n",
    "snmp.agent": "# The built-in agent, for hosts without snmpd. It is read-only.",
    "alarms": "# --- Alarms: conditions that need attention, as SNMP notifications, metrics and tables of the MIB.\n",
    "alarms.disable": "# Disabled conditions: they are not evaluated.",
    "tools": "# --- The tools of the cluster that the gateway runs, one table each.\n",
}
"""What precedes a table in the example configuration."""


def example() -> str:
    """Returns the example configuration: every option with its default, and every array of tables as a comment."""
    headings = {
        f"tools.{tool.name}": f"# {parent.title}: {tool.purpose}." for parent in SUBSYSTEMS for tool in parent.tools
    }
    first = next(parent.name for parent in SUBSYSTEMS if parent.options)
    headings |= {first: "# --- The options of the subsystems.\n", **HEADINGS}
    lines = INTRODUCTION.splitlines()
    for table, listed in groupby(OPTIONS, key=lambda option: option.key.rpartition(".")[0]):
        heading = headings[table].split("\n") if table in headings else []
        lines += ("", *heading, f"[{table}]")
        for option in listed:
            if isinstance(option.read, Records):
                for value, fields in option.read.variants:
                    lines += ("", *_commented_table(option, value, fields))
            else:
                name = option.key.rpartition(".")[2]
                lines += (f"# {option.description}", f"{name} = {_literal(option.default)}")
    return "\n".join((*lines, ""))


_ALTERNATIVES = {
    "bearer_token_file",
    "ca_file",
    "cert_file",
    "community",
    "engine_id",
    "key_file",
    "auth_key",
    "priv_key",
}
"""Fields that do not go with the others of the example, or are seldom needed."""


def _commented_table(option: Option[Any], value: str, fields: Iterable[Field]) -> Iterator[str]:
    assert isinstance(option.read, Records)
    yield from (f"# {option.help}", f"# [[{option.key}]]")
    for field in fields:
        instead_of_another = field.instead_of or field.name in _ALTERNATIVES
        yield f"# # {field.help}"
        example = value if field.name == option.read.selector else field.example
        yield f"# {'# ' if instead_of_another else ''}{field.name} = {_literal(example)}"


# --- Metrics ---------------------------------------------------------------------------------------------------------


def metrics(subsystems: Iterable[Subsystem] = SUBSYSTEMS) -> Iterator[str]:
    """Yields a section with a table for each subsystem, and one for the gateway itself."""
    for subsystem in subsystems:
        yield from (f"## {subsystem.title}", "", *_metric_table(subsystem.metrics), "")
    yield from ("## The gateway itself", "", *_metric_table(self_metrics.METRICS))


def _metric_table(listed: Iterable[Metric]) -> Iterator[str]:
    yield from _table(("metric", "type", "labels", "meaning", "drop-in", "in HA-CLUSTER-MIB"), map(_metric, listed))


def _metric(metric: Metric) -> tuple[str, ...]:
    labels = [_code(label) for label in metric.labels]
    if metric.states:
        states = " ".join(_code(state) for state in metric.states)
        labels.append(f"{_code(metric.state_label)}: {states}")
    drop_in = "yes" if metric.drop_in else ""
    objects = " ".join(map(_code, metric.mib))
    return _code(metric.name), metric.kind.value, ", ".join(labels), metric.help, drop_in, objects


# --- The MIB ---------------------------------------------------------------------------------------------------------


def objects(subsystems: Iterable[Subsystem] = SUBSYSTEMS) -> Iterator[str]:
    """Yields a section for each branch of haClusterObjects: its scalars, then its tables."""
    titles = {subsystem.name: subsystem.title for subsystem in subsystems}
    parent = COMPILED["haClusterObjects"]["oid"]
    branches = [node for node in COMPILED.values() if node.get("oid", "").rpartition(".")[0] == parent]
    for place, branch in enumerate(sorted(branches, key=lambda node: int(node["oid"].rpartition(".")[2]))):
        name = branch["name"].removeprefix("haCluster")
        yield from ([""] if place else [])
        yield f"## {titles.get(name.lower(), name)}"
        yield from ("", COMPILED[f"{branch['name']}Group"]["description"], "")
        yield from _branch(oids.parse(branch["oid"]))


def _branch(branch: Oid) -> Iterator[str]:
    entries = [entry for entry in MIB.objects.values() if entry.oid.startswith(branch)]
    scalars = [entry for entry in entries if not entry.row and not entry.index]
    parts = [list(_objects(scalars))] if scalars else []
    for row, columns in MIB.rows():
        if row.oid.startswith(branch):
            parts.append([f"### {row.name.removesuffix('Entry')}Table", "", _introduction(row), "", *_objects(columns)])
    for place, part in enumerate(parts):
        yield from ([""] if place else [])
        yield from part


def _below_root(oid: Oid) -> str:
    return oids.dotted(oid.removeprefix(MIB.root))


def _introduction(row: Object) -> str:
    indexes = ", ".join(map(_index, MIB.index_of(row.name)))
    shown = _shown_by(row.name)
    in_prometheus = f" Prometheus: {shown}." if shown else ""
    return f"{_code(_below_root(row.oid[:-4]))}. {row.description} Index: {indexes}.{in_prometheus}"


def _index(entry: Object) -> str:
    """Returns an index and, if it is a text, how many octets of it are shown."""
    assert entry.syntax is not None
    size = entry.syntax.size
    return f"{_code(entry.name)} (at most {size} octets)" if size else _code(entry.name)


def _objects(listed: Iterable[Object]) -> Iterator[str]:
    yield from _table(("object", "OID", "syntax", "meaning", "Prometheus"), map(_object, listed))


def _object(entry: Object) -> tuple[str, ...]:
    meaning = entry.description if entry.readable else f"{entry.description} Not accessible: it is part of the index."
    return _code(entry.name), _code(_below_root(entry.oid)), _syntax(entry), meaning, _shown_by(entry.name)


def _syntax(entry: Object) -> str:
    """Returns a readable syntax: the type, its enumeration and its units."""
    syntax = entry.syntax
    assert syntax is not None
    name = "INTEGER" if syntax.names and syntax.name == "INTEGER" else syntax.name
    parts = [_code(name)]
    if syntax.names and syntax.name != "TruthValue":
        parts.append(" ".join(_code(f"{word}({number})") for number, word in syntax.names.items()))
    if entry.units:
        parts.append(entry.units)
    return ", ".join(parts)


def _shown_by(name: str) -> str:
    """Returns the metrics whose value an object shows; if there is none, the first metric with the object as label."""
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
    """Returns the label matcher of the series that an object shows, if the metric has several objects."""
    choice = metric.mib_choice
    label, values = (choice.label, tuple(choice.objects)) if choice else (metric.state_label, metric.states)
    if len(metric.mib) != len(values):
        return ""
    return f'{{{label}="{values[metric.mib.index(name)]}"}}'


def notifications() -> Iterator[str]:
    """Yields the lines of the table of notifications."""
    rows = (
        (_code(notification.name), _code(_below_root(notification.oid)), notification.description)
        for notification in MIB.notifications.values()
    )
    yield from _table(("notification", "OID", "meaning"), rows)


def variables() -> Iterator[str]:
    """Yields the lines of the table of the variables in a notification, which are the same for all notifications.

    Raises:
        ValueError: they are not the same.
    """
    carried = {notification.objects for notification in MIB.notifications.values()}
    if len(carried) != 1:
        raise ValueError("the notifications carry different objects: the page needs a table for each")
    rows = [
        (
            "1",
            "`sysUpTime.0`",
            "`1.3.6.1.2.1.1.3.0`",
            "`TimeTicks`",
            "The time since the gateway started; through `snmpd`, since `snmpd` did.",
        ),
        ("2", "`snmpTrapOID.0`", "`1.3.6.1.6.3.1.1.4.1.0`", "`OBJECT IDENTIFIER`", "The OID of the notification."),
    ]
    for place, name in enumerate((*carried.pop(), ADDITIONAL_VARIABLE), 3):
        entry = MIB[name]
        rows.append(
            (str(place), _code(f"{name}.0"), _code(f"{_below_root(entry.oid)}.0"), _syntax(entry), entry.description)
        )
    yield from _table(("", "variable", "OID", "syntax", "meaning"), rows)


# --- Conditions ------------------------------------------------------------------------------------------------------


def overview(listed: Iterable[Condition] = CONDITIONS) -> Iterator[str]:
    """Yields the lines of the table of all conditions."""
    rows = (
        (
            f"[{condition.name}](#{condition.name})",
            condition.severity.value,
            condition.about or ("this node" if condition.local else "the cluster"),
            "each node" if condition.local else "all nodes or the DC",
            f"{condition.hold:g} s" if condition.hold else "",
        )
        for condition in listed
    )
    yield from _table(("condition", "severity", "object", "sent by", "hold-down"), rows)


def conditions(listed: Sequence[Condition] = CONDITIONS) -> Iterator[str]:
    """Yields a section for each category, with a section for each condition."""
    for place, title in enumerate(dict.fromkeys(condition.category.title for condition in listed)):
        yield from ([""] if place else [])
        yield f"## {title}"
        for condition in listed:
            if condition.category.title == title:
                yield from _condition(condition)


def _condition(condition: Condition) -> Iterator[str]:
    raised, cleared = (
        MIB.notifications[notification_name(condition.category, change)] for change in (Change.RAISED, Change.CLEARED)
    )
    after = f" after {condition.hold:g} s" if condition.hold else ""
    expiry = f" automatically after {condition.expires_after:g} s" if condition.expires_after else ""
    yield from ("", f"### {condition.name}", "", f"{condition.severity.value.capitalize()}. {condition.meaning}", "")
    yield f"- Raised{after}: `{raised.name}` (`{_below_root(raised.oid)}`), “{condition.raised}”"
    yield f"- Cleared{expiry}: `{cleared.name}` (`{_below_root(cleared.oid)}`), “{condition.cleared}”"
    if condition.absent is not None:
        yield f"- Evidence that it is over: {condition.absent.evidence}"
    for gone in condition.gone_proofs():
        yield f"- Evidence that it is gone: {gone.evidence}; “{gone.text}”"
    yield f"- What to do: {condition.action}"


def removal() -> Iterator[str]:
    """Yields what shows that a subsystem exists on this host."""
    rows = (
        (_code(each.name), _codes(each.presence_tools), _codes(each.configurations))
        for each in (subsystem.make_collector(OptionValues()) for subsystem in SUBSYSTEMS)
    )
    yield from _table(("collector", "tools", "files"), rows)


def _codes(words: Iterable[str]) -> str:
    return ", ".join(map(_code, words))


# --- The snapshot as JSON --------------------------------------------------------------------------------------------


def snapshot() -> Iterator[str]:
    """Yields the lines of the table of the keys in the document of a snapshot."""
    document = json.loads(schema())
    yield from _table(("key", "type", "meaning"), _properties(document, "", document["$defs"]))


def _properties(parent: Mapping[str, Any], path: str, definitions: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields the rows of the keys of an object, each followed by those below it."""
    for name, listed in parent.get("properties", {}).items():
        reference = listed.get("$ref", "").rpartition("/")[2]
        entry = {**definitions.get(reference, {}), **listed}
        yield _code(f"{path}{name}"), _json_type(entry), entry["description"]
        yield from _properties(entry, f"{path}{name}.", definitions)
        yield from _properties(entry.get("items", {}), f"{path}{name}[].", definitions)
        if isinstance(others := entry.get("additionalProperties"), dict):
            yield from _properties(others, f"{path}{name}.NAME.", definitions)


def _json_type(entry: Mapping[str, Any]) -> str:
    """Returns a readable type: the JSON types, the constant, or the enumeration."""
    if "anyOf" in entry:
        return " or ".join(map(_json_type, entry["anyOf"]))
    if "const" in entry or "enum" in entry:
        return ", ".join(_code(_literal(value)) for value in entry.get("enum", [entry.get("const")]))
    names = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    return " or ".join(names) + (f", {entry['format']}" if "format" in entry else "")


# --- Pages -----------------------------------------------------------------------------------------------------------

PAGES: Mapping[str, Mapping[str, Callable[[], Iterable[str]]]] = {
    "reference/configuration.md": {"options": options, "records": records},
    "reference/metrics.md": {"metrics": metrics},
    "reference/mib.md": {"objects": objects, "notifications": notifications, "variables": variables},
    "reference/conditions.md": {"overview": overview, "removal": removal, "conditions": conditions},
    "reference/snapshot.md": {"snapshot": snapshot},
    "notifications.md": {"variables": variables},
}
"""The generated parts, by page and name."""


def page(name: str) -> str:
    """Returns a page with its generated parts brought up to date.

    Raises:
        ValueError: the page lacks the comments of a part.
    """
    text = (DOCS / name).read_text("utf-8")
    for part, lines in PAGES[name].items():
        begin, end = f"<!-- generated: {part} -->", f"<!-- end of {part} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"docs/{name}: expected the comments {begin} and {end}")
        text = "\n".join((before + begin, "", *lines(), "", end + after))
    return text


def main() -> None:
    """Writes the pages that are out of date, and prints their names."""
    for name in PAGES:
        text = page(name)
        if (DOCS / name).read_text("utf-8") != text:
            (DOCS / name).write_text(text, "utf-8")
            sys.stdout.write(f"{name}\n")
    if (text := example()) != EXAMPLE.read_text("utf-8"):
        EXAMPLE.write_text(text, "utf-8")
        sys.stdout.write(f"{EXAMPLE.name}\n")


if __name__ == "__main__":
    main()
