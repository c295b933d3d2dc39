r"""``booth list``: the tickets of the booth daemon of this site or arbitrator, booth 1.0 to 1.2.

One line for each ticket, and one for each manual ticket that several sites hold::

    ticket: db, leader: 192.0.2.1, expires: 2026-11-28 07:12:45
    ticket: web, leader: 192.0.2.1, expires: 2026-11-28 07:12:45 (commit pending until 2026-11-28 07:12:40)
    ticket: files, leader: NONE
    ticket: www, leader: none
    ticket: dns, leader: 192.0.2.2, expires: INF [manual mode]

    WARNING: The ticket dns is granted to multiple sites: 192.0.2.1, 192.0.2.2. Revoke the ticket from the faulty sites.

``NONE`` means that the daemon knows no leader: the ticket was lost, or has never been granted. ``none`` means that it
was revoked. Times are local, without a time zone. Without a ticket in its configuration, the daemon prints nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines
from gateway.subsystems.parsing.timestamps import unix_time

STATES = ("granted", "commit_pending", "revoked", "no_leader")
"""The states of a ticket: granted; granted to this site, but not yet in its CIB; revoked; and without a leader."""

TICKETS, CONFLICTS = "tickets", "conflicts"
"""The names of the lists in the output."""

_TICKET = re.compile(
    r"ticket: (?P<name>[^\s,]+), leader: (?P<leader>[^\s,]+)"
    r"(?:, expires: (?P<expires>INF|[0-9-]+ [0-9:]+)(?P<pending> \(commit pending until [0-9: -]+\))?)?"
    r"(?P<manual> \[manual mode\])?"
)
_CONFLICT = re.compile(
    r"WARNING: The ticket (?P<name>[^\s,]+) is granted to multiple sites: (?P<sites>[^\s,]+(?:, [^\s,]+)*)"
    r"\. Revoke the ticket from the faulty sites\."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoothTicket:
    """A ticket as the daemon sees it.

    Attributes:
        name: the name of the ticket.
        state: one of ``STATES``.
        leader: the address of the site that holds the ticket; empty if none does.
        expiry: when the ticket expires, in Unix seconds; None if it does not or that is unknown.
        manual: whether an administrator alone moves the ticket, which never expires.
        conflict: the sites that hold the ticket, if there are several.
    """

    name: str
    state: str
    leader: str
    expiry: float | None
    manual: bool
    conflict: tuple[str, ...] = ()


def parse(output: bytes) -> Parsed[tuple[BoothTicket, ...]]:
    """Parses the output of the tool. A line that cannot be read is absent.

    Raises:
        ParseError: the output has lines, and none of them is about a ticket.
    """
    unreadable = UnreadableValues()
    tickets: list[BoothTicket] = []
    conflicts: dict[str, tuple[str, ...]] = {}
    lines = [line for line in split_lines(output) if line.text.strip()]
    for line in lines:
        try:
            _parse_line(line, tickets, conflicts, unreadable)
        except ParseError as error:
            unreadable.add(error.reason, line=error.line, incomplete=(TICKETS, CONFLICTS))
    if lines and not tickets:
        raise ParseError(f"expected a ticket, found {output[:60]!r}", line=1)
    with_conflicts = {ticket.name: _with_conflict(ticket, conflicts.get(ticket.name, ())) for ticket in tickets}
    return unreadable.parsed(tuple(with_conflicts.values()))


def _parse_line(
    line: Line, tickets: list[BoothTicket], conflicts: dict[str, tuple[str, ...]], unreadable: UnreadableValues
) -> None:
    line.check()
    text = line.text.rstrip()
    if match := _TICKET.fullmatch(text):
        tickets.append(_ticket(match, line.number, unreadable))
    elif match := _CONFLICT.fullmatch(text):
        conflicts[match["name"]] = tuple(match["sites"].split(", "))
    else:
        raise ParseError(f"expected a ticket, found {text[:100]!r}", line=line.number)


def _ticket(match: re.Match[str], line: int, unreadable: UnreadableValues) -> BoothTicket:
    leader = "" if match["leader"].lower() == "none" else match["leader"]
    if leader:
        state = "commit_pending" if match["pending"] else "granted"
    else:
        state = "revoked" if match["leader"] == "none" else "no_leader"
    if leader and not match["expires"]:
        unreadable.add(f"expected when {match['name'][:60]} expires, found nothing", line=line)
    expires = "" if match["expires"] == "INF" else match["expires"] or ""
    return BoothTicket(
        name=match["name"],
        state=state,
        leader=leader,
        expiry=unreadable.read(unix_time, expires, what=f"when {match['name'][:60]} expires"),
        manual=bool(match["manual"]),
    )


def _with_conflict(ticket: BoothTicket, sites: tuple[str, ...]) -> BoothTicket:
    return replace(ticket, conflict=sites) if sites else ticket
