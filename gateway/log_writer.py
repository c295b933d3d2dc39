"""Writes the lines of the log in a thread, so that a log that nobody reads never blocks the program.

A pipe that is full blocks every process that writes to it. Making standard error non-blocking is no solution: the flag
belongs to the open file, which the gateway shares with its parent, its children and the terminal, and all of them would
get errors instead of waiting. So a thread waits, and lines are queued up to a limit. What does not fit is dropped and
counted.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

LIMIT = 1024 * 1024
"""Characters that may wait to be written; a line that is longer is accepted if no other waits."""

_RETRY_INTERVAL = 1000
"""Milliseconds after which to try again if another program has made the stream non-blocking, and it is full."""

RenderDropped = Callable[[int], str]
"""Returns the line that says how many lines were dropped."""


class LogWriter:
    """Queues lines without ever waiting, and writes them in their order.

    It has the methods of a text stream that loggers use. A line that cannot be written, because the disk is full or the
    journal was restarted, is lost and counted.

    Args:
        stream: where to write; None discards everything.
        render_dropped: renders the line that takes the place of dropped lines.

    Attributes:
        dropped: the number of lines that were dropped or could not be written.
    """

    def __init__(self, stream: TextIO | None, render_dropped: RenderDropped) -> None:
        self.dropped = 0
        self._write_text = _make_sink(stream)
        self._render_dropped = render_dropped
        self._lines: deque[str] = deque()
        self._size = 0
        self._unreported = 0
        # reentrant: the garbage collector can run finalizers that log at any time, even while this thread has the lock
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> int:
        """Queues a line, or drops it if too much is waiting."""
        with self._changed:
            if self._size and self._size + len(line) > LIMIT:
                self.dropped += 1
                self._unreported += 1
                return 0
            self._report_dropped()
            self._append(line)
            if self._thread is None:
                # a daemon, because nothing can end it while it waits for a reader
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return len(line)

    def flush(self) -> None:
        """Does nothing: loggers call it after each line, and must not wait."""

    def drain(self, timeout: float) -> None:
        """Waits until everything has been written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size and not self._unreported, timeout)

    def _append(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)

    def _report_dropped(self) -> None:
        """Queues the line about dropped lines, in the place where these would be."""
        count, self._unreported = self._unreported, 0
        if count:
            self._append(self._render_dropped(count))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._unreported)
                if not self._lines:
                    self._report_dropped()
                lines = list(self._lines)
                self._lines.clear()
            text = "".join(lines)
            try:
                self._write_text(text)
            except (OSError, ValueError):
                with self._changed:
                    self.dropped += len(lines)
            with self._changed:
                self._size -= len(text)
                self._changed.notify_all()


def _make_sink(stream: TextIO | None) -> Callable[[str], object]:
    """Returns a function that writes to a stream, without its locks and buffers if it has a descriptor."""
    if stream is None:
        return lambda _: None
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        return lambda text: _write_all(descriptor, text.encode("utf-8", "backslashreplace"))
    return stream.write


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll(_RETRY_INTERVAL)
