"""The messages between the gateway and a resident reader. Pure; the reader imports it, so it stays small.

All numbers are in network byte order::

    request   number, bytes that the answer may have, length of the query (32 bits each); the query
    reply     outcome, length of the version (8 bits each); the version; the answer, or the reason why there is none

A reply is the body of a frame (``frames.py``). The answer is what the tool prints that the query stands for, so that
the same parser reads both. A watch has one reply for each report, and a last one with the reason why there are no more.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("!III")
REPLY = struct.Struct("!BB")

ANSWERED, FAILED, UNUSABLE, REPORTED, REFUSED, UNAVAILABLE = range(6)
"""The outcomes. After ``REPORTED``, more replies to the same request follow. ``UNUSABLE`` concerns all requests, until
the library is replaced; ``FAILED`` only this one, and so do ``REFUSED`` and ``UNAVAILABLE``: the daemon refuses this
user, or does not respond.
"""

STATUS, CONSTRAINTS = "status", "constraints"
"""The queries about Pacemaker."""

QUORUM, LINKS, STATISTICS = "quorum", "links", "statistics"
"""The queries about Corosync."""

WATCH = "watch"
"""Requests the current report of Corosync's quorum service, and each later one."""

PING = "ping"
"""Requests an empty answer, which does not wait for a library."""


class LibraryFailedError(Exception):
    """The library does not answer now.

    Attributes:
        outcome: ``FAILED``, ``REFUSED`` or ``UNAVAILABLE``.
    """

    def __init__(self, reason: str, outcome: int = FAILED) -> None:
        super().__init__(reason)
        self.outcome = outcome


class LibraryUnusableError(Exception):
    """The library is missing, or lacks a function."""


def encode_request(number: int, query: str, max_size: int) -> bytes:
    """Returns a request."""
    name = query.encode()
    return REQUEST.pack(number, max_size, len(name)) + name


def encode_reply(outcome: int, version: str, content: bytes) -> bytes:
    """Returns the body of a reply."""
    name = version.encode()[:255]
    return REPLY.pack(outcome, len(name)) + name + content


def decode_reply(body: bytes) -> tuple[int, str, bytes]:
    """Returns the outcome, the version and the content of a reply.

    Raises:
        ValueError: it is malformed.
    """
    if len(body) < REPLY.size:
        raise ValueError("shorter than its header")
    outcome, length = REPLY.unpack_from(body)
    start = REPLY.size + length
    if len(body) < start or outcome > UNAVAILABLE:
        raise ValueError("of an unknown form")
    return outcome, body[REPLY.size : start].decode("ascii", "replace"), body[start:]
