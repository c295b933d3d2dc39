"""``drbdsetup status --json``: DRBD 9.0 and later, drbd-utils 9.0 to 9.3x. DRBD 8.4 has no such output.

An array of resources, each with its volumes (``devices``) and connections, each connection with its view of the
volumes (``peer_devices``). What came when:

======== ==================================================================================================
9.0      everything but the rest of this table
9.5      ``quorum``, ``ap-in-flight``, ``rs-in-flight``, details of a resync
9.22     ``suspended-user``, ``suspended-no-data``, ``suspended-fencing``, ``suspended-quorum``
9.28     ``tls``, ``paths``; ``open`` later
======== ==================================================================================================

The tool prints JSON with printf, hence numbers that are none. Before 9.13 ``nan`` occurs, which is not JSON.
Statistics that the kernel did not give are -1 in an unsigned number, 18446744073709551615 or 4294967295 (halved where
sectors become KiB), and counters that fell below 0 wrap in the same way. All these are None here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import UINT32_MAX, decode

# Whole strings come first, so that a resource called "nan" is none of ours; possessive, so that it takes linear time.
_STRING_OR_NAN = re.compile(r'"(?:[^"\\]|\\.)*+"?|-?\b(?:nan|inf(?:inity)?)\b', re.DOTALL)

_SIGN_64 = 2**62
"""A negative 64-bit number has at least this size as an unsigned one, even if halved. No counter gets as far."""
_SIGN_32 = 2**31
"""The same for 32 bits, which are never halved."""

_SUSPENDED_FOR = re.compile(r"suspended-(?P<reason>[a-z-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdPeerVolume:
    """A volume as it is over one connection. None where a value is absent or not known.

    Attributes:
        volume: its number.
        replication_state: ``Established``, ``SyncSource``, ``Off`` and others.
        peer_disk_state: ``UpToDate``, ``Diskless``, ``DUnknown`` and others.
        peer_client: whether the peer has no disk on purpose.
        resync_suspended: ``no``, or who did it: ``user``, ``peer``, ``dependency``, joined by commas.
        received_kib: KiB of data received from the peer.
        sent_kib: KiB of data sent to it.
        out_of_sync_kib: KiB that differ, as far as known.
        pending: requests sent that the peer has not answered.
        unacked: requests received that have not been answered.
        percent_in_sync: 0 to 100. Not connected to a peer, it is what was last known, 100 if nothing is.
    """

    volume: int
    replication_state: str
    peer_disk_state: str
    peer_client: bool | None
    resync_suspended: str | None
    received_kib: int | None
    sent_kib: int | None
    out_of_sync_kib: int | None
    pending: int | None
    unacked: int | None
    percent_in_sync: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdConnection:
    """A connection to another node. None where a value is absent or not known.

    Attributes:
        peer_node_id: DRBD's id of that node.
        name: its name in DRBD's configuration.
        connection_state: ``Connected``, ``Connecting``, ``StandAlone`` and others.
        peer_role: ``Primary``, ``Secondary`` or ``Unknown``; empty if not printed.
        congested: whether the TCP send buffer is more than 80% full.
        ap_in_flight: sectors (512 bytes) of application data sent and not yet acknowledged.
        rs_in_flight: sectors of resync data sent and not yet acknowledged.
        tls: whether the connection is encrypted.
        peers: its volumes.
    """

    peer_node_id: int
    name: str
    connection_state: str
    peer_role: str
    congested: bool | None
    ap_in_flight: int | None
    rs_in_flight: int | None
    tls: bool | None
    peers: tuple[DrbdPeerVolume, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdVolume:
    """A volume on the local node. None where a value is absent or not known: a diskless one may lack all numbers.

    Attributes:
        number: its number in the resource.
        minor: the minor number of its block device.
        disk_state: ``UpToDate``, ``Inconsistent``, ``Diskless``, ``Failed`` and others.
        client: whether it has no disk on purpose; ``Diskless`` without it is a fault.
        quorum: whether enough peers are there for it to be used.
        open: whether something has its block device open.
        size_kib: KiB.
        read_kib: KiB read from the local disk.
        written_kib: KiB written to it.
        al_writes: updates of the activity log.
        bm_writes: updates of the bitmap.
        upper_pending: requests from above that are not complete.
        lower_pending: requests to the local disk that are not complete.
    """

    number: int
    minor: int | None
    disk_state: str
    client: bool | None
    quorum: bool | None
    open: bool | None
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
        name: its name.
        node_id: DRBD's id of the local node, or None if it has none.
        role: ``Primary`` or ``Secondary``.
        suspended: whether its I/O is suspended, or None if not printed.
        suspended_reasons: why: ``user``, ``no-data``, ``fencing``, ``quorum``; empty before 9.22.
        volumes: its volumes.
        connections: its connections, none for a resource on one node.
    """

    name: str
    node_id: int | None
    role: str
    suspended: bool | None
    suspended_reasons: tuple[str, ...]
    volumes: tuple[DrbdVolume, ...]
    connections: tuple[DrbdConnection, ...]


def parse(output: bytes) -> tuple[DrbdResource, ...]:
    """Reads the output of the tool; no output and an empty array both mean that there are no resources.

    Raises:
        ParseError: it is not JSON even without its NaNs, or is cut off, or a resource, volume or connection lacks what
            identifies it or its state, or a value has the wrong type. Keys that are not known are ignored.
    """
    text = decode(output)
    if not text.strip():
        return ()
    return tuple(_resource(item) for item in _objects(_load(text), "status"))


