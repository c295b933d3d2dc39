"""Encodes SNMP messages in BER (X.690, RFC 3417, section 8): definite lengths, each in the shortest form.

A library that creates an object for each value takes ten times as long. It matters in two cases: a GETBULK has to know
the size of each variable before it builds the message, and a notification has to leave the node quickly when a loss of
quorum makes everything else on it busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

_SEQUENCE = 0x30
_LONG = 0x80
"""The smallest length or sub-identifier that takes more than one octet."""


class PduTag(IntEnum):
    """The tags of the PDUs (RFC 3416, section 3)."""

    GET_REQUEST = 0xA0
    GET_NEXT_REQUEST = 0xA1
    RESPONSE = 0xA2
    SET_REQUEST = 0xA3
    GET_BULK_REQUEST = 0xA5
    INFORM_REQUEST = 0xA6
    SNMPV2_TRAP = 0xA7
    REPORT = 0xA8


def tagged(tag: int, content: bytes) -> bytes:
    """Encodes a tag, a length and the content."""
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def sequence(*elements: bytes) -> bytes:
    """Encodes a SEQUENCE of encoded elements."""
    return tagged(_SEQUENCE, b"".join(elements))


def integer(value: int, tag: int = Type.INTEGER) -> bytes:
    """Encodes an integer in the fewest octets; the first bit is the sign, also for unsigned types."""
    magnitude = value if value >= 0 else ~value
    return tagged(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    """Encodes an OCTET STRING."""
    return tagged(Type.OCTET_STRING, value)


@lru_cache(maxsize=1024)
def identifier(oid: Oid) -> bytes:
    """Encodes an OBJECT IDENTIFIER: the first two sub-identifiers in one, each in base 128.

    BER has no form for fewer than two sub-identifiers: missing ones are encoded as zeros.
    """
    first, second, *others = oids.decode(oid.ljust(8, b"\0"))
    content = bytearray()
    for subid in (40 * first + second, *others):
        if subid < _LONG:
            content.append(subid)
        else:
            content += _base128(subid)
    return tagged(Type.OBJECT_IDENTIFIER, bytes(content))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(_LONG | number & 0x7F)
    return bytes(reversed(digits))


def varbind(variable: VarBind) -> bytes:
    """Encodes a variable binding (RFC 3416, section 3); the members of ``Type`` are also the tags in BER."""
    return sequence(identifier(variable.oid), _value(variable.type, variable.value))


def _value(type_: Type, value: int | bytes | None) -> bytes:
    if isinstance(value, int):
        return integer(value, type_)
    if value is not None and type_ is Type.OBJECT_IDENTIFIER:
        return identifier(value)
    return tagged(type_, value or b"")


def pdu(tag: PduTag, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
    """Encodes a PDU (RFC 3416, section 3) whose error-status and error-index are 0."""
    return encoded_pdu(tag, request_id, b"".join(map(varbind, varbinds)))


def encoded_pdu(tag: PduTag, request_id: int, varbinds: bytes, *, status: int = 0, index: int = 0) -> bytes:
    """Encodes a PDU whose variables are encoded already."""
    return tagged(tag, integer(request_id) + integer(status) + integer(index) + sequence(varbinds))
