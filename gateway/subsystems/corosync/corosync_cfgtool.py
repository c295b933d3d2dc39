"""``corosync-cfgtool -s``: the links of Corosync 1 to 3.1 (``RING`` was their name up to 2).

======== ============================== ==================================================
Corosync a link begins with             and its status is
======== ============================== ==================================================
1, 2     ``RING ID 0``, ``id =``        ``status = ring 0 active with no faults``, or a
                                        sentence with ``FAULTY`` in it
3.0 udp  ``LINK ID 0``, ``addr =``      ``status = OK``
3.0.0    ``LINK ID 0``, ``addr =``      ``status:``, ``node 0: link enabled:1 link
                                        connected:1`` a node, by its place in the nodelist
3.0.2    ``LINK ID 0``, ``addr =``      the same with ``nodeid  1:``, its id
3.0.4    ``LINK ID 0``, ``addr =``      ``nodeid  1: connected``, ``disconnected`` or
                                        ``localhost``
3.1      ``LINK ID 0 udp``, ``addr =``  ``nodeid:          1: connected``, and so on
======== ============================== ==================================================

Other lines (titles, ``**SCTP is deprecated``) may stand anywhere. Only 3.1 prints the transport. A link that is down
does not change the exit status of Corosync 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines, uint32

_HEALTHY = re.compile(r"OK|ring \d+ active with no faults")
_KEYWORD = re.compile(r"(?:local node|ring id|link id|id|addr|status|node|nodeid)\b", re.IGNORECASE)
"""How the lines begin that mean something; what else there is, is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPeer:
    """A node, as seen over one link.

    Attributes:
        node_id: its id, or, if ``by_index``, its place in the nodelist, from 0.
        local: whether it is the node that the tool ran on; False throughout if ``by_index``, where it cannot be told.
        connected: whether the link to it is up. A word that is not known counts as no.
        by_index: whether Corosync 3.0.0 or 3.0.1 printed an index in place of an id.
    """

    node_id: int
    local: bool
    connected: bool
    by_index: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link (ring) of the local node.

    Attributes:
        number: from 0.
        address: the local address on it, IPv6 with its scope (``fd77::1%2``); udp and udpu of 3.1 show another node's.
        protocol: ``udp`` or ``sctp``, where printed (3.1 with knet).
        faulty: whether the status says so, or any other node is not connected.
        peers: the nodes, the local one among them; empty where the status is a sentence (1, 2, and 3.0 without knet).
    """

    number: int
    address: str
    protocol: str | None
    faulty: bool
    peers: tuple[LinkPeer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """The whole output.

    Attributes:
        node_id: the id of the node that the tool ran on.
        transport: ``knet``, ``udp`` or ``udpu``, where printed (3.1).
        links: none at all if no address of ``corosync.conf`` is this host's.
    """

    node_id: int
    transport: str | None
    links: tuple[Link, ...]


def parse(output: bytes) -> LinkStatus:
    """Reads the output of the tool.

    Raises:
        ParseError: there is no node id, a line is malformed, the tool reports an error of its own, or the output is
            cut off: a link lacks its address or status, or lists fewer nodes than another one.
    """
    reader = _Reader()
    for number, line in enumerate(complete_lines(output), 1):
        reader.read(line.strip(), number)
    return reader.finish()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A link while its lines are being read."""

    line: int
    number: int
    protocol: str | None
    address: str | None = None
    status: str | None = None
    peers: list[LinkPeer] = field(default_factory=list)


