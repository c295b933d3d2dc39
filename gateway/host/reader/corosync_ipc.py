"""Connections to Corosync's services through its libraries, and the structures of their headers.

A connection costs more than all calls through it, hence they stay open. For queries, none of them subscribes to events:
the current state is requested each time, and the event that brings it is awaited.
"""

from __future__ import annotations

import ctypes

from gateway.host.reader.messages import FAILED, REFUSED, UNAVAILABLE, LibraryFailedError

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal

_CS_OK = 1
CS_ERR_TRY_AGAIN = 6
_CS_ERR_LIBRARY, _CS_ERR_ACCESS, _CS_ERR_NOT_EXIST, _CS_ERR_NO_SECTIONS = 2, 11, 12, 27
_OUTCOMES = {_CS_ERR_ACCESS: REFUSED, _CS_ERR_LIBRARY: UNAVAILABLE, CS_ERR_TRY_AGAIN: UNAVAILABLE}
_ERRORS = {
    2: "CS_ERR_LIBRARY",
    5: "CS_ERR_TIMEOUT",
    6: "CS_ERR_TRY_AGAIN",
    9: "CS_ERR_BAD_HANDLE",
    11: "CS_ERR_ACCESS",
    12: "CS_ERR_NOT_EXIST",
    18: "CS_ERR_NO_RESOURCES",
    100: "CS_ERR_SECURITY",
}
_DISPATCH_ONE, DISPATCH_ALL = 1, 2
_TRACK_CURRENT = 1
MAP_DEFAULT, MAP_STATS = 0, 1
MAX_LINKS = 8
_MAX_HOST = 256
_MAX_KEY = 256
_MAX_VALUE = 4096
_TYPES = {1: "i8", 2: "u8", 3: "i16", 4: "u16", 5: "i32", 6: "u32", 7: "i64", 8: "u64"}
_STRING = 11
BYTE_ORDER: Literal["little", "big"] = "little" if bytes(ctypes.c_uint16(1)) == b"\1\0" else "big"


class RingId(ctypes.Structure):
    """``votequorum_ring_id_t``."""

    _fields_ = (("node_id", ctypes.c_uint32), ("sequence", ctypes.c_uint64))


