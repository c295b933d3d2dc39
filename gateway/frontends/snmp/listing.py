"""Formats tables as text: numeric and symbolic names with their values, much like the output of ``snmpwalk``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from gateway.frontends.snmp.variable import Variable
from gateway.printable import printable
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import MODULE, Mib, Object
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

_TYPES = {
    Type.INTEGER: "INTEGER",
    Type.OCTET_STRING: "STRING",
    Type.GAUGE32: "Gauge32",
    Type.COUNTER64: "Counter64",
}


def lines(variables: Iterable[Variable], mib: Mib) -> Iterator[str]:
    """Yields a line for each variable: ``.1.3.6.1… HA-CLUSTER-MIB::haClusterNodeOnline."node1" = INTEGER: true(1)``."""
    objects = [target.oid for target in mib.readable]
    for variable in variables:
        varbind = variable.varbind
        target = mib.readable[bisect_right(objects, varbind.oid) - 1]
        index = _index(mib, target, varbind.oid[len(target.oid) :])
        name = f"{MODULE}::{target.name}.{index}"
        line = f".{oids.dotted(varbind.oid)} {name} = {_TYPES[varbind.type]}: {_value(target, varbind)}"
        yield printable(line)


def _index(mib: Mib, target: Object, index: Oid) -> str:
    """Returns an index in the format of Net-SNMP: texts in quotes and numbers, separated by dots."""
    if not target.row:
        return "0"
    numbers = list(oids.decode(index))
    parts = []
    for part in mib.index_of(target.row):
        number = numbers.pop(0)
        assert part.syntax is not None
        if part.syntax.size:
            text, numbers = bytes(numbers[:number]).decode("utf-8", "replace"), numbers[number:]
            parts.append(f'"{text}"')
        else:
            parts.append(part.syntax.names.get(number, str(number)))
    return ".".join(parts)


def _value(target: Object, varbind: VarBind) -> str:
    value, syntax = varbind.value, target.syntax
    assert syntax is not None
    if isinstance(value, bytes):
        return _date(value) if syntax.name == "DateAndTime" else value.decode("utf-8", "replace")
    assert value is not None
    if name := syntax.names.get(value):
        return f"{name}({value})"
    return f"{value} {target.units}".rstrip()


def _date(value: bytes) -> str:
    """Returns a DateAndTime in UTC in the format of ISO 8601."""
    year = int.from_bytes(value[:2], "big")
    month, day, hour, minute, second, tenths = value[2:8]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{tenths}Z"
