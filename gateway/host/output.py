"""Receives what a process prints: collected until its end, or passed on line by line. ``process.py`` starts it.

All memory is bounded: collected output by its total size, streamed output by the length of a line and by a rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.clock import Clock, SystemClock

MAX_LINE = 16 * 1024
"""Bytes that a line may have, its end included."""

MAX_RATE = 1024 * 1024
"""Bytes per second that a streamed command may print."""

_LINGER = 0.5
"""Seconds to read the pipes of a process that has exited, in case one of its children keeps them open."""

_STDOUT, _STDERR = 1, 2


class ProcessOutput(asyncio.SubprocessProtocol):
    """Waits until a process has exited and closed its pipes, or has printed too much.

    If a child of the process keeps the pipes open, they are read for a short time after the exit of the process.

    Attributes:
        finished: done when there is nothing more to wait for.
        exited: done when the process has exited.
        overflow: whether it has printed too much.
    """

    def __init__(self) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.overflow = False
        self._lingering: asyncio.TimerHandle | None = None

    @property
    def stdout(self) -> bytes:
        """The standard output that was kept."""
        raise NotImplementedError

    @property
    def stderr(self) -> bytes:
        """The standard error that was kept."""
        raise NotImplementedError

    def process_exited(self) -> None:
        """Records the exit, and finishes soon, even if a child that inherited the pipes lives on."""
        if not self.exited.done():
            self.exited.set_result(None)
        self._lingering = asyncio.get_running_loop().call_later(_LINGER, self.finish)

    def connection_lost(self, exc: Exception | None) -> None:
        """Finishes: the process has exited and all its pipes are closed."""
        del exc  # a broken pipe means that the process has ended, and its exit status is more useful
        self.finish()

    def finish(self, *, overflow: bool = False) -> None:
        """Stops the wait for more output."""
        self.overflow = self.overflow or overflow
        if self._lingering is not None:
            self._lingering.cancel()  # it would keep the output in memory
        if not self.finished.done():
            self.finished.set_result(None)


class CollectedOutput(ProcessOutput):
    """Keeps all output of a process.

    Args:
        limit: bytes that the process may print, standard output and standard error together.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._bytes_left = limit
        # not lists of chunks: a tool that flushes every byte would make each of them cost forty
        self._received = {_STDOUT: bytearray(), _STDERR: bytearray()}

    @property
    def stdout(self) -> bytes:
        """The complete standard output."""
        return bytes(self._received[_STDOUT])

    @property
    def stderr(self) -> bytes:
        """The complete standard error."""
        return bytes(self._received[_STDERR])

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keeps a chunk, or finishes if it exceeds the limit."""
        self._bytes_left -= len(data)
        if self._bytes_left >= 0:
            self._received[fd] += data
        else:
            self._received[_STDOUT].clear()
            self.finish(overflow=True)


class LineStream(ProcessOutput):
    """Passes on each line of a process's standard output, and keeps the last part of its standard error.

    Args:
        on_line: receives each line without its end. An exception that it raises becomes that of ``finished``.
        clock: measures the rate.
    """

    def __init__(self, on_line: Callable[[bytes], None], *, clock: Clock | None = None) -> None:
        super().__init__()
        self._on_line = on_line
        self._clock = clock or SystemClock()
        self._unfinished_line = b""
        self._stderr = b""
        self._second, self._bytes_left = self._clock.monotonic(), MAX_RATE

    @property
    def stdout(self) -> bytes:
        """Always empty: the lines were passed on."""
        return b""

    @property
    def stderr(self) -> bytes:
        """The last part of standard error."""
        return self._stderr

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Passes on the lines that a chunk completes."""
        if self.finished.done():
            return
        if (now := self._clock.monotonic()) - self._second >= 1:
            self._second, self._bytes_left = now, MAX_RATE
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self.finish(overflow=True)
        elif fd == _STDERR:
            self._stderr = (self._stderr + data)[-MAX_LINE:]
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        *lines, self._unfinished_line = (self._unfinished_line + data).split(b"\n")
        if max(map(len, (*lines, self._unfinished_line))) >= MAX_LINE:
            self.finish(overflow=True)
            return
        for line in lines:
            try:
                self._on_line(line)
            except Exception as error:  # noqa: BLE001 - it is raised where ``finished`` is awaited
                self.finished.set_exception(error)
                return
