"""Protects the HTTP server from its clients: too many connections, silent clients, and clients that do not read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from gateway.clock import Clock
from gateway.waiting import completed_within

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BUSY_TIMEOUT = 1.0
"""Seconds that a rejected client has for sending its request."""

_ACCEPT_TIME = 1.0
"""Seconds between accepting a connection and its appearance among those of aiohttp's server, at most."""


class ConnectionGuard:
    """Creates the protocol of every accepted connection, and limits what a client may do.

    Args:
        limit: connections that may be open at once; any more are answered with 503.
        client_timeout: seconds that a client may take to send its first request, and to receive a response.
        clock: measures these.
    """

    def __init__(self, *, limit: int, client_timeout: float, clock: Clock) -> None:
        self._limit = limit
        self._client_timeout = client_timeout
        self._clock = clock
        self._silent_since: dict[RequestHandler, float] = {}

    def create_protocol(self, server: web.Server) -> asyncio.Protocol:
        """Returns the protocol for a new connection."""
        if len(server.connections) + self._count_accepted() >= self._limit:
            return _RejectedConnection()
        protocol = server()
        self._silent_since[protocol] = self._clock.monotonic()
        asyncio.get_running_loop().call_later(self._client_timeout, self._abort_if_silent, protocol)
        return protocol

    @web.middleware
    async def send_in_time(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Sends the response here, so that a client which does not read cannot keep it in memory."""
        self._silent_since.pop(request.protocol, None)
        response = await handler(request)
        if not await completed_within(_send(request, response), self._client_timeout) and request.transport is not None:
            request.transport.abort()
        return response

    def _count_accepted(self) -> int:
        """Returns how many connections the server has not counted yet: many may be accepted at once."""
        oldest = self._clock.monotonic() - _ACCEPT_TIME
        unconnected = [protocol for protocol in self._silent_since if protocol.transport is None]
        for protocol in unconnected:
            if self._silent_since[protocol] < oldest:
                del self._silent_since[protocol]  # it was closed again before the server knew it
        return sum(protocol in self._silent_since for protocol in unconnected)

    def _abort_if_silent(self, protocol: RequestHandler) -> None:
        if self._silent_since.pop(protocol, None) is not None and protocol.transport is not None:
            protocol.transport.abort()


async def _send(request: web.Request, response: web.StreamResponse) -> None:
    await response.prepare(request)
    await response.write_eof()


class _RejectedConnection(asyncio.Protocol):
    """A connection above the limit: answered at once, without reading the request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_BUSY)
        asyncio.get_running_loop().call_later(_BUSY_TIMEOUT, transport.abort)

    def data_received(self, data: bytes) -> None:
        del data
        # not earlier: closing with an unread request would reset the connection, and the response would be lost
        self._transport.close()


class _ClientErrorFilter(logging.Filter):
    """Drops log records about malformed requests: port scanners must not fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        # aiohttp raises UnicodeEncodeError itself for an Expect header that is not ASCII
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | UnicodeEncodeError))


def aiohttp_logger() -> logging.Logger:
    """Returns the logger for aiohttp's own errors, without those that clients cause."""
    log = logging.getLogger("gateway.aiohttp")
    if not log.filters:
        log.addFilter(_ClientErrorFilter())
    return log
