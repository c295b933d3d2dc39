"""Reads Corosync through its libraries, and renders what its tools print (Corosync 3.1).

It makes the same calls as corosync-quorumtool, corosync-cfgtool and corosync-cmapctl. Wherever a tool prints a warning
and goes on with less, it fails instead, so that the tool decides what there is to report.
"""

from __future__ import annotations

import ctypes
from time import monotonic

from gateway.host.reader.corosync_ipc import (
    BYTE_ORDER,
    MAP_STATS,
    MAX_LINKS,
    Address,
    Cmap,
    Connection,
    NodeInfo,
    NodeState,
    QuorumView,
    Votequorum,
)
from gateway.host.reader.library import load, loaded_file
from gateway.host.reader.messages import LINKS, QUORUM, STATISTICS, LibraryFailedError

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MAX_ANSWERS = 50
"""Answers after which the connections are replaced. Each has buffers of three megabytes, of which every message takes
pages that were not used before: 20 kB for an answer with statistics, here and in Corosync.
"""
_TOGETHER = 0.05
"""Seconds in which queries are parts of one collection, which begins with ``QUORUM``: the node list, which nodes and
links there are, is read once for all of them. It takes a request to Corosync for each of its keys.
"""
_NODE_STATUS_V1 = 1
_MAX_NAME = 1025
_AF_INET6 = 10

_TWO_NODE, _QUORATE, _WAIT_FOR_ALL, _LAST_MAN_STANDING, _TIE_BREAKER, _DOWNSCALE, _QDEVICE = (
    2**bit for bit in range(7)
)
_ALIVE, _CAST_VOTE, _MASTER_WINS = (2**bit for bit in range(7, 10))
_FLAGS = (
    (_TWO_NODE, "2Node"),
    (_QUORATE, "Quorate"),
    (_WAIT_FOR_ALL, "WaitForAll"),
    (_LAST_MAN_STANDING, "LastManStanding"),
    (_TIE_BREAKER, "AutoTieBreaker"),
    (_DOWNSCALE, "AllowDownscale"),
    (_QDEVICE, "Qdevice"),
)
_DEVICE_FLAGS = ((_ALIVE, "A", "NA"), (_CAST_VOTE, "V", "NV"), (_MASTER_WINS, "MW", "NMW"))

KNET_STATISTICS = (
    "mtu",
    "latency_ave",
    "latency_max",
    "latency_min",
    "latency_samples",
    "up_count",
    "down_count",
    "rx_total_bytes",
    "tx_total_bytes",
    "tx_total_errors",
)
TOTEM_STATISTICS = ("mcast_retx", "operational_token_lost", "mtt_rx_token")
"""The statistics that the gateway uses; each is a request to Corosync."""


