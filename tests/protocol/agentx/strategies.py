"""Hypothesis strategies for the fields of AgentX messages."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import EMPTY, OCTETS, UNSIGNED32, SearchRange, Type, VarBind

INTERNET = (1, 3, 6, 1)

SUBID = st.integers(0, 300) | st.integers(0, oids.MAX_SUBID)
OID: st.SearchStrategy[Oid] = st.builds(
    lambda prefix, rest: oids.encode((*prefix, *rest)),
    st.sampled_from([(), INTERNET, (*INTERNET, 4), (*INTERNET, 0), (*INTERNET, 256)]),
    st.lists(SUBID, max_size=20) | st.lists(SUBID, min_size=120, max_size=123),
)
RANGE = st.builds(SearchRange, OID, OID, st.booleans())
OCTET_STRING = st.binary(max_size=300)


def _value(type_: Type) -> st.SearchStrategy[int | bytes | None]:
    if type_ in EMPTY:
        return st.none()
    if type_ in OCTETS:
        return OCTET_STRING
    if type_ is Type.OBJECT_IDENTIFIER:
        return OID
    if type_ is Type.INTEGER:
        return st.integers(-(2**31), 2**31 - 1)
    assert type_ in UNSIGNED32 or type_ is Type.COUNTER64
    return st.integers(0, 2**64 - 1 if type_ is Type.COUNTER64 else 2**32 - 1)


VARBIND = st.sampled_from(Type).flatmap(lambda type_: st.builds(VarBind, OID, st.just(type_), _value(type_)))
