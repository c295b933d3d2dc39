"""Waiting with a time-out that is an ordinary outcome, not an exception."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

_LATE = 0.1
"""Seconds after a deadline from which on the program counts as having been stopped meanwhile."""
CATCH_UP = 0.5
"""Seconds by which a deadline is moved then: enough to process what has arrived."""
_BEFORE = 0.001
"""Seconds before a deadline at which its delay is measured, so that this comes first if both are overdue."""


async def completed_within(awaitable: Awaitable[object], seconds: float | None) -> bool:
    """Waits for an awaitable and returns whether it completed in time; if it did not, it is cancelled.

    If this program does not run when the deadline passes, because it was suspended with its virtual machine or got no
    processor time, the deadline is moved by a moment: what has arrived is processed before it is called missing.

    Args:
        awaitable: typically ``event.wait()``; wrap a future that must survive the time-out in ``asyncio.shield``.
        seconds: None waits without a limit.
    """
    try:
        async with asyncio.timeout(seconds) as deadline:
            if seconds is None or seconds <= 0:
                await awaitable
            else:
                await _with_delays(awaitable, deadline)
    except TimeoutError:
        if not deadline.expired():
            raise  # it was raised by the awaitable itself
        return False
    return True


async def _with_delays(awaitable: Awaitable[object], deadline: asyncio.Timeout) -> None:
    """Waits for an awaitable, and moves the deadline if the event loop is late."""
    loop = asyncio.get_running_loop()
    end = deadline.when()
    assert end is not None

    def allow_for_delay() -> None:
        # it has expired first if the program was stopped before it came to this
        if loop.time() - end > _LATE and not deadline.expired():
            deadline.reschedule(loop.time() + CATCH_UP)

    handle = loop.call_at(end - _BEFORE, allow_for_delay)
    try:
        await awaitable
    finally:
        handle.cancel()
