"""The definition of an operating system for LibreNMS: how a node is recognized, and its sensors.

LibreNMS has no file for its poller: it polls the sensors that discovery has found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, Object
from integrations.generator import watched
from integrations.generator.watched import Check, Table

Json = dict[str, Any]

_HEADER = "# {what} of ha-cluster-gateway for LibreNMS. Generated from HA-CLUSTER-MIB: see README.md.\n"
_MIB = "HA-CLUSTER-MIB"
_NET_SNMP = ".1.3.6.1.4.1.8072.3.2.10"
"""The sysObjectID of snmpd on Linux."""
_UP, _WARNING, _ERROR, _UNKNOWN = 0, 1, 2, 3
"""LibreNMS's own states of a sensor."""


def detection(mib: Mib) -> str:
    """Returns how a node is recognized: by the built-in agent, or by an object of the MIB beside those of snmpd."""
    document = {
        "os": "ha-cluster",
        "text": "HA cluster node",
        "type": "server",
        "group": "unix",
        "icon": "linux",
        "over": [
            {"graph": "device_processor", "text": "Processor Usage"},
            {"graph": "device_mempool", "text": "Memory Usage"},
        ],
        "discovery": [
            {"sysObjectID": f".{oids.dotted(mib.root)}"},
            {
                "sysObjectID": _NET_SNMP,
                "snmpget": {"oid": f".{_dotted(mib['haClusterGatewayVersion'])}.0", "op": "!=", "value": False},
            },
        ],
    }
    return _HEADER.format(what="The detection") + _dump(document)


def discovery(mib: Mib) -> str:
    """Returns the sensors: numbers as counts, enumerations as states."""
    checks = {check.object: check for check in watched.SCALAR_CHECKS}
    counts: list[Json] = []
    states: list[Json] = []
    for entry in watched.scalars(mib):
        if _is_sensor(entry):
            sensor = _sensor(entry, watched.words(entry.name), "Cluster")
            (states if entry.syntax and entry.syntax.names else counts).append(
                sensor | _limits(entry, checks.get(entry.name))
            )
    for table in watched.TABLES:
        for column, sensor in _columns(mib, table):
            (states if column.syntax and column.syntax.names else counts).append(sensor)
    document = {
        "modules": {
            "os": {
                "version": f"{_MIB}::haClusterGatewayVersion.0",
                "features": f"{_MIB}::haClusterName.0",
            },
            "sensors": {"count": {"data": counts}, "state": {"data": states}},
        },
    }
    return _HEADER.format(what="The sensors") + _dump(document)


def _dump(document: Json) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=120)


def _columns(mib: Mib, table: Table) -> Iterator[tuple[Object, Json]]:
    """Yields the sensors of a table."""
    names = " ".join(f"{{{{ {_MIB}::{label} }}}}" for label in table.label)
    if not table.is_named(mib):
        names += " ({{ $index }})"
    checks = {check.object: check for check in table.checks}
    for column in (mib[name] for name in table.columns):
        if _is_sensor(column):
            title = f"{names} {watched.words(column.name, column.row).lower()}"
            yield column, _sensor(column, title, table.title) | _limits(column, checks.get(column.name))


def _is_sensor(entry: Object) -> bool:
    """Returns whether an object can be a sensor: LibreNMS computes no rates of sensors."""
    return entry.syntax is not None and entry.syntax.name != "Counter64"


def _sensor(entry: Object, title: str, group: str) -> Json:
    return {
        "oid": f"{_MIB}::{entry.row.removesuffix('Entry') + 'Table' if entry.row else entry.name}",
        "value": f"{_MIB}::{entry.name}",
        "num_oid": f".{_dotted(entry)}.{{{{ $index }}}}",
        "index": f"{entry.name}.{{{{ $index }}}}",
        "descr": title,
        "group": group,
    }


def _limits(entry: Object, check: Check | None) -> Json:
    """Returns the states of an enumeration, or the limits of a number."""
    assert entry.syntax is not None
    if names := entry.syntax.names:
        states = [
            {"value": number, "descr": word, "generic": _generic(number, word, check)} for number, word in names.items()
        ]
        return {"state_name": entry.name, "states": states}
    if not check:
        return {}
    high, low = ("high_limit", "low_limit") if check.severity == watched.CRITICAL else ("warn_limit", "low_warn_limit")
    limits = {low: check.lowest} if check.lowest else {}
    return limits if check.highest is None else {**limits, high: check.highest}


def _generic(number: int, word: str, check: Check | None) -> int:
    """Returns LibreNMS's own state for a value of an enumeration."""
    if word == "unknown":
        return _UNKNOWN
    if check is None or check.is_met(number):
        return _UP
    return _ERROR if check.severity == watched.CRITICAL else _WARNING


def _dotted(entry: Object) -> str:
    return oids.dotted(entry.oid)
