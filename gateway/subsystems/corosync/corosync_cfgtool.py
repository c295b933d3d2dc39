"""``corosync-cfgtool -s``: the links of Corosync 1 to 3.1 (``RING`` was their name up to 2).

======== ============================== ==================================================
Corosync start of a link                status of the link
======== ============================== ==================================================
1, 2     ``RING ID 0``, ``id =``        ``status = ring 0 active with no faults``, or a
                                        sentence with ``FAULTY`` in it
3.0 udp  ``LINK ID 0``, ``addr =``      ``status = OK``
3.0.0    ``LINK ID 0``, ``addr =``      ``status:``, ``node 0: link enabled:1 link
                                        connected:1`` per node, by its index
3.0.2    ``LINK ID 0``, ``addr =``      the same by node id: ``nodeid  1:``
3.0.4    ``LINK ID 0``, ``addr =``      ``nodeid  1: connected``, ``disconnected``, both also
                                        with ``(not enabled)``, ``localhost``, ``knet error``
                                        or ``config error``
3.1      ``LINK ID 0 udp``, ``addr =``  ``nodeid:          1: connected``, ``disconnected``
                                        or ``localhost``
======== ============================== ==================================================

Other lines (titles, ``**SCTP is deprecated``) may appear anywhere. Only 3.1 prints the transport. 3.1.1 to 3.1.4 print
``localhost`` in the row of another node if the nodelist is not in the order of the ids. If a link is faulty or not
connected, the exit status is 1 in 2.0 to 2.4 and in 3.0.4 and 3.1.0, otherwise 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines, uint32

_KEYWORD = re.compile(r"(?:local node|ring id|link id|id|addr|status|node|nodeid)\b", re.IGNORECASE)
"""The beginnings of lines that have a value; all other lines are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPeer:
    """The state of one link to one node.

    Attributes:
        node_id: the node's id or, if ``by_index``, its index in the nodelist, from 0.
        local: whether it is the node that the tool ran on; always False if ``by_index``, because it is unknown then.
        connected: whether the link to the node is up; None if the tool prints an unknown word.
        by_index: whether ``node_id`` is an index, as Corosync 3.0.0 and 3.0.1 print it.
    """

    node_id: int
    local: bool
    connected: bool | None
    by_index: bool


