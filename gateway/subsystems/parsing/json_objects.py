"""Reading of JSON documents that a tool prints with printf, and of objects in them whose types are not certain."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import TypeGuard, TypeVar

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.text import MAX_LENGTH, REPLACEMENT, UINT32_MAX

_T = TypeVar("_T")

_DENSITY_LIMIT = 64 * 1024
"""Characters of a document up to which it may contain any number of values."""
_MIN_LENGTH = 16
"""Characters for each value in a longer document, on average; drbdsetup prints 23 to 36, 22 without the blanks.

Python's JSON parser keeps the interpreter to itself until it has finished. Each value takes up to 0.2 µs: the 1.4
million empty arrays that fit in 4 MiB take a quarter of a second.
"""

# Strings come first, so that a resource called "nan" is left alone; possessive, so that matching takes linear time.
_STRING_OR_WORDS = re.compile(r'"(?:[^"\\]|\\.)*+"?|(?P<words>[^\s"\[\]{}:,][^"\[\]{}:,\n]*+)', re.DOTALL)
_NAN = re.compile(r"-?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?")


def load(text: str, unreadable: UnreadableValues) -> object:
    """Parses a JSON document, with null in place of values that are not JSON.

    Args:
        text: the complete document.
        unreadable: receives these values, apart from ``nan`` and the infinities, which printf prints for no number.

    Raises:
        ParseError: the text is not JSON otherwise, or has too many values.
    """
    # messages of the tool or of its wrapper may surround the document
    begin = 0 if text.startswith("[") else text.find("\n[") + 1
    document = text[begin : text.rfind("]") + 1 or len(text)]
    if len(document) > _DENSITY_LIMIT and document.count(",") * _MIN_LENGTH > len(document):
        raise ParseError("more values than a document of this size has")
    try:
        try:
            return json.loads(document, parse_constant=lambda _: None)
        except json.JSONDecodeError:
            return json.loads(_with_nulls(document, unreadable))
    except json.JSONDecodeError as error:
        raise ParseError(f"not JSON: {error.msg} (column {error.colno})", line=error.lineno) from None
    except ValueError:
        raise ParseError("a number has thousands of digits") from None
    except RecursionError:
        raise ParseError("nested too deeply") from None


def _with_nulls(document: str, unreadable: UnreadableValues) -> str:
    """Returns a document with null in place of words that are not JSON, such as ``nan``."""
    parts = []
    line, end = 1, 0
    for match in _STRING_OR_WORDS.finditer(document):
        line += document.count("\n", end, match.start())
        words = (match["words"] or "").strip()
        replaced = bool(words) and not _SCALAR.fullmatch(words)
        if replaced and not _NAN.fullmatch(words):
            unreadable.add(f"expected a value, found {words[:40]!r}", line=line)
        parts += [document[end : match.start()], "null" if replaced else match[0]]
        end = match.end()
    return "".join([*parts, document[end:]])


class JsonObject:
    """A JSON object with getters that check the type of a value, and name its path if it is not the expected one.

    The getters of values that identify an object raise ``ParseError``; all others return None, and add the value to
    those that cannot be read.
    """

    __slots__ = ("_path", "_unreadable", "values")

    def __init__(self, value: object, path: str, unreadable: UnreadableValues) -> None:
        if not isinstance(value, dict):
            raise ParseError(_unexpected(path, "an object", value))
        self.values: dict[str, object] = value
        self._path = path
        self._unreadable = unreadable

    def name(self, key: str) -> str:
        """Returns a word that identifies the object."""
        value = self.values.get(key)
        if not _is_word(value):
            raise ParseError(_unexpected(f"{self._path}.{key}", "a word", value))
        return value

    def number(self, key: str) -> int:
        """Returns a number from 0 that identifies the object."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= UINT32_MAX:
            raise ParseError(_unexpected(f"{self._path}.{key}", "a number from 0", value))
        return value

    def word(self, key: str, *, words: Collection[str] = (), required: bool = True) -> str | None:
        """Returns a word, which must be one of the given words, if any, and must be there if it is required."""
        value = self.values.get(key)
        if _is_word(value) and (not words or value in words):
            return value
        if required or value:
            self.add_unreadable(key, "a known state" if words and _is_word(value) else "a word")
        return None

    def flag(self, key: str, *, required: bool = False) -> bool | None:
        """Returns true or false, which must be there if it is required."""
        value = self.values.get(key)
        if isinstance(value, bool) or (value is None and not required):
            return value
        self.add_unreadable(key, "true or false")
        return None

    def counter(self, key: str, *, limit: int) -> int | None:
        """Returns a whole number from 0 and below the limit; any other number is unknown, without being unreadable."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.add_unreadable(key, "a whole number")
            return None
        return value if 0 <= value < limit else None

    def percent(self, key: str) -> float | None:
        """Returns a number from 0 to 100; any other number is unknown, without being unreadable."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.add_unreadable(key, "a number")
            return None
        return float(value) if 0 <= value <= 100 else None  # also for NaN and the infinities

    def object(self, key: str) -> JsonObject:
        """Returns an object that must be there."""
        return JsonObject(self.values.get(key), f"{self._path}.{key}", self._unreadable)

    def check_array(self, key: str) -> None:
        """Raises ``ParseError`` if a value is not an array."""
        array(self.values.get(key), f"{self._path}.{key}")

    def array(self, key: str, parse: Callable[[JsonObject], _T], *, required: bool = True) -> tuple[_T, ...]:
        """Returns what a function makes of each object in an array, which must be there if it is required."""
        path = f"{self._path}.{key}"
        items = self._unreadable.read(array, self.values.get(key), path) if required or key in self.values else None
        return parse_each(parse, items or [], path, self._unreadable)

    def add_unreadable(self, key: str, expected: str) -> None:
        """Adds a value that is not what was expected."""
        self._unreadable.add(_unexpected(f"{self._path}.{key}", expected, self.values.get(key)))


def _is_word(value: object) -> TypeGuard[str]:
    # escapes can produce characters that neither protocol can carry, such as unpaired surrogates and NUL
    return isinstance(value, str) and 0 < len(value) <= MAX_LENGTH and value.isprintable() and REPLACEMENT not in value


def array(value: object, path: str) -> list[object]:
    """Returns a value that has to be an array."""
    if not isinstance(value, list):
        raise ParseError(_unexpected(path, "an array", value))
    return value


def parse_each(
    parse: Callable[[JsonObject], _T], items: list[object], path: str, unreadable: UnreadableValues
) -> tuple[_T, ...]:
    """Returns what a function makes of each object; one that it cannot parse is left out."""

    def parse_item(item: object, index: int) -> _T:
        return parse(JsonObject(item, f"{path}[{index}]", unreadable))

    results = (unreadable.read(parse_item, item, index) for index, item in enumerate(items))
    return tuple(result for result in results if result is not None)


def _unexpected(path: str, expected: str, value: object) -> str:
    if value is None:
        description = "nothing"
    elif isinstance(value, dict | list):
        description = "an object" if isinstance(value, dict) else "an array"  # not repr(), which could be very long
    else:
        description = repr(value)[:40]
    return f"{path}: expected {expected}, found {description}"
