"""Variable bindings, their types, and search ranges, independent of their encoding in AgentX or BER."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from gateway.snmp.oid import Oid


class Type(IntEnum):
    """The type of a value, with its number in AgentX (RFC 2741, section 5.4), which is also its tag in BER."""

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
"""Types whose values are unsigned 32-bit integers."""
OCTETS = frozenset({Type.OCTET_STRING, Type.IP_ADDRESS, Type.OPAQUE})
"""Types whose values are octet strings."""
EMPTY = frozenset({Type.NULL, Type.NO_SUCH_OBJECT, Type.NO_SUCH_INSTANCE, Type.END_OF_MIB_VIEW})
"""Types without a value."""


class VarBind(NamedTuple):
    """A variable binding: name, type and value.

    The value is an int or bytes (an ``Oid`` for ``OBJECT_IDENTIFIER``), or None for the types in ``EMPTY``.
    """

    oid: Oid
    type: Type
    value: int | bytes | None = None


class SearchRange(NamedTuple):
    """A range of object identifiers to search (RFC 2741, section 5.2).

    Attributes:
        start: beginning of the range.
        end: first object identifier after the range; empty for an unlimited range.
        include: whether ``start`` itself belongs to the range.
    """

    start: Oid
    end: Oid = b""
    include: bool = False
