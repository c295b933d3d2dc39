"""``corosync-cmapctl -m stats``: the statistics of Corosync 3, one key a line, in alphabetical order.

::

    stats.knet.node2.link0.latency_ave (u32) = 189
    stats.srp.mtt_rx_token (u32) = 105

Corosync 2 has no such map. Without knet there are no ``stats.knet`` keys. All counters start with the daemon; those of
a link restart when the link is configured anew. See cmap_keys(7).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines, uint32

_LINE = re.compile(r"(?P<key>\S+) \((?P<type>[a-z]+\d*)\)(?: = (?P<value>.*))?")
_LINK_KEY = re.compile(r"stats\.knet\.node(?P<node>\d+)\.link(?P<link>\d+)\.(?P<name>\w+)")
_TOTEM_KEY = re.compile(r"stats\.srp\.(?P<name>\w+)")
_DIGITS = re.compile(r"[0-9]{1,20}")

_UINT64_MAX = 2**64 - 1
_FLAGS = frozenset({"enabled", "connected", "firewall_enabled_or_nic_failure"})
"""Printed as u8, 0 or 1."""

_RENAMED = {"rx_total_retries": "tx_total_retries"}
"""Corosync prints libknet's ``tx_total_retries`` under the wrong name."""

_LATENCIES = ("latency_ave", "latency_max", "latency_min")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnetLinkStatistics:
    """``stats.knet.nodeX.linkY.*``: one link to one node, as the local node sees it.

    The local node is among them, as link 0 to itself, without pings: its latencies are None. Each value is None where
    its key is absent.

    Attributes:
        node_id: the other end.
        link: its number, from 0.
        enabled: whether it is configured.
        connected: whether it is up.
        mtu: bytes of payload that a packet may have, as probed.
        latency_ave: average round trip of pings, in microseconds; None before the first.
        latency_max: the longest, in microseconds.
        latency_min: the shortest, in microseconds.
        latency_samples: pings that these three are from.
        up_count: how often it came up.
        down_count: how often it went down; a link that was never lost shows 1, for it was down before it came up.
        rx_data_packets: packets of the cluster's own traffic.
        tx_data_packets: the same, sent.
        rx_data_bytes: bytes of it.
        tx_data_bytes: the same, sent.
        tx_data_errors: packets of it that could not be sent.
        tx_data_retries: sends of it that were tried again, the socket's buffer being full.
        rx_total_packets: packets, with pings, pongs and probes of the MTU.
        tx_total_packets: the same, sent.
        rx_total_bytes: bytes of them.
        tx_total_bytes: the same, sent.
        tx_total_errors: packets that could not be sent.
        tx_total_retries: sends that were tried again; the tool calls them ``rx_total_retries``.
    """

    node_id: int
    link: int
    enabled: bool | None = None
    connected: bool | None = None
    mtu: int | None = None
    latency_ave: int | None = None
    latency_max: int | None = None
    latency_min: int | None = None
    latency_samples: int | None = None
    up_count: int | None = None
    down_count: int | None = None
    rx_data_packets: int | None = None
    tx_data_packets: int | None = None
    rx_data_bytes: int | None = None
    tx_data_bytes: int | None = None
    tx_data_errors: int | None = None
    tx_data_retries: int | None = None
    rx_total_packets: int | None = None
    tx_total_packets: int | None = None
    rx_total_bytes: int | None = None
    tx_total_bytes: int | None = None
    tx_total_errors: int | None = None
    tx_total_retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotemStatistics:
    """``stats.srp.*``: the single ring protocol, under the tool's own names. None where a key is absent.

    Attributes:
        mcast_tx: messages sent.
        mcast_rx: messages received.
        mcast_retx: messages sent again, because a node had missed them.
        orf_token_tx: tokens that this node created.
        orf_token_rx: tokens received.
        memb_join_tx: join messages sent.
        memb_join_rx: join messages received.
        memb_merge_detect_tx: merge messages sent.
        memb_merge_detect_rx: merge messages received.
        memb_commit_token_tx: commit tokens sent.
        memb_commit_token_rx: commit tokens received.
        token_hold_cancel_tx: requests to let go of the token, sent.
        token_hold_cancel_rx: the same, received.
        operational_entered: how often the ring became operational.
        operational_token_lost: tokens lost while it was.
        gather_entered: how often members were gathered.
        gather_token_lost: tokens lost meanwhile.
        commit_entered: how often a membership was committed.
        commit_token_lost: tokens lost meanwhile.
        recovery_entered: how often messages were recovered.
        recovery_token_lost: tokens lost meanwhile.
        consensus_timeouts: times that no consensus about the membership was reached in time.
        rx_msg_dropped: messages dropped, as they were not expected in that state.
        continuous_gather: failures to reach consensus in a row; 0 in a healthy cluster.
        continuous_sendmsg_failures: failures to send in a row.
        firewall_enabled_or_nic_failure: whether there has been no consensus for long.
        mtt_rx_token: average time between two tokens, in milliseconds.
        avg_token_workload: average time that this node holds the token, in milliseconds.
        avg_backlog_calc: average number of messages that wait to be sent.
        time_since_token_last_received: milliseconds; newer versions of 3.1 only.
    """

    mcast_tx: int | None = None
    mcast_rx: int | None = None
    mcast_retx: int | None = None
    orf_token_tx: int | None = None
    orf_token_rx: int | None = None
    memb_join_tx: int | None = None
    memb_join_rx: int | None = None
    memb_merge_detect_tx: int | None = None
    memb_merge_detect_rx: int | None = None
    memb_commit_token_tx: int | None = None
    memb_commit_token_rx: int | None = None
    token_hold_cancel_tx: int | None = None
    token_hold_cancel_rx: int | None = None
    operational_entered: int | None = None
    operational_token_lost: int | None = None
    gather_entered: int | None = None
    gather_token_lost: int | None = None
    commit_entered: int | None = None
    commit_token_lost: int | None = None
    recovery_entered: int | None = None
    recovery_token_lost: int | None = None
    consensus_timeouts: int | None = None
    rx_msg_dropped: int | None = None
    continuous_gather: int | None = None
    continuous_sendmsg_failures: int | None = None
    firewall_enabled_or_nic_failure: bool | None = None
    mtt_rx_token: int | None = None
    avg_token_workload: int | None = None
    avg_backlog_calc: int | None = None
    time_since_token_last_received: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncStatistics:
    """What the gateway uses of the map.

    Attributes:
        links: by node and link; empty without knet.
        srp: the totem protocol.
    """

    links: tuple[KnetLinkStatistics, ...]
    srp: TotemStatistics


