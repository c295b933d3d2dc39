"""Runs the event loop, with the garbage collector and the interpreter tuned for this program."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import sys
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from gateway import log

T = TypeVar("T")

_GC_THRESHOLD = (1_000_000, 20, 50)
"""Allocations before a collection of the youngest generation, and collections before one of the two older ones.

The first exceeds what a scrape of 24,000 resource instances allocates. It limits the garbage that thousands of scrapes
a minute leave behind.
"""

_GC_INTERVAL = 60.0
"""Seconds between collections of all generations if the thresholds are not reached."""

_YOUNG_GC_INTERVAL = 5.0
"""Seconds between two looks at how many objects are new."""

_MAX_YOUNG_OBJECTS = 5_000
"""New objects above which the youngest generation is collected then.

Each connection that is closed leaves seven objects of asyncio in a cycle, a kilobyte: a hundred connections a second
would leave six megabytes in a minute.
"""

EX_OUT_OF_MEMORY = os.EX_OSERR
"""The exit status without memory; systemd restarts the service."""

_SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread may keep the interpreter while the event loop waits for it.

Threads parse large outputs and build tables. Each system call of the event loop lets such a thread run and then waits
this long to continue: three times for each SNMP request, and snmpd turns one GETBULK into fifty requests. Python's
default is 5 ms.
"""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a new event loop, and returns its result."""
    # A snapshot consists of tens of thousands of small tuples without a cycle among them. With Python's defaults the
    # garbage collector traverses all of them again and again, which takes a fifth to a third of the CPU time of a
    # scrape.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    if sys.version_info < (3, 12) and _has_pidfd():
        # no thread for each process; newer versions do this by default
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    return asyncio.run(_run(main))


def show_fatal_signals() -> None:
    """Prints where each thread was if a signal ends the program: a crash, or the watchdog of the service manager."""
    with contextlib.suppress(ValueError, OSError, RuntimeError, AttributeError):  # standard error may be closed
        faulthandler.enable()


async def _run(main: Coroutine[Any, Any, T]) -> T:
    asyncio.get_running_loop().set_exception_handler(_on_exception)
    return await main


def _on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ends the program if there is no memory left, and logs any other exception of a callback.

    Nothing works reliably without memory, and what fails would be tried again and again. A new process starts small.
    """
    if isinstance(context.get("exception"), MemoryError):
        # without any cleanup, which would need memory; the kernel ends the tools
        structlog.get_logger("app").critical("out of memory")
        log.flush()
        os._exit(EX_OUT_OF_MEMORY)
    loop.default_exception_handler(context)


async def wait_for_stop(stop: asyncio.Event, *, pause: float = _YOUNG_GC_INTERVAL) -> None:
    """Waits for an event, and collects garbage meanwhile: once a minute, and earlier if there is much of it.

    Args:
        stop: the event.
        pause: seconds between two looks at how many objects are new.
    """
    stopped = asyncio.ensure_future(stop.wait())
    next_collection = time.monotonic() + _GC_INTERVAL
    while not (await asyncio.wait([stopped], timeout=pause))[0]:
        if time.monotonic() >= next_collection:
            gc.collect()
            next_collection = time.monotonic() + _GC_INTERVAL
        elif gc.get_count()[0] > _MAX_YOUNG_OBJECTS:
            gc.collect(0)


def _has_pidfd() -> bool:
    """Returns whether the kernel has pidfd_open and permits it: RHEL 8 and some containers do not."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
