"""Object identifiers as bytes: each sub-identifier in 32 bits, most significant byte first.

In this form they sort in the order of object identifiers, so that ``bisect`` can search them. It is also their form in
AgentX messages in network byte order (RFC 2741, section 5.1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

Oid = bytes
"""An object identifier; it has four bytes for each sub-identifier."""

INSTANCE: Oid = bytes(4)
"""The index of a scalar: the instance 0."""

MAX_SUBIDS = 128
"""Maximum number of sub-identifiers (RFC 2578, section 3.5)."""

MAX_SUBID = 2**32 - 1
"""Largest sub-identifier."""


def encode(subids: Iterable[int]) -> Oid:
    """Returns the object identifier with these sub-identifiers.

    Raises:
        ValueError: there are more than 128 sub-identifiers, or one does not fit into 32 bits.
    """
    numbers = tuple(subids)
    if len(numbers) > MAX_SUBIDS:
        raise ValueError(f"{len(numbers)} sub-identifiers, at most {MAX_SUBIDS} are allowed")
    try:
        return struct.pack(f">{len(numbers)}I", *numbers)
    except struct.error:
        raise ValueError(f"expected sub-identifiers from 0 to {MAX_SUBID}, found {numbers}") from None


def decode(oid: Oid) -> tuple[int, ...]:
    """Returns the sub-identifiers of an object identifier."""
    return struct.unpack(f">{len(oid) // 4}I", oid)


def parse(text: str) -> Oid:
    """Parses an object identifier such as ``1.3.6.1`` or ``.1.3.6.1``.

    Raises:
        ValueError: the text is not an object identifier.
    """
    parts = text.removeprefix(".").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"expected numbers separated by dots, found {text!r}")
    return encode(map(int, parts))


def dotted(oid: Oid) -> str:
    """Returns an object identifier as a text such as ``1.3.6.1``."""
    return ".".join(map(str, decode(oid)))


def after_subtree(oid: Oid) -> Oid:
    """Returns the first object identifier after a subtree; empty if no identifier follows.

    In RFC 2741, too, an empty object identifier means that a search range has no end.
    """
    subids = list(decode(oid))
    while subids and subids[-1] == MAX_SUBID:
        subids.pop()
    if not subids:
        return b""
    subids[-1] += 1
    return encode(subids)