class NodeInfo(ctypes.Structure):
    """``struct votequorum_info``."""

    _fields_ = (
        ("node_id", ctypes.c_uint),
        ("state", ctypes.c_uint),
        ("votes", ctypes.c_uint),
        ("expected_votes", ctypes.c_uint),
        ("highest_expected", ctypes.c_uint),
        ("total_votes", ctypes.c_uint),
        ("quorum", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("device_votes", ctypes.c_uint),
        ("device_name", ctypes.c_char * 255),
    )


class LinkState(ctypes.Structure):
    """``struct corosync_knet_link_status_v1``."""

    _fields_ = (
        ("enabled", ctypes.c_uint8),
        ("connected", ctypes.c_uint8),
        ("dynamic", ctypes.c_uint8),
        ("mtu", ctypes.c_uint),
        ("source", ctypes.c_char * _MAX_HOST),
        ("destination", ctypes.c_char * _MAX_HOST),
    )


class NodeState(ctypes.Structure):
    """``struct corosync_cfg_node_status_v1``."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("node_id", ctypes.c_uint),
        ("flags", ctypes.c_uint8 * 6),
        ("links", LinkState * MAX_LINKS),
    )


class Address(ctypes.Structure):
    """``corosync_cfg_node_address_t``."""

    _fields_ = (("length", ctypes.c_int), ("socket_address", ctypes.c_char * 28))


QuorumNotify = ctypes.CFUNCTYPE(
    None, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)
)
NodeListNotify = ctypes.CFUNCTYPE(
    None, ctypes.c_uint64, ctypes.c_uint64, RingId, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)
)


class QuorumCallbacks(ctypes.Structure):
    """``quorum_callbacks_t``."""

    _fields_ = (("notify", QuorumNotify),)


class VotequorumCallbacks(ctypes.Structure):
    """``votequorum_callbacks_t``."""

    _fields_ = (("quorum", ctypes.c_void_p), ("expected_votes", ctypes.c_void_p), ("node_list", NodeListNotify))


class Connection:
    """A connection to one of Corosync's services.

    Args:
        library: the library of the service.
        prefix: the prefix of the names of its functions.
        initialize: the function that opens the connection.
        arguments: the arguments after the handle.
    """

    def __init__(self, library: ctypes.CDLL, prefix: str, initialize: str, *arguments: object) -> None:
        self._library = library
        self._prefix = prefix
        self._functions: dict[str, Any] = {}  # to look one up takes as long as to call it
        self.handle = ctypes.c_uint64()
        _check(f"{prefix}{initialize}", library[f"{prefix}{initialize}"](ctypes.byref(self.handle), *arguments))

    def close(self) -> None:
        """Closes the connection."""
        self._library[f"{self._prefix}finalize"](self.handle)

    def call(self, name: str, *arguments: object, allowed: Sequence[int] = ()) -> int:
        """Calls a function, and returns CS_OK or an error that is allowed."""
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._library[f"{self._prefix}{name}"]
        code: int = function(self.handle, *arguments)
        return code if code == _CS_OK or code in allowed else _check(f"{self._prefix}{name}", code)

    def await_event(self, events: list[Any], name: str, *arguments: object) -> None:
        """Calls a function that requests an event, and waits until a callback has appended it to ``events``."""
        self.call("dispatch", ctypes.c_int(DISPATCH_ALL), allowed=(CS_ERR_TRY_AGAIN,))
        events.clear()
        self.call(name, *arguments)
        while not events:
            self.call("dispatch", ctypes.c_int(_DISPATCH_ONE))


def _check(function: str, code: int) -> int:
    if code != _CS_OK:
        raise LibraryFailedError(f"{function}: {_ERRORS.get(code, f'error {code}')}", _OUTCOMES.get(code, FAILED))
    return code


class Cmap(Connection):
    """A connection to one of Corosync's maps."""

    def __init__(self, library: ctypes.CDLL, map_number: int = MAP_DEFAULT) -> None:
        super().__init__(library, "cmap_", "initialize_map", ctypes.c_int(map_number))
        self._value = ctypes.create_string_buffer(_MAX_VALUE)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yields the keys with a prefix."""
        iterator, key = ctypes.c_uint64(), ctypes.create_string_buffer(_MAX_KEY)
        self.call("iter_init", prefix.encode(), ctypes.byref(iterator))
        try:
            while self.call("iter_next", iterator, key, None, None, allowed=(_CS_ERR_NO_SECTIONS,)) == _CS_OK:
                yield key.value.decode("utf-8", "replace")
        finally:
            self.call("iter_finalize", iterator)

    def get(self, key: str) -> tuple[int, bytes]:
        """Returns the type and the bytes of a value; the type 0 if the key does not exist."""
        size, kind = ctypes.c_size_t(_MAX_VALUE), ctypes.c_int()
        code = self.call(
            "get", key.encode(), self._value, ctypes.byref(size), ctypes.byref(kind), allowed=(_CS_ERR_NOT_EXIST,)
        )
        return (kind.value, ctypes.string_at(self._value, size.value)) if code == _CS_OK else (0, b"")

    def text(self, key: str) -> str:
        """Returns a string, or nothing."""
        kind, value = self.get(key)
        return value.rstrip(b"\0").decode("utf-8", "replace") if kind == _STRING else ""

    def number(self, key: str) -> tuple[str, int]:
        """Returns the name of the type of a number, and the number; the name is empty if the value is no number."""
        kind, value = self.get(key)
        name = _TYPES.get(kind, "")
        return name, int.from_bytes(value, BYTE_ORDER, signed=name.startswith("i"))

    def node_ids(self) -> dict[int, int]:
        """Returns the id of each node of the node list, by its position."""
        ids = {}
        for key in self.keys("nodelist.node."):
            position, _, name = key.removeprefix("nodelist.node.").partition(".")
            if name == "nodeid" and position.isdigit():
                ids[int(position)] = self.number(key)[1]
        return ids


class QuorumView:
    """A connection to the quorum service.

    Args:
        library: libquorum.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._views: list[tuple[int, list[int]]] = []
        self._callbacks = QuorumCallbacks(QuorumNotify(self._notify))  # kept alive as long as the connection
        kind = ctypes.c_uint32()
        self._connection = Connection(
            library, "quorum_", "initialize", ctypes.byref(self._callbacks), ctypes.byref(kind)
        )
        self.close = self._connection.close

    def read(self) -> tuple[bool, int, list[int]]:
        """Returns whether there is quorum, the sequence number of the ring, and the ids of the members."""
        quorate = ctypes.c_int()
        self._connection.call("getquorate", ctypes.byref(quorate))
        self._connection.await_event(self._views, "trackstart", ctypes.c_uint(_TRACK_CURRENT))
        sequence, members = self._views[-1]
        return bool(quorate.value), sequence, members

    def _notify(self, _handle: int, _quorate: int, sequence: int, count: int, members: Sequence[int]) -> None:
        self._views.append((sequence, [members[index] for index in range(count)]))


class Votequorum:
    """A connection to votequorum.

    Args:
        library: libvotequorum.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._rings: list[int] = []
        self._callbacks = VotequorumCallbacks(None, None, NodeListNotify(self._notify))
        self._connection = Connection(library, "votequorum_", "initialize", ctypes.byref(self._callbacks))
        self.close = self._connection.close

    def representative(self) -> int:
        """Returns the id of the node that represents the ring."""
        arguments = (ctypes.c_uint64(0), ctypes.c_uint(_TRACK_CURRENT))
        self._connection.await_event(self._rings, "trackstart", *arguments)
        return self._rings[-1]

    def info(self, node_id: int) -> NodeInfo:
        """Returns what votequorum knows of a node."""
        info = NodeInfo()
        self._connection.call("getinfo", ctypes.c_uint(node_id), ctypes.byref(info))
        return info

    def _notify(self, _handle: int, _context: int, ring: RingId, _count: int, _members: Sequence[int]) -> None:
        self._rings.append(ring.node_id)
