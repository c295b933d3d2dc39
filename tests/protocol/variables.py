"""Hypothesis strategies for object identifiers and the values of variables."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from gateway.snmp import oid as oids
from gateway.snmp.values import Type

SUBIDS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 39, 127, 128, 16383, 16384, 2**32 - 1])
OIDS = st.tuples(st.integers(0, 2), st.integers(0, 39), st.lists(SUBIDS, max_size=40)).map(
    lambda parts: oids.encode((*parts[:2], *parts[2]))
)


def integers(type_: Type, low: int, high: int) -> st.SearchStrategy[tuple[Type, Any]]:
    edges = st.sampled_from([value for value in (low, 0, 127, 128, 255, 256, 32767, 32768, high) if low <= value])
    return st.tuples(st.just(type_), st.integers(low, high) | edges)


VALUES: st.SearchStrategy[tuple[Type, Any]] = st.one_of(
    integers(Type.INTEGER, -(2**31), 2**31 - 1),
    integers(Type.COUNTER32, 0, 2**32 - 1),
    integers(Type.GAUGE32, 0, 2**32 - 1),
    integers(Type.TIME_TICKS, 0, 2**32 - 1),
    integers(Type.COUNTER64, 0, 2**64 - 1),
    st.tuples(st.sampled_from([Type.OCTET_STRING, Type.OPAQUE]), st.binary(max_size=300)),
    st.tuples(st.just(Type.IP_ADDRESS), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(Type.OBJECT_IDENTIFIER), OIDS),
    st.tuples(st.sampled_from([Type.NO_SUCH_OBJECT, Type.NO_SUCH_INSTANCE, Type.END_OF_MIB_VIEW]), st.none()),
)
