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
3.0.4    ``LINK ID 0``, ``addr =``      ``nodeid  1: connected``, ``disconnected`` or
                                        ``localhost``
3.1      ``LINK ID 0 udp``, ``addr =``  ``nodeid:          1: connected``, and so on
======== ============================== ==================================================

Other lines (titles, ``**SCTP is deprecated``) may appear anywhere. Only 3.1 prints the transport. A link that is
down does not change the exit status of 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines, uint32

_HEALTHY = re.compile(r"OK|ring \d+ active with no faults")
_KEYWORD = re.compile(r"(?:local node|ring id|link id|id|addr|status|node|nodeid)\b", re.IGNORECASE)
"""The beginnings of lines that must be understood; all other lines are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPeer:
    """The state of one link to one node.

    Attributes:
        node_id: the node's id or, if ``by_index``, its index in the nodelist, from 0.
        local: whether it is the node that the tool ran on; always False if ``by_index``, because it is unknown then.
        connected: whether the link to the node is up; False if the tool prints an unknown word.
        by_index: whether ``node_id`` is an index, as Corosync 3.0.0 and 3.0.1 print it.
    """

    node_id: int
    local: bool
    connected: bool
    by_index: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link (ring) of the local node.

    Attributes:
        number: the number of the link, from 0.
        address: the local address, IPv6 with its scope (``fd77::1%2``). With udp or udpu, Corosync 3.1 prints the
            address of another node.
        faulty: whether the status says so, or another node is not connected.
        peers: the nodes, including the local one; empty if the status is a sentence (1, 2, and 3.0 without knet).
    """

    number: int
    address: str
    faulty: bool
    peers: tuple[LinkPeer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The links of the local node.

    Attributes:
        node_id: the id of the node that the tool ran on.
        transport: ``knet``, ``udp`` or ``udpu``; None before 3.1, which does not print it.
        links: empty if no address in ``corosync.conf`` belongs to this host.
    """

    node_id: int
    transport: str | None
    links: tuple[Link, ...]


def parse(output: bytes) -> LinkStatus:
    """Parses the output of the tool.

    Raises:
        ParseError: there is no node id, a line is malformed, the tool reports an error, or the output is cut off: a
            link lacks its address or status, or lists fewer nodes than another link.
    """
    parser = _Parser()
    for number, line in enumerate(complete_lines(output), 1):
        parser.parse_line(line.strip(), number)
    return parser.result()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A link while its lines are being read."""

    line: int
    number: int
    address: str | None = None
    status: str | None = None
    peers: list[LinkPeer] = field(default_factory=list)


class _Parser:
    """Parses line by line; the table ``_LINES`` maps each kind of line to a method."""

    __slots__ = ("_links", "_node_id", "_transport")

    def __init__(self) -> None:
        self._node_id: int | None = None
        self._transport: str | None = None
        self._links: list[_Draft] = []

    def parse_line(self, line: str, number: int) -> None:
        for pattern, method in _LINES:
            if match := pattern.fullmatch(line):
                method(self, match, number)
                return
        if _KEYWORD.match(line):
            raise ParseError(f"malformed: {line[:60]!r}", line=number)

    def tool_error(self, match: re.Match[str], line: int) -> None:
        """Reports an error that Corosync 1 to 3.0 print between other lines before they exit with status 0."""
        raise ParseError(f"the tool reports an error: {match[0][:100]!r}", line=line)

    def local_node(self, match: re.Match[str], line: int) -> None:
        self._node_id = _node_id(match["id"], line)
        self._transport = match["transport"]

    def link(self, match: re.Match[str], line: int) -> None:
        number = uint32(match["number"], what="the number of a link", line=line)
        self._links.append(_Draft(line=line, number=number))

    def address(self, match: re.Match[str], line: int) -> None:
        self._link(line).address = match["address"]

    def status(self, match: re.Match[str], line: int) -> None:
        self._link(line).status = match["status"]

    def peers(self, _match: re.Match[str], line: int) -> None:
        self._link(line)

    def peer_flags(self, match: re.Match[str], line: int) -> None:
        by_index = match["kind"] == "node"
        node_id = _node_id(match["id"], line)
        # On links above 0 the local node has enabled:0, which is not a fault: only link 0 leads to the node itself.
        peer = LinkPeer(
            node_id=node_id,
            local=not by_index and node_id == self._node_id,
            connected=match["connected"] == "1",
            by_index=by_index,
        )
        self._link(line).peers.append(peer)

    def peer_state(self, match: re.Match[str], line: int) -> None:
        link, state = self._link(line), match["state"]
        node_id = _node_id(match["id"], line)
        local = state == "localhost"
        if local and self._node_id is not None:
            node_id = self._node_id
        if node_id == 0:
            return  # 3.1 could not get the status of that node, not even its id
        connected = state in ("connected", "localhost")
        link.peers.append(LinkPeer(node_id=node_id, local=local, connected=connected, by_index=False))

    def result(self) -> LinkStatus:
        if self._node_id is None:
            raise ParseError("found no 'Local node ID'")
        most = max((len(link.peers) for link in self._links), default=0)
        return LinkStatus(
            node_id=self._node_id,
            transport=self._transport,
            links=tuple(_make_link(link, nodes=most) for link in self._links),
        )

    def _link(self, line: int) -> _Draft:
        if not self._links:
            raise ParseError("expected a link before its status", line=line)
        return self._links[-1]


_LINES: tuple[tuple[re.Pattern[str], Callable[[_Parser, re.Match[str], int], None]], ...] = (
    (re.compile(r"Could not .*"), _Parser.tool_error),
    (re.compile(r"Local node ID (?P<id>[^\s,]+)(?:, transport (?P<transport>\S+))?"), _Parser.local_node),
    (re.compile(r"(?:RING|LINK) ID (?P<number>\S+)(?:\s+\S+)?", re.IGNORECASE), _Parser.link),
    (re.compile(r"(?:id|addr)\s*=\s*(?P<address>\S*)"), _Parser.address),
    (re.compile(r"status\s*=\s*(?P<status>\S.*)"), _Parser.status),
    (re.compile(r"status:"), _Parser.peers),
    (
        re.compile(
            r"(?P<kind>node|nodeid)\s+(?P<id>[^\s:]+):\s*link enabled:[01]\s+link connected:(?P<connected>[01])"
        ),
        _Parser.peer_flags,
    ),
    (re.compile(r"nodeid:?\s+(?P<id>[^\s:]+):\s*(?P<state>[a-z]+)"), _Parser.peer_state),
)


def _node_id(text: str, line: int) -> int:
    # Corosync 1 and 3.0 print ids from 2**31 up as negative numbers
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * uint32(digits, what="a node id", line=line) % 2**32


def _make_link(link: _Draft, *, nodes: int) -> Link:
    if link.address is None or (link.status is None and not link.peers):
        raise ParseError(f"cut off: link {link.number} has no address or no status", line=link.line)
    if link.status is None and len(link.peers) < nodes:
        raise ParseError(f"cut off: link {link.number} lists {len(link.peers)} of {nodes} nodes", line=link.line)
    if link.status is None and not any(peer.local or peer.by_index for peer in link.peers):
        raise ParseError(f"cut off: link {link.number} does not list the local node", line=link.line)
    return Link(
        number=link.number,
        address=link.address,
        faulty=_faulty(link),
        peers=tuple(link.peers),
    )


def _faulty(link: _Draft) -> bool:
    if link.status is not None:
        return not _HEALTHY.fullmatch(link.status)
    return any(not peer.connected and not peer.local for peer in link.peers)