class RingStatus(Enum):
    """What the tool says about a link as a whole."""

    HEALTHY = "healthy"
    FAULTY = "faulty"
    UNKNOWN = "unknown"
    """The tool prints an unknown sentence."""
    NOT_PRINTED = "not printed"
    """The tool prints the state of each node instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link (ring) of the local node.

    Attributes:
        number: the number of the link, from 0.
        address: the local address, IPv6 with its scope (``fd77::1%2``). With udp or udpu, Corosync 3.1 prints the
            address of another node.
        status: what the tool says about the link as a whole.
        peers: the nodes, including the local one; empty if the status is a sentence (1, 2, and 3.0 without knet).
        complete: whether every line about it could be read.
    """

    number: int
    address: str
    status: RingStatus
    peers: tuple[LinkPeer, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The links of the local node.

    Attributes:
        node_id: the id of the node that the tool ran on; None if it cannot be read.
        transport: ``knet``, ``udp`` or ``udpu``; None before 3.1, which does not print it.
        links: empty if no address in ``corosync.conf`` belongs to this host.
        complete: whether every link could be read.
    """

    node_id: int | None
    transport: str | None
    links: tuple[Link, ...]
    complete: bool = True


def parse(output: bytes) -> Parsed[LinkStatus]:
    """Parses the output of the tool. A line that cannot be read is absent.

    Raises:
        ParseError: there is neither a node id nor a link, the tool reports an error instead of the links, or the output
            is cut off: the last link lacks its address or status, or lists fewer nodes than another link.
    """
    parser = _Parser()
    for line in sorted(split_lines(output), key=lambda line: not line.text.startswith("Local node ID")):
        parser.parse_line(line)
    return parser.result()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A link while its lines are being read."""

    line: int
    number: int
    address: str | None = None
    status: RingStatus = RingStatus.NOT_PRINTED
    damaged: bool = False
    rows: int = 0
    peers: list[LinkPeer] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether it has an address and any status."""
        return self.address is not None and bool(self.rows or self.status is not RingStatus.NOT_PRINTED)


class _Parser:
    """Parses line by line; the table ``_LINES`` maps each kind of line to a method."""

    __slots__ = ("_complete", "_error", "_in_link", "_links", "_node_id", "_transport", "_unreadable")

    def __init__(self) -> None:
        self._node_id: int | None = None
        self._transport: str | None = None
        self._links: list[_Draft] = []
        self._in_link = False
        self._complete = True
        self._error: ParseError | None = None
        self._unreadable = UnreadableValues()

    def parse_line(self, line: Line) -> None:
        try:
            line.check()
            self._parse_line(line.text.strip(), line.number)
        except ParseError as error:
            self._complete &= not line.damage  # it may be the first line of a link
            self._unreadable.add(error.reason, line=error.line)
            if self._in_link:
                self._links[-1].damaged = True

    def _parse_line(self, line: str, number: int) -> None:
        for pattern, method in _LINES:
            if match := pattern.fullmatch(line):
                method(self, match, number)
                return
        if _KEYWORD.match(line):
            raise ParseError(f"malformed: {line[:60]!r}", line=number)

    def tool_error(self, match: re.Match[str], line: int) -> None:
        """Handles an error that Corosync 1 to 3.0 print between other lines before they exit with status 0."""
        self._error = ParseError(f"the tool reports an error: {match[0][:100]!r}", line=line)
        raise self._error

    def local_node(self, match: re.Match[str], line: int) -> None:
        self._transport = match["transport"]
        self._node_id = _node_id(match["id"], line)

    def link(self, match: re.Match[str], line: int) -> None:
        number = self._unreadable.read(uint32, match["number"], what="the number of a link", line=line)
        self._in_link = number is not None  # otherwise the lines that follow are those of no link
        if number is None:
            self._complete = False
        else:
            self._links.append(_Draft(line=line, number=number))

    def address(self, match: re.Match[str], line: int) -> None:
        link = self._link(line)
        if link.address is not None:  # the first line of another link is missing or unreadable
            self._in_link = self._complete = False
            raise ParseError("expected a link before its address", line=line)
        link.address = match["address"]

    def status(self, match: re.Match[str], line: int) -> None:
        link = self._link(line)
        link.status = next(
            (status for pattern, status in _STATUSES if pattern.fullmatch(match["status"])), RingStatus.UNKNOWN
        )
        if link.status is RingStatus.UNKNOWN:
            raise ParseError(f"expected the status of a link, found {match['status'][:60]!r}", line=line)

    def peers(self, _match: re.Match[str], line: int) -> None:
        self._link(line)

    def peer_flags(self, match: re.Match[str], line: int) -> None:
        link = self._row(line)
        by_index = match["kind"] == "node"
        node_id = _node_id(match["id"], line)
        # On links above 0 the local node has enabled:0, which is not a fault: only link 0 leads to the node itself.
        peer = LinkPeer(
            node_id=node_id,
            local=not by_index and node_id == self._node_id,
            connected=match["connected"] == "1",
            by_index=by_index,
        )
        link.peers.append(peer)

    def peer_state(self, match: re.Match[str], line: int) -> None:
        link, state = self._row(line), match["state"]
        node_id = _node_id(match["id"], line)
        if node_id == 0:
            raise ParseError("expected a node id, found 0: the tool could not get the state of that node", line=line)
        if self._node_id is None and state == _LOCALHOST:
            self._node_id = node_id
        local = node_id == self._node_id
        if state == _LOCALHOST and not local:
            self._unreadable.add(f"expected the state of node {node_id}, found {state!r}, which it is not", line=line)
            return
        connected = True if local else _CONNECTED.get(state)
        link.peers.append(LinkPeer(node_id=node_id, local=local, connected=connected, by_index=False))
        if connected is None:
            raise ParseError(f"expected the state of node {node_id}, found {state[:40]!r}", line=line)

    def malformed_peer(self, match: re.Match[str], line: int) -> None:
        self._row(line)
        raise ParseError(f"malformed: {match[0][:60]!r}", line=line)

    def result(self) -> Parsed[LinkStatus]:
        if not self._links:
            if self._error:
                raise self._error
            if self._node_id is None:
                raise ParseError("found no 'Local node ID'")
        elif self._node_id is None:
            self._unreadable.add("found no 'Local node ID'")
        self._check_complete()
        status = LinkStatus(
            node_id=self._node_id,
            transport=self._transport,
            links=tuple(
                Link(
                    number=link.number,
                    address=link.address or "",
                    status=link.status,
                    peers=tuple(link.peers),
                    complete=not link.damaged,
                )
                for link in self._links
                if link.complete
            ),
            complete=self._complete and all(link.complete for link in self._links),
        )
        return self._unreadable.parsed(status)

    def _check_complete(self) -> None:
        for link in self._links:
            if not (link.complete or link.damaged):
                self._unreadable.add(f"link {link.number} has no address or no status", line=link.line)
        if not self._links:
            return
        if self._links[-1].damaged:
            if not any(link.complete for link in self._links):
                raise ParseError("no link has an address and a status", line=self._links[0].line)
            return
        last, most = self._links[-1], max(link.rows for link in self._links if not link.damaged)
        if not last.complete:
            raise ParseError(f"cut off: link {last.number} has no address or no status", line=last.line)
        if last.status is not RingStatus.NOT_PRINTED:
            return
        if last.rows < most:
            raise ParseError(f"cut off: link {last.number} lists {last.rows} of {most} nodes", line=last.line)
        if not any(peer.local or peer.by_index for peer in last.peers):
            raise ParseError(f"cut off: link {last.number} does not list the local node", line=last.line)

    def _link(self, line: int) -> _Draft:
        if not self._in_link:
            raise ParseError("expected a link before its status", line=line)
        return self._links[-1]

    def _row(self, line: int) -> _Draft:
        """Returns the link whose row this is, and counts the row, even if it cannot be read."""
        link = self._link(line)
        link.rows += 1
        return link


_LOCALHOST = "localhost"

_CONNECTED = {
    "connected": True,
    "disconnected": False,
    "connected (not enabled)": False,
    "disconnected (not enabled)": False,
    "knet error": False,
    "config error": False,
}
"""Whether a node is connected, by the words of 3.0.4 and later. All but the first make the tool exit with 1."""

_STATUSES = (
    (re.compile(r".*FAULTY.*"), RingStatus.FAULTY),
    (re.compile(r"OK|ring \d+ active with no faults"), RingStatus.HEALTHY),
    # the ring is still in use, and is only marked as faulty at a threshold
    (re.compile(r"(?:In|De)crementing problem counter for .*"), RingStatus.HEALTHY),
)
"""The sentences about a link, as in totemrrp.c of Corosync 1 and 2."""

_LINES: tuple[tuple[re.Pattern[str], Callable[[_Parser, re.Match[str], int], None]], ...] = (
    (re.compile(r"Could not .*"), _Parser.tool_error),
    (re.compile(r"Local node ID (?P<id>[^\s,]+)(?:, transport (?P<transport>\S+))?"), _Parser.local_node),
    (re.compile(r"(?:RING|LINK) ID\b\s*(?P<number>\S*)(?:\s+\S+)?", re.IGNORECASE), _Parser.link),
    (re.compile(r"(?:id|addr)\s*=\s*(?P<address>\S*)"), _Parser.address),
    (re.compile(r"status\s*=\s*(?P<status>\S.*)"), _Parser.status),
    (re.compile(r"status:"), _Parser.peers),
    (
        re.compile(
            r"(?P<kind>node|nodeid)\s+(?P<id>[^\s:]+):\s*link enabled:[01]\s+link connected:(?P<connected>[01])"
        ),
        _Parser.peer_flags,
    ),
    (re.compile(r"nodeid:?\s+(?P<id>[^\s:]+):\s*(?P<state>\S.*)"), _Parser.peer_state),
    (re.compile(r"node(?:id)?\b.*"), _Parser.malformed_peer),
)


def _node_id(text: str, line: int) -> int:
    # Corosync 1 and 3.0 print ids from 2**31 up as negative numbers
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * uint32(digits, what="a node id", line=line) % 2**32
