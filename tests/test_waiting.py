from __future__ import annotations

import asyncio

import pytest

from gateway.waiting import completed_within


async def test_an_event_that_is_set_in_time() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await completed_within(event.wait(), 5)
    assert await completed_within(event.wait(), None)


async def test_a_future_that_is_shielded_survives_the_time_out() -> None:
    future = asyncio.get_running_loop().create_future()
    assert not await completed_within(asyncio.shield(future), 0)
    assert not future.cancelled()
    assert not await completed_within(future, 0)
    assert future.cancelled()


async def test_errors_of_the_awaitable_are_raised() -> None:
    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(TimeoutError, match="its own"):
        await completed_within(fail(TimeoutError("its own")), 5)
    with pytest.raises(OSError, match="broken"):
        await completed_within(fail(OSError("broken")), 5)
