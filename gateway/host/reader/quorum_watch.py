"""Watches Corosync's quorum through the reader that answers queries about Corosync.

Reports come as replies to one request, which the reader sends whatever its queries do. If the reader is replaced in the
meantime, the next one continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.clock import Clock
from gateway.host.host import CommandResult
from gateway.host.reader import messages
from gateway.host.resident import Resident, ResidentError, ResidentProcess
from gateway.status import Status

MAX_REPORTS = 1000
"""Reports that a reader may send in a second."""

MAX_REPORT = 16 * 1024
"""Bytes that a report may have."""

_FAILURES = {
    messages.REFUSED: (Status.NOT_PERMITTED, "Corosync refuses this user: "),
    messages.UNAVAILABLE: (Status.NOT_RUNNING, "Corosync does not respond: "),
    messages.UNUSABLE: (Status.NOT_INSTALLED, ""),
}
"""What the outcome of a watch means; any other is a failure."""


class QuorumWatch:
    """Receives reports from a reader, and from those that replace it.

    Args:
        reader: the reader.
        discard: replaces one of its processes.
        clock: measures the rate of reports.
    """

    def __init__(self, reader: Resident, discard: Callable[[ResidentProcess], None], clock: Clock) -> None:
        self._reader = reader
        self._discard = discard
        self._clock = clock

    async def run(self, on_report: Callable[[bytes], None]) -> CommandResult:
        """Passes on each report at once, the current state first, and returns why there are no more.

        Args:
            on_report: receives the reports. An exception that it raises ends the watch, and is raised here.
        """
        while True:
            try:
                process = await self._reader.running()
            except ResidentError as error:
                return CommandResult(status=error.status, detail=str(error))
            body = await self._last_reply(process, on_report)
            if body is not None:
                return self._end(process, body)
            if not process.replaced:
                return CommandResult(status=Status.KILLED, detail=f"the {self._reader.title} {process.failure}")

    async def _last_reply(self, process: ResidentProcess, on_report: Callable[[bytes], None]) -> bytes | None:
        """Passes on the reports of one process. Returns its last reply, or None if the process has ended."""
        exchange = process.send(
            lambda number: messages.encode_request(number, messages.WATCH, MAX_REPORT),
            now=self._clock.monotonic(),
            on_reply=_Reports(self._reader, on_report, self._clock).receive,
        )
        try:
            await asyncio.wait([exchange.reply])
            return exchange.reply.result()
        except BaseException:  # the watch is cancelled, or on_report has failed
            process.withdraw(exchange)
            if not process.is_busy:
                self._discard(process)  # nothing else ends its watch
            raise

    def _end(self, process: ResidentProcess, body: bytes) -> CommandResult:
        """Returns why a watch has ended, from its last reply."""
        try:
            outcome, _, content = messages.decode_reply(body)
        except ValueError as error:
            self._discard(process)
            return CommandResult(status=Status.FAILED, detail=f"the {self._reader.title} has sent a reply {error}")
        if outcome == messages.REPORTED:
            self._discard(process)
            return CommandResult(status=Status.TOO_MUCH_OUTPUT, detail="sent too much")
        self._reader.on_success()
        reason = " ".join(content.decode("utf-8", "replace").split())
        status, meaning = _FAILURES.get(outcome, (Status.FAILED, ""))
        return CommandResult(status=status, detail=f"{meaning}{reason}")


class _Reports:
    """Passes on the reports of one process, if there are not too many.

    Args:
        reader: the reader, which has answered with the first report.
        on_report: receives the reports.
        clock: measures their rate.
    """

    def __init__(self, reader: Resident, on_report: Callable[[bytes], None], clock: Clock) -> None:
        self._reader = reader
        self._on_report = on_report
        self._clock = clock
        self._second, self._left = clock.monotonic(), MAX_REPORTS

    def receive(self, body: bytes) -> bool:
        """Handles a reply, and returns whether it is the last one that counts."""
        try:
            outcome, _, report = messages.decode_reply(body)
        except ValueError:
            return True
        if (now := self._clock.monotonic()) - self._second >= 1:
            self._second, self._left = now, MAX_REPORTS
        self._left -= 1
        if outcome != messages.REPORTED or self._left < 0 or len(report) > MAX_REPORT:
            return True
        self._reader.on_success()
        self._on_report(report)
        return False
