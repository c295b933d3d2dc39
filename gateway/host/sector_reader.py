"""Reads the first sectors of block devices, through one resident ``sector_helper.py``.

The helper is started with the first read. It confirms each request at once, before it touches the device, which
separates two failures: a device that does not answer before the deadline, and a helper that does not respond or has
ended, which says nothing about any device. A helper that does not respond is replaced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from errno import EACCES, EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM, EPERM
from pathlib import Path

from gateway.backoff import Backoff
from gateway.clock import Clock, SystemClock
from gateway.errors import DecodeError
from gateway.files import find_obstacle
from gateway.host.host import CommandResult
from gateway.host.process import start_resident
from gateway.host.resident import BACKOFF, Exchange, Resident, ResidentError, ResidentProcess, StartResident
from gateway.host.sectors import MAX_BODY, SectorRequest, Sectors
from gateway.status import Status

HELPER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("sector_helper.py")))
"""The command of the helper. ``-I -S``: only the standard library, and from its proper place."""

RESPONSE_TIME = 1.0
"""Seconds after which a helper that has not confirmed a request does not respond."""

_NOT_PERMITTED = frozenset({EACCES, EPERM})
_EXHAUSTED = frozenset({EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM})
"""Errors for which the device is not the cause."""


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
        self._clock = clock or SystemClock()
        self._helper = Resident(
            "helper that reads devices",
            "helpers that read devices",
            command,
            environment=environment,
            max_body=MAX_BODY,
            clock=self._clock,
            backoff=backoff,
            start=start,
        )
        self._last_exchanges: dict[str, tuple[ResidentProcess, Exchange]] = {}

    async def read(self, request: SectorRequest, *, timeout: float) -> CommandResult:
        """Reads a device, and returns what ``Sectors.decode`` reads as the standard output of a command.

        The states are those of a command: the result has an exit status if the device was read, even if all that could
        be read is an error. ``TIMED_OUT`` without one is a device that does not answer, ``NOT_PERMITTED`` a device
        that this user may not read. ``FAILED`` without one says nothing about the device.
        """
        started = self._clock.monotonic()
        try:
            result = await self._read(request, end=started + timeout)
        except ResidentError as error:
            result = CommandResult(status=Status.FAILED, detail=str(error))
        return replace(result, duration=self._clock.monotonic() - started)

    async def close(self) -> None:
        """Ends all helpers. Idempotent; the next read starts another."""
        await self._helper.close()

    async def _read(self, request: SectorRequest, *, end: float) -> CommandResult:
        process = await self._helper.running()
        # One at a time: while a device does not answer, requests must not pile up.
        while (earlier := self._pending_exchange(process, request.path)) is not None:
            if not await self._helper.completed(earlier, end=end):
                return self._failure(process, earlier)
        if not process.is_usable:
            raise ResidentError(f"the {self._helper.title} {process.failure}")
        exchange = process.send(request.encode, now=self._clock.monotonic())
        self._last_exchanges[request.path] = process, exchange
        if not await self._helper.completed(exchange, end=end):
            return self._failure(process, exchange)
        body = exchange.reply.result()
        if body is None:
            raise ResidentError(f"the {self._helper.title} {process.failure}")
        try:
            sectors = Sectors.decode(body)
        except DecodeError as error:
            self._discard(process)
            raise ResidentError(f"the {self._helper.title} has sent a malformed reply: {error}") from None
        self._helper.on_success()
        return _result(request.path, sectors, body)

    def _pending_exchange(self, process: ResidentProcess, path: str) -> Exchange | None:
        """Returns the exchange about a device that has no reply yet, or None."""
        last_process, exchange = self._last_exchanges.get(path, (None, None))
        return exchange if exchange is not None and last_process is process and not exchange.reply.done() else None

    def _failure(self, process: ResidentProcess, exchange: Exchange) -> CommandResult:
        """Returns the result of a request without a reply; a helper that does not respond is abandoned."""
        if exchange.confirmed and process.is_usable:
            return CommandResult(status=Status.TIMED_OUT, detail="the device did not answer before the deadline")
        if self._clock.monotonic() - exchange.sent >= RESPONSE_TIME:
            self._discard(process)
        raise ResidentError(f"the {self._helper.title} does not respond")

    def _discard(self, process: ResidentProcess) -> None:
        """Replaces the helper, unless that has happened."""
        if process is self._helper.current:
            self._helper.discard()


def _result(path: str, sectors: Sectors, body: bytes) -> CommandResult:
    detail = f"{path}: {sectors.reason}"
    if sectors.error in _NOT_PERMITTED:
        obstacle = find_obstacle(path, os.R_OK)
        detail = f"{detail}; {obstacle.reason}" if obstacle is not None else detail
        return CommandResult(status=Status.NOT_PERMITTED, detail=detail)
    if sectors.error in _EXHAUSTED:
        return CommandResult(status=Status.FAILED, detail=detail)
    return CommandResult(status=Status.OK, exit_status=0, stdout=body)
