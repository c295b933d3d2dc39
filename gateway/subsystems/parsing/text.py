"""What the parsers of line-oriented tools share: decoding, and numbers that are really numbers."""

from __future__ import annotations

from gateway.errors import ParseError

UINT32_MAX = 2**32 - 1
"""Votes, node ids and time-outs are 32-bit unsigned in Corosync and SBD."""


def decode(output: bytes) -> str:
    """Returns the output as text.

    Raises:
        ParseError: it is not UTF-8, or holds NUL bytes.
    """
    try:
        text = output.decode("utf-8")
    except UnicodeDecodeError as error:
        line = output.count(b"\n", 0, error.start) + 1
        raise ParseError(f"not UTF-8 text (byte 0x{output[error.start]:02x})", line=line) from None
    if "\0" in text:
        raise ParseError("holds a NUL byte", line=text.count("\n", 0, text.index("\0")) + 1)
    return text


def complete_lines(output: bytes) -> list[str]:
    """Returns the lines of an output, without their ends.

    Raises:
        ParseError: it is no text, or does not end with the end of a line: the tools always do.
    """
    text = decode(output)
    if text[-1:] not in ("", "\n"):
        raise ParseError("the last line is cut off", line=text.count("\n") + 1)
    return text.split("\n")[:-1]


def uint32(text: str, *, what: str, line: int) -> int:
    """Returns a 32-bit unsigned number written in decimal digits, or in hexadecimal after ``0x``.

    Args:
        text: the number as printed.
        what: the field's name, for the message.
        line: the line, from 1, for the message.

    Raises:
        ParseError: it is no such number.
    """
    base, digits = (16, text[2:]) if text[:2] == "0x" else (10, text)
    try:
        # int() also takes signs, blanks, underscores and other scripts' digits: none of them is the tool's
        number = int(digits, base) if digits.isascii() and digits.isalnum() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= UINT32_MAX:
        raise ParseError(f"expected {what} as a number, found {text[:40]!r}", line=line)
    return number
