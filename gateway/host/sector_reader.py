"""Reads the first sectors of block devices, through one resident ``sector_helper.py``.

The helper is started with the first read. It confirms each request at once, before it touches the device, which
separates two failures: a device that does not answer before the deadline, and a helper that does not respond or has
ended, which says nothing about any device. A helper that does not respond is killed. If it cannot be killed, it is
abandoned, and only a few may be.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from errno import EACCES, EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM, EPERM
from pathlib import Path
from typing import Protocol

from gateway.backoff import Backoff
from gateway.clock import Clock, SystemClock
from gateway.errors import DecodeError, GatewayError
from gateway.host.host import CommandResult
from gateway.host.output import ProcessOutput
from gateway.host.process import Process, start_resident
from gateway.host.sectors import FrameDecoder, SectorRequest, Sectors
from gateway.status import Status
from gateway.waiting import completed_within

HELPER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("sector_helper.py")))
"""The command of the helper. ``-I -S``: only the standard library, and from its proper place."""

BACKOFF = Backoff(first=1.0, longest=60.0)
"""The pauses between two starts of the helper, unless it has read a device in between."""

MAX_ABANDONED = 3
"""Helpers that were killed and have not ended: with this many, no other is started."""

RESPONSE_TIME = 1.0
"""Seconds after which a helper that has not confirmed a request does not respond."""

_STDOUT = 1
_NOT_PERMITTED = frozenset({EACCES, EPERM})
_EXHAUSTED = frozenset({EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM})
"""Errors for which the device is not the cause."""


class StartResident(Protocol):
    """Starts a process, as ``start_resident`` does."""

    async def __call__(
        self, argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
    ) -> Process:
        """Returns the process."""
        ...


class _HelperError(GatewayError):
    """There is no helper; the message is the reason, in one line."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Exchange:
    """A request to the helper.

    Attributes:
        sent: when it was sent, on the monotonic clock.
        reply: the body of the reply; None if the helper has ended.
        confirmed: whether the helper has begun to read the device.
    """

    sent: float
    reply: asyncio.Future[bytes | None]
    confirmed: bool = False


class _HelperOutput(ProcessOutput):
    """Assigns what the helper writes to its exchanges.

    Attributes:
        exchanges: those without a reply, by number.
        malformed: whether it has written something that is not a reply.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: dict[int, _Exchange] = {}
        self.malformed = False
        self._decoder = FrameDecoder()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Passes on replies; messages for people are dropped."""
        if fd != _STDOUT or self.malformed:
            return
        try:
            for number, body in self._decoder.feed(data):
                self._on_frame(number, body)
        except DecodeError:
            self.malformed = True

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Ends all exchanges: the helper does not write any more."""
        del fd, exc
        self._end()

    def process_exited(self) -> None:
        """Ends all exchanges."""
        super().process_exited()
        self._end()

    def _on_frame(self, number: int, body: bytes) -> None:
        if not body and number in self.exchanges:
            self.exchanges[number].confirmed = True
        elif (exchange := self.exchanges.pop(number, None)) is not None:
            exchange.reply.set_result(body)

    def _end(self) -> None:
        self.finish()
        for exchange in self.exchanges.values():
            exchange.reply.set_result(None)
        self.exchanges.clear()


class _Helper:
    """A running helper, and what it has been asked.

    Args:
        process: the process.
        output: what it writes.
    """

    def __init__(self, process: Process, output: _HelperOutput) -> None:
        self.process = process
        self._output = output
        self._last_exchanges: dict[str, _Exchange] = {}
        self._requests = 0

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and has written nothing but replies."""
        return not self._output.finished.done() and not self._output.malformed

    @property
    def failure(self) -> str:
        """Why it is not usable."""
        return "has ended" if self._output.finished.done() else "does not respond as it should"

    def last_exchange(self, path: str) -> _Exchange | None:
        """Returns the exchange about a device that has no reply yet, or None."""
        exchange = self._last_exchanges.get(path)
        return None if exchange is None or exchange.reply.done() else exchange

    def send(self, request: SectorRequest, *, now: float) -> _Exchange:
        """Sends a request."""
        self._requests += 1
        exchange = _Exchange(sent=now, reply=asyncio.get_running_loop().create_future())
        self._output.exchanges[self._requests] = self._last_exchanges[request.path] = exchange
        self.process.write(request.encode(self._requests))
        return exchange