class _Reader:
    """Takes the lines one by one; ``_LINES`` below says which method a line goes to."""

    __slots__ = ("_links", "_node_id", "_transport")

    def __init__(self) -> None:
        self._node_id: int | None = None
        self._transport: str | None = None
        self._links: list[_Draft] = []

    def read(self, line: str, number: int) -> None:
        for pattern, method in _LINES:
            if match := pattern.fullmatch(line):
                method(self, match, number)
                return
        if _KEYWORD.match(line):
            raise ParseError(f"malformed: {line[:60]!r}", line=number)

    def error(self, match: re.Match[str], line: int) -> None:
        """Corosync 1 to 3.0 print such errors among the rest, and exit with 0."""
        raise ParseError(f"the tool says {match[0][:100]!r}", line=line)

    def local_node(self, match: re.Match[str], line: int) -> None:
        self._node_id = _node_id(match["id"], line)
        self._transport = match["transport"]

    def link(self, match: re.Match[str], line: int) -> None:
        number = uint32(match["number"], what="the number of a link", line=line)
        self._links.append(_Draft(line=line, number=number, protocol=match["protocol"]))

    def address(self, match: re.Match[str], line: int) -> None:
        self._link(line).address = match["address"]

    def status(self, match: re.Match[str], line: int) -> None:
        self._link(line).status = match["status"]

    def peers(self, _match: re.Match[str], line: int) -> None:
        self._link(line)

    def peer_flags(self, match: re.Match[str], line: int) -> None:
        by_index = match["kind"] == "node"
        node_id = _node_id(match["id"], line)
        # the local node's enabled:0, shown on links above 0, is no fault: only link 0 leads to oneself
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
            return  # 3.1 could not get that node's status: nothing is known, not even its id
        connected = state in ("connected", "localhost")
        link.peers.append(LinkPeer(node_id=node_id, local=local, connected=connected, by_index=False))

    def finish(self) -> LinkStatus:
        if self._node_id is None:
            raise ParseError("found no 'Local node ID'")
        most = max((len(link.peers) for link in self._links), default=0)
        return LinkStatus(
            node_id=self._node_id,
            transport=self._transport,
            links=tuple(_finish(link, nodes=most) for link in self._links),
        )

    def _link(self, line: int) -> _Draft:
        if not self._links:
            raise ParseError("expected a link before its status", line=line)
        return self._links[-1]


_LINES: tuple[tuple[re.Pattern[str], Callable[[_Reader, re.Match[str], int], None]], ...] = (
    (re.compile(r"Could not .*"), _Reader.error),
    (re.compile(r"Local node ID (?P<id>[^\s,]+)(?:, transport (?P<transport>\S+))?"), _Reader.local_node),
    (re.compile(r"(?:RING|LINK) ID (?P<number>\S+)(?:\s+(?P<protocol>\S+))?", re.IGNORECASE), _Reader.link),
    (re.compile(r"(?:id|addr)\s*=\s*(?P<address>\S*)"), _Reader.address),
    (re.compile(r"status\s*=\s*(?P<status>\S.*)"), _Reader.status),
    (re.compile(r"status:"), _Reader.peers),
    (
        re.compile(
            r"(?P<kind>node|nodeid)\s+(?P<id>[^\s:]+):\s*link enabled:[01]\s+link connected:(?P<connected>[01])"
        ),
        _Reader.peer_flags,
    ),
    (re.compile(r"nodeid:?\s+(?P<id>[^\s:]+):\s*(?P<state>[a-z]+)"), _Reader.peer_state),
)


def _node_id(text: str, line: int) -> int:
    # Corosync 1 and 3.0 print ids from 2**31 up as negative numbers
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * uint32(digits, what="a node id", line=line) % 2**32


def _finish(link: _Draft, *, nodes: int) -> Link:
    if link.address is None or (link.status is None and not link.peers):
        raise ParseError(f"cut off: link {link.number} has no address or no status", line=link.line)
    if link.status is None and len(link.peers) < nodes:
        raise ParseError(f"cut off: link {link.number} lists {len(link.peers)} of {nodes} nodes", line=link.line)
    if link.status is None and not any(peer.local or peer.by_index for peer in link.peers):
        raise ParseError(f"cut off: link {link.number} does not list the local node", line=link.line)
    return Link(
        number=link.number,
        address=link.address,
        protocol=link.protocol,
        faulty=_faulty(link),
        peers=tuple(link.peers),
    )


def _faulty(link: _Draft) -> bool:
    if link.status is not None:
        return not _HEALTHY.fullmatch(link.status)
    return any(not peer.connected and not peer.local for peer in link.peers)
