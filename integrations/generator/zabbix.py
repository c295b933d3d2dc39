"""The template for Zabbix, in the format of Zabbix 6.0, which all later versions import."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.values import Type
from integrations.generator import watched
from integrations.generator.actions import action
from integrations.generator.watched import Check, Table

TEMPLATE = "HA cluster by SNMP"
GROUP = ("a571c0d144b14fd4a87a9d9b2aa9fcd6", "Templates/Applications")
"""The group of Zabbix's own templates for applications; its UUID is fixed."""
DELAY, DISCOVERY_DELAY, HISTORY, TRENDS = "1m", "1h", "7d", "365d"
AGE, SILENCE = "haClusterSnapshotAge", "5m"
"""The object that shows that a node answers, and how long it may be missing."""
PRIORITIES = {watched.CRITICAL: "HIGH", watched.WARNING: "WARNING"}

Json = dict[str, Any]


class Scale(NamedTuple):
    """What becomes of a number: Zabbix shows seconds, percent and bytes in its own way.

    Attributes:
        factor: by which a number is multiplied.
        units: the units afterwards.
    """

    factor: str
    units: str

    def apply(self, number: int) -> str:
        """Returns a threshold on the scaled value."""
        return f"{number * float(self.factor):g}" if self.factor != "1" else str(number)


SCALES: Mapping[str, Scale] = {
    "milliseconds": Scale("0.001", "s"),
    "microseconds": Scale("0.000001", "s"),
    "seconds": Scale("1", "s"),
    "hundredths of a percent": Scale("0.01", "%"),
    "octets": Scale("1", "B"),
    "KiB": Scale("1024", "B"),
}
TEXTS = (
    "haClusterName",
    "haClusterDc",
    "haClusterPacemakerVersion",
    "haClusterCorosyncVersion",
    "haClusterGatewayVersion",
)
"""The texts that are worth an item."""


def template(mib: Mib) -> str:
    """Returns the template as YAML."""
    checks = {check.object: check for check in watched.SCALAR_CHECKS}
    scalars = [
        *(mib[name] for name in TEXTS),
        *watched.scalars(mib),
    ]
    items = [_item(mib, entry, checks.get(entry.name)) for entry in scalars]
    document = {
        "zabbix_export": {
            "version": "6.0",
            "date": "2026-11-28T00:00:00Z",
            "groups": [{"uuid": GROUP[0], "name": GROUP[1]}],
            "templates": [
                {
                    "uuid": _uuid("template"),
                    "template": TEMPLATE,
                    "name": TEMPLATE,
                    "description": _DESCRIPTION,
                    "groups": [{"name": GROUP[1]}],
                    "items": [*items, _notifications(mib)],
                    "discovery_rules": [_discovery(mib, table) for table in watched.TABLES],
                    "tags": [{"tag": "class", "value": "software"}, {"tag": "target", "value": "ha-cluster"}],
                    "valuemaps": list(_value_maps(mib)),
                }
            ],
        }
    }
    return _HEADER + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


_HEADER = (
    "# The template of ha-cluster-gateway for Zabbix 6.0 and later. Generated from HA-CLUSTER-MIB: see README.md.\n"
)
_DESCRIPTION = (
    "A node of a Pacemaker cluster, as ha-cluster-gateway shows it by SNMP (HA-CLUSTER-MIB), through snmpd or by its "
    "built-in agent. Link it to each node of the cluster, with an SNMP interface that has bulk requests."
)


def _uuid(*parts: str) -> str:
    """Returns a UUID in Zabbix's form, which is the same each time."""
    digest = hashlib.sha256("/".join((TEMPLATE, *parts)).encode()).digest()
    return uuid.UUID(bytes=digest[:16], version=4).hex


# --- Items -----------------------------------------------------------------------------------------------------------


