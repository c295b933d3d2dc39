"""Carries out probes: asks a library, or runs the tool with arguments that it understands; keeps static readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gateway.clock import Clock, SystemClock
from gateway.engine.denials import Denials
from gateway.engine.library_record import LibraryRecord
from gateway.engine.reading_memory import Key, ReadingMemory
from gateway.engine.worker import Worker
from gateway.host.host import CommandResult, Host
from gateway.host.library import LibraryQuery
from gateway.status import Source, Status
from gateway.subsystems.probe import CommandError, Probe, Reading, read_result

_T = TypeVar("_T")

LARGE_OUTPUT = 2 * 1024
"""Bytes of output above which parsing and translating run in a thread.

Below it, the worst input that any parser can get takes a few milliseconds, which ``tests/parsers/test_time.py`` tests.
The thread costs less than 0.1 ms.
"""

PARSE_TIMEOUT = 10.0
"""Seconds that parsing or translating an output may take. Parsers take linear time: this is for an overloaded host."""


class Prober:
    """Runs the commands of probes and parses their output.

    Args:
        host: the machine to run them on.
        timeout: seconds that parsing or translating an output may take.
        clock: measures the pauses after attempts that were denied.
    """

    def __init__(self, host: Host, *, timeout: float = PARSE_TIMEOUT, clock: Clock | None = None) -> None:
        self._host = host
        self._denials = Denials(clock or SystemClock())
        self._worker = Worker("parser")
        self._timeout = timeout
        self._libraries = LibraryRecord()
        self._working_variants: dict[Key, int] = {}
        self._memory = ReadingMemory()
        self._static_readings: dict[Key, tuple[object, Reading]] = {}

    async def read(self, collector: str, probe: Probe) -> Reading:
        """Returns a new reading of a probe.

        It is the last one if the probe is static and its tool has not changed, or for a while if it was not permitted.
        """
        key = (collector, probe.name)
        if probe.sectors is not None:  # an attempt to open a device leaves no trace
            return await self._run_variants(key, probe)
        identify = partial(self._host.identity, probe.tool)
        if (reading := self._denials.denied_reading(key, identify)) is not None:
            return reading
        reading = await self._read_anew(key, probe)
        self._denials.record(key, identify, reading)
        return reading

    def forget_denials(self) -> None:
        """Makes a new attempt for every probe that was not permitted, when it is read the next time."""
        self._denials.clear()

    async def _read_anew(self, key: Key, probe: Probe) -> Reading:
        if probe.library is not None:
            return await self._ask_library(key, probe, probe.library)
        if probe.socket and self._host.lacks_socket(probe.tool, probe.socket):
            return Reading(status=Status.NOT_RUNNING, detail=f"there is no socket {probe.socket}")
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

    def can_read(self, collector: str, probe: Probe) -> bool:
        """Returns whether a probe can be carried out; False if it needs a library that does not answer on this host."""
        if not probe.library_only:
            return True
        return not self._why_no_library((collector, probe.name), probe, self._host.identity(probe.tool))

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

    async def _ask_library(self, key: Key, probe: Probe, query: LibraryQuery) -> Reading:
        """Queries a library, and runs the tool if there is no complete answer.

        The tool decides what is wrong: a library that does not answer says nothing about the cluster.
        """
        identity = self._host.identity(probe.tool)
        reason = self._why_no_library(key, probe, identity)
        if reason:
            return replace(await self._run_variants(key, probe), library_failure=reason)
        answer = await self._host.ask_library(probe.tool, query, identity=identity)
        reading = await self._read_result(key, probe, answer.result)
        if reading.status is Status.OK:
            self._libraries.add_answer(key, identity)
            return replace(reading, source=Source.LIBRARY, library=answer.version)
        if probe.library_only and not self._libraries.has_answered(key, identity):
            if answer.permanent:
                self._libraries.add_failure(key, identity, reading.detail, permanent=True)
            return replace(reading, source=Source.LIBRARY, library_failure=reading.detail)
        tool_reading = await self._run_variants(key, probe)
        if tool_reading.status is Status.OK and not answer.skipped:
            self._libraries.add_failure(key, identity, reading.detail, permanent=answer.permanent)
        return replace(tool_reading, library_failure="" if answer.skipped else reading.detail)

    def _why_no_library(self, key: Key, probe: Probe, identity: object) -> str:
        """Returns why a library is not asked instead of running a tool; empty if it is."""
        if identity is None:
            return f"{probe.tool} not found"
        return self._libraries.why_given_up(key, identity)

    async def _run_variants(self, key: Key, probe: Probe) -> Reading:
        """Tries the variants of a probe, first the one that worked last."""
        last_working = self._working_variants.get(key, 0)
        order = sorted(range(len(probe.variants)), key=lambda index: index != last_working)
        source = Source.TOOL if probe.sectors is None else Source.DEVICE
        first_failure: Reading | None = None
        for index in order:
            if probe.sectors is None:
                result = await self._host.run(probe.tool, *probe.variants[index])
            else:
                result = await self._host.read_sectors(probe.tool, probe.sectors)
            reading = replace(await self._read_result(key, probe, result), source=source)
            if reading.status is Status.OK:
                self._working_variants[key] = index
                return reading
            first_failure = first_failure or reading
            if reading.status not in {Status.FAILED, Status.UNPARSABLE}:
                return reading  # other arguments would not help
        assert first_failure is not None
        return first_failure

    async def _read_result(self, key: Key, probe: Probe, result: CommandResult) -> Reading:
        size = len(result.stdout) + len(result.stderr)
        # a small output is parsed as fast as it is compared
        read = partial(self._memory.read, key) if size > LARGE_OUTPUT else read_result
        try:
            return await self.run_in_thread_if_large(size, partial(read, probe, result))
        except CommandError as error:
            return Reading(status=error.status, detail=error.detail, duration=result.duration, size=len(result.stdout))
