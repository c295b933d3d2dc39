"""Decoding of text, and strict parsing of words and numbers, for the parsers of all tools."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gateway.errors import ParseError

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What stands for bytes that are not text. A word that contains it cannot be read."""

MAX_LENGTH = 1024
"""Characters of a line, a name or another value; all that tools print are much shorter.

A value becomes a part of many samples, so one of megabytes would take gigabytes.
"""

UINT32_MAX = 2**32 - 1
"""The largest vote, node id or timeout: all are 32-bit unsigned in Corosync and SBD."""


MAX_LINES = 100_000
"""Lines of an output: more than in the largest cluster, and few enough to be kept in memory together."""


class Line(NamedTuple):
    """A line of an output.

    Attributes:
        number: its number, counted from 1.
        text: the line without its line end.
        damage: why it cannot be read; empty if it can.
    """

    number: int
    text: str
    damage: str = ""

    def check(self) -> None:
        """Raises ``ParseError`` if the line cannot be read."""
        if self.damage:
            raise ParseError(f"{self.damage}: {self.text.strip()[:60]!r}", line=self.number)


def decode(output: bytes) -> str:
    """Returns the output as text, with ``REPLACEMENT`` in place of each byte that is not UTF-8, and of each NUL."""
    return output.decode("utf-8", "replace").replace("\0", REPLACEMENT)


def split_lines(output: bytes) -> list[Line]:
    """Returns the lines of an output whose last line ends with a line end, too, unless it is cut off.

    Raises:
        ParseError: there are too many.
    """
    if output.count(b"\n") > MAX_LINES:
        raise ParseError(f"more than {MAX_LINES} lines")
    *complete, rest = decode(output).split("\n")
    lines = [Line(number, text, _damage(text)) for number, text in enumerate(complete, 1)]
    return [*lines, Line(len(lines) + 1, rest, _damage(rest) or "cut off")] if rest else lines


def _damage(text: str) -> str:
    if len(text) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    return "not UTF-8 text" if REPLACEMENT in text else ""


def shorten(text: str) -> str:
    """Returns a value, or its beginning and an ellipsis if it is longer than ``MAX_LENGTH``."""
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def one_of(word: str, words: Collection[str], *, what: str) -> str:
    """Returns a word that must be one of these.

    Args:
        word: the word as printed.
        words: the words that are known, in the order in which the error message lists them.
        what: what it is, for the error message.

    Raises:
        ParseError: it is another.
    """
    if word not in words:
        raise ParseError(f"expected {what} as one of {', '.join(words)}, found {word[:40]!r}")
    return word


def uint32(text: str, *, what: str, line: int) -> int:
    """Parses a 32-bit unsigned number, decimal or, after ``0x``, hexadecimal.

    Args:
        text: the number as printed.
        what: the name of the field, for the error message.
        line: its line, counted from 1, for the error message.

    Raises:
        ParseError: the text is not a 32-bit unsigned number.
    """
    base, digits = (16, text[2:]) if text[:2] == "0x" else (10, text)
    try:
        # int() alone would also accept signs, blanks, underscores and the digits of other scripts
        number = int(digits, base) if digits.isascii() and digits.isalnum() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= UINT32_MAX:
        raise ParseError(f"expected {what} as a number, found {text[:40]!r}", line=line)
    return number
