"""How values become those of the MIB: one converter for each kind of syntax.

What a sample has is a number or the text of a label; what the MIB wants is one of few types. Every conversion is total:
a number that does not fit is the nearest that does, a word that an enumeration lacks is ``unknown``, a text that is
too long is cut off. None means that there is no value at all.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.snmp.values import Type

SampleValue = str | float
"""A number (an int or a flag is one too), or the text of a label."""

MAX_TEXT = 255
"""Octets of a value; SnmpAdminString allows no more."""

_UNKNOWN = 1
_TRUE, _FALSE = 1, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """The syntax of an object.

    Attributes:
        name: the type's or the textual convention's.
        type: what goes over the wire.
        convert: turns a sample's value into the object's: an int or bytes, or None where it has none.
        names: an enumeration's names by their numbers.
        decimals: where the decimal point of a scaled integer is.
        size: how many octets an index may have; 0 for others.
    """

    name: str
    type: Type
    convert: Callable[[SampleValue], int | bytes | None]
    names: Mapping[int, str] = field(default_factory=dict)
    decimals: int = 0
    size: int = 0


# --- Numbers ---------------------------------------------------------------------------------------------------------


def scaled(decimals: int, least: int, most: int) -> Callable[[SampleValue], int | None]:
    """Returns the converter of numbers with that many decimal places, within limits."""
    factor: int = 10**decimals

    def convert(raw: SampleValue) -> int | None:
        number = _number(raw)
        if number is None:
            return None
        if math.isinf(number):
            return most if number > 0 else least
        return min(max(round(number * factor), least), most)

    return convert


def _number(raw: SampleValue) -> float | None:
    """Returns a number as it is, and a label's as an integer; None for what is none."""
    if isinstance(raw, str):
        return int(raw) if raw.isascii() and raw.isdigit() else None
    return None if math.isnan(raw) else raw


# --- Truth and enumerations ------------------------------------------------------------------------------------------


def truth(raw: SampleValue) -> int | None:
    """Converts a flag, or the label ``true`` or ``false``."""
    if isinstance(raw, str):
        return {"true": _TRUE, "false": _FALSE}.get(raw)
    return _TRUE if raw else _FALSE


def enumeration(names: Mapping[int, str]) -> Callable[[SampleValue], int]:
    """Returns the converter of words, which are the MIB's names but for case, ``_`` and blanks."""
    numbers = {_plain(name): number for number, name in names.items()}
    return lambda raw: numbers.get(_plain(str(raw)), _UNKNOWN)


def _plain(word: str) -> str:
    return re.sub(r"[\W_]", "", word).lower()


# --- Texts -----------------------------------------------------------------------------------------------------------


def text(raw: SampleValue) -> bytes:
    """Converts a text to UTF-8 of at most 255 octets."""
    return shortened(octets(str(raw)), MAX_TEXT)


def octets(value: str) -> bytes:
    """Returns a text as UTF-8; names of files may hold what is none."""
    return value.encode("utf-8", "replace")


def shortened(value: bytes, size: int, *, whole: bytes | None = None) -> bytes:
    """Returns a text, or, where it is too long, its beginning, ``~`` and a hash: the same at any time, on any node.

    Args:
        value: the text, in UTF-8.
        size: how many octets it may have.
        whole: what it has to be told apart by; then it gets a hash, short or not.
    """
    if len(value) <= size and whole is None:
        return value
    digest = hashlib.sha256(value if whole is None else whole).hexdigest()[:_HASH_DIGITS]
    kept = value[: size - _HASH_DIGITS - 1].decode("utf-8", "ignore")  # not half a character
    return f"{kept}~{digest}".encode()


def date_and_time(raw: SampleValue) -> bytes | None:
    """Converts Unix seconds to DateAndTime of 11 octets (RFC 2579), in UTC."""
    number = _number(raw)
    try:
        moment = _EPOCH + timedelta(seconds=number) if number is not None else None
    except OverflowError:
        return None  # beyond the year 9999, or infinite
    if moment is None:
        return None
    tenths = moment.microsecond // 100_000
    date = (moment.month, moment.day, moment.hour, moment.minute, moment.second, tenths)
    return moment.year.to_bytes(2, "big") + bytes(date) + b"+\x00\x00"