def _load(text: str) -> object:
    text = _STRING_OR_NAN.sub(lambda match: match[0] if match[0].startswith('"') else "null", text)
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise ParseError(f"not JSON: {error.msg} (column {error.colno})", line=error.lineno) from None
    except ValueError:
        raise ParseError("a number has thousands of digits") from None
    except RecursionError:
        raise ParseError("nested too deeply") from None


class _Object:
    """A JSON object, and getters for its values that check their types and name the place in their errors."""

    __slots__ = ("_where", "values")

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise _unexpected(where, "an object", value)
        self.values: dict[str, object] = value
        self._where = where

    def text(self, key: str) -> str:
        value = self.optional_text(key)
        if not value:
            raise _unexpected(f"{self._where}.{key}", "a word", value)
        return value

    def optional_text(self, key: str) -> str | None:
        value = self.values.get(key)
        # escapes can make characters that neither protocol can carry: halves of surrogate pairs, NUL
        if value is not None and not (isinstance(value, str) and value.isprintable()):
            raise _unexpected(f"{self._where}.{key}", "a word", value)
        return value

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise _unexpected(f"{self._where}.{key}", "true or false", value)
        return value

    def number(self, key: str) -> int:
        value = self.counter(key, sign=UINT32_MAX + 1)
        if value is None:
            raise _unexpected(f"{self._where}.{key}", "a number from 0", self.values.get(key))
        return value

    def counter(self, key: str, *, sign: int = _SIGN_64) -> int | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise _unexpected(f"{self._where}.{key}", "a whole number", value)
        return value if 0 <= value < sign else None

    def percent(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _unexpected(f"{self._where}.{key}", "a number", value)
        return float(value) if 0 <= value <= 100 else None  # neither NaN nor infinities are within

    def objects(self, key: str) -> Iterator[_Object]:
        return _objects(self.values.get(key), f"{self._where}.{key}")


def _objects(value: object, where: str) -> Iterator[_Object]:
    if not isinstance(value, list):
        raise _unexpected(where, "an array", value)
    return (_Object(item, f"{where}[{index}]") for index, item in enumerate(value))


def _unexpected(where: str, expected: str, value: object) -> ParseError:
    if value is None:
        found = "nothing"
    elif isinstance(value, dict | list):
        found = "an object" if isinstance(value, dict) else "an array"  # repr() would go down to their last leaf
    else:
        found = repr(value)[:40]
    return ParseError(f"{where}: expected {expected}, found {found}")


def _resource(item: _Object) -> DrbdResource:
    suspended, reasons = _suspension(item)
    return DrbdResource(
        name=item.text("name"),
        node_id=item.counter("node-id", sign=_SIGN_32),
        role=item.text("role"),
        suspended=suspended,
        suspended_reasons=reasons,
        volumes=tuple(map(_volume, item.objects("devices"))),
        connections=tuple(map(_connection, item.objects("connections"))) if "connections" in item.values else (),
    )


def _suspension(item: _Object) -> tuple[bool | None, tuple[str, ...]]:
    if isinstance(item.values.get("suspended"), str):  # as in the output for people: "no", or the reasons
        words = (item.optional_text("suspended") or "no").split(",")
        reasons = tuple(word for word in words if word != "no")
        return bool(reasons), reasons
    keys = filter(None, map(_SUSPENDED_FOR.fullmatch, item.values))
    reasons = tuple(key["reason"] for key in keys if item.flag(key[0]))
    return bool(reasons) or item.flag("suspended"), reasons


def _volume(item: _Object) -> DrbdVolume:
    return DrbdVolume(
        number=item.number("volume"),
        minor=item.counter("minor", sign=_SIGN_32),
        disk_state=item.text("disk-state"),
        client=item.flag("client"),
        quorum=item.flag("quorum"),
        open=item.flag("open"),
        size_kib=item.counter("size"),
        read_kib=item.counter("read"),
        written_kib=item.counter("written"),
        al_writes=item.counter("al-writes"),
        bm_writes=item.counter("bm-writes"),
        upper_pending=item.counter("upper-pending", sign=_SIGN_32),
        lower_pending=item.counter("lower-pending", sign=_SIGN_32),
    )


def _connection(item: _Object) -> DrbdConnection:
    return DrbdConnection(
        peer_node_id=item.number("peer-node-id"),
        name=item.text("name"),
        connection_state=item.text("connection-state"),
        peer_role=item.optional_text("peer-role") or "",
        congested=item.flag("congested"),
        ap_in_flight=item.counter("ap-in-flight"),
        rs_in_flight=item.counter("rs-in-flight"),
        tls=item.flag("tls"),
        peers=tuple(map(_peer_volume, item.objects("peer_devices"))) if "peer_devices" in item.values else (),
    )


def _peer_volume(item: _Object) -> DrbdPeerVolume:
    return DrbdPeerVolume(
        volume=item.number("volume"),
        replication_state=item.text("replication-state"),
        peer_disk_state=item.text("peer-disk-state"),
        peer_client=item.flag("peer-client"),
        resync_suspended=item.optional_text("resync-suspended"),
        received_kib=item.counter("received"),
        sent_kib=item.counter("sent"),
        out_of_sync_kib=item.counter("out-of-sync"),
        pending=item.counter("pending", sign=_SIGN_32),
        unacked=item.counter("unacked", sign=_SIGN_32),
        percent_in_sync=item.percent("percent-in-sync"),
    )
