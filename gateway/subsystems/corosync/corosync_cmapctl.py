"""``corosync-cmapctl -m stats``: the statistics of Corosync 3, one key a line, in alphabetical order.

::

    stats.knet.node2.link0.latency_ave (u32) = 189
    stats.srp.mtt_rx_token (u32) = 105

Corosync 2 has no such map. Without knet there are no ``stats.knet`` keys. All counters start at 0 when the daemon
starts; those of a link also start again when the link is configured anew. See cmap_keys(7).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines, uint32

_LINE = re.compile(r"(\S+) \([a-z]+\d*\)(?: = (.*))?")
_KEY = re.compile(r"stats\.(?:knet\.node(\d+)\.link(\d+)|srp)\.(\w+)")
_DIGITS = re.compile(r"[0-9]{1,20}")

_UINT64_MAX = 2**64 - 1

_LATENCIES = ("latency_ave", "latency_max", "latency_min")
_LATENCY_SAMPLES = "latency_samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnetLinkStatistics:
    """``stats.knet.nodeX.linkY.*``: one link to one node, as the local node sees it.

    The local node has an entry too, as link 0 to itself. It sends itself no pings, hence its latencies are None. A
    value is None if its key is absent.

    Attributes:
        node_id: the node at the other end.
        link: the number of the link, from 0.
        mtu: bytes of payload that a packet may have, as knet has probed.
        latency_ave: average round-trip time of pings, in microseconds; None before the first ping.
        latency_max: the longest round-trip time, in microseconds.
        latency_min: the shortest round-trip time, in microseconds.
        up_count: how often the link came up.
        down_count: how often it went down. A link that was never lost shows 1: it was down before it first came up.
        rx_total_bytes: bytes received, with pings, pongs and MTU probes.
        tx_total_bytes: bytes sent, with the same.
        tx_total_errors: packets that could not be sent.
    """

    node_id: int
    link: int
    mtu: int | None = None
    latency_ave: int | None = None
    latency_max: int | None = None
    latency_min: int | None = None
    up_count: int | None = None
    down_count: int | None = None
    rx_total_bytes: int | None = None
    tx_total_bytes: int | None = None
    tx_total_errors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TotemStatistics:
    """``stats.srp.*``: Totem's single-ring protocol, under the tool's own names. A value is None if its key is absent.

    Attributes:
        mcast_retx: messages sent again because a node had missed them.
        operational_token_lost: tokens lost while the ring was operational.
        mtt_rx_token: mean time between two arrivals of the token, in milliseconds.
    """

    mcast_retx: int | None = None
    operational_token_lost: int | None = None
    mtt_rx_token: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncStatistics:
    """The statistics that the gateway uses.

    Attributes:
        links: sorted by node and link; empty without knet.
        srp: Totem's single-ring protocol.
    """

    links: tuple[KnetLinkStatistics, ...]
    srp: TotemStatistics


_LINK_NAMES = {item.name for item in fields(KnetLinkStatistics)} - {"node_id", "link"} | {_LATENCY_SAMPLES}
_TOTEM_NAMES = {item.name for item in fields(TotemStatistics)}


def parse(output: bytes) -> Parsed[CorosyncStatistics]:
    """Parses the output of the tool. Unknown keys are ignored, and a line that cannot be read is absent.

    Raises:
        ParseError: the output ends before ``stats.srp``, its end.
    """
    links: dict[tuple[int, int], dict[str, int]] = {}
    totem: dict[str, int] = {}
    complete = False
    unreadable = UnreadableValues()
    for line in split_lines(output):
        if line.text.strip():
            complete |= bool(unreadable.read(_parse_line, line, links, totem))
    if not complete:
        raise ParseError("found no statistics of the totem protocol (stats.srp)")
    statistics = CorosyncStatistics(
        links=tuple(
            KnetLinkStatistics(node_id=node_id, link=link, **_link_values(values))
            for (node_id, link), values in sorted(links.items())
        ),
        srp=TotemStatistics(**totem),
    )
    return unreadable.parsed(statistics)


def _parse_line(line: Line, links: dict[tuple[int, int], dict[str, int]], totem: dict[str, int]) -> bool:
    """Stores the value of a line; returns whether the line is one of ``stats.srp``."""
    line.check()
    number = line.number
    item = _LINE.fullmatch(line.text.removesuffix("\r"))
    if item is None:
        raise ParseError(f"expected 'key (type) = value', found {line.text[:60]!r}", line=number)
    text, value = item.groups()
    key = _KEY.fullmatch(text)
    if key is None:
        return False
    node, link, name = key.groups()
    if node is None:
        _store(totem, _TOTEM_NAMES, name, value, number)
        return True
    place = uint32(node, what="a node id", line=number), uint32(link, what="the number of a link", line=number)
    _store(links.setdefault(place, {}), _LINK_NAMES, name, value, number)
    return False


def _store(values: dict[str, int], names: Collection[str], name: str, value: str | None, line: int) -> None:
    if name not in names:
        return
    if value is None or not _DIGITS.fullmatch(value) or int(value) > _UINT64_MAX:
        raise ParseError(f"expected {name} as a number, found {(value or '')[:40]!r}", line=line)
    values[name] = int(value)


def _link_values(values: Mapping[str, int]) -> dict[str, int]:
    """Returns the values of a link without latencies that were never measured.

    Before the first ping, Corosync prints 0, 0 and 4294967295.
    """
    measured = values.get(_LATENCY_SAMPLES) != 0
    return {
        name: value
        for name, value in values.items()
        if name != _LATENCY_SAMPLES and (measured or name not in _LATENCIES)
    }
