"""The thread in which large outputs are parsed: what happens if it takes too long."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from gateway.engine.prober import LARGE_OUTPUT, Prober
from gateway.engine.worker import Worker
from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.probe import CommandError, Probe
from tests.fakes import FakeHost
from tests.programs import ROOT

LARGE = CommandResult(status=Status.OK, exit_status=0, stdout=b" " * (LARGE_OUTPUT + 1))


async def test_results_arrive_in_order_and_errors_are_raised() -> None:
    worker = Worker("test")
    assert await asyncio.gather(*(worker.run(partial(abs, -number), timeout=5) for number in range(3))) == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0, timeout=5)
    worker.close()


async def run_until_late(worker: Worker, release: threading.Event) -> None:
    """Runs a function until it has begun and was not finished in time: on a busy machine, it may not begin in time."""
    started = threading.Event()

    def run_slowly() -> None:
        started.set()
        release.wait()

    while not started.is_set():
        with pytest.raises(TimeoutError):
            await worker.run(run_slowly, timeout=0.05)


async def test_a_function_that_takes_too_long_delays_neither_the_caller_nor_others() -> None:
    worker, release = Worker("test"), threading.Event()
    late = asyncio.ensure_future(run_until_late(worker, release))
    await asyncio.sleep(0)
    assert await worker.run(lambda: "behind it", timeout=60) == "behind it"
    await late
    assert await worker.run(lambda: "next", timeout=60) == "next"
    release.set()
    worker.close()


async def test_functions_that_never_end_take_few_threads() -> None:
    worker, release = Worker("endless"), threading.Event()
    done = []
    for _ in range(4):
        await run_until_late(worker, release)
    with pytest.raises(TimeoutError):
        await worker.run(lambda: done.append("nobody waits for it"), timeout=0.01)
    assert sum(thread.name == "endless" for thread in threading.enumerate()) == 4
    release.set()
    assert await worker.run(lambda: "next", timeout=60) == "next"
    assert done == []
    worker.close()


async def test_an_output_that_takes_too_long_to_parse_is_reported_as_timed_out() -> None:
    release = threading.Event()
    prober = Prober(FakeHost(results={"x": LARGE}), timeout=0.01)
    probe = Probe(name="x", tool="x", variants=(("x",),), read=lambda _: release.wait())
    reading = await prober.read("a", probe)
    assert (reading.status, reading.value) == (Status.TIMED_OUT, None)
    assert reading.detail == "reading its output took longer than 0.01 s"
    with pytest.raises(CommandError):  # the samples of a collector
        await prober.run_in_thread_if_large(LARGE_OUTPUT + 1, release.wait)
    release.set()
    prober.close()


EXIT = """
import asyncio, threading
from gateway.engine.worker import Worker
async def main():
    started = threading.Event()
    task = asyncio.ensure_future(Worker("test").run(lambda: started.set() or threading.Event().wait(), timeout=60))
    await asyncio.to_thread(started.wait)
    task.cancel()
asyncio.run(main())
"""


def test_the_program_ends_while_the_thread_is_busy() -> None:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", EXIT], cwd=ROOT, check=True, timeout=60)
    assert time.monotonic() - started < 30
