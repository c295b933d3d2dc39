"""Receives what a process prints, until its end, and not more than a limit. ``process.py`` starts it."""

from __future__ import annotations

import asyncio

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
