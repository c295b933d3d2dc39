"""The input of snmp_exporter's generator, and the module that the generator makes of it.

The module is written here, so that nobody needs the generator to keep it up to date.
``make integrations`` compares it with the output of the real generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.values import Type
from integrations.generator import watched

Json = dict[str, Any]

MODULE, AUTH = "ha_cluster", "ha_cluster_v2"
_STATES = "EnumAsStateSet"
_HEADER = "# {what} for ha-cluster-gateway. Generated from HA-CLUSTER-MIB: see README.md.\n"


def walked(mib: Mib) -> tuple[Object, ...]:
    """Returns the objects that the module reads: the scalars, and the columns that name and describe rows."""
    columns = (mib[name] for table in watched.TABLES for name in (*table.label, *table.columns))
    return (*watched.scalars(mib), *columns)


def generator_input(mib: Mib) -> str:
    """Returns generator.yml."""
    overrides = {entry.name: {"type": kind} for entry in walked(mib) if (kind := _override(entry))}
    document = {
        "auths": {AUTH: {"version": 2, "community": "public"}},
        "modules": {MODULE: {"walk": [entry.name for entry in walked(mib)], "overrides": overrides}},
    }
    return _HEADER.format(what="The input of snmp_exporter's generator") + _dump(document)


def module(mib: Mib) -> str:
    """Returns snmp.yml, with the defaults that the generator writes."""
    entries = sorted(walked(mib), key=_dotted)
    authentication = {
        "community": "public",
        "security_level": "noAuthNoPriv",
        "auth_protocol": "MD5",
        "priv_protocol": "DES",
        "version": 2,
    }
    document = {
        "auths": {AUTH: authentication},
        "modules": {
            MODULE: {
                "walk": [_dotted(entry) for entry in entries if entry.row],
                "get": sorted(f"{_dotted(entry)}.0" for entry in entries if not entry.row),
                "metrics": [_metric(mib, entry) for entry in entries],
            }
        },
    }
    return _HEADER.format(what="The module of snmp_exporter") + _dump(document)


def _metric(mib: Mib, entry: Object) -> Json:
    metric: Json = {
        "name": entry.name,
        "oid": _dotted(entry),
        "type": _override(entry) or _type(entry),
        "help": f"{entry.description.split('. ')[0]} - {_dotted(entry)}",
    }
    if entry.row:
        metric["indexes"] = list(_indexes(mib, entry))
    if entry.syntax is not None and entry.syntax.names:
        metric["enum_values"] = dict(entry.syntax.names)
    return metric


def _indexes(mib: Mib, entry: Object) -> Iterator[Json]:
    for index in mib.index_of(entry.row):
        label: Json = {"labelname": index.name, "type": _type(index)}
        if index.syntax is not None and index.syntax.names:
            label["enum_values"] = dict(index.syntax.names)
        yield label


def _type(entry: Object) -> str:
    """Returns the type that the generator derives from the syntax."""
    assert entry.syntax is not None
    return {Type.OCTET_STRING: "DisplayString", Type.COUNTER64: "counter"}.get(entry.syntax.type, "gauge")


def _override(entry: Object) -> str:
    """Returns the type that is better than the derived one; empty if there is none."""
    assert entry.syntax is not None
    if entry.syntax.names:
        return _STATES
    return "gauge" if entry.syntax.name == "CounterBasedGauge64" else ""


def _dotted(entry: Object) -> str:
    return oids.dotted(entry.oid)


def _dump(document: Json) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=120)
