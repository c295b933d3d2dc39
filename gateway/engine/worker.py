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
from queue import SimpleQueue
from typing import Any, TypeVar

from gateway.waiting import completed_within

_T = TypeVar("_T")


class Worker:
    """One thread that runs functions in the order in which they arrive.

    It is a daemon thread, unlike those of ``ThreadPoolExecutor``: the interpreter does not wait for it at exit, so the
    program stops immediately whatever the thread is doing.

    Args:
        name: the name of the thread.
        nice: how much lower its priority is.
    """

    def __init__(self, name: str, *, nice: int = 0) -> None:
        self._name = name
        self._nice = nice
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], _T], *, timeout: float) -> _T:
        """Returns the result of a function.

        Args:
            function: runs in the thread. It cannot be stopped; its result is discarded if nobody waits for it.
            timeout: seconds to wait, including the time that earlier functions take.

        Raises:
            TimeoutError: the function did not finish in time.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        future: Future[_T] = Future()
        self._queue.put((future, function))
        result = asyncio.wrap_future(future)
        if not await completed_within(result, timeout):
            raise TimeoutError
        return result.result()

    def close(self) -> None:
        """Ends the thread as soon as it has finished its current function. Idempotent."""
        self._queue.put(None)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # systemd may forbid it
            os.nice(self._nice)  # in Linux, only of this thread
        while (item := self._queue.get()) is not None:
            _run_function(*item)
            del item  # a large result must not stay in memory until the next function


def _run_function(future: Future[_T], function: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return  # nobody waits for it any longer
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        future.set_exception(error)
