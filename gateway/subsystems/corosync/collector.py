"""Collects Corosync's membership, quorum, links and statistics with Corosync's own libraries or tools."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.host.host import CommandResult, Host
from gateway.host.library import LINKS, QUORUM, STATISTICS, LibraryQuery, Stack
from gateway.samples import SampleSet
from gateway.status import Status
from gateway.subsystems import corosync_conf
from gateway.subsystems.corosync import corosync_cfgtool, corosync_cmapctl, corosync_quorumtool, metrics
from gateway.subsystems.corosync.corosync_cfgtool import Link, LinkPeer, LinkStatus, RingStatus
from gateway.subsystems.corosync.corosync_cmapctl import CorosyncStatistics
from gateway.subsystems.corosync.corosync_quorumtool import QuorumStatus
from gateway.subsystems.corosync.options import Statistics
from gateway.subsystems.corosync_conf import CorosyncConfig
from gateway.subsystems.library_source import LibrarySource, query
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import Plan, Probe, Reading, parse_output

# error 2 is CS_ERR_LIBRARY: no process listens on the IPC socket; 12 is CS_ERR_NOT_EXIST: a socket that is a file does
# not exist
_NOT_RUNNING = re.compile(
    rb"cannot initialize (?:cmap|quorum|votequorum|cfg) service"
    rb"|could not initialize corosync configuration api error (?:2|12)\b"
    rb"|failed to initialize the cmap api. error cs_err_(?:library|not_exist|try_again)",
    re.IGNORECASE,
)
_VERSION = re.compile(r"version '([^']+)'")


_QUORUM = (("-p",), ("-s",))
"""Corosync 1 has no ``-p``, and prints its usage instead."""


def _parse_quorum(result: CommandResult) -> Parsed[QuorumStatus]:
    return parse_output(result, corosync_quorumtool.parse, not_running=_NOT_RUNNING)


def _parse_links(result: CommandResult) -> Parsed[LinkStatus]:
    return parse_output(result, corosync_cfgtool.parse, not_running=_NOT_RUNNING)


def _parse_statistics(result: CommandResult) -> Parsed[CorosyncStatistics]:
    return parse_output(result, corosync_cmapctl.parse, not_running=_NOT_RUNNING)


def _parse_version(result: CommandResult) -> str:
    return parse_output(result, _version, not_running=_NOT_RUNNING)


def _version(output: bytes) -> str:
    text = output.decode("utf-8", "replace")
    if match := _VERSION.search(text):
        return match[1]
    raise ParseError(f"expected a version, found {text[:60]!r}", line=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncCollector:
    """Collects membership, quorum and links as Corosync on this node sees them.

    Attributes:
        configuration: the path of corosync.conf, for the names of the cluster and its nodes.
        statistics: whether to collect statistics. corosync-cmapctl requests each value separately, 35 for each peer and
            link. That takes 20 ms on three nodes with two links, as long as everything else, and more on larger
            clusters. The library takes a twentieth of that.
        source: whether Corosync's libraries are asked.
    """

    name: str = "corosync"
    presence_tools: tuple[str, ...] = ("corosync-quorumtool", "corosync-cfgtool")
    configuration: str
    statistics: Statistics = Statistics.OFF
    source: LibrarySource = LibrarySource.TOOLS

    @property
    def configurations(self) -> tuple[str, ...]:
        """Corosync's configuration."""
        return (self.configuration,)

    def plan(self, host: Host) -> Plan:
        """Returns the same probes for each run; the version and the statistics are optional."""
        probes: tuple[Probe, ...] = (
            Probe(
                name="corosync-quorumtool",
                tool="corosync-quorumtool",
                variants=_QUORUM,
                read=_parse_quorum,
                library=self._query(host, QUORUM),
            ),
            Probe(
                name="corosync-cfgtool",
                tool="corosync-cfgtool",
                variants=(("-s",),),
                read=_parse_links,
                library=self._query(host, LINKS),
            ),
            Probe(
                name="corosync", tool="corosync", variants=(("-v",),), read=_parse_version, required=False, static=True
            ),
        )
        on = self.statistics is Statistics.ON
        library = self._query(host, STATISTICS)
        if on or (self.statistics is Statistics.AUTO and library is not None):
            probes += (
                Probe(
                    name="corosync-cmapctl",
                    tool="corosync-cmapctl",
                    variants=(("-m", "stats"),),
                    read=_parse_statistics,
                    required=False,
                    library=library,
                    library_only=not on,
                ),
            )
        return Plan(
            probes=probes, files={"corosync.conf": corosync_conf.read_with_local_name(host, self.configuration)}
        )

    def _query(self, host: Host, name: str) -> LibraryQuery | None:
        return query(self.source, host, Stack.COROSYNC, name)

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of the metrics ``ha_cluster_corosync_*``."""
        samples = SampleSet()
        quorum: QuorumStatus | None = readings["corosync-quorumtool"].ok_value
        links: LinkStatus | None = readings["corosync-cfgtool"].ok_value
        configuration: CorosyncConfig | None = readings["corosync.conf"].ok_value
        up = _is_up(readings)
        samples.add(metrics.UP, up)
        if quorum is not None:
            _add_quorum(samples, quorum)
        elif up == 0:
            samples.add(metrics.QUORATE, 0)
        if configuration is not None:
            samples.add(metrics.QDEVICE_CONFIGURED, configuration.has_qdevice)
        if links is not None:
            _add_links(samples, links, quorum, configuration)
        statistics = readings.get("corosync-cmapctl")
        if statistics is not None and statistics.ok_value is not None:
            _add_statistics(samples, statistics.ok_value, links.node_id if links is not None else None)
        if up or configuration is not None:  # the names are known even while no daemon runs
            _add_info(samples, readings["corosync"].ok_value, links, configuration)
        return samples


def _is_up(readings: Mapping[str, Reading]) -> int | None:
    """Returns 1 if any tool succeeded, 0 if all report that Corosync is not running, None if that is unknown.

    corosync-quorumtool prints the same message for any reason for which it cannot connect: a lack of permission or of
    memory, or a Corosync that is just starting. corosync-cfgtool prints the error.

    Without corosync.conf, this host is not a member of a cluster, and nothing is down: it is a remote node, an
    arbitrator, or neither.
    """
    statuses = {readings[tool].status for tool in ("corosync-quorumtool", "corosync-cfgtool")}
    if Status.OK in statuses:
        return 1
    is_member = readings["corosync.conf"].status is not Status.NOT_INSTALLED
    return 0 if is_member and statuses == {Status.NOT_RUNNING} else None


def _add_info(
    samples: SampleSet, version: str | None, links: LinkStatus | None, configuration: CorosyncConfig | None
) -> None:
    cluster, transport, node = None, links.transport if links is not None else None, None
    if configuration is not None:
        cluster, node = configuration.cluster_name, configuration.local_name
        transport = transport or configuration.transport
    samples.add(metrics.INFO, 1, cluster or "", transport or "", version or "", node or "")


def _add_quorum(samples: SampleSet, quorum: QuorumStatus) -> None:
    samples.add(metrics.QUORATE, None if quorum.quorate is None else int(quorum.quorate))
    for kind in ("expected_votes", "highest_expected", "total_votes", "quorum"):
        samples.add(metrics.QUORUM_VOTES, getattr(quorum, kind), kind)
    for flag in quorum.flags:
        samples.add(metrics.QUORUM_FLAGS, 1, flag)
    for member in quorum.members:
        node_id, local = str(member.node_id), "true" if member.local else "false"
        samples.add(metrics.MEMBER_VOTES, member.votes, node_id, member.name, local)
        if member.device is not None:
            device = set(member.device)
            flags = (bool(device), "A" in device, "V" in device, "MW" in device)
            samples.add(metrics.MEMBER_QDEVICE, flags, node_id, member.name)
    if quorum.device is not None:
        samples.add(metrics.MEMBER_VOTES, quorum.device.votes, "0", "Qdevice", "false")


def _add_links(
    samples: SampleSet, status: LinkStatus, quorum: QuorumStatus | None, configuration: CorosyncConfig | None
) -> None:
    ring_id, own_id = quorum.ring_id if quorum else "", _own_id(status, quorum)
    names = _node_names(quorum, configuration)
    addresses = configuration.node_addresses if configuration else {}
    others = _other_members(quorum)
    health = {link.number: _is_healthy(link, status.links, others) for link in status.links}
    for link in status.links:
        own = "" if own_id is None else str(own_id)
        samples.add(metrics.RINGS, health[link.number], ring_id, own, str(link.number), link.address)
        for peer in link.peers:
            if not peer.local and peer.node_id != own_id:
                _add_peer(samples, link, peer, names, addresses)
    errors = sum(healthy == 0 for healthy in health.values())
    if errors or (status.complete and None not in health.values()):
        samples.add(metrics.RING_ERRORS, errors)


def _own_id(status: LinkStatus, quorum: QuorumStatus | None) -> int | None:
    """Returns the ID of this node, which either tool prints."""
    return quorum.node_id if quorum is not None and quorum.node_id is not None else status.node_id


def _node_names(quorum: QuorumStatus | None, configuration: CorosyncConfig | None) -> Mapping[str, str]:
    """Returns the names of the nodes by ID. A peer that has left is no longer a member, but still configured."""
    configured = configuration.node_names if configuration else {}
    members = quorum.members if quorum else ()
    return {**configured, **{str(member.node_id): member.name for member in members if member.name}}


def _add_peer(
    samples: SampleSet,
    link: Link,
    peer: LinkPeer,
    names: Mapping[str, str],
    addresses: Mapping[tuple[str, int], str],
) -> None:
    """Adds a peer on a link. One that is known by its index only has neither a name nor an address."""
    number, node_id, connected = str(link.number), str(peer.node_id), peer.connected
    name = "" if peer.by_index else names.get(node_id, "")
    address = None if peer.by_index else addresses.get((node_id, link.number))
    samples.add(
        metrics.LINK_CONNECTED, None if connected is None else int(connected), number, link.address, node_id, name
    )
    if address:
        samples.add(metrics.LINK_PEER_ADDRESS, 1, number, node_id, address)


def _other_members(quorum: QuorumStatus | None) -> Collection[int] | None:
    """Returns the ids of the members without this node; None if some or all of them are unknown."""
    members = {member.node_id for member in quorum.members} if quorum else set()
    if quorum is None or not members or len(members) < (quorum.nodes or 0):
        return None
    return members - {quorum.node_id}


def _is_healthy(link: Link, links: Collection[Link], others: Collection[int] | None) -> int | None:
    """Returns 0 if the tool marks a link as faulty or does not reach a member over it, else 1; None if unknown.

    A node that is no member is down, and does not make the links to it faulty.

    Args:
        link: the link.
        links: all links.
        others: the ids of the other members; None if they are unknown.
    """
    if link.status is not RingStatus.NOT_PRINTED:
        return None if link.status is RingStatus.UNKNOWN else int(link.status is RingStatus.HEALTHY)
    peers = [peer for peer in link.peers if not peer.local]
    if others is None:
        return 1 if link.complete and all(peer.connected for peer in peers) else None
    states = {peer.connected for peer in peers if _is_member(peer, link, links, others)}
    if False in states:
        return 0
    lists_members = {peer.node_id for peer in peers}.issuperset(others)
    by_index = any(peer.by_index for peer in peers)
    return 1 if (lists_members or (by_index and link.complete)) and None not in states else None


def _is_member(peer: LinkPeer, link: Link, links: Collection[Link], others: Collection[int]) -> bool:
    """Returns whether a peer should be reached over a link.

    A peer that is known by its index only should if all nodes are members, or if it is reached over another link.
    """
    if peer.by_index and len(others) + 1 >= len(link.peers):
        return True
    if not peer.by_index:
        return peer.node_id in others
    return any(other.connected for item in links for other in item.peers if other.node_id == peer.node_id)


def _add_statistics(samples: SampleSet, statistics: CorosyncStatistics, local: int | None) -> None:
    for link in statistics.links:
        if link.node_id == local:
            continue  # knet counts what a node sends to itself as link 0
        labels = (str(link.link), str(link.node_id))
        for statistic, field in _LATENCIES:
            microseconds = getattr(link, field)
            seconds = None if microseconds is None else microseconds / 1e6
            samples.add(metrics.KNET_LATENCY, seconds, *labels, statistic)
        for metric, field in _LINK_NUMBERS:
            samples.add(metric, getattr(link, field), *labels)
    totem = statistics.srp
    samples.add(metrics.TOTEM_RETRANSMITS, totem.mcast_retx)
    samples.add(metrics.TOTEM_TOKEN_LOST, totem.operational_token_lost)
    samples.add(metrics.TOTEM_TOKEN_INTERVAL, None if totem.mtt_rx_token is None else totem.mtt_rx_token / 1000)


_LATENCIES = (("average", "latency_ave"), ("maximum", "latency_max"), ("minimum", "latency_min"))

_LINK_NUMBERS = (
    (metrics.KNET_MTU, "mtu"),
    (metrics.KNET_DOWN, "down_count"),
    (metrics.KNET_UP, "up_count"),
    (metrics.KNET_ERRORS, "tx_total_errors"),
    (metrics.KNET_RECEIVED_BYTES, "rx_total_bytes"),
    (metrics.KNET_SENT_BYTES, "tx_total_bytes"),
)
