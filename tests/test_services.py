"""The life cycle of services: the order in which they start and close, and failures on the way."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.errors import StartError
from gateway.runtime.service import ServiceChain, ServiceGroup, start_service


class Recorded:
    """A service that records its calls in a common list."""

    def __init__(
        self, name: str, calls: list[str], *, fails: bool = False, closing: asyncio.Event | None = None
    ) -> None:
        self._name = name
        self._calls = calls
        self._fails = fails
        self._closing = closing

    async def start(self) -> None:
        self._calls.append(f"start {self._name}")
        if self._fails:
            raise StartError(self._name)

    async def close(self) -> None:
        self._calls.append(f"close {self._name}")
        if self._closing is not None:
            await self._closing.wait()


async def test_a_chain_closes_in_reverse_order_and_once() -> None:
    calls: list[str] = []
    chain = ServiceChain(Recorded("a", calls), Recorded("b", calls))
    await chain.start()
    await chain.close()
    await chain.close()
    assert calls == ["start a", "start b", "close b", "close a"]


async def test_a_failed_start_closes_what_was_started() -> None:
    calls: list[str] = []
    chain = ServiceChain(Recorded("a", calls), Recorded("b", calls, fails=True), Recorded("c", calls))
    async with AsyncExitStack() as stack:
        with pytest.raises(StartError):
            await start_service(stack, chain)
    assert calls == ["start a", "start b", "close b", "close a"]


async def test_a_group_closes_its_services_at_the_same_time() -> None:
    calls: list[str] = []
    slow = asyncio.Event()
    group = ServiceGroup(Recorded("a", calls, closing=slow), Recorded("b", calls), close_timeout=60)
    await group.start()
    closing = asyncio.ensure_future(group.close())
    for _ in range(3):
        await asyncio.sleep(0)
    assert calls == ["start a", "start b", "close a", "close b"]
    assert not closing.done()
    slow.set()
    await closing


async def test_a_group_does_not_wait_for_ever() -> None:
    calls: list[str] = []
    group = ServiceGroup(Recorded("a", calls, closing=asyncio.Event()), Recorded("b", calls), close_timeout=0.01)
    await group.start()
    await group.close()
    assert calls[-1] == "close b"
