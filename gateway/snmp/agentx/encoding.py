"""The fields of AgentX messages (RFC 2741, section 5), both ways and in both byte orders.

A ``Reader`` never reads beyond its bytes: what is cut off, too long or of an unknown type raises ``DecodeError``, and
nothing else. The functions that write always write a form that the reader takes.
"""

from __future__ import annotations

import struct

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import EMPTY, OCTETS, UNSIGNED32, SearchRange, Type, VarBind

_INTERNET = oids.encode((1, 3, 6, 1))
_NO_PREFIX_LENGTH = len(_INTERNET) + 4
_MAX_OID = 4 * oids.MAX_SUBIDS
_PREFIXES = [b"", *(_INTERNET + struct.pack(">I", number) for number in range(1, 256))]
"""What the prefix byte of an OID stands for (section 5.1): nothing for 0, else ``internet`` and the number."""


_TYPES = {int(kind): kind for kind in Type}


# --- Writing: always in network byte order ---------------------------------------------------------------------------


def encode_oid(oid: Oid, *, include: bool = False) -> bytes:
    """Returns an object identifier as on the wire, in the short form where it begins with ``internet``."""
    if len(oid) >= _NO_PREFIX_LENGTH and oid.startswith(_INTERNET) and 0 < (prefix := _subid(oid, 4)) < 256:
        return struct.pack(">BBBB", len(oid) // 4 - 5, prefix, include, 0) + oid[_NO_PREFIX_LENGTH:]
    return struct.pack(">BBBB", len(oid) // 4, 0, include, 0) + oid


def _subid(oid: Oid, index: int) -> int:
    return int.from_bytes(oid[4 * index : 4 * index + 4], "big")


def encode_octets(octets: bytes) -> bytes:
    """Returns a string of octets: its length, itself, and zeros up to the next four bytes."""
    return struct.pack(">I", len(octets)) + octets + bytes(-len(octets) % 4)


def encode_value(kind: Type, value: int | bytes | None) -> bytes:
    """Returns what follows a variable's name.

    Raises:
        ValueError: the value is not one of the type's.
    """
    try:
        if kind is Type.INTEGER:
            return struct.pack(">i", value)
        if kind in UNSIGNED32:
            return struct.pack(">I", value)
        if kind is Type.COUNTER64:
            return struct.pack(">Q", value)
    except struct.error:
        raise ValueError(f"{value!r} is no {kind.name}") from None
    if kind in EMPTY and value is None:
        return b""
    if isinstance(value, bytes):
        if kind is Type.OBJECT_IDENTIFIER:
            return encode_oid(value)
        if kind in OCTETS:
            return encode_octets(value)
    raise ValueError(f"{value!r} is no {kind.name}")


def encode_varbind(varbind: VarBind) -> bytes:
    """Returns a variable's name and value as on the wire (section 5.4).

    Raises:
        ValueError: the value is not one of the type's.
    """
    head = struct.pack(">HH", varbind.type, 0)
    return head + encode_oid(varbind.oid) + encode_value(varbind.type, varbind.value)


def encode_range(searched: SearchRange) -> bytes:
    """Returns a search range as on the wire."""
    return encode_oid(searched.start, include=searched.include) + encode_oid(searched.end)


# --- Reading ---------------------------------------------------------------------------------------------------------


class Reader:
    """Reads one field after the other.

    Args:
        data: the fields.
        big_endian: whether numbers are in network byte order.
    """

    __slots__ = ("_data", "_order", "_position", "_swap")

    def __init__(self, data: bytes, *, big_endian: bool = True) -> None:
        self._data = data
        self._position = 0
        self._order = ">" if big_endian else "<"
        self._swap = not big_endian

    @property
    def rest(self) -> int:
        """How many bytes have not been read."""
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        """Returns the next bytes.

        Raises:
            DecodeError: there are not so many.
        """
        begin = self._position
        self._position = end = begin + count
        if end > len(self._data):
            raise DecodeError(f"expected {count} bytes at {begin}, found {len(self._data) - begin}")
        return self._data[begin:end]

    def unpack(self, form: str, size: int) -> tuple[int, ...]:
        """Returns the next numbers, in the form of ``struct`` without a byte order."""
        return struct.unpack(self._order + form, self.take(size))

    def uint32(self) -> int:
        """Returns the next number of 32 bits."""
        (number,) = self.unpack("I", 4)
        return number

    def octets(self) -> bytes:
        """Returns the next string of octets, without what fills it up (section 5.3)."""
        size = self.uint32()
        if size > self.rest:
            raise DecodeError(f"expected a string of {size} bytes, found {self.rest}")
        octets = self.take(size)
        self.take(-size % 4)
        return octets

    def oid(self) -> tuple[Oid, bool]:
        """Returns the next object identifier, and its ``include`` (section 5.1)."""
        count, prefix, include, _ = self.take(4)
        subids = self.take(4 * count)
        if self._swap:
            subids = struct.pack(f">{count}I", *struct.unpack(f"<{count}I", subids))
        oid = _PREFIXES[prefix] + subids
        if len(oid) > _MAX_OID:
            raise DecodeError(f"an object identifier of {len(oid) // 4} sub-identifiers")
        return oid, include != 0

    def range(self) -> SearchRange:
        """Returns the next search range."""
        start, include = self.oid()
        end, _ = self.oid()
        return SearchRange(start, end, include)

    def ranges(self) -> tuple[SearchRange, ...]:
        """Returns the search ranges that are left.

        A walk consists of little else, so those in network byte order, whose sub-identifiers are what an ``Oid`` has,
        are read in one loop: a third of the time of ``range``.
        """
        found = []
        if self._swap:
            while self.rest:
                found.append(self.range())
            return tuple(found)
        data, position, size = self._data, self._position, len(self._data)
        try:
            while position < size:
                begin = position + 4
                position = begin + 4 * data[position]
                start = _PREFIXES[data[begin - 3]] + data[begin:position]
                include = data[begin - 2] != 0
                begin = position + 4
                position = begin + 4 * data[position]
                end = _PREFIXES[data[begin - 3]] + data[begin:position]
                if len(start) > _MAX_OID or len(end) > _MAX_OID:
                    raise DecodeError("an object identifier of too many sub-identifiers")
                found.append(SearchRange(start, end, include))
        except IndexError:
            position = size + 1
        if position > size:
            raise DecodeError("expected search ranges, found half of one at the end")
        self._position = position
        return tuple(found)

    def varbinds(self) -> tuple[VarBind, ...]:
        """Returns the variables that are left."""
        found = []
        while self.rest:
            found.append(self.varbind())
        return tuple(found)

    def varbind(self) -> VarBind:
        """Returns the next variable."""
        number, _ = self.unpack("HH", 4)
        kind = _TYPES.get(number)
        if kind is None:
            raise DecodeError(f"a value of the unknown type {number}")
        oid, _ = self.oid()
        return VarBind(oid, kind, self._value(kind))

    def _value(self, kind: Type) -> int | bytes | None:
        if kind in EMPTY:
            return None
        if kind in OCTETS:
            return self.octets()
        if kind is Type.OBJECT_IDENTIFIER:
            return self.oid()[0]
        form, size = {Type.INTEGER: ("i", 4), Type.COUNTER64: ("Q", 8)}.get(kind, ("I", 4))
        return self.unpack(form, size)[0]
