from __future__ import annotations

import asyncio
import os
import time

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


async def test_what_arrived_while_the_program_was_suspended_is_in_time() -> None:
    reading, writing = os.pipe()
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(reading, lambda: loop.call_soon(loop.call_soon, arrived.set))  # as slowly as several protocols
    loop.call_soon(time.sleep, 0.5)
    loop.call_soon(os.write, writing, b"x")
    assert await completed_within(arrived.wait(), 0.1)
    loop.remove_reader(reading)
    os.close(reading)
    os.close(writing)


async def test_a_delay_does_not_prevent_the_time_out() -> None:
    asyncio.get_running_loop().call_soon(time.sleep, 0.5)
    assert not await completed_within(asyncio.Event().wait(), 0.1)


async def test_a_program_that_is_stopped_before_it_waits() -> None:
    """As if it had got no processor time for longer than the time-out between any two of its steps."""

    class SlowLoop(asyncio.SelectorEventLoop):
        now = 0.0

        def time(self) -> float:
            self.now += 0.2
            return self.now

    errors: list[object] = []
    loop = SlowLoop()
    loop.set_exception_handler(lambda _, context: errors.append(context))

    def run() -> bool:
        return loop.run_until_complete(completed_within(asyncio.Event().wait(), 0.1))

    try:
        assert not await asyncio.to_thread(run)
    finally:
        loop.close()
    assert errors == []