def _item(mib: Mib, entry: Object, check: Check | None) -> Json:
    """Returns an item for a scalar, with its trigger."""
    item = {
        "uuid": _uuid("item", entry.name),
        "name": watched.words(entry.name),
        "type": "SNMP_AGENT",
        "snmp_oid": f"{_dotted(entry)}.0",
        "key": entry.name,
        **_values(mib, entry),
    }
    if check:
        expression = _expression(f"/{TEMPLATE}/{entry.name}", check, _scale(entry))
        item["triggers"] = [_trigger(entry.name, expression, f"HA cluster: {check.text}", check)]
    if entry.name == AGE:
        item["triggers"].append(_silence())
    return item


def _silence() -> Json:
    """Returns the trigger that a node does not answer: no other trigger fires then, since all values are unknown."""
    check = Check(AGE, "the node does not answer, or the gateway does not run", watched.WARNING)
    return _trigger("silence", f"nodata(/{TEMPLATE}/{AGE},{SILENCE})=1", f"HA cluster: {check.text}", check)


def _values(mib: Mib, entry: Object) -> Json:
    """Returns what the items and the item prototypes of an object have in common."""
    syntax = entry.syntax
    assert syntax is not None
    common: Json = {"delay": DELAY, "history": HISTORY}
    if syntax.type is Type.OCTET_STRING:
        common |= {"trends": "0", "value_type": "CHAR", "preprocessing": [_step("DISCARD_UNCHANGED_HEARTBEAT", "1h")]}
        common["delay"] = "10m"
    elif syntax.names:
        common |= {"trends": "0", "valuemap": {"name": _value_map(entry)}}
    else:
        scale, is_counter = _scale(entry), syntax.name == "Counter64"
        steps = [_step("MULTIPLIER", scale.factor)] if scale.factor != "1" else []
        if is_counter:
            steps.append(_step("CHANGE_PER_SECOND", ""))
        units = {"B": "Bps"}.get(scale.units, "") if is_counter else scale.units
        common |= {"trends": TRENDS}
        if is_counter or scale.factor not in {"1", "1024"}:
            common["value_type"] = "FLOAT"
        if units:
            common["units"] = units
        if steps:
            common["preprocessing"] = steps
    common["description"] = entry.description
    common["tags"] = [{"tag": "component", "value": _component(mib, entry)}]
    return common


def _step(kind: str, parameter: str) -> Json:
    return {"type": kind, "parameters": [parameter]}


def _scale(entry: Object) -> Scale:
    return SCALES.get(entry.units, Scale("1", ""))


_COMPONENTS: Mapping[int, str] = {
    1: "cluster",
    2: "nodes",
    3: "resources",
    4: "corosync",
    5: "sbd",
    6: "drbd",
    7: "gateway",
    8: "alarms",
    9: "quorum device",
    10: "arbitrator",
    11: "booth",
}
"""The tag of items by the branch of their object."""


def _component(mib: Mib, entry: Object) -> str:
    return _COMPONENTS[watched.branch_of(mib, entry)]


def _notifications(mib: Mib) -> Json:
    """Returns the item for the notifications, which Zabbix gets from snmptrapd."""
    root = oids.dotted(mib.root).partition("1.3.6.1.4.1.")[2].replace(".", r"\.")
    return {
        "uuid": _uuid("item", "notifications"),
        "name": "Notifications",
        "type": "SNMP_TRAP",
        "key": f'snmptrap["(HA-CLUSTER-MIB::haCluster|{root}\\.0\\.)"]',
        "delay": "0",
        "history": HISTORY,
        "trends": "0",
        "value_type": "LOG",
        "description": "The SNMP notifications of the gateway, if snmptrapd hands them to Zabbix. Those that raise an "
        "alarm end with what to do (haClusterNoticeAction).",
        "tags": [{"tag": "component", "value": "alarms"}],
    }


# --- Discovery -------------------------------------------------------------------------------------------------------


