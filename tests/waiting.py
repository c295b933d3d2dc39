"""Waits for changes without an event: a file of another process, a socket of the kernel, a state of a daemon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_INTERVAL = 0.005
_PATIENCE = 60.0
"""Seconds after which a test gives up; a busy machine may need many of them."""


async def until(condition: Callable[[], Awaitable[bool] | bool], *, seconds: float = _PATIENCE) -> None:
    """Waits until a condition is true, while the event loop goes on.

    Raises:
        TimeoutError: it was not true in time.
    """
    async with asyncio.timeout(seconds):
        while True:
            result = condition()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(_INTERVAL)


def wait_until(condition: Callable[[], object], *, seconds: float = _PATIENCE, what: str) -> None:
    """Waits until a condition is true.

    Raises:
        TimeoutError: it was not true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(_INTERVAL)
