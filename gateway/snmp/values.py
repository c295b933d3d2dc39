"""The values of SNMP, independent of their encoding: types, variable bindings and search ranges."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from gateway.snmp.oid import Oid


class Type(IntEnum):
    """The type of a value (section 5.4)."""

    INTEGER = 2
    OCTET_STRING = 4
    NULL = 5
    OBJECT_IDENTIFIER = 6
    IP_ADDRESS = 64
    COUNTER32 = 65
    GAUGE32 = 66
    TIME_TICKS = 67
    OPAQUE = 68
    COUNTER64 = 70
    NO_SUCH_OBJECT = 128
    NO_SUCH_INSTANCE = 129
    END_OF_MIB_VIEW = 130


UNSIGNED32 = frozenset({Type.COUNTER32, Type.GAUGE32, Type.TIME_TICKS})
OCTETS = frozenset({Type.OCTET_STRING, Type.IP_ADDRESS, Type.OPAQUE})
EMPTY = frozenset({Type.NULL, Type.NO_SUCH_OBJECT, Type.NO_SUCH_INSTANCE, Type.END_OF_MIB_VIEW})


class VarBind(NamedTuple):
    """A name and its value: an int, bytes (an ``Oid`` for ``OBJECT_IDENTIFIER``), or None where the type has none."""

    oid: Oid
    type: Type
    value: int | bytes | None = None


class SearchRange(NamedTuple):
    """Where to search (section 5.2).

    Attributes:
        start: where it begins.
        end: the first object identifier that is not in it; empty for no end.
        include: whether the start itself may be the answer.
    """

    start: Oid
    end: Oid = b""
    include: bool = False
