"""Object identifiers, as bytes: each sub-identifier in 32 bits, most significant byte first.

In this form they compare as object identifiers do, are what AgentX puts on the wire (RFC 2741, section 5.1, in network
byte order), and can be searched with ``bisect``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

Oid = bytes
"""An object identifier; its length is four times the number of its sub-identifiers."""

MAX_SUBIDS = 128
"""RFC 2578, section 3.5."""

MAX_SUBID = 2**32 - 1


def encode(subids: Iterable[int]) -> Oid:
    """Returns an object identifier of these sub-identifiers.

    Raises:
        ValueError: there are more than 128, or one is not within 32 bits.
    """
    numbers = tuple(subids)
    if len(numbers) > MAX_SUBIDS:
        raise ValueError(f"{len(numbers)} sub-identifiers, at most {MAX_SUBIDS} are allowed")
    try:
        return struct.pack(f">{len(numbers)}I", *numbers)
    except struct.error:
        raise ValueError(f"expected sub-identifiers from 0 to {MAX_SUBID}, found {numbers}") from None


def decode(oid: Oid) -> tuple[int, ...]:
    """Returns the sub-identifiers."""
    return struct.unpack(f">{len(oid) // 4}I", oid)


def parse(text: str) -> Oid:
    """Returns the object identifier of ``1.3.6.1`` or ``.1.3.6.1``.

    Raises:
        ValueError: it is not one.
    """
    parts = text.removeprefix(".").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"expected numbers with dots between them, found {text!r}")
    return encode(map(int, parts))


def dotted(oid: Oid) -> str:
    """Returns ``1.3.6.1``."""
    return ".".join(map(str, decode(oid)))


def after_subtree(oid: Oid) -> Oid:
    """Returns the first object identifier behind all that begin with this one; empty if there is none.

    An empty end is what RFC 2741 writes for a range without one.
    """
    subids = list(decode(oid))
    while subids and subids[-1] == MAX_SUBID:
        subids.pop()
    if not subids:
        return b""
    subids[-1] += 1
    return encode(subids)
