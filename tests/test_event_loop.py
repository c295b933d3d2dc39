"""The garbage collector, which the program runs itself."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from gateway.runtime.event_loop import wait_for_stop
from tests.waiting import until


class Cycle:
    """An object that only the garbage collector releases, as each closed connection of asyncio's."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def only_on_request() -> Iterator[None]:
    """Lets nothing collect garbage but calls of ``gc.collect``, as in the program."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(1_000_000_000, 20, 50)
    yield
    gc.set_threshold(*thresholds)


def leave_garbage(number: int) -> weakref.ref[Cycle]:
    """Returns the last of many unreachable objects."""
    cycles = [Cycle() for _ in range(number)]
    return weakref.ref(cycles[-1])


def is_gone(cycle: weakref.ref[Cycle]) -> bool:
    return cycle() is None


@pytest.mark.usefixtures("only_on_request")
async def test_much_garbage_is_collected_long_before_the_minute_is_over() -> None:
    stop = asyncio.Event()
    waiting = asyncio.ensure_future(wait_for_stop(stop, pause=0.001))
    for _ in range(3):
        await until(partial(is_gone, leave_garbage(20_000)))
    stop.set()
    await waiting
