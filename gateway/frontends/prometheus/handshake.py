"""Begins TLS on accepted connections: answers plain HTTP, and lets only some handshakes compute at once.

A handshake costs the server some milliseconds of computing. It begins when the client's whole first message has
arrived, so that clients which send it slowly cannot make many of them begin at the same moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from contextvars import ContextVar
from typing import Any, NoReturn

_UNLIMITED = 24 * 3600.0
"""Seconds for a handshake; the connection has an earlier deadline."""
_SHUTDOWN_TIMEOUT = 1.0
"""Seconds that a client has for answering the end of TLS."""

_MAX_AT_ONCE = 8
"""Handshakes that begin at once."""
_HEAD_START = 0.05
"""Seconds after which the next handshake begins, even if an earlier one is not finished."""

_HEADER_SIZE = 5
"""Bytes of the header of a TLS record: its type, version and length."""
_MAX_RECORD = 16 * 1024
_HANDSHAKE = b"\x16"
"""The type of the record that begins TLS."""

_HTTP = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO", b"DELET", b"PATCH", b"CONNE", b"TRACE")
_PLAIN_HTTP = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"Client sent an HTTP request to an HTTPS server.\n"
)
"""The response of Go's HTTP server."""


class PlainHttpError(ConnectionAbortedError):
    """A client does not use TLS; it has got a response that says so."""


class Handshakes:
    """Begins TLS on the connections of a server."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_MAX_AT_ONCE)

    async def connect(self, protocol: asyncio.Protocol, sock: socket.socket, context: ssl.SSLContext) -> None:
        """Connects a protocol to a client over TLS; without a limit in time, but it can be cancelled.

        Raises:
            OSError: one side has refused the other, or the client is gone.
        """
        sock.setblocking(False)  # noqa: FBT003 - positional only
        header = await _peek(sock, _HEADER_SIZE)
        if header.startswith(_HTTP):
            _answer_plain_http(sock)
        if header[:1] == _HANDSHAKE:
            await _peek(sock, _HEADER_SIZE + min(int.from_bytes(header[3:5]), _MAX_RECORD))
        _SOCKET.set(sock)
        async with self._slots:
            handshake = asyncio.ensure_future(
                asyncio.get_running_loop().connect_accepted_socket(
                    lambda: protocol,
                    sock,
                    ssl=context,
                    ssl_handshake_timeout=_UNLIMITED,
                    ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT,
                )
            )
            try:
                await asyncio.wait([handshake], timeout=_HEAD_START)
            except asyncio.CancelledError:
                handshake.cancel()
                raise
        await handshake


async def _peek(sock: socket.socket, size: int) -> bytes:
    """Waits until some bytes have arrived, or the client has closed its side, and returns them without taking them.

    Raises:
        OSError: the client is gone.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)  # otherwise the first byte would wake the loop
    loop.add_reader(sock, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                data = sock.recv(size, socket.MSG_PEEK)
                break
    finally:
        loop.remove_reader(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    if not data:
        raise ConnectionResetError
    return data


def _answer_plain_http(sock: socket.socket) -> NoReturn:
    """Sends the response to a client that does not use TLS.

    Raises:
        PlainHttpError: always.
        OSError: the client is gone.
    """
    # an unread request would reset the connection, and the response would be lost
    sock.recv(_MAX_RECORD)
    sock.send(_PLAIN_HTTP)
    raise PlainHttpError("plain HTTP")


# --- Alerts ----------------------------------------------------------------------------------------------------------

_SOCKET: ContextVar[socket.socket] = ContextVar("socket")
"""The socket on which the current task begins TLS."""


class _ServerObject(ssl.SSLObject):
    """The TLS of one connection; sends a client the reason why its handshake has failed, which asyncio does not."""

    outgoing: ssl.MemoryBIO

    def do_handshake(self) -> None:
        """Continues the handshake; if it fails, the alert is sent."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            with contextlib.suppress(OSError, LookupError):
                _SOCKET.get().send(self.outgoing.read())
            raise


class ServerContext(ssl.SSLContext):
    """A context for the connections of a server whose ``Handshakes`` send alerts."""

    sslobject_class = _ServerObject

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **settings: Any) -> ssl.SSLObject:
        """Returns the TLS of one connection."""
        wrapped = super().wrap_bio(incoming, outgoing, *args, **settings)
        assert isinstance(wrapped, _ServerObject)
        wrapped.outgoing = outgoing
        return wrapped
