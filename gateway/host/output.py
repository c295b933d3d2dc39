"""What is made of what a process prints: all of it at its end, or each line at once. ``command.py`` starts the process.

Every byte is bounded: an output by what it may have in all, lines by their length and by what comes in a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MAX_LINE = 16 * 1024
"""Bytes that a line may have, its end included."""

MAX_RATE = 1024 * 1024
"""Bytes that may come in a second where lines are told at once."""

_LINGER = 0.5
"""Seconds in which to read what a process has left in its pipes, should one of its children hold them open."""


class Output(asyncio.SubprocessProtocol):
    """Waits until a process has ended and closed its pipes, or has printed too much.

    Attributes:
        finished: done when there is nothing more to wait for.
        exited: done when the process has ended.
        overflow: whether it has printed too much.
    """

    def __init__(self) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.overflow = False

    def kept(self, fd: int) -> bytes:
        """Returns what is kept of standard output (1) or standard error (2)."""
        raise NotImplementedError

    def process_exited(self) -> None:
        """Notes that the process has ended; what it has printed may still be in its pipes."""
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notes that the process has ended and all its pipes are closed."""
        del exc  # a pipe that breaks is a process that ends: its status says the rest
        self.finish()

    def finish(self, *, overflow: bool = False) -> None:
        """Ends the waiting."""
        self.overflow = self.overflow or overflow
        if not self.finished.done():
            self.finished.set_result(None)


class Whole(Output):
    """Keeps all that a process prints.

    Args:
        limit: bytes that it may print, standard output and standard error together.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._left = limit
        self._chunks: dict[int, list[bytes]] = {1: [], 2: []}

    def kept(self, fd: int) -> bytes:
        """Returns all of it."""
        return b"".join(self._chunks[fd])

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keeps a piece."""
        self._left -= len(data)
        if self._left >= 0:
            self._chunks[fd].append(data)
        else:
            self.finish(overflow=True)


class Lines(Output):
    """Tells each line of a process's standard output, and keeps the last of its standard error.

    Args:
        tell: called with each line, without its end. What it raises ends the waiting, and is raised there.
    """

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        super().__init__()
        self._tell = tell
        self._rest = self._errors = b""
        self._second, self._left = time.monotonic(), MAX_RATE

    def kept(self, fd: int) -> bytes:
        """Returns the last of standard error."""
        return self._errors if fd == 2 else b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Tells the lines that a piece completes."""
        if self.finished.done():
            return
        if (now := time.monotonic()) - self._second >= 1:
            self._second, self._left = now, MAX_RATE
        self._left -= len(data)
        if self._left < 0:
            self.finish(overflow=True)
        elif fd == 2:
            self._errors = (self._errors + data)[-MAX_LINE:]
        else:
            self._split(data)

    def process_exited(self) -> None:
        """Does not wait for ever for those that have inherited the pipes: there is no deadline."""
        super().process_exited()
        asyncio.get_running_loop().call_later(_LINGER, self.finish)

    def _split(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest))) >= MAX_LINE:
            self.finish(overflow=True)
            return
        for line in lines:
            try:
                self._tell(line)
            except Exception as error:  # noqa: BLE001 - raised where the end is waited for
                self.finished.set_exception(error)
                return