def _discovery(mib: Mib, table: Table) -> Json:
    """Returns a discovery rule: the form discovery[] is the one that Zabbix 6.0 has."""
    macros = [(f"{{#NAME{place or ''}}}", mib[column]) for place, column in enumerate(table.label)]
    listed = ",".join(f"{macro},{_dotted(column)}" for macro, column in macros)
    shown = " ".join(macro for macro, _ in macros)
    if not table.is_named(mib):
        shown += " {#SNMPINDEX}"
    name = table.row.removesuffix("Entry")
    checks = {check.object: check for check in table.checks}
    prototypes = [_prototype(mib, mib[column], shown, checks.get(column)) for column in table.columns]
    rule = {
        "uuid": _uuid("discovery", name),
        "name": table.title,
        "type": "SNMP_AGENT",
        "snmp_oid": f"discovery[{listed}]",
        "key": f"{name}.discovery",
        "delay": DISCOVERY_DELAY,
        "lifetime": "1d",
        "description": mib[table.row].description,
        "item_prototypes": prototypes,
    }
    if missing := list(_missing(table, shown)):
        rule["trigger_prototypes"] = missing
    return rule


def _prototype(mib: Mib, column: Object, shown: str, check: Check | None) -> Json:
    key = f"{column.name}[{{#SNMPINDEX}}]"
    prototype = {
        "uuid": _uuid("prototype", column.name),
        "name": f"{shown}: {watched.words(column.name, column.row)}",
        "type": "SNMP_AGENT",
        "snmp_oid": f"{_dotted(column)}.{{#SNMPINDEX}}",
        "key": key,
        **_values(mib, column),
    }
    if check:
        expression = _expression(f"/{TEMPLATE}/{key}", check, _scale(column))
        trigger = _trigger(column.name, expression, f"HA cluster: {shown} {check.text}", check)
        prototype["trigger_prototypes"] = [trigger]
    return prototype


def _missing(table: Table, shown: str) -> Iterator[Json]:
    """Yields the trigger that compares the instances that run with those that should, if a table has both."""
    started, expected = (
        next((column for column in table.columns if column.endswith(end)), "") for end in ("Started", "Expected")
    )
    if started and expected:
        paths = [f"last(/{TEMPLATE}/{column}[{{#SNMPINDEX}}])" for column in (started, expected)]
        check = Check(started, "has fewer instances than expected", watched.WARNING)
        name = f"HA cluster: {shown} {check.text}"
        yield _trigger(f"{started}-{expected}", f"{paths[0]}<{paths[1]}", name, check)


# --- Triggers --------------------------------------------------------------------------------------------------------


def _expression(path: str, check: Check, scale: Scale) -> str:
    """Returns the condition that a value is out of its range."""
    value = f"last({path})"
    if check.others:
        states = (*range(check.lowest, (check.highest or 0) + 1), *check.others)
        return " and ".join(f"{value}<>{state}" for state in states)
    if check.lowest == check.highest:
        return f"{value}<>{scale.apply(check.lowest)}"
    parts = [f"{value}<{scale.apply(check.lowest)}"] if check.lowest else []
    if check.highest is not None:
        parts.append(f"{value}>{scale.apply(check.highest)}")
    return " or ".join(parts)


def _trigger(key: str, expression: str, name: str, check: Check) -> Json:
    return {
        "uuid": _uuid("trigger", key),
        "expression": expression,
        "name": name,
        "priority": PRIORITIES[check.severity],
        "description": action(check.object),
        "tags": [{"tag": "scope", "value": "availability"}],
    }


# --- Value maps ------------------------------------------------------------------------------------------------------


def _value_maps(mib: Mib) -> Iterator[Json]:
    """Yields the value map of each enumeration that an item has."""
    columns = (mib[column] for table in watched.TABLES for column in table.columns)
    maps = {
        _value_map(entry): entry for entry in (*watched.scalars(mib), *columns) if entry.syntax and entry.syntax.names
    }
    for name, entry in sorted(maps.items()):
        assert entry.syntax is not None
        mappings = [{"value": str(number), "newvalue": word} for number, word in entry.syntax.names.items()]
        yield {"uuid": _uuid("valuemap", name), "name": name, "mappings": mappings}


def _value_map(entry: Object) -> str:
    assert entry.syntax is not None
    return entry.syntax.name if entry.syntax.name != "INTEGER" else entry.name


# --- Names -----------------------------------------------------------------------------------------------------------


def _dotted(entry: Object) -> str:
    return oids.dotted(entry.oid)
