"""Carries out probes: picks the arguments that the installed tool understands, and keeps static readings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from gateway.host.host import Host
from gateway.status import Status
from gateway.subsystems.probe import Probe, Reading, read_result

_T = TypeVar("_T")

LARGE_OUTPUT = 64 * 1024
"""Bytes of output above which parsing and translating run in a thread, because they would block the event loop."""

_Key = tuple[str, str]
"""The names of a collector and of one of its probes."""


class Prober:
    """Runs the commands of probes and parses their output.

    Args:
        host: the machine to run them on.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parser")
        self._working_variants: dict[_Key, int] = {}
        self._static_readings: dict[_Key, tuple[object, Reading]] = {}

    async def read(self, collector: str, probe: Probe) -> Reading:
        """Returns a new reading of a probe, or the last one if the probe is static and its tool has not changed."""
        key = (collector, probe.name)
        if not probe.static:
            return await self._run_variants(key, probe)
        identity = self._host.identity(probe.tool)
        cached = self._static_readings.get(key)
        if identity is not None and cached is not None and cached[0] == identity:
            return cached[1]
        reading = await self._run_variants(key, probe)
        if identity is not None and reading.status is Status.OK:
            self._static_readings[key] = (identity, reading)
        return reading

    async def run_in_thread_if_large(self, size: int, work: Callable[[], _T]) -> _T:
        """Returns the result of work on this many bytes of output, without blocking the event loop for long."""
        if size <= LARGE_OUTPUT:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def close(self) -> None:
        """Stops the worker thread as soon as it has finished its current work."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _run_variants(self, key: _Key, probe: Probe) -> Reading:
        """Tries the variants of a probe, first the one that worked last."""
        last_working = self._working_variants.get(key, 0)
        order = sorted(range(len(probe.variants)), key=lambda index: index != last_working)
        first_failure: Reading | None = None
        for index in order:
            result = await self._host.run(probe.tool, *probe.variants[index])
            reading = await self.run_in_thread_if_large(len(result.stdout), partial(read_result, probe, result))
            if reading.status is Status.OK:
                self._working_variants[key] = index
                return reading
            first_failure = first_failure or reading
            if reading.status not in {Status.FAILED, Status.UNPARSABLE}:
                return reading  # other arguments would not help
        assert first_failure is not None
        return first_failure
