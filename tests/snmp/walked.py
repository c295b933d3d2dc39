"""Reads tables as a manager does: the values of each object by index, decoded independently."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from gateway.frontends.snmp.variable import Variable
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import Reader, encode_varbind
from gateway.snmp.mib.module import Mib
from gateway.snmp.values import Type, VarBind

Index = tuple[int, ...]
Walked = dict[str, dict[Index, int | bytes]]
"""Values by the name of their object and their index, as numbers."""


def read(variable: Variable) -> VarBind:
    """Returns a variable as a subagent sends it; nothing may follow it."""
    reader = Reader(variable.encoded(encode_varbind))
    varbind = reader.varbind()
    assert reader.remaining == 0
    assert varbind == variable.varbind
    return varbind


def walked(variables: Iterable[Variable], mib: Mib) -> Walked:
    """Returns the result of a walk, after checking what managers rely on: order, types and lengths."""
    found: Walked = defaultdict(dict)
    objects = [target.oid for target in mib.readable]
    before = b""
    for variable in variables:
        varbind = read(variable)
        assert varbind.oid > before, f"{oids.dotted(varbind.oid)} does not follow {oids.dotted(before)}"
        before = varbind.oid
        assert len(varbind.oid) <= 4 * 128
        target = mib.readable[bisect_right(objects, varbind.oid) - 1]
        assert varbind.oid.startswith(target.oid)
        assert target.syntax is not None
        assert varbind.type is target.syntax.type
        if varbind.type is Type.OCTET_STRING:
            assert isinstance(varbind.value, bytes)
            assert len(varbind.value) <= 255
        if target.syntax.names:
            assert varbind.value in target.syntax.names
        assert varbind.value is not None
        found[target.name][oids.decode(varbind.oid[len(target.oid) :])] = varbind.value
    return dict(found)
