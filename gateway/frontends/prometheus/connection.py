"""One HTTP connection: aiohttp's protocol, with a deadline for each state, and limits on what a client may send.

    --accepted--> RECEIVING --request complete--> WAITING --response ready--> SENDING --response sent--> IDLE
                  RECEIVING <------------------------- first byte of the next request --------------------- IDLE

aiohttp has a timeout for idle connections only. A request whose bytes drip in, or a response that is not read, would
keep its connection open for as long as the client likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from enum import Enum, StrEnum
from typing import Protocol

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.http import HttpProcessingError

from gateway.frontends.prometheus.route import Handler

SERVER_NAME = "ha-cluster-gateway"
"""The header ``Server``, without the versions that aiohttp would reveal."""

_VERSIONS = (HttpVersion10, HttpVersion11)
_MAX_HEADER = 8190
"""Bytes of the request line, and of each header."""
_MAX_REQUEST = 64 * 1024
"""Bytes that a client may send until a request is answered: all headers, a body, and pipelined requests."""
_IDLE_TIMEOUT = 90.0
"""Seconds that a connection is kept open for the next scrape; usual scrape intervals are 15 to 60."""
_HALF_CLOSED_TIMEOUT = 1.0
"""Seconds until the request of a client that has closed its side must be complete."""
_LINGERING_TIME = 1.0
"""Seconds to read the rest of a request that has been answered already."""


class State(Enum):
    """What a connection is waiting for."""

    IDLE = "idle"
    """The beginning of another request."""
    RECEIVING = "receiving"
    """The rest of a request, or all of the first one."""
    WAITING = "waiting"
    """The response to be ready."""
    HALF_CLOSED = "half closed"
    """The same, but the client has closed its side, and may be gone."""
    SENDING = "sending"
    """The client to read the response."""


class Closure(StrEnum):
    """Why the gateway has closed or refused a connection to protect itself."""

    REJECTED = "rejected"
    """There were too many connections."""
    EVICTED = "evicted"
    """A new connection, or a new page, needed its place."""
    REQUEST_TIMEOUT = "request_timeout"
    """The client took too long to send a request."""
    REQUEST_TOO_LARGE = "request_too_large"
    """The client sent too much."""
    RESPONSE_TIMEOUT = "response_timeout"
    """The client took too long to read a response."""


class ConnectionOwner(Protocol):
    """Keeps track of connections."""

    def on_state(self, connection: Connection, state: State) -> None:
        """Handles that a connection is about to enter a state."""
        ...

    def on_closed(self, connection: Connection, reason: Closure | None) -> None:
        """Handles that a connection is closed; without a reason, by its client or in the ordinary way."""
        ...


class Connection(web.RequestHandler):
    """One connection.

    Args:
        server: handles the requests.
        owner: keeps track of the connection.
        source: the client's address or network.
        client_timeout: seconds that the client may take to send a request, and to receive a response.

    Attributes:
        source: the client's address or network.
        state: what the connection is waiting for.
        since: when it entered this state, on the clock of the event loop.
    """

    def __init__(self, server: web.Server, *, owner: ConnectionOwner, source: str, client_timeout: float) -> None:
        self._event_loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=self._event_loop,
            access_log=None,  # type: ignore[arg-type]  # None is accepted, and means no access log
            keepalive_timeout=2 * _IDLE_TIMEOUT,  # the deadline of the state IDLE is earlier
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            lingering_time=_LINGERING_TIME,
            auto_decompress=False,
            logger=_aiohttp_logger(),
        )
        self.source = source
        self.state = State.RECEIVING
        self.since = self._event_loop.time()
        self._owner = owner
        self._client_timeout = client_timeout
        self._socket_transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._encrypted = False
        self._received = 0
        self._half_closed = False
        self._closed = False
        self._deadline = self._event_loop.call_later(client_timeout, self.abort, Closure.REQUEST_TIMEOUT)

    @classmethod
    def of(cls, request: web.Request) -> Connection:
        """Returns the connection of a request."""
        assert isinstance(request.protocol, cls)
        return request.protocol

    def begin(self, connecting: asyncio.Task[None]) -> None:
        """Remembers the task that connects it, which ends if the connection does."""
        self._connecting = connecting

    # --- Events of the transport -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to serve the connection, unless it has been closed in the meantime."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)
        self._socket_transport = transport
        self._encrypted = transport.get_extra_info("ssl_object") is not None
        # each write then waits until the kernel has taken it: a slow client has at most one chunk in memory; with TLS,
        # asyncio would wait for ever if the limit was 0
        transport.set_write_buffer_limits(high=1 if self._encrypted else 0, low=0)
        if self._closed:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Handles a part of a request; the first part begins its deadline."""
        self._received += len(data)
        if self._received > _MAX_REQUEST:
            self.abort(Closure.REQUEST_TOO_LARGE)
            return
        if data and self.state is State.IDLE:
            self._enter(State.RECEIVING, self._client_timeout, Closure.REQUEST_TIMEOUT)
        try:
            super().data_received(data)
        except ValueError:  # from the URL in a request: aiohttp 3.9 does not handle it
            self._refuse("400 Bad Request")

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp always closes the connection
        """Keeps the connection open until its request is answered: the client may have closed its own side only."""
        super().eof_received()
        self._half_closed = True
        if not self._received or self._encrypted:  # in asyncio, both sides end TLS together
            return False
        if self.state is State.RECEIVING:
            self._enter(State.RECEIVING, _HALF_CLOSED_TIMEOUT)
        elif self.state is State.WAITING:
            self._enter(State.HALF_CLOSED)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends the connection."""
        self._end(None)
        super().connection_lost(exc)

    # --- Requests ----------------------------------------------------------------------------------------------------

    async def respond(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handles a request and sends the response; here, so that the client has a deadline for reading it."""
        if request.version not in _VERSIONS:
            self._refuse("505 HTTP Version Not Supported")
            return web.Response(status=505)  # not sent: aiohttp would repeat the version of the request
        self._enter(State.HALF_CLOSED if self._half_closed else State.WAITING)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            await self._send(request, error)
            raise
        await self._send(request, response)
        return response

    def abort(self, reason: Closure | None) -> None:
        """Closes the connection at once, even if it has not begun yet. Idempotent."""
        self._end(reason)
        if self._socket_transport is not None:
            self._socket_transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def _refuse(self, status: str) -> None:
        """Answers a request that aiohttp cannot answer, and closes the connection."""
        self._end(None)
        if self._socket_transport is not None:
            self._socket_transport.write(closing_response(status))
            self._socket_transport.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Returns the response to a malformed request, or to one that could not be handled because of a bug."""
        response = super().handle_error(request, status, exc, message)
        if isinstance(exc, HttpProcessingError):
            # its frames refer to it: they would stay in memory until the next collection of garbage
            exc.__traceback__ = None
        response.headers[hdrs.SERVER] = SERVER_NAME
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse) -> None:
        self._enter(State.SENDING, self._client_timeout, Closure.RESPONSE_TIMEOUT)
        if self._half_closed:
            response.force_close()
        with contextlib.suppress(ConnectionError):  # the client has left
            await response.prepare(request)
            await response.write_eof()
        self._received = 0
        self._enter(State.IDLE, _IDLE_TIMEOUT)
        if self._half_closed:
            self.close()

    # --- States ------------------------------------------------------------------------------------------------------

    def _enter(self, state: State, seconds: float | None = None, reason: Closure | None = None) -> None:
        """Enters a state; the connection is closed if it is still in it after some seconds."""
        if self._closed:
            return
        self._owner.on_state(self, state)
        self.state = state
        self.since = self._event_loop.time()
        self._deadline.cancel()
        if seconds is not None:
            self._deadline = self._event_loop.call_later(seconds, self.abort, reason)

    def _end(self, reason: Closure | None) -> None:
        if not self._closed:
            self._closed = True
            self._deadline.cancel()
            self._owner.on_closed(self, reason)


def closing_response(status: str) -> bytes:
    """Returns a response without content, after which the connection is closed."""
    return (f"HTTP/1.1 {status}\r\nServer: {SERVER_NAME}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").encode()


class _ClientErrorFilter(logging.Filter):
    """Drops log records about malformed requests: port scanners must not fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        # aiohttp raises UnicodeEncodeError itself for an Expect header that is not ASCII
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | UnicodeEncodeError))


def _aiohttp_logger() -> logging.Logger:
    """Returns the logger for aiohttp's own errors, without those that clients cause."""
    log = logging.getLogger("gateway.aiohttp")
    if not log.filters:
        log.addFilter(_ClientErrorFilter())
    return log
