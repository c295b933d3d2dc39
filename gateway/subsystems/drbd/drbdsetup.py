"""``drbdsetup status --json``: DRBD 9.0 and later, drbd-utils 9.0 to 9.3x. DRBD 8.4 has no JSON output.

An array of resources, each with its volumes (``devices``) and connections, each connection with its view of the
volumes (``peer_devices``). Later versions of drbd-utils added:

======== ==================================================================================================
9.5      ``quorum``, ``ap-in-flight``, ``rs-in-flight``, details of a resynchronisation
9.22     ``suspended-user``, ``suspended-no-data``, ``suspended-fencing``, ``suspended-quorum``
9.28     ``tls``, ``paths``; ``open`` later
======== ==================================================================================================

The tool prints its JSON with printf. Before 9.13 the output can contain ``nan``, which is not JSON. Statistics that the
kernel does not provide are -1 printed as an unsigned number: 18446744073709551615 or 4294967295, or half of it if
sectors are converted to KiB. Counters below 0 wrap in the same way. All these values become None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeGuard, TypeVar

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import UINT32_MAX, decode

_T = TypeVar("_T")

# Strings come first, so that a resource called "nan" is left alone; possessive, so that matching takes linear time.
_STRING_OR_NAN = re.compile(r'"(?:[^"\\]|\\.)*+"?|-?\b(?:nan|inf(?:inity)?)\b', re.DOTALL)

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

_SUSPENDED_FOR = re.compile(r"suspended-(?P<reason>[a-z-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrbdPeerVolume:
    """A volume on a peer, as seen over one connection. A value is None if it is absent or unknown.

    Attributes:
        volume: the number of the volume.
        replication_state: one of ``REPLICATION_STATES``.
        peer_disk_state: ``UpToDate``, ``Diskless``, ``DUnknown`` and others.
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
        rs_in_flight: sectors of resynchronisation data sent and not yet acknowledged.
        peers: the volumes on the other node.
    """

    peer_node_id: int
    name: str
    connection_state: str | None
    peer_role: str
    congested: bool | None
    ap_in_flight: int | None
    rs_in_flight: int | None
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
        suspended_reasons: the reasons: ``user``, ``no-data``, ``fencing``, ``quorum``; empty before 9.22.
        volumes: its volumes.
        connections: its connections; empty for a resource on one node only.
    """

    name: str
    role: str | None
    suspended: bool | None
    suspended_reasons: tuple[str, ...]
    volumes: tuple[DrbdVolume, ...]
    connections: tuple[DrbdConnection, ...]


def parse(output: bytes) -> Parsed[tuple[DrbdResource, ...]]:
    """Parses the output of the tool. No output and an empty array both mean that there are no resources.

    Unknown keys are ignored. A value of the wrong type or an unknown state is absent, and so is an object whose
    identity cannot be read.

    Raises:
        ParseError: the output is not JSON (``nan`` aside), is cut off, or has resources of which none can be read.
    """
    text = decode(output)
    unreadable = UnreadableValues()
    if not text.strip():
        return unreadable.parsed(())
    items = _array(_load(text), "status")
    resources = _parse_each(_parse_resource, items, "status", unreadable)
    if items and not resources:
        _parse_resource(_Object(items[0], "status[0]", unreadable))
    return unreadable.parsed(resources)


