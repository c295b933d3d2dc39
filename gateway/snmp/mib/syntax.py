"""Converts values of samples to values of the MIB: one converter for each kind of syntax.

A sample has numbers and the texts of labels; the MIB has a few types. Every conversion is total. A value that does not
fit has no equivalent, and None is returned: a false value would be worse. There are four conventions, all of which the
readers of a MIB know: a gauge saturates, a counter wraps, a word that an enumeration lacks becomes ``unknown``, and a
text that is too long is cut.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.snmp.values import Type

SampleValue = str | float
"""A number (an int or a flag is one too), or the text of a label."""

MAX_TEXT = 255
"""The most octets of an SnmpAdminString."""

_UNKNOWN = 1
_TRUE, _FALSE = 1, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_DIGITS = 8
_MAX_DIGITS = 20
"""Digits of the largest number in the MIB, a Counter64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """The syntax of an object.

    Attributes:
        name: the name of the type, or of the textual convention.
        type: the type on the wire.
        convert: converts a sample's value to an int or bytes; None if it has no equivalent.
        names: the names of an enumeration by number.
        size: the most octets of a text in an index; 0 for other objects.
    """

    name: str
    type: Type
    convert: Callable[[SampleValue], int | bytes | None]
    names: Mapping[int, str] = field(default_factory=dict)
    size: int = 0


# --- Numbers ---------------------------------------------------------------------------------------------------------


def integer(minimum: int, maximum: int) -> Callable[[SampleValue], int | None]:
    """Returns a converter for integers of a range."""

    def convert(raw: SampleValue) -> int | None:
        number = _number(raw)
        rounded = None if number is None else _round(number)
        return rounded if rounded is not None and minimum <= rounded <= maximum else None

    return convert


def gauge(minimum: int, maximum: int) -> Callable[[SampleValue], int | None]:
    """Returns a converter for integers that stay at the end of their range (RFC 2578, section 7.1.7)."""

    def convert(raw: SampleValue) -> int | None:
        number = _number(raw)
        if number is None:
            return None
        if number >= maximum:  # before it is rounded: it may be infinite
            return maximum
        return minimum if number <= minimum else round(number)

    return convert


def counter(maximum: int) -> Callable[[SampleValue], int | None]:
    """Returns a converter for integers after whose maximum comes 0 (RFC 2578, sections 7.1.6 and 7.1.10)."""

    def convert(raw: SampleValue) -> int | None:
        number = _number(raw)
        rounded = None if number is None else _round(number)
        return None if rounded is None or rounded < 0 else rounded % (maximum + 1)

    return convert


def _number(raw: SampleValue) -> float | None:
    """Returns a number unchanged, and a label as an integer; None if it is not a number."""
    if isinstance(raw, str):
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= _MAX_DIGITS else None
    return None if raw != raw else raw  # noqa: PLR0124 - NaN, but math.isnan() takes no integer beyond all floats


def _round(number: float) -> int | None:
    """Returns the nearest integer; None for infinity."""
    try:
        return round(number)
    except OverflowError:
        return None


# --- Truth and enumerations ------------------------------------------------------------------------------------------


def truth(raw: SampleValue) -> int | None:
    """Converts a flag, or the label ``true`` or ``false``."""
    if isinstance(raw, str):
        return {"true": _TRUE, "false": _FALSE}.get(raw)
    return _TRUE if raw else _FALSE


def enumeration(names: Mapping[int, str]) -> Callable[[SampleValue], int]:
    """Returns a converter for words, which may differ from the MIB's names in case, ``_`` and blanks."""
    numbers = {_normalize(name): number for number, name in names.items()}
    return lambda raw: numbers.get(_normalize(str(raw)), _UNKNOWN)


def _normalize(word: str) -> str:
    return re.sub(r"[ _]", "", word).lower()


# --- Texts -----------------------------------------------------------------------------------------------------------


def text(raw: SampleValue) -> bytes:
    """Converts a text to UTF-8 of at most 255 octets."""
    return shortened(octets(str(raw)), MAX_TEXT)


def octets(value: str) -> bytes:
    """Returns a text as UTF-8; what cannot be encoded, as in some file names, is replaced."""
    return value.encode("utf-8", "replace")


def shortened(value: bytes, size: int, *, identity: bytes | None = None) -> bytes:
    """Returns a text; if it is too long, its beginning, ``~`` and a hash, which is the same on every node.

    Args:
        value: the text, in UTF-8.
        size: the most octets of the result.
        identity: what is hashed instead of the text; the result then has a hash even if the text is short.
    """
    if len(value) <= size and identity is None:
        return value
    digest = hashlib.sha256(value if identity is None else identity).hexdigest()[:_HASH_DIGITS]
    beginning = value[: size - _HASH_DIGITS - 1].decode("utf-8", "ignore")  # not half a character
    return f"{beginning}~{digest}".encode()


def date_and_time(raw: SampleValue) -> bytes | None:
    """Converts Unix seconds to DateAndTime of 11 octets (RFC 2579), in UTC."""
    number = _number(raw)
    try:
        moment = _EPOCH + timedelta(seconds=number) if number is not None else None
    except OverflowError:
        return None  # after the year 9999, or infinite
    if moment is None:
        return None
    tenths = moment.microsecond // 100_000
    date = (moment.month, moment.day, moment.hour, moment.minute, moment.second, tenths)
    return moment.year.to_bytes(2, "big") + bytes(date) + b"+\x00\x00"
