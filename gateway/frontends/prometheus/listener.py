"""Accepts connections, and survives a lack of file descriptors.

asyncio's own servers try to accept a hundred times in a row when there is no descriptor left, log a traceback for each
attempt, and repeat that every second.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import structlog

from gateway.backoff import Backoff

_BACKLOG = 1024
"""Connections that wait in the kernel: more than arrive during one turn of the event loop."""

_ACCEPTS_PER_TURN = 32
"""Connections that are accepted before other work gets its turn."""

_SEND_BUFFER = 256 * 1024
"""Bytes that the kernel keeps for a client that does not read; by default it keeps megabytes."""

_BACKOFF = Backoff(first=0.5, longest=5.0)

OnAccept = Callable[[socket.socket, str], None]
"""Receives an accepted connection and the address of its client."""


class Listener:
    """Accepts the connections to one listening socket.

    Args:
        sock: the socket, which the listener closes.
        on_accept: receives each connection.
    """

    def __init__(self, sock: socket.socket, on_accept: OnAccept) -> None:
        self.sock = sock
        self._on_accept = on_accept
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._pause: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger("http")

    def start(self) -> None:
        """Starts to accept."""
        self.sock.setblocking(False)  # noqa: FBT003 - positional only
        self.sock.listen(_BACKLOG)
        # accepted connections inherit it
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._resume()

    def close(self) -> None:
        """Stops accepting, and closes the socket. Idempotent."""
        if self._pause is not None:
            self._pause.cancel()
        if self.sock.fileno() >= 0:
            self._loop.remove_reader(self.sock)
            self.sock.close()

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self.sock, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                connection, address = self.sock.accept()
            except (BlockingIOError, InterruptedError):
                self._report_success()
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._report_failure(error)
                return
            self._on_accept(connection, address[0])

    def _report_failure(self, error: OSError) -> None:
        """Stops accepting for a while: the kernel would report the same waiting connection again at once."""
        if not self._failures:
            reason = os.strerror(error.errno) if error.errno else str(error)
            self._log.warning("connections not accepted", reason=reason)
        self._loop.remove_reader(self.sock)
        self._pause = self._loop.call_later(_BACKOFF.pause(self._failures), self._resume)
        self._failures += 1

    def _report_success(self) -> None:
        if self._failures:
            self._failures = 0
            self._log.info("connections accepted again")