_LINK_NAMES = frozenset(item.name for item in fields(KnetLinkStatistics)) - {"node_id", "link"}
_TOTEM_NAMES = frozenset(item.name for item in fields(TotemStatistics))


def parse(output: bytes) -> CorosyncStatistics:
    """Reads the output of the tool; keys that are not known are ignored.

    Raises:
        ParseError: a line is malformed, a value is no number, or the output is cut off before ``stats.srp``, the last.
    """
    links: dict[tuple[int, int], dict[str, Any]] = {}
    totem: dict[str, Any] = {}
    for number, line in enumerate(complete_lines(output), 1):
        if line.strip():
            _read(line.removesuffix("\r"), number, links, totem)
    if not totem:
        raise ParseError("found no statistics of the totem protocol (stats.srp)")
    return CorosyncStatistics(
        links=tuple(
            KnetLinkStatistics(node_id=node_id, link=link, **_latencies_known(values))
            for (node_id, link), values in sorted(links.items())
        ),
        srp=TotemStatistics(**totem),
    )


def _read(line: str, number: int, links: dict[tuple[int, int], dict[str, Any]], totem: dict[str, Any]) -> None:
    item = _LINE.fullmatch(line)
    if item is None:
        raise ParseError(f"expected 'key (type) = value', found {line[:60]!r}", line=number)
    if key := _LINK_KEY.fullmatch(item["key"]):
        node_id = uint32(key["node"], what="a node id", line=number)
        link = uint32(key["link"], what="the number of a link", line=number)
        _store(links.setdefault((node_id, link), {}), _LINK_NAMES, key["name"], item["value"], number)
    elif key := _TOTEM_KEY.fullmatch(item["key"]):
        _store(totem, _TOTEM_NAMES, key["name"], item["value"], number)


def _store(values: dict[str, Any], names: Collection[str], name: str, value: str | None, line: int) -> None:
    name = _RENAMED.get(name, name)
    if name not in names:
        return
    if value is None or not _DIGITS.fullmatch(value) or int(value) > _UINT64_MAX:
        raise ParseError(f"expected {name} as a number, found {(value or '')[:40]!r}", line=line)
    values[name] = int(value) != 0 if name in _FLAGS else int(value)


def _latencies_known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without a single ping Corosync prints 0, 0 and 4294967295, which are no latencies."""
    if values.get("latency_samples") != 0:
        return dict(values)
    return {name: value for name, value in values.items() if name not in _LATENCIES}