class SectorReader:
    """Reads block devices without blocking, whatever the devices do.

    Args:
        environment: the environment of the helper.
        clock: measures durations.
        command: the command of the helper.
        backoff: the pauses between two starts of the helper.
        start: starts the helper.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        command: Sequence[str] = HELPER,
        backoff: Backoff = BACKOFF,
        start: StartResident = start_resident,
    ) -> None:
        self._start = start
        self._environment = environment
        self._clock = clock or SystemClock()
        self._command = command
        self._backoff = backoff
        self._helper: _Helper | None = None
        self._starting = asyncio.Lock()
        self._abandoned: list[_Helper] = []
        self._retries = 0
        self._next_start = 0.0

    async def read(self, request: SectorRequest, *, timeout: float) -> CommandResult:
        """Reads a device, and returns what ``Sectors.decode`` reads as the standard output of a command.

        The states are those of a command: the result has an exit status if the device was read, even if all that could
        be read is an error. ``TIMED_OUT`` without one is a device that does not answer, ``NOT_PERMITTED`` a device
        that this user may not read. ``FAILED`` without one says nothing about the device.
        """
        started = self._clock.monotonic()
        try:
            result = await self._read(request, end=started + timeout)
        except _HelperError as error:
            result = CommandResult(status=Status.FAILED, detail=str(error))
        return replace(result, duration=self._clock.monotonic() - started)

    async def close(self) -> None:
        """Ends all helpers. Idempotent; the next read starts another."""
        self._discard_helper()
        helpers, self._abandoned = self._abandoned, []
        self._starting = asyncio.Lock()  # the next read may be in another event loop
        await asyncio.gather(*(helper.process.close() for helper in helpers))

    async def _read(self, request: SectorRequest, *, end: float) -> CommandResult:
        helper = await self._running_helper()
        # One at a time: while a device does not answer, requests must not pile up.
        while (earlier := helper.last_exchange(request.path)) is not None:
            if not await self._completed(earlier, end=end):
                return self._failure(helper, earlier)
        if not helper.is_usable:
            raise _HelperError(f"the helper that reads devices {helper.failure}")
        exchange = helper.send(request, now=self._clock.monotonic())
        if not await self._completed(exchange, end=end):
            return self._failure(helper, exchange)
        body = exchange.reply.result()
        if body is None:
            raise _HelperError("the helper that reads devices has ended")
        try:
            sectors = Sectors.decode(body)
        except DecodeError as error:
            self._discard_helper()
            raise _HelperError(f"the helper that reads devices has sent a malformed reply: {error}") from None
        self._retries, self._next_start = 0, 0.0
        return _result(request.path, sectors, body)

    async def _completed(self, exchange: _Exchange, *, end: float) -> bool:
        """Waits for the reply; True also if it has arrived while the event loop was busy until after the deadline."""
        await completed_within(asyncio.wait([exchange.reply]), end - self._clock.monotonic())
        return exchange.reply.done()

    def _failure(self, helper: _Helper, exchange: _Exchange) -> CommandResult:
        """Returns the result of a request without a reply; a helper that does not respond is abandoned."""
        if exchange.confirmed and helper.is_usable:
            return CommandResult(status=Status.TIMED_OUT, detail="the device did not answer before the deadline")
        if self._clock.monotonic() - exchange.sent >= RESPONSE_TIME and helper is self._helper:
            self._discard_helper()
        raise _HelperError("the helper that reads devices does not respond")

    async def _running_helper(self) -> _Helper:
        """Returns the helper; starts it if there is none."""
        async with self._starting:
            if self._helper is not None and self._helper.is_usable:
                return self._helper
            self._discard_helper()
            now = self._clock.monotonic()
            self._abandoned = [helper for helper in self._abandoned if not helper.process.has_exited]
            if len(self._abandoned) >= MAX_ABANDONED:
                raise _HelperError(f"{MAX_ABANDONED} helpers that read devices were killed and have not ended")
            if now < self._next_start:
                wait = self._next_start - now
                raise _HelperError(f"the helper that reads devices has ended, next start in {wait:.0f} s")
            self._next_start = now + self._backoff.pause(self._retries)
            self._retries += 1
            output = _HelperOutput()
            try:
                process = await self._start(self._command, lambda: output, environment=self._environment)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise _HelperError(f"the helper that reads devices could not be started: {reason}") from None
            self._helper = _Helper(process, output)
            return self._helper

    def _discard_helper(self) -> None:
        """Kills the helper; until it has ended, it counts as abandoned."""
        if self._helper is not None:
            self._helper.process.kill()
            self._abandoned.append(self._helper)
            self._helper = None


def _result(path: str, sectors: Sectors, body: bytes) -> CommandResult:
    detail = f"{path}: {sectors.reason}"
    if sectors.error in _NOT_PERMITTED:
        return CommandResult(status=Status.NOT_PERMITTED, detail=detail)
    if sectors.error in _EXHAUSTED:
        return CommandResult(status=Status.FAILED, detail=detail)
    return CommandResult(status=Status.OK, exit_status=0, stdout=body)
