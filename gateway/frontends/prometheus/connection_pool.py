"""All HTTP connections: how many there may be, and which one makes room for another."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from aiohttp import web

from gateway.frontends.prometheus.connection import Closure, Connection, State, closing_response
from gateway.frontends.prometheus.connector import Connector, PlainConnector
from gateway.ip_addresses import unmap

_GRACE = {State.IDLE: 0.0, State.RECEIVING: 1.0, State.HALF_CLOSED: 1.0, State.SENDING: 1.0}
"""Seconds in a state after which a connection makes room for another, in this order. ``WAITING`` never does."""

_MAX_CANDIDATES = 64
"""Connections among which one is chosen that has not begun to use its place."""

_PLAIN = PlainConnector()

_MAX_REJECTED = 32
"""Rejected connections that are answered at the same time; any more are closed without a response."""

_BUSY_TIMEOUT = 1.0
"""Seconds that a rejected client has for sending its request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What clients may use.

    Attributes:
        total: connections that may be open at once.
        per_source: the same for one source.
        client_timeout: seconds that a client may take to send a request, and to receive a response.
    """

    total: int
    per_source: int
    client_timeout: float


class ConnectionPool:
    """Creates a connection for each accepted socket, or rejects it. Implements ``ConnectionOwner``.

    Args:
        server: handles the requests.
        limits: what clients may use.
        connector: begins connections.

    Attributes:
        closures: how many connections were closed or refused, by reason.
        limits: what new clients may use.
    """

    def __init__(self, server: web.Server, limits: ConnectionLimits, connector: Connector) -> None:
        self.closures = Counter(dict.fromkeys(Closure, 0))
        self._server = server
        self.limits = limits
        self._connector = connector
        self._all = _Members()
        self._by_source: dict[str, _Members] = {}
        self._rejected: set[_RejectedConnection] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._all)

    def accept(self, sock: socket.socket, address: str) -> None:
        """Serves a socket that was accepted from an address, or rejects it."""
        source = source_of(address)
        if self._make_room(source):
            timeout = self.limits.client_timeout
            connection = Connection(self._server, owner=self, source=source, client_timeout=timeout)
            self._all.add(connection)
            self._by_source.setdefault(source, _Members()).add(connection)
            connection.begin(self._connect(sock, connection, self._connector))
            return
        self.closures[Closure.REJECTED] += 1
        if len(self._rejected) < _MAX_REJECTED and not self._connector.encrypted:
            rejected = _RejectedConnection(self._rejected.discard)
            self._rejected.add(rejected)
            self._connect(sock, rejected, _PLAIN)
        else:
            sock.close()

    def close(self) -> None:
        """Closes the connections that have not begun yet. Idempotent."""
        for task in self._connecting:
            task.cancel()

    def on_state(self, connection: Connection, state: State) -> None:
        """Keeps the connections in the order in which they make room."""
        self._all.move(connection, state)
        self._by_source[connection.source].move(connection, state)

    def on_closed(self, connection: Connection, reason: Closure | None) -> None:
        """Counts the reason; the connection no longer counts as open."""
        if reason is not None:
            self.closures[reason] += 1
        self._all.remove(connection)
        members = self._by_source[connection.source]
        members.remove(connection)
        if not members:
            del self._by_source[connection.source]

    def _make_room(self, source: str) -> bool:
        """Returns whether one more connection may be opened; closes another for it if necessary."""
        members = self._by_source.get(source)
        if members is not None and len(members) >= self.limits.per_source:
            return self._evict(members)
        if len(self._all) < self.limits.total or self._evict(self._all):
            return True
        return self._evict_without_request(len(members) if members is not None else 0)

    def _evict_without_request(self, connections: int) -> bool:
        """Closes a connection without a complete request, of a source that has more than a number of connections.

        Clients that open one connection after the other would otherwise keep all of them for as long as each may take
        to send its request. Of the oldest, the one goes whose source has most.
        """
        candidates = self._all.oldest(State.RECEIVING, _MAX_CANDIDATES)
        chosen = max(candidates, key=lambda each: len(self._by_source[each.source]), default=None)
        if chosen is None or len(self._by_source[chosen.source]) <= connections:
            return False
        chosen.abort(Closure.EVICTED)
        return True

    @staticmethod
    def _evict(members: _Members) -> bool:
        connection = members.find_dispensable(asyncio.get_running_loop().time())
        if connection is None:
            return False
        connection.abort(Closure.EVICTED)
        return True

    def _connect(self, sock: socket.socket, protocol: asyncio.Protocol, connector: Connector) -> asyncio.Task[None]:
        async def connect() -> None:
            try:
                await connector.connect(protocol, sock)
            except OSError as error:  # the client has reset it already, or TLS could not begin
                sock.close()
                protocol.connection_lost(error)
            except asyncio.CancelledError:
                sock.close()
                protocol.connection_lost(None)
                raise

        task = asyncio.get_running_loop().create_task(connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return task


class _Members:
    """Some connections, by state. All operations take constant time."""

    def __init__(self) -> None:
        # dictionaries as ordered sets: the one that has been in the state for longest is the first
        self._by_state: dict[State, dict[Connection, None]] = {state: {} for state in State}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, connection: Connection) -> None:
        self._by_state[connection.state][connection] = None
        self._size += 1

    def move(self, connection: Connection, state: State) -> None:
        del self._by_state[connection.state][connection]
        self._by_state[state][connection] = None

    def remove(self, connection: Connection) -> None:
        del self._by_state[connection.state][connection]
        self._size -= 1

    def oldest(self, state: State, count: int) -> Iterator[Connection]:
        """Returns the connections that have been in a state for longest, at most some of them."""
        return islice(self._by_state[state], count)

    def find_dispensable(self, now: float) -> Connection | None:
        """Returns the connection that makes room for another, or None if all are in use."""
        for state, grace in _GRACE.items():
            longest = next(iter(self._by_state[state]), None)
            if longest is not None and now - longest.since >= grace:
                return longest
        return None


class _RejectedConnection(asyncio.Protocol):
    """A connection above the limit: answered at once, without reading the request.

    Args:
        on_lost: called when it is closed.
    """

    def __init__(self, on_lost: Callable[[_RejectedConnection], None]) -> None:
        self._on_lost = on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(closing_response("503 Service Unavailable"))
        asyncio.get_running_loop().call_later(_BUSY_TIMEOUT, transport.abort)

    def data_received(self, data: bytes) -> None:
        del data
        # not earlier: closing with an unread request would reset the connection, and the response would be lost
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._on_lost(self)


def source_of(address: str) -> str:
    """Returns whose connections count together: an IPv4 address, or the /64 network of an IPv6 address."""
    ip = unmap(ipaddress.ip_address(address.partition("%")[0]))
    if ip.version == 4:
        return str(ip)
    return str(ipaddress.IPv6Network((ip, 64), strict=False))
