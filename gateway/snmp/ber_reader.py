"""Decodes BER (X.690, RFC 3417, section 8) that comes from the network.

A ``BerReader`` never reads beyond its data, never calls itself, and does no more work than its data are long: a value
that is truncated, too long, of another type or out of range raises ``DecodeError``, and nothing else does. Only the
definite form of lengths is valid in SNMP. Lengths and integers may have more octets than necessary, as those of
Net-SNMP do.
"""

from __future__ import annotations

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import EMPTY, OCTETS, UNSIGNED32, Type, VarBind

SEQUENCE = 0x30
_LONG = 0x80
"""The bit of an octet that says that a length or a sub-identifier continues."""
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 9
"""A Counter64 has up to 64 bits and a sign."""
_MAX_SUBID_OCTETS = 5
"""Octets of 32 bits in base 128."""
_MAX_FIRST_SUBID = 80 + oids.MAX_SUBID
"""The first two sub-identifiers in one: 2 and the largest one."""

MIN_INTEGER32, MAX_INTEGER32 = -(2**31), 2**31 - 1

_TYPES = {int(type_): type_ for type_ in Type}


class BerReader:
    """Decodes one value after the other.

    Args:
        data: the octets that contain the values.
        start: the position of the first value.
        end: the position after the last value; by default the end of the data.

    Attributes:
        position: the position of the next value in the data.
    """

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self.position = start
        self._end = len(data) if end is None else end

    @property
    def is_at_end(self) -> bool:
        """Whether all values have been read."""
        return self.position >= self._end

    def peek_tag(self) -> int:
        """Returns the tag of the next value without reading it.

        Raises:
            DecodeError: there is no further value; raised by all methods.
        """
        if self.is_at_end:
            raise DecodeError("expected another value, found the end")
        return self._data[self.position]

    def expect_end(self, subject: str) -> None:
        """Raises DecodeError if values are left."""
        if not self.is_at_end:
            raise DecodeError(f"{self._end - self.position} octets after the end of {subject}")

    def nested(self, tag: int = SEQUENCE) -> BerReader:
        """Returns a reader of the contents of the next value."""
        start, end = self._read(tag)
        return BerReader(self._data, start, end)

    def integer(self, low: int = MIN_INTEGER32, high: int = MAX_INTEGER32, *, tag: int = Type.INTEGER) -> int:
        """Returns the next value, an integer within a range."""
        start, end = self._read(tag)
        if not 0 < end - start <= _MAX_INTEGER_OCTETS:
            raise DecodeError(f"expected an integer of 1 to {_MAX_INTEGER_OCTETS} octets, found {end - start}")
        value = int.from_bytes(self._data[start:end], "big", signed=True)
        if not low <= value <= high:
            raise DecodeError(f"expected an integer from {low} to {high}, found {value}")
        return value

    def octets(self, most: int | None = None, *, tag: int = Type.OCTET_STRING) -> bytes:
        """Returns the next value, an octet string with a maximum length."""
        start, end = self._read(tag)
        if most is not None and end - start > most:
            raise DecodeError(f"expected at most {most} octets, found {end - start}")
        return self._data[start:end]

    def identifier(self) -> Oid:
        """Returns the next value, an object identifier."""
        start, end = self._read(Type.OBJECT_IDENTIFIER)
        numbers: list[int] = []
        number = octets = 0
        for octet in self._data[start:end]:
            number = number << 7 | octet & 0x7F
            octets += 1
            if octet & _LONG:
                if octets >= _MAX_SUBID_OCTETS:
                    raise DecodeError(f"a sub-identifier has more than {_MAX_SUBID_OCTETS} octets")
                continue
            numbers.append(number)
            number = octets = 0
            if len(numbers) >= oids.MAX_SUBIDS:
                raise DecodeError(f"an object identifier has more than {oids.MAX_SUBIDS} sub-identifiers")
        if octets or not numbers:
            raise DecodeError("an object identifier is incomplete")
        first = min(numbers[0] // 40, 2)
        try:
            return oids.encode((first, numbers[0] - 40 * first, *numbers[1:]))
        except ValueError as error:
            raise DecodeError(str(error)) from None

    def varbind(self) -> VarBind:
        """Returns the next value, a variable binding (RFC 3416, section 3)."""
        binding = self.nested()
        name = binding.identifier()
        type_ = _TYPES.get(binding.peek_tag())
        if type_ is None:
            raise DecodeError(f"unknown type {binding.peek_tag()} of a variable")
        value = binding._value(type_)  # noqa: SLF001 - of this class
        binding.expect_end("a variable binding")
        return VarBind(name, type_, value)

    def _value(self, type_: Type) -> int | bytes | None:
        if type_ in EMPTY:
            self.octets(0, tag=type_)
            return None
        if type_ in OCTETS:
            return self.octets(tag=type_)
        if type_ is Type.OBJECT_IDENTIFIER:
            return self.identifier()
        if type_ in UNSIGNED32:
            return self.integer(0, 2**32 - 1, tag=type_)
        if type_ is Type.COUNTER64:
            return self.integer(0, 2**64 - 1, tag=type_)
        return self.integer()

    def _read(self, tag: int) -> tuple[int, int]:
        """Reads a tag and a length, and returns where the contents start and end."""
        found = self.peek_tag()
        if found != tag:
            raise DecodeError(f"expected the tag {tag:#04x}, found {found:#04x}")
        start = self.position + 2
        if start > self._end:
            raise DecodeError("a value ends before its length")
        length = self._data[start - 1]
        if length >= _LONG:
            octets = length - _LONG
            if not 0 < octets <= _MAX_LENGTH_OCTETS:
                raise DecodeError(f"expected a length of at most {_MAX_LENGTH_OCTETS} octets, found {octets}")
            length = int.from_bytes(self._data[start : start + octets], "big")
            start += octets
        end = start + length
        if end > self._end:
            raise DecodeError(f"expected {length} octets, found {max(0, self._end - start)}")
        self.position = end
        return start, end
