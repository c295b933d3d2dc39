"""Carries out probes: picks the arguments that the installed tool understands, and keeps static readings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from gateway.engine.worker import Worker
from gateway.host.host import CommandResult, Host
from gateway.status import Status
from gateway.subsystems.probe import CommandError, Probe, Reading, read_result

_T = TypeVar("_T")

LARGE_OUTPUT = 2 * 1024
"""Bytes of output above which parsing and translating run in a thread.

Below it, the worst input that any parser can get takes a few milliseconds, which ``tests/parsers/test_time.py`` tests.
The thread costs less than 0.1 ms.
"""

PARSE_TIMEOUT = 10.0
"""Seconds that parsing or translating an output may take. Parsers take linear time: this is for an overloaded host."""

_Key = tuple[str, str]
"""The names of a collector and of one of its probes."""


class Prober:
    """Runs the commands of probes and parses their output.

    Args:
        host: the machine to run them on.
        timeout: seconds that parsing or translating an output may take.
    """

    def __init__(self, host: Host, *, timeout: float = PARSE_TIMEOUT) -> None:
        self._host = host
        self._worker = Worker("parser")
        self._timeout = timeout
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
        """Returns the result of work on this many bytes of output, without blocking the event loop for long.

        Raises:
            CommandError: the work took too long.
        """
        if size <= LARGE_OUTPUT:
            return work()
        try:
            return await self._worker.run(work, timeout=self._timeout)
        except TimeoutError:
            detail = f"reading its output took longer than {self._timeout:g} s"
            raise CommandError(Status.TIMED_OUT, detail) from None

    def close(self) -> None:
        """Stops the worker thread as soon as it has finished its current work."""
        self._worker.close()

    async def _run_variants(self, key: _Key, probe: Probe) -> Reading:
        """Tries the variants of a probe, first the one that worked last."""
        last_working = self._working_variants.get(key, 0)
        order = sorted(range(len(probe.variants)), key=lambda index: index != last_working)
        first_failure: Reading | None = None
        for index in order:
            if probe.sectors is None:
                result = await self._host.run(probe.tool, *probe.variants[index])
            else:
                result = await self._host.read_sectors(probe.tool, probe.sectors)
            reading = await self._read_result(probe, result)
            if reading.status is Status.OK:
                self._working_variants[key] = index
                return reading
            first_failure = first_failure or reading
            if reading.status not in {Status.FAILED, Status.UNPARSABLE}:
                return reading  # other arguments would not help
        assert first_failure is not None
        return first_failure

    async def _read_result(self, probe: Probe, result: CommandResult) -> Reading:
        size = len(result.stdout) + len(result.stderr)
        try:
            return await self.run_in_thread_if_large(size, partial(read_result, probe, result))
        except CommandError as error:
            return Reading(status=error.status, detail=error.detail, duration=result.duration, size=len(result.stdout))
