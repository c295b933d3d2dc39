"""Runs pure functions in a thread, so that the event loop keeps running, and stops waiting for them at a deadline.

Python code in a thread does not block the event loop: the interpreter switches between them. A call into C that keeps
the interpreter does; parsers make only those that are fast for any input of the size that their tool may print.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from gateway.waiting import completed_within

_T = TypeVar("_T")

_MAX_ABANDONED = 3
"""Threads with a function that did not finish in time, beside the one that works: each takes its share of a processor.

Further functions wait until one of them ends.
"""

_Queue = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Worker:
    """One thread that runs functions in the order in which they arrive.

    A function that does not finish in time keeps its thread, and another thread runs those that wait behind it.

    It is a daemon thread, unlike those of ``ThreadPoolExecutor``: the interpreter does not wait for it at exit, so the
    program stops immediately whatever the thread is doing.

    Args:
        name: the name of the thread.
        nice: how much lower its priority is.
    """

    def __init__(self, name: str, *, nice: int = 0) -> None:
        self._name = name
        self._nice = nice
        self._queue: _Queue = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._abandoned: list[threading.Thread] = []

    async def run(self, function: Callable[[], _T], *, timeout: float) -> _T:
        """Returns the result of a function.

        Args:
            function: runs in the thread. It cannot be stopped; its result is discarded if nobody waits for it.
            timeout: seconds to wait, including the time that earlier functions take.

        Raises:
            TimeoutError: the function did not finish in time.
        """
        if self._thread is None:
            self._start_thread()
        future: Future[_T] = Future()
        self._queue.put((future, function))
        result = asyncio.wrap_future(future)
        if not await completed_within(result, timeout):
            if future.running():
                self._abandon_thread()
            raise TimeoutError
        return result.result()

    def close(self) -> None:
        """Ends the thread as soon as it has finished its current function. Idempotent."""
        self._queue.put(None)

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, args=(self._queue,), name=self._name, daemon=True)
        self._thread.start()

    def _abandon_thread(self) -> None:
        """Replaces the thread, which ends with its current function, unless too many such threads exist."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        if self._thread is None or len(self._abandoned) >= _MAX_ABANDONED:
            return
        self._abandoned.append(self._thread)
        before, self._queue = self._queue, SimpleQueue()
        with contextlib.suppress(Empty):
            while True:
                self._queue.put(before.get_nowait())
        before.put(None)
        self._start_thread()

    def _run(self, queue: _Queue) -> None:
        with contextlib.suppress(OSError):  # systemd may forbid it
            os.nice(self._nice)  # in Linux, only of this thread
        while (item := queue.get()) is not None:
            _run_function(*item)
            del item  # a large result must not stay in memory until the next function


def _run_function(future: Future[_T], function: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return  # nobody waits for it any longer
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        future.set_exception(error)