def _load(text: str) -> object:
    # messages of the tool or of its wrapper may surround the document
    begin = 0 if text.startswith("[") else text.find("\n[") + 1
    text = text[begin : text.rfind("]") + 1 or len(text)]
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
    """A JSON object with getters that check the type of a value, and name its path if it is not the expected one.

    The getters of values that identify an object raise ``ParseError``; all others return None, and add the value to
    those that cannot be read.
    """

    __slots__ = ("_path", "_unreadable", "values")

    def __init__(self, value: object, path: str, unreadable: UnreadableValues) -> None:
        if not isinstance(value, dict):
            raise ParseError(_unexpected(path, "an object", value))
        self.values: dict[str, object] = value
        self._path = path
        self._unreadable = unreadable

    def name(self, key: str) -> str:
        value = self.values.get(key)
        if not _is_word(value):
            raise ParseError(_unexpected(f"{self._path}.{key}", "a word", value))
        return value

    def number(self, key: str) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= UINT32_MAX:
            raise ParseError(_unexpected(f"{self._path}.{key}", "a number from 0", value))
        return value

    def word(self, key: str, *, words: Collection[str] = (), required: bool = True) -> str | None:
        value = self.values.get(key)
        if _is_word(value) and (not words or value in words):
            return value
        if required or value:
            self._unreadable_value(key, "a known state" if words and _is_word(value) else "a word")
        return None

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._unreadable_value(key, "true or false")
        return None

    def counter(self, key: str, *, sign: int = _SIGN_64) -> int | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self._unreadable_value(key, "a whole number")
            return None
        return value if 0 <= value < sign else None

    def percent(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._unreadable_value(key, "a number")
            return None
        return float(value) if 0 <= value <= 100 else None  # also for NaN and the infinities

    def array(self, key: str, parse: Callable[[_Object], _T]) -> tuple[_T, ...]:
        """Returns what a function makes of each object in an array that must be there."""
        path = f"{self._path}.{key}"
        return _parse_each(parse, _array(self.values.get(key), path), path, self._unreadable)

    def optional_array(self, key: str, parse: Callable[[_Object], _T]) -> tuple[_T, ...]:
        """Returns the same for an array that may be absent."""
        return (self._unreadable.read(self.array, key, parse) or ()) if key in self.values else ()

    def _unreadable_value(self, key: str, expected: str) -> None:
        self._unreadable.add(_unexpected(f"{self._path}.{key}", expected, self.values.get(key)))


def _is_word(value: object) -> TypeGuard[str]:
    # escapes can produce characters that neither protocol can carry, such as unpaired surrogates and NUL
    return isinstance(value, str) and bool(value) and value.isprintable()


def _array(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise ParseError(_unexpected(path, "an array", value))
    return value


def _parse_each(
    parse: Callable[[_Object], _T], items: list[object], path: str, unreadable: UnreadableValues
) -> tuple[_T, ...]:
    """Returns what a function makes of each object; one that it cannot parse is left out."""

    def parse_item(item: object, index: int) -> _T:
        return parse(_Object(item, f"{path}[{index}]", unreadable))

    results = (unreadable.read(parse_item, item, index) for index, item in enumerate(items))
    return tuple(result for result in results if result is not None)


def _unexpected(path: str, expected: str, value: object) -> str:
    if value is None:
        description = "nothing"
    elif isinstance(value, dict | list):
        description = "an object" if isinstance(value, dict) else "an array"  # not repr(), which could be very long
    else:
        description = repr(value)[:40]
    return f"{path}: expected {expected}, found {description}"


def _parse_resource(item: _Object) -> DrbdResource:
    suspended, reasons = _parse_suspension(item)
    return DrbdResource(
        name=item.name("name"),
        role=item.word("role"),
        suspended=suspended,
        suspended_reasons=reasons,
        volumes=item.array("devices", _parse_volume),
        connections=item.optional_array("connections", _parse_connection),
    )


def _parse_suspension(item: _Object) -> tuple[bool | None, tuple[str, ...]]:
    if isinstance(item.values.get("suspended"), str):  # "no" or the reasons, as in the plain-text output
        words = (item.word("suspended", required=False) or "no").split(",")
        reasons = tuple(word for word in words if word != "no")
        return bool(reasons), reasons
    keys = filter(None, map(_SUSPENDED_FOR.fullmatch, item.values))
    reasons = tuple(key["reason"] for key in keys if item.flag(key[0]))
    return bool(reasons) or item.flag("suspended"), reasons


def _parse_volume(item: _Object) -> DrbdVolume:
    return DrbdVolume(
        number=item.number("volume"),
        disk_state=item.word("disk-state"),
        client=item.flag("client"),
        quorum=item.flag("quorum"),
        size_kib=item.counter("size"),
        read_kib=item.counter("read"),
        written_kib=item.counter("written"),
        al_writes=item.counter("al-writes"),
        bm_writes=item.counter("bm-writes"),
        upper_pending=item.counter("upper-pending", sign=_SIGN_32),
        lower_pending=item.counter("lower-pending", sign=_SIGN_32),
    )


def _parse_connection(item: _Object) -> DrbdConnection:
    return DrbdConnection(
        peer_node_id=item.number("peer-node-id"),
        name=item.word("name") or "",
        connection_state=item.word("connection-state", words=CONNECTION_STATES),
        peer_role=item.word("peer-role", required=False) or "",
        congested=item.flag("congested"),
        ap_in_flight=item.counter("ap-in-flight"),
        rs_in_flight=item.counter("rs-in-flight"),
        peers=item.optional_array("peer_devices", _parse_peer_volume),
    )


def _parse_peer_volume(item: _Object) -> DrbdPeerVolume:
    return DrbdPeerVolume(
        volume=item.number("volume"),
        replication_state=item.word("replication-state", words=REPLICATION_STATES),
        peer_disk_state=item.word("peer-disk-state"),
        received_kib=item.counter("received"),
        sent_kib=item.counter("sent"),
        out_of_sync_kib=item.counter("out-of-sync"),
        pending=item.counter("pending", sign=_SIGN_32),
        unacked=item.counter("unacked", sign=_SIGN_32),
        percent_in_sync=item.percent("percent-in-sync"),
    )
