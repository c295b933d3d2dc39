"""Variables in BER, as the messages of SNMP carry them (RFC 3416, section 3; RFC 3417, section 8).

The messages around them are pysnmp's. It would take a tenth of a millisecond for each variable; here it is a tenth of
that, and their size is known before a message is made, which is what GETBULK and tooBig are about.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gateway.agentx import oid as oids
from gateway.agentx.encoding import Type, VarBind
from gateway.agentx.oid import Oid

_SEQUENCE = 0x30
_SHORT = 0x80
"""Lengths, and the digits of sub-identifiers, from here on take more than one octet."""


def encode_varbind(varbind: VarBind) -> bytes:
    """Returns a VarBind: a sequence of its name and its value.

    The tags of SNMP's types are AgentX's numbers of them (RFC 2741, section 5.4).
    """
    kind, value = varbind.type, varbind.value
    name = _tlv(Type.OBJECT_IDENTIFIER, encode_oid(varbind.oid))
    return _tlv(_SEQUENCE, name + _tlv(kind, _content(kind, value)))


def encode_list(varbinds: Iterable[bytes]) -> bytes:
    """Returns a VarBindList."""
    return _tlv(_SEQUENCE, b"".join(varbinds))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _SHORT:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(octets))) + octets + content


def _content(kind: Type, value: int | bytes | None) -> bytes:
    if value is None:
        return b""
    if isinstance(value, int):
        # the fewest octets, the first bit being the sign: of unsigned numbers too, which may take one more for it
        return value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)
    return encode_oid(value) if kind is Type.OBJECT_IDENTIFIER else value


@lru_cache(maxsize=1024)
def encode_oid(oid: Oid) -> bytes:
    """Returns the content of an object identifier: the first two numbers in one, all in digits to the base of 128.

    One of fewer than two numbers is filled up with zeros, for BER has no shorter one.
    """
    first, second, *rest = oids.decode(oid.ljust(8, b"\0"))
    content = bytearray()
    for number in (40 * first + second, *rest):
        if number < _SHORT:
            content.append(number)
        else:
            content += _digits(number)
    return bytes(content)


def _digits(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(_SHORT | number & 0x7F)
    return bytes(reversed(digits))
