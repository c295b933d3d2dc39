r"""``corosync-qnetd-tool -s -v`` and ``corosync-qnetd-tool -l -v``, corosync-qnetd 3.0.

The state of the daemon is a list of items, with tabs between name and value::

    QNetd address:\t\t\t*:5403
    TLS:\t\t\t\tSupported (client certificate required)
    Connected clients:\t\t2
    Connected clusters:\t\t1

The list has each cluster with the nodes that are connected. It is empty while there are none::

    Cluster "geo":
        Algorithm:\t\tFifty-Fifty split (KAP Tie-breaker)
        Tie-breaker:\tNode with lowest node ID
        Node ID 1:
            Client address:\t\t::ffff:192.0.2.1:59816
            HB interval:\t\t8000ms
            Configured node list:\t1, 2 (7)
            Ring ID:\t\t1.9
            Membership node list:\t1, 2
            Heuristics:\t\tPass (membership: Undefined, regular: Pass)
            TLS active:\t\tYes (client certificate verified)
            Vote:\t\t\tNo change (ACK)

A number in parentheses after a node is its data center. ``Configured node list`` and ``Vote`` are absent until the node
has sent its configuration and was sent a vote. ``Vote`` is the last vote; the one that counts, ACK or NACK, follows in
parentheses. corosync-qnetd 3.0.1 was the first to print ``(KAP Tie-breaker)``.

The tool prints nothing and exits with 0 if corosync-qnetd closes the connection, as it does if too many tools are
connected. So an empty list is only a list of nothing if the state of the daemon has no clusters either.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gateway.errors import ParseError
from gateway.ip_addresses import unmap
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.quorum_device import RESULTS, algorithm_name, tie_breaker_name
from gateway.subsystems.parsing.text import Line, one_of, split_lines, uint32

VOTES = ("ack", "nack", "ask_later", "wait_for_reply", "no_change")
"""The votes that the arbitrator sends to a node."""
NODES = "nodes"
"""The name of the list of clusters and nodes, for values that are missing from it."""

_T = TypeVar("_T")

_CLUSTER = re.compile(r'Cluster "(?P<name>.+)":')
_NODE = re.compile(r"    Node ID (?P<id>\S+):")
_ITEM = re.compile(r"(?P<indent> *)(?P<name>[A-Z][A-Za-z/ -]*):[ \t]*(?P<value>.*)")
_ITEM_OF_CLUSTER = 4
_ITEM_OF_NODE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class QnetdStatus:
    """The state of corosync-qnetd; what is unknown is None or empty.

    Attributes:
        address: the address on which it listens.
        tls: ``unsupported``, ``supported`` or ``required``.
        clients: the number of connections from nodes.
        clusters: the number of clusters with a connected node.
    """

    address: str
    tls: str
    clients: int | None
    clusters: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A node that is connected; what is unknown is None or empty.

    Attributes:
        node_id: the ID of the node.
        address: its address, without the port, which is another one for each connection.
        configured: the IDs of all nodes of its cluster, from its configuration.
        vote: the vote that counts for the node, one of ``VOTES``; None if none was sent.
        result: the result of its heuristics, one of ``RESULTS``.
        tls_active: whether the connection is encrypted.
    """

    node_id: int
    address: str
    configured: frozenset[int] | None
    vote: str | None
    result: str | None
    tls_active: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster with at least one connected node.

    Attributes:
        name: the name of the cluster.
        algorithm: the algorithm, as in corosync.conf.
        tie_breaker: ``lowest``, ``highest``, or the ID of a node.
        clients: the nodes that are connected.
    """

    name: str
    algorithm: str
    tie_breaker: str
    clients: tuple[Client, ...]

    @property
    def configured(self) -> frozenset[int] | None:
        """The IDs of all nodes that the connected nodes have in their configurations, or None if one is unknown."""
        known = [client.configured for client in self.clients if client.configured is not None]
        return frozenset().union(*known) if known and len(known) == len(self.clients) else None


def parse_status(output: bytes) -> Parsed[QnetdStatus]:
    """Parses the state of the daemon. A value that cannot be read is absent.

    Raises:
        ParseError: the output does not have the address.
    """
    unreadable = UnreadableValues()
    daemon = _Block(name="", line=1)
    for line in split_lines(output):
        if (item := unreadable.read(_read_item, line)) is not None:
            daemon.items.setdefault(item.name, item)
    if "QNetd address" not in daemon.items:
        raise ParseError(f"expected 'QNetd address', found {output[:60]!r}", line=1)
    status = QnetdStatus(
        address=daemon.word("QNetd address", unreadable),
        tls=daemon.word("TLS", unreadable).lower(),
        clients=unreadable.read(_number, daemon, "Connected clients"),
        clusters=unreadable.read(_number, daemon, "Connected clusters"),
    )
    return unreadable.parsed(status)


def parse_list(output: bytes) -> Parsed[tuple[Cluster, ...]]:
    """Parses the list of clusters and nodes. A value that cannot be read is absent.

    Raises:
        ParseError: the output has lines, and none of them begins a cluster.
    """
    blocks = _Blocks()
    lines = [line for line in split_lines(output) if line.text.strip()]
    for line in lines:
        blocks.add(line)
    if lines and not blocks.clusters:
        raise ParseError(f"expected a cluster, found {lines[0].text[:60]!r}", line=lines[0].number)
    return blocks.unreadable.parsed(tuple(_cluster(block, blocks) for block in blocks.clusters.values()))


class _Item(NamedTuple):
    """An item with its value, and the line that has it."""

    name: str
    text: str
    line: int
    indent: int

    @property
    def word(self) -> str:
        """The value without what follows in parentheses."""
        return self.text.partition(" (")[0]

    def one_of(self, words: tuple[str, ...], text: str = "") -> str:
        """Returns the word, or another text, as one of some labels."""
        return one_of((text or self.word).lower().replace(" ", "_"), words, what=self.name)


@dataclass(slots=True, kw_only=True)
class _Block:
    """The items of the daemon, of a cluster or of a node, as they are read."""

    name: str
    line: int
    items: dict[str, _Item] = field(default_factory=dict)
    nodes: dict[int, _Block] = field(default_factory=dict)

    def read(self, name: str, read: Callable[[_Item], _T], unreadable: UnreadableValues) -> _T | None:
        """Returns what a function reads from an item, or None if it cannot; an item that is missing is not counted."""
        return unreadable.read(read, self.items[name]) if name in self.items else None

    def word(self, name: str, unreadable: UnreadableValues) -> str:
        """Returns the word that an item has which is never absent."""
        word = self.items[name].word if name in self.items else ""
        if not word:
            unreadable.add(f"found no {name!r}", line=self.line)
        return word


class _Blocks:
    """The clusters and nodes of a list, as they are read.

    Attributes:
        clusters: the clusters, by name.
        unreadable: what cannot be read.
    """

    def __init__(self) -> None:
        self.clusters: dict[str, _Block] = {}
        self.unreadable = UnreadableValues()
        self._is_complete = True
        self._cluster: _Block | None = None
        self._node: _Block | None = None

    def add(self, line: Line) -> None:
        """Adds a line. What belongs to a cluster or a node whose name cannot be read is skipped."""
        try:
            self._add(line)
        except ParseError as error:
            self.add_incomplete(error)
            indent = len(line.text) - len(line.text.lstrip(" "))
            if indent < _ITEM_OF_NODE:
                self._node = None
            if indent < _ITEM_OF_CLUSTER:
                self._cluster = None

    def add_incomplete(self, error: ParseError) -> None:
        """Adds the reason why a cluster or a node may be missing from the list."""
        self._is_complete = False
        self.unreadable.add(error.reason, line=error.line, incomplete=(NODES,))

    def _add(self, line: Line) -> None:
        line.check()
        text = line.text.rstrip()
        if match := _CLUSTER.fullmatch(text):
            self._begin_cluster(match["name"], line.number)
        elif match := _NODE.fullmatch(text):
            self._begin_node(match["id"], line.number)
        else:
            self._add_item(_read_item(line))

    def _begin_cluster(self, name: str, line: int) -> None:
        if name in self.clusters:
            raise ParseError(f"expected each cluster once, found {name[:60]!r} twice", line=line)
        self._cluster = self.clusters[name] = _Block(name=name, line=line)
        self._node = None

    def _begin_node(self, node_id: str, line: int) -> None:
        self._node, number = None, uint32(node_id, what="Node ID", line=line)
        if self._cluster is not None:
            if number in self._cluster.nodes:
                raise ParseError(f"expected each node once, found {number} twice", line=line)
            self._node = self._cluster.nodes[number] = _Block(name=node_id, line=line)
        elif self._is_complete:
            raise ParseError("expected a cluster, found a node", line=line)

    def _add_item(self, item: _Item) -> None:
        is_of_node = item.indent == _ITEM_OF_NODE
        block = self._node if is_of_node else self._cluster
        if block is not None and item.name not in block.items:
            block.items[item.name] = item
            return
        # the line is missing that begins the block: nothing of it belongs to the one before
        self._node = None
        if not is_of_node:
            self._cluster = None
        if self._is_complete:
            raise ParseError(f"expected a cluster or a node, found {item.name!r}", line=item.line)


def _read_item(line: Line) -> _Item:
    line.check()
    match = _ITEM.fullmatch(line.text.rstrip())
    if match is None:
        raise ParseError(f"expected an item, found {line.text[:100]!r}", line=line.number)
    return _Item(match["name"], match["value"].strip(), line.number, len(match["indent"]))


def _cluster(block: _Block, blocks: _Blocks) -> Cluster:
    return Cluster(
        name=block.name,
        algorithm=algorithm_name(block.word("Algorithm", blocks.unreadable)),
        tie_breaker=tie_breaker_name(block.word("Tie-breaker", blocks.unreadable)),
        clients=tuple(_clients(block, blocks)),
    )


def _clients(block: _Block, blocks: _Blocks) -> Iterator[Client]:
    if not block.nodes:
        blocks.add_incomplete(ParseError("found a cluster without a node, so the output is cut off", line=block.line))
    for node_id, node in block.nodes.items():
        for name in ("Heuristics", "TLS active"):  # the last items that every node has
            if name not in node.items:
                blocks.add_incomplete(ParseError(f"found no {name!r}, so the output is cut off", line=node.line))
        yield _client(node_id, node, blocks.unreadable)


def _client(node_id: int, node: _Block, unreadable: UnreadableValues) -> Client:
    has_address = bool(node.word("Client address", unreadable))
    return Client(
        node_id=node_id,
        address=(node.read("Client address", _address, unreadable) or "") if has_address else "",
        configured=node.read("Configured node list", _node_ids, unreadable),
        vote=node.read("Vote", _vote, unreadable),
        result=node.read("Heuristics", lambda item: item.one_of(RESULTS), unreadable),
        tls_active=node.read("TLS active", lambda item: item.one_of(("yes", "no")) == "yes", unreadable),
    )


def _address(item: _Item) -> str:
    """Returns an address without its port. corosync-qnetd prints an IPv4 address as mapped to IPv6."""
    try:
        address = ipaddress.ip_address(item.text.rpartition(":")[0])
    except ValueError:
        raise ParseError(f"expected an address and a port, found {item.text[:60]!r}", line=item.line) from None
    return str(unmap(address))


def _number(daemon: _Block, name: str) -> int:
    if name not in daemon.items:
        raise ParseError(f"found no {name!r}")
    return uint32(daemon.items[name].text, what=name, line=daemon.items[name].line)


def _node_ids(item: _Item) -> frozenset[int]:
    ids = (each.partition(" (")[0].strip() for each in item.text.split(","))
    return frozenset(uint32(each, what=item.name, line=item.line) for each in ids)


def _vote(item: _Item) -> str:
    """Returns the vote that counts: the last ACK or NACK, otherwise the last vote of any kind."""
    return item.one_of(VOTES, item.text.partition(" (")[2].removesuffix(")"))
