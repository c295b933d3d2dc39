"""Writes BER (X.690) as SNMP's messages need it: definite lengths, and each as short as it can be.

pysnmp makes objects of everything first, which takes a millisecond for each message. When quorum is lost, everything on
the node wants the processor at once, and whoever needs little of it is heard first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from gateway.agentx import oid as oids
from gateway.agentx.encoding import Type, VarBind
from gateway.agentx.oid import Oid

SEQUENCE = 0x30
_SHORT = 0x80
"""A length from which on it takes octets of its own."""


def tagged(tag: int, content: bytes) -> bytes:
    """Returns a value with its tag and length."""
    size = len(content)
    if size < _SHORT:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Returns values, each with its tag, as one."""
    return tagged(SEQUENCE, b"".join(parts))


def integer(value: int, tag: int = Type.INTEGER) -> bytes:
    """Returns a number, in two's complement, whether its type has a sign or not."""
    magnitude = value if value >= 0 else ~value
    return tagged(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes, tag: int = Type.OCTET_STRING) -> bytes:
    """Returns octets."""
    return tagged(tag, value)


@lru_cache(maxsize=256)  # those of notifications, which are few
def identifier(value: Oid) -> bytes:
    """Returns an object identifier of two numbers at least."""
    first, second, *others = oids.decode(value)
    return tagged(Type.OBJECT_IDENTIFIER, b"".join(map(_sub_identifier, (40 * first + second, *others))))


def _sub_identifier(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def varbind(variable: VarBind) -> bytes:
    """Returns a variable: its name and its value."""
    value = variable.value
    if variable.type is Type.OBJECT_IDENTIFIER:
        assert isinstance(value, bytes)
        written = identifier(value)
    elif isinstance(value, int):
        written = integer(value, variable.type)
    else:
        assert isinstance(value, bytes)
        written = octets(value, variable.type)
    return sequence(identifier(variable.oid), written)


def pdu(tag: int, request_id: int, variables: Sequence[VarBind]) -> bytes:
    """Returns a PDU (RFC 3416, section 3) without an error."""
    return tagged(tag, integer(request_id) + integer(0) + integer(0) + sequence(*map(varbind, variables)))
