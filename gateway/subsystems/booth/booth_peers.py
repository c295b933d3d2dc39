r"""``booth peers``: the other members, as seen by the booth daemon of this site or arbitrator, booth 1.0 to 1.2.

Three lines and an empty one for each member::

    site         192.0.2.2, last recv: 2026-11-28 07:12:45
    \tSent pkts:12 error:0 resends:3
    \tRecv pkts:9 error:0 authfail:0 invalid:0

The time is local, without a time zone. It is that of the epoch until the daemon has received something, and counts
messages that it rejects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import ParseError
from gateway.subsystems.booth.booth_conf import MEMBER_TYPES
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines, uint32
from gateway.subsystems.parsing.timestamps import unix_time

PEERS = "peers"
"""The name of the list in the output."""

COUNTERS = ("sent", "send_errors", "resends", "received", "receive_errors", "authentication_failures", "invalid")
"""The counters of messages, in the order of the output."""

_PEER = re.compile(rf"(?P<type>{'|'.join(MEMBER_TYPES)}) +(?P<address>[^\s,]+), last recv: (?P<time>.*)")
_SENT = re.compile(r"\tSent pkts:(\S+) error:(\S+) resends:(\S+)")
_RECEIVED = re.compile(r"\tRecv pkts:(\S+) error:(\S+) authfail:(\S+) invalid:(\S+)")
_EPOCH = 2 * 86400.0
"""Unix seconds of a time that is the epoch in some time zone, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoothPeer:
    """Another member.

    Attributes:
        address: its address.
        type: one of ``MEMBER_TYPES``.
        last_contact: when the daemon last received something from it, in Unix seconds; None if never or unknown.
        counters: the number of messages by the names in ``COUNTERS``; None or absent if it cannot be read.
    """

    address: str
    type: str
    last_contact: float | None
    counters: Mapping[str, int | None] = field(default_factory=dict)


def parse(output: bytes) -> Parsed[tuple[BoothPeer, ...]]:
    """Parses the output of the tool. A line that cannot be read is absent.

    Raises:
        ParseError: the output has no line about a member.
    """
    unreadable = UnreadableValues()
    peers: dict[str, BoothPeer] = {}
    counters: dict[str, int | None] | None = None  # those of the member in the last line about one that can be read
    for line in split_lines(output):
        try:
            line.check()
            if match := _PEER.fullmatch(line.text.rstrip()):
                peers[match["address"]] = _peer(match, counters := {}, unreadable)
            elif line.text.strip():
                _add_counters(line, counters, unreadable)
        except ParseError as error:
            of_member = counters is not None and line.text.startswith("\t")
            counters = counters if of_member else None
            unreadable.add(error.reason, line=error.line, incomplete=() if of_member else (PEERS,))
        except LookupError:
            counters = None
            unreadable.add("expected a site or an arbitrator, found counters", line=line.number, incomplete=(PEERS,))
    if not peers:
        raise ParseError(f"expected a site or an arbitrator, found {output[:60]!r}", line=1)
    return unreadable.parsed(tuple(peers.values()))


def _peer(match: re.Match[str], counters: Mapping[str, int | None], unreadable: UnreadableValues) -> BoothPeer:
    time = unreadable.read(unix_time, match["time"], what=f"the last contact of {match['address'][:60]}")
    if not match["time"].strip():
        unreadable.add(f"expected the last contact of {match['address'][:60]}, found nothing")
    return BoothPeer(
        address=match["address"],
        type=match["type"],
        last_contact=None if time is None or time < _EPOCH else time,
        counters=counters,
    )


def _add_counters(line: Line, counters: dict[str, int | None] | None, unreadable: UnreadableValues) -> None:
    """Adds the counters in a line to those of a member.

    Raises:
        ParseError: the line has no counters.
        LookupError: the line is about another member, whose own line is missing.
    """
    for pattern, names in ((_SENT, COUNTERS[:3]), (_RECEIVED, COUNTERS[3:])):
        if match := pattern.fullmatch(line.text.rstrip()):
            if counters is None or names[0] in counters:
                raise LookupError(names[0])
            for name, text in zip(names, match.groups(), strict=True):
                counters[name] = unreadable.read(uint32, text, what=name, line=line.number)
            return
    raise ParseError(f"expected a site or an arbitrator, found {line.text[:100]!r}", line=line.number)
