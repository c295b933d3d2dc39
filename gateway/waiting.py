"""Waiting with a time-out that is an ordinary outcome, not an exception."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable


async def completed_within(awaitable: Awaitable[object], seconds: float | None) -> bool:
    """Waits for an awaitable and returns whether it completed in time; if it did not, it is cancelled.

    Args:
        awaitable: typically ``event.wait()``; wrap a future that must survive the time-out in ``asyncio.shield``.
        seconds: None waits without a limit.
    """
    try:
        async with asyncio.timeout(seconds) as deadline:
            await awaitable
    except TimeoutError:
        if not deadline.expired():
            raise  # it was raised by the awaitable itself
        return False
    return True
