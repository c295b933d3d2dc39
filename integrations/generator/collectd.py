"""The configuration of collectd's plugin ``snmp``."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, Object
from integrations.generator import watched
from integrations.generator.watched import Table

_HEADER = """\
# What collectd's plugin snmp collects of ha-cluster-gateway. Generated from HA-CLUSTER-MIB: see README.md.
LoadPlugin snmp
<Plugin snmp>
"""
_HOST = """\
  <Host "node1">
    Address "127.0.0.1:161"
    Version 2
    Community "public"
    Interval 60
    Collect {names}
  </Host>
"""
_FACTORS = {"milliseconds": "0.001", "microseconds": "0.000001", "hundredths of a percent": "0.01"}
"""By which a number is multiplied, so that it is in seconds or percent."""


def configuration(mib: Mib) -> str:
    """Returns the configuration: a Data block for each scalar and each column, and a host to copy."""
    lines = [_HEADER]
    names = []
    for entry in watched.scalars(mib):
        names.append(entry.name)
        lines += _data(entry, [f'Values "{oids.dotted(entry.oid)}.0"'])
    for table in watched.TABLES:
        labels = _labels(mib, table)
        for column in table.columns:
            names.append(column)
            lines += _data(mib[column], ["Table true", *labels, f'Values "{oids.dotted(mib[column].oid)}"'])
    shown = " \\\n            ".join(f'"{name}"' for name in names)
    return "".join((*lines, _HOST.format(names=shown), "</Plugin>\n"))


def _labels(mib: Mib, table: Table) -> list[str]:
    """Returns the lines that name a row; none if the columns do not distinguish all rows: then its index names it."""
    if not table.is_named(mib):
        return []
    options = ("TypeInstanceOID",) if len(table.label) == 1 else ("PluginInstanceOID", "TypeInstanceOID")
    return [f'{option} "{oids.dotted(mib[label].oid)}"' for option, label in zip(options, table.label, strict=True)]


def _data(entry: Object, options: list[str]) -> Iterator[str]:
    assert entry.syntax is not None
    yield f'  <Data "{entry.name}">\n'
    yield f'    Type "{"derive" if entry.syntax.name == "Counter64" else "gauge"}"\n'
    yield f"    {_instance(entry)}\n"
    yield from (f"    {option}\n" for option in options)
    if factor := _FACTORS.get(entry.units):
        yield f"    Scale {factor}\n"
    yield "  </Data>\n"


def _instance(entry: Object) -> str:
    """Returns the line that names the value: the name of the object, in words that are joined."""
    option = "TypeInstancePrefix" if entry.row else "TypeInstance"
    return f'{option} "{watched.words(entry.name).lower().replace(" ", "_")}{"-" if entry.row else ""}"'
