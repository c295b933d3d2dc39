"""The reports of Corosync's quorum service, as the resident reader (``host/reader/quorum_reports.py``) sends them.

::

    time=1795575626.297612 quorate=0 ring=13 members=1,2,3

They are those of Corosync 2 and 3, through ``libquorum.so.5``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import UINT32_MAX, decode

_UINT64_MAX = 2**64 - 1
_LINE = re.compile(
    r"time=(?P<time>[0-9]{1,11}\.[0-9]{6}) quorate=(?P<quorate>[01]) ring=(?P<ring>[0-9]{1,20})"
    r" members=(?P<members>(?:[0-9]{1,10}(?:,[0-9]{1,10})*)?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumReport:
    """One report of the quorum service.

    Attributes:
        time: when the reader received it, in Unix seconds.
        quorate: whether this node's partition has quorum.
        ring: the sequence number of the membership, 64-bit unsigned. Quorum can change while it stays the same.
        members: the ids of the nodes in this partition, in Corosync's order; 32-bit unsigned.
    """

    time: float
    quorate: bool
    ring: int
    members: tuple[int, ...]


def parse(line: bytes) -> QuorumReport:
    """Parses a report.

    Raises:
        ParseError: the line is not a report.
    """
    text = decode(line)
    match = _LINE.fullmatch(text)
    if match is None:
        raise ParseError(f"expected a report of the quorum, found {text[:80]!r}")
    members = tuple(map(int, filter(None, match["members"].split(","))))
    ring = int(match["ring"])
    if ring > _UINT64_MAX or any(member > UINT32_MAX for member in members):
        raise ParseError(f"a number is too large in {text[:80]!r}")
    return QuorumReport(time=float(match["time"]), quorate=match["quorate"] == "1", ring=ring, members=members)


def render(report: QuorumReport) -> bytes:
    """Returns the line for a report, as ``parse`` expects it."""
    members = ",".join(map(str, report.members))
    return f"time={report.time:.6f} quorate={report.quorate:d} ring={report.ring} members={members}".encode()
