"""Writes BER (X.690) as SNMP's messages need it (RFC 3417, section 8): definite lengths, each as short as it can be.

pysnmp makes objects of everything first: a tenth of a millisecond for each variable, a whole one for each message. Here
it is a tenth of that. GETBULK has to know the size of a variable before it makes a message; and when quorum is lost,
everything on the node wants the processor at once, and whoever needs little of it is heard first.
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
"""Lengths, and the digits of sub-identifiers, from here on take more than one octet."""


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
    """Returns a value with its tag and length."""
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Returns values, each with its tag, as one."""
    return tagged(_SEQUENCE, b"".join(parts))


def integer(value: int, tag: int = Type.INTEGER) -> bytes:
    """Returns a number in the fewest octets, the first bit being the sign, whether its type has one or not."""
    magnitude = value if value >= 0 else ~value
    return tagged(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    """Returns a string of octets."""
    return tagged(Type.OCTET_STRING, value)


@lru_cache(maxsize=1024)
def identifier(oid: Oid) -> bytes:
    """Returns an object identifier: the first two numbers in one, all in digits to the base of 128.

    One of fewer than two numbers is filled up with zeros, for BER has no shorter one.
    """
    first, second, *others = oids.decode(oid.ljust(8, b"\0"))
    content = bytearray()
    for number in (40 * first + second, *others):
        if number < _LONG:
            content.append(number)
        else:
            content += _digits(number)
    return tagged(Type.OBJECT_IDENTIFIER, bytes(content))


def _digits(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(_LONG | number & 0x7F)
    return bytes(reversed(digits))


def varbind(variable: VarBind) -> bytes:
    """Returns a variable: its name and its value (RFC 3416, section 3).

    The tags of SNMP's types are AgentX's numbers of them (RFC 2741, section 5.4).
    """
    return sequence(identifier(variable.oid), _value(variable.type, variable.value))


def _value(kind: Type, value: int | bytes | None) -> bytes:
    if isinstance(value, int):
        return integer(value, kind)
    if value is not None and kind is Type.OBJECT_IDENTIFIER:
        return identifier(value)
    return tagged(kind, value or b"")


def pdu(tag: int, request_id: int, variables: Sequence[VarBind]) -> bytes:
    """Returns a PDU (RFC 3416, section 3) without an error."""
    return tagged(tag, integer(request_id) + integer(0) + integer(0) + sequence(*map(varbind, variables)))