class CorosyncLibrary:
    """Answers the queries about Corosync.

    Raises:
        LibraryUnusableError: a library cannot be used.

    Attributes:
        version: the name of the file of the library whose functions are the youngest.
        queries: the methods that answer, by query.
    """

    def __init__(self) -> None:
        self._cmap = load(["libcmap.so.4"], ["cmap_initialize_map", "cmap_iter_next", "cmap_get"])
        self._quorum = load(["libquorum.so.5"], ["quorum_initialize", "quorum_trackstart", "quorum_getquorate"])
        self._votequorum = load(["libvotequorum.so.8"], ["votequorum_initialize", "votequorum_getinfo"])
        self._cfg = load(["libcfg.so.7"], ["corosync_cfg_initialize", "corosync_cfg_node_status_get"])
        self._libc = ctypes.CDLL(None)
        self._connections: Connections | None = None
        self._answers = 0
        self.version = loaded_file("libcfg.so")
        self.queries: Mapping[str, Callable[[int], bytes]] = {
            QUORUM: lambda max_size: _text(self._answer(self._render_quorum), max_size),
            LINKS: lambda max_size: _text(self._answer(self._render_links), max_size),
            STATISTICS: lambda max_size: _text(self._answer(self._render_statistics), max_size),
        }

    def _answer(self, render: Callable[[Connections], list[str]]) -> list[str]:
        """Returns the lines of an answer; over new connections if those from before have failed."""
        self._answers += 1
        if self._answers % _MAX_ANSWERS == 0:
            self._disconnect()
        if self._connections is not None:
            try:
                return render(self._connections)
            except LibraryFailedError:
                self._disconnect()
        try:
            self._connections = Connections(
                cmap=self._cmap, quorum=self._quorum, votequorum=self._votequorum, cfg=self._cfg
            )
            return render(self._connections)
        except LibraryFailedError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connections is not None:
            self._connections.close()
            self._connections = None

    # --- Quorum ------------------------------------------------------------------------------------------------------

    def _render_quorum(self, corosync: Connections) -> list[str]:
        """Returns what ``corosync-quorumtool -p`` prints."""
        provider = corosync.cmap.text("quorum.provider")
        if provider != "corosync_votequorum":
            raise LibraryFailedError(f"the quorum provider is {provider or 'not configured'}")
        kind, local = corosync.cmap.number("runtime.votequorum.this_node_id")
        if not kind:
            raise LibraryFailedError("runtime.votequorum.this_node_id is missing")
        quorate, sequence, members = corosync.quorum.read()
        ring = f"{corosync.votequorum.representative():x}.{sequence:x}"
        infos = [corosync.votequorum.info(member) for member in members]
        own = next((info for info in infos if info.node_id == local), None) or corosync.votequorum.info(local)
        names = self._names(corosync, members)
        return [*_summary(local, quorate, ring, len(members), own), *_membership(infos, names, local)]

    def _names(self, corosync: Connections, members: Sequence[int]) -> dict[int, str]:
        """Returns the name of each member: the configured one, or that of its address."""
        positions = {node_id: position for position, node_id in sorted(corosync.node_list().items(), reverse=True)}
        names = {
            member: corosync.cmap.text(f"nodelist.node.{positions[member]}.name")
            for member in members
            if member in positions
        }
        return {member: names.get(member) or self._resolve(corosync.cfg, member) for member in members}

    def _resolve(self, cfg: Connection, member: int) -> str:
        addresses, count = (Address * MAX_LINKS)(), ctypes.c_int()
        cfg.call("get_node_addrs", ctypes.c_uint(member), ctypes.c_size_t(MAX_LINKS), ctypes.byref(count), addresses)
        address = bytes(addresses)[ctypes.sizeof(ctypes.c_int) : ctypes.sizeof(Address)]
        family = int.from_bytes(address[:2], BYTE_ORDER)
        name = ctypes.create_string_buffer(_MAX_NAME)
        length = 28 if family == _AF_INET6 else 16
        if not count.value or not family or self._libc.getnameinfo(address, length, name, _MAX_NAME, None, 0, 0):
            return ""
        return name.value.decode("utf-8", "replace")

    # --- Links -------------------------------------------------------------------------------------------------------

    def _render_links(self, corosync: Connections) -> list[str]:
        """Returns what ``corosync-cfgtool -s`` prints."""
        local, states = corosync.node_states()
        transport = corosync.cmap.text("totem.transport") or "knet"
        lines = [f"Local node ID {local}, transport {transport}"]
        # the links of this node to itself are not those to the others
        reference = next((state for state in reversed(states) if state.node_id != local), states[0])
        for number, link in enumerate(reference.links):
            if link.enabled:
                protocol = _protocol(corosync.cmap, number, transport)
                lines += [f"LINK ID {number} {protocol}", f"\taddr\t= {_decode(link.source)}", "\tstatus:"]
                lines += (_peer(state, number, local) for state in states)
        return lines

    # --- Statistics --------------------------------------------------------------------------------------------------

    def _render_statistics(self, corosync: Connections) -> list[str]:
        """Returns the lines of ``corosync-cmapctl -m stats`` that the gateway uses."""
        local, states = corosync.node_states(may_be_recent=True)
        keys = [
            f"stats.knet.node{state.node_id}.link{number}.{name}"
            for state in states
            for number, link in enumerate(state.links)
            if link.enabled and state.node_id != local
            for name in KNET_STATISTICS
        ]
        keys += (f"stats.srp.{name}" for name in TOTEM_STATISTICS)
        values = ((key, *corosync.statistics.number(key)) for key in keys)
        return [f"{key} ({kind}) = {number}" for key, kind, number in values if kind]


