"""``drbdsetup status --json``: DRBD 9.0 and later, drbd-utils 9.0 to 9.3x. DRBD 8.4 has no JSON output.

An array of resources, each with its volumes (``devices``) and connections, each connection with its view of the
volumes (``peer_devices``). Later versions of drbd-utils added:

======== ==================================================================================================
9.5      ``quorum``, ``ap-in-flight``, ``rs-in-flight``, details of a resynchronization
9.22     ``suspended-user``, ``suspended-no-data``, ``suspended-fencing``, ``suspended-quorum``
9.27     ``paths``, if the kernel module knows them
9.28     ``tls``; ``force-io-failures`` and ``open`` later
======== ==================================================================================================

All versions print ``devices``, ``connections`` and ``peer_devices``, and brackets even if there is no resource.

The tool prints its JSON with printf. Before 9.13 the output can contain ``nan``, which is not JSON. Statistics that the
kernel does not provide are -1 printed as an unsigned number: 18446744073709551615 or 4294967295, or half of it if
sectors are converted to KiB. Counters below 0 wrap in the same way. All these values become None.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.errors import ParseError
from gateway.subsystems.parsing.json_objects import JsonObject, array, load, parse_each
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import decode

_SIGN_64 = 2**62
"""Negative 64-bit numbers are at least this large when printed as unsigned, even if halved. No counter reaches it."""
_SIGN_32 = 2**31
"""The same for 32-bit numbers, which are never halved."""

CONNECTION_STATES = (
    "StandAlone",
    "Disconnecting",
    "Unconnected",
    "Timeout",
    "BrokenPipe",
    "NetworkFailure",
    "ProtocolError",
    "Connecting",
    "TearDown",
    "Connected",
)
"""The words for the state of a connection."""

REPLICATION_STATES = (
    "Off",
    "Established",
    "StartingSyncS",
    "StartingSyncT",
    "WFBitMapS",
    "WFBitMapT",
    "WFSyncUUID",
    "SyncSource",
    "SyncTarget",
    "PausedSyncS",
    "PausedSyncT",
    "VerifyS",
    "VerifyT",
    "Ahead",
    "Behind",
)
"""The words for the state of the replication of a volume."""

SUSPENSION_REASONS = ("user", "no-data", "fencing", "quorum")
"""The words for the reasons why I/O is suspended."""

RESYNC_SUSPENSION_REASONS = ("user", "peer", "dependency", "max-parallel")
"""The words for the reasons why a resynchronization is suspended."""

_SUSPENDED_FOR = re.compile(r"suspended-(?P<reason>[a-z-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdPath:
    """A pair of addresses over which a connection can be established.

    Attributes:
        local_address: the address and port of this node; empty for an address family unknown to the tool.
        peer_address: the same of the other node.
        established: whether it is in use. The TCP transport uses one path at a time, other transports use all of them.
    """

    local_address: str
    peer_address: str
    established: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdPeerVolume:
    """A volume on a peer, as seen over one connection. A value is None if it is absent or unknown.

    Attributes:
        volume: the number of the volume.
        replication_state: one of ``REPLICATION_STATES``.
        peer_disk_state: ``UpToDate``, ``Diskless``, ``DUnknown`` and others.
        resync_suspended: why its resynchronization is suspended: ``user``, ``peer``, ``dependency``, ``max-parallel``.
        received_kib: KiB of data received from the peer.
        sent_kib: KiB of data sent to it.
        out_of_sync_kib: KiB that are known to differ.
        pending: requests sent to the peer that it has not acknowledged.
        unacked: requests of the peer that this node has not acknowledged.
        percent_in_sync: 0 to 100. Without a connection, the last known value, or 100.
    """

    volume: int
    replication_state: str | None
    peer_disk_state: str | None
    resync_suspended: tuple[str, ...] | None
    received_kib: int | None
    sent_kib: int | None
    out_of_sync_kib: int | None
    pending: int | None
    unacked: int | None
    percent_in_sync: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdConnection:
    """A connection to another node. A value is None if it is absent or unknown.

    Attributes:
        peer_node_id: DRBD's id of the other node.
        name: the name of the other node in DRBD's configuration.
        connection_state: one of ``CONNECTION_STATES``.
        peer_role: ``Primary``, ``Secondary`` or ``Unknown``; empty if not printed.
        congested: whether the TCP send buffer is more than 80 % full.
        ap_in_flight: sectors (512 bytes) of application data sent and not yet acknowledged.
        rs_in_flight: sectors of resynchronization data sent and not yet acknowledged.
        paths: its paths; empty before 9.27.
        peers: the volumes on the other node.
    """

    peer_node_id: int
    name: str
    connection_state: str | None
    peer_role: str
    congested: bool | None
    ap_in_flight: int | None
    rs_in_flight: int | None
    paths: tuple[DrbdPath, ...]
    peers: tuple[DrbdPeerVolume, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdVolume:
    """A volume on the local node. A value is None if it is absent or unknown; a diskless volume may lack all numbers.

    Attributes:
        number: the number of the volume in its resource.
        disk_state: ``UpToDate``, ``Inconsistent``, ``Diskless``, ``Failed`` and others.
        client: whether it is configured without a disk; otherwise ``Diskless`` is a fault.
        quorum: whether enough peers are connected for it to be used.
        size_kib: its size in KiB.
        read_kib: KiB read from the local disk.
        written_kib: KiB written to the local disk.
        al_writes: updates of the activity log.
        bm_writes: updates of the bitmap.
        upper_pending: requests of its users that are not complete.
        lower_pending: requests to the local disk that are not complete.
    """

    number: int
    disk_state: str | None
    client: bool | None
    quorum: bool | None
    size_kib: int | None
    read_kib: int | None
    written_kib: int | None
    al_writes: int | None
    bm_writes: int | None
    upper_pending: int | None
    lower_pending: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdResource:
    """A resource on the local node.

    Attributes:
        name: the name of the resource.
        role: ``Primary`` or ``Secondary``; None if it cannot be read.
        suspended: whether its I/O is suspended, or None if the tool does not print it.
        suspended_reasons: the reasons: ``user``, ``no-data``, ``fencing``, ``quorum``; None before 9.22.
        force_io_failures: whether all I/O fails because the resource was forced to become secondary.
        volumes: its volumes.
        connections: its connections; empty for a resource on one node only.
    """

    name: str
    role: str | None
    suspended: bool | None
    suspended_reasons: tuple[str, ...] | None
    force_io_failures: bool | None
    volumes: tuple[DrbdVolume, ...]
    connections: tuple[DrbdConnection, ...]


def parse(output: bytes) -> Parsed[tuple[DrbdResource, ...]]:
    """Parses the output of the tool. Without resources it is an empty array.

    Unknown keys are ignored. A value of the wrong type or an unknown state is absent, and so is an object whose
    identity cannot be read.

    Raises:
        ParseError: there is no output, it is not JSON (``nan`` aside), is cut off, or has resources of which none can
            be read.
    """
    if not output.strip():
        raise ParseError("no output, not even an empty array")
    unreadable = UnreadableValues()
    items = array(load(decode(output), unreadable), "status")
    resources = parse_each(_parse_resource, items, "status", unreadable)
    if items and not resources:
        _parse_resource(JsonObject(items[0], "status[0]", unreadable))
    return unreadable.parsed(resources)


def _parse_resource(item: JsonObject) -> DrbdResource:
    item.check_array("devices")  # the documents of other commands have none
    suspended, reasons = _parse_suspension(item)
    return DrbdResource(
        name=item.name("name"),
        role=item.word("role"),
        suspended=suspended,
        suspended_reasons=reasons,
        force_io_failures=item.flag("force-io-failures"),
        volumes=item.array("devices", _parse_volume),
        connections=item.array("connections", _parse_connection),
    )


def _parse_suspension(item: JsonObject) -> tuple[bool | None, tuple[str, ...] | None]:
    if isinstance(item.values.get("suspended"), str):  # "no" or the reasons, as in the plain-text output
        reasons = _parse_reasons(item, "suspended", SUSPENSION_REASONS)
        return None if reasons is None else bool(reasons), reasons
    flags = {key["reason"]: item.flag(key[0]) for key in filter(None, map(_SUSPENDED_FOR.fullmatch, item.values))}
    reasons = tuple(reason for reason, flag in flags.items() if flag)
    known = bool(flags) and None not in flags.values()
    return bool(reasons) or item.flag("suspended"), reasons if known else None


def _parse_reasons(item: JsonObject, key: str, known: Collection[str]) -> tuple[str, ...] | None:
    """Returns the words of a list such as ``user,peer``, or None if any is unknown; ``no`` is an empty list."""
    text = item.word(key, required=False)
    words = () if text in {None, "no"} else tuple(str(text).split(","))
    if text is not None and not set(words) <= set(known):
        item.add_unreadable(key, "known reasons")
        return None
    return None if text is None else words


def _parse_volume(item: JsonObject) -> DrbdVolume:
    return DrbdVolume(
        number=item.number("volume"),
        disk_state=item.word("disk-state"),
        client=item.flag("client"),
        quorum=item.flag("quorum"),
        size_kib=item.counter("size", limit=_SIGN_64),
        read_kib=item.counter("read", limit=_SIGN_64),
        written_kib=item.counter("written", limit=_SIGN_64),
        al_writes=item.counter("al-writes", limit=_SIGN_64),
        bm_writes=item.counter("bm-writes", limit=_SIGN_64),
        upper_pending=item.counter("upper-pending", limit=_SIGN_32),
        lower_pending=item.counter("lower-pending", limit=_SIGN_32),
    )


def _parse_connection(item: JsonObject) -> DrbdConnection:
    return DrbdConnection(
        peer_node_id=item.number("peer-node-id"),
        name=item.word("name") or "",
        connection_state=item.word("connection-state", words=CONNECTION_STATES),
        peer_role=item.word("peer-role", required=False) or "",
        congested=item.flag("congested"),
        ap_in_flight=item.counter("ap-in-flight", limit=_SIGN_64),
        rs_in_flight=item.counter("rs-in-flight", limit=_SIGN_64),
        paths=item.array("paths", _parse_path, required=False),
        peers=item.array("peer_devices", _parse_peer_volume),
    )


def _parse_path(item: JsonObject) -> DrbdPath:
    return DrbdPath(
        local_address=_parse_address(item.object("this_host")),
        peer_address=_parse_address(item.object("remote_host")),
        established=item.flag("established", required=True),
    )


def _parse_address(item: JsonObject) -> str:
    """Returns an address with its port, IPv6 in brackets; empty for a family of which the tool prints neither."""
    if item.values.keys() == {"family"}:
        return ""
    address, port = item.name("address"), item.number("port")
    try:
        ip_address(address)
    except ValueError:
        raise ParseError(f"expected an address, found {address[:60]!r}") from None
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _parse_peer_volume(item: JsonObject) -> DrbdPeerVolume:
    return DrbdPeerVolume(
        volume=item.number("volume"),
        replication_state=item.word("replication-state", words=REPLICATION_STATES),
        peer_disk_state=item.word("peer-disk-state"),
        resync_suspended=_parse_reasons(item, "resync-suspended", RESYNC_SUSPENSION_REASONS),
        received_kib=item.counter("received", limit=_SIGN_64),
        sent_kib=item.counter("sent", limit=_SIGN_64),
        out_of_sync_kib=item.counter("out-of-sync", limit=_SIGN_64),
        pending=item.counter("pending", limit=_SIGN_32),
        unacked=item.counter("unacked", limit=_SIGN_32),
        percent_in_sync=item.percent("percent-in-sync"),
    )
