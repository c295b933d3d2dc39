"""Decoding of text, and strict parsing of numbers, for the parsers of line-oriented tools."""

from __future__ import annotations

from gateway.errors import ParseError

UINT32_MAX = 2**32 - 1
"""The largest vote, node id or timeout: all are 32-bit unsigned in Corosync and SBD."""


def decode(output: bytes) -> str:
    """Returns the output as text.

    Raises:
        ParseError: the output is not UTF-8, or contains NUL bytes.
    """
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError as error:
        line = output.count(b"\n", 0, error.start) + 1
        raise ParseError(f"not UTF-8 text (byte 0x{output[error.start]:02x})", line=line) from None
    if "\0" in text:
        raise ParseError("contains a NUL byte", line=text.count("\n", 0, text.index("\0")) + 1)
    return text


def complete_lines(output: bytes) -> list[str]:
    """Returns the lines of the output without their line ends.

    Raises:
        ParseError: the output is not text, or does not end with a line end, as the output of the tools always does.
    """
    text = decode(output)
    if text[-1:] not in ("", "\n"):
        raise ParseError("the last line is cut off", line=text.count("\n") + 1)
    return text.split("\n")[:-1]


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