class Connections:
    """Connections to all services.

    Args:
        cmap: libcmap, and so on.
        quorum: libquorum.
        votequorum: libvotequorum.
        cfg: libcfg.

    Raises:
        LibraryFailedError: Corosync refuses one of them.
    """

    def __init__(self, *, cmap: ctypes.CDLL, quorum: ctypes.CDLL, votequorum: ctypes.CDLL, cfg: ctypes.CDLL) -> None:
        self._open: list[Connection | QuorumView | Votequorum] = []
        try:
            self.cmap = Cmap(cmap)
            self._open.append(self.cmap)
            self.statistics = Cmap(cmap, MAP_STATS)
            self._open.append(self.statistics)
            self.cfg = Connection(cfg, "corosync_cfg_", "initialize", None)
            self._open.append(self.cfg)
            self.quorum = QuorumView(quorum)
            self._open.append(self.quorum)
            self.votequorum = Votequorum(votequorum)
            self._open.append(self.votequorum)
        except LibraryFailedError:
            self.close()
            raise
        self._node_list: tuple[float, dict[int, int]] | None = None
        self._node_states: tuple[float, int, list[NodeState]] | None = None

    def node_list(self, *, may_be_recent: bool = False) -> dict[int, int]:
        """Returns the id of each node of the node list, by its position.

        Args:
            may_be_recent: whether it may have been read for another query of the same collection.
        """
        if not (may_be_recent and self._node_list is not None and monotonic() < self._node_list[0] + _TOGETHER):
            self._node_list = (monotonic(), self.cmap.node_ids())
        return self._node_list[1]

    def node_states(self, *, may_be_recent: bool = False) -> tuple[int, list[NodeState]]:
        """Returns the id of this node, and the state of every node in the node list, in the order of their ids."""
        if not (may_be_recent and self._node_states is not None and monotonic() < self._node_states[0] + _TOGETHER):
            local = ctypes.c_uint()
            self.cfg.call("local_get", ctypes.byref(local))
            node_ids = sorted(self.node_list(may_be_recent=True).values())
            if local.value not in node_ids:
                raise LibraryFailedError("this node is not in the node list")
            states = [_node_state(self.cfg, node_id) for node_id in node_ids]
            self._node_states = (monotonic(), local.value, states)
        return self._node_states[1:]

    def close(self) -> None:
        """Closes all connections."""
        while self._open:
            self._open.pop().close()


def _summary(local: int, quorate: bool, ring: str, nodes: int, info: NodeInfo) -> Iterator[str]:  # noqa: FBT001
    yield f"Nodes:            {nodes}"
    yield f"Node ID:          {local}"
    yield f"Ring ID:          {ring}"
    yield f"Quorate:          {'Yes' if quorate else 'No'}"
    yield f"Expected votes:   {info.expected_votes}"
    yield f"Highest expected: {info.highest_expected}"
    yield f"Total votes:      {info.total_votes}"
    yield f"Quorum:           {info.quorum} {'' if info.flags & _QUORATE else 'Activity blocked'}"
    yield f"Flags:            {' '.join(name for flag, name in _FLAGS if info.flags & flag)}"


def _membership(infos: Sequence[NodeInfo], names: dict[int, str], local: int) -> Iterator[str]:
    yield "    Nodeid      Votes    Qdevice Name"
    for info in infos:
        device = ",".join(yes if info.flags & flag else no for flag, yes, no in _DEVICE_FLAGS)
        state = device if info.flags & _QDEVICE else "NR"
        own = " (local)" if info.node_id == local else ""
        yield f"{info.node_id:10} {info.votes:10} {state:>10} {names[info.node_id]}{own}"
    if any(info.flags & _QDEVICE for info in infos):
        casts = any(info.flags & _CAST_VOTE for info in infos if info.node_id == local)
        votes = infos[0].device_votes
        yield f"{0:10} {votes if casts else 0:10}            {_decode(infos[0].device_name)}" + (
            "" if casts else f" (votes {votes})"
        )


def _protocol(cmap: Cmap, number: int, transport: str) -> str:
    if transport in ("udp", "udpu"):
        return ""
    return cmap.text(f"totem.interface.{number}.knet_transport") or "udp"


def _node_state(cfg: Connection, node_id: int) -> NodeState:
    state = NodeState()
    cfg.call("node_status_get", ctypes.c_uint(node_id), ctypes.c_int(_NODE_STATUS_V1), ctypes.byref(state))
    return state


def _peer(state: NodeState, number: int, local: int) -> str:
    connected = "connected" if state.links[number].connected else "disconnected"
    word = "localhost" if state.node_id == local else connected
    return f"\t\tnodeid: {state.node_id:10}:\t{word}"


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _text(lines: Sequence[str], max_size: int) -> bytes:
    text = "".join(f"{line}\n" for line in lines).encode()
    if len(text) > max_size:
        raise LibraryFailedError(f"the answer has {len(text)} bytes, at most {max_size} are allowed")
    return text
