"""Watches Corosync's quorum: a program that waits for its reports, and is started again whenever it ends.

What is told is told at once, from within the event loop's turn that reads it. Only what Corosync has said is told: that
a watcher is back says nothing about the quorum, and the first report after that is a state, not a change.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeAlias

import structlog

from gateway.clock import Clock, SystemClock
from gateway.errors import ParseError
from gateway.host.host import CommandResult, StreamingHost
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report as corosync_monitor
from gateway.subsystems.corosync.quorum_report import QuorumReport

MONITOR = (sys.executable, "-I", "-S", str(Path(__file__).with_name(corosync_monitor.PROGRAM)))
"""The command that prints Corosync's reports. ``-I -S``: nothing but the standard library, from where it belongs."""

FIRST_DELAY = 0.1
"""Seconds until the first new attempt; each further attempt waits twice as long."""

MAX_DELAY = 5.0
"""Seconds that an attempt waits at most."""

ABSENT_DELAY = 60.0
"""Seconds that it waits where there is no Corosync on this host, which may be installed later."""

SETTLED = 10.0
"""Seconds after which a watcher that ends begins again with ``FIRST_DELAY``."""

_EXITS = {69: Status.NOT_RUNNING, 72: Status.NOT_INSTALLED, 77: Status.NOT_PERMITTED}
"""The monitor's exit statuses, EX_UNAVAILABLE, EX_OSFILE and EX_NOPERM."""

_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumChanged:
    """Corosync has reported its quorum or its members.

    Attributes:
        time: Unix seconds at which Corosync told it.
        quorate: whether this node's partition may act.
        members: ids of the nodes of this partition.
        ring: sequence number of the membership.
        initial: whether it is the first report since the watcher was (re)started: the present state, whatever
            it was before, and no change.
        flipped: whether the quorum was lost or regained with it; never where ``initial``.
    """

    time: float
    quorate: bool
    members: tuple[int, ...]
    ring: int
    initial: bool
    flipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherLost:
    """Nothing is known of the quorum any more, or the reason why has changed.

    Attributes:
        time: Unix seconds.
        status: ``NOT_RUNNING`` where Corosync ended or does not run; ``KILLED`` where the watcher was killed; else why
            the watcher cannot run.
        detail: the same for a person, in one line.
    """

    time: float
    status: Status
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherBack:
    """The watcher has heard of Corosync again; a ``QuorumChanged`` with ``initial`` follows.

    Attributes:
        time: Unix seconds.
        blind: seconds for which nothing was known.
    """

    time: float
    blind: float


QuorumEvent: TypeAlias = QuorumChanged | WatcherLost | WatcherBack


class QuorumWatcher:
    """Tells each change of the quorum, and when nothing is known of it.

    Args:
        host: runs the command.
        tell: called with each event, from within the event loop. What it raises is raised by ``run``.
        clock: tells the time.
        chance: returns a number from 0 up to 1, for delays that differ from node to node.
        sleep: waits so many seconds.
        command: what to run instead of ``MONITOR``.

    Attributes:
        report: the last report; None while nothing is known.
        restarts: how often the command was started anew.
    """

    def __init__(
        self,
        host: StreamingHost,
        tell: Callable[[QuorumEvent], None],
        *,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        command: tuple[str, ...] = MONITOR,
    ) -> None:
        self.report: QuorumReport | None = None
        self.restarts = 0
        self._host = host
        self._tell = tell
        self._clock = clock or SystemClock()
        self._chance = chance
        self._sleep = sleep
        self._command = command
        self._log = structlog.get_logger("quorum")
        self._lost: tuple[Status, float] | None = None

    async def run(self) -> NoReturn:
        """Watches until it is cancelled."""
        attempts = 0
        while True:
            started = self._clock.monotonic()
            status, detail = await self._follow()
            if self._clock.monotonic() - started >= SETTLED:
                attempts = 0
            self._lose(status, detail)
            pause = ABSENT_DELAY if status is Status.NOT_INSTALLED else min(MAX_DELAY, FIRST_DELAY * 2**attempts)
            await self._sleep(pause * (1 + self._chance()) / 2)
            attempts = min(attempts + 1, 16)
            self.restarts += 1

    async def _follow(self) -> tuple[Status, str]:
        """Runs the command to its end, and returns why it has ended."""
        try:
            return _reason(await self._host.stream(*self._command, on_line=self._hear))
        except ParseError as error:
            return Status.UNPARSABLE, str(error)

    def _hear(self, line: bytes) -> None:
        report, before = corosync_monitor.parse(line), self.report
        self.report = report
        if self._lost is not None:
            since, self._lost = self._lost[1], None
            now = self._clock.monotonic()
            self._tell(WatcherBack(time=self._clock.time(), blind=now - since))
        event = QuorumChanged(
            time=report.time,
            quorate=report.quorate,
            members=report.members,
            ring=report.ring,
            initial=before is None,
            flipped=before is not None and before.quorate is not report.quorate,
        )
        self._tell(event)
        self._later(self._note, event)

    def _lose(self, status: Status, detail: str) -> None:
        self.report = None
        known, since = self._lost or (None, self._clock.monotonic())
        self._lost = status, since
        if status is not known:
            self._tell(WatcherLost(time=self._clock.time(), status=status, detail=detail))
            self._later(partial(self._log.warning, "quorum not watched", state=status.value, reason=detail))

    def _later(self, log: Callable[..., object], *arguments: object) -> None:
        """Logs when what is told has left: a processor is hard to get meanwhile."""
        asyncio.get_running_loop().call_soon(log, *arguments)

    def _note(self, event: QuorumChanged) -> None:
        known = {"quorate": event.quorate, "members": ", ".join(map(str, event.members))}
        if event.initial:
            self._log.info("quorum watched", **known)
        elif not event.flipped:
            self._log.info("quorum reported", **known)
        elif event.quorate:
            self._log.warning("quorum regained", **known)
        else:
            self._log.warning("quorum lost", **known)


def _reason(result: CommandResult) -> tuple[Status, str]:
    """Returns why the monitor has ended, and what to tell a person about it."""
    status = _EXITS.get(result.exit_status or 0, result.status)
    said = result.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if result.detail:
        detail = result.detail
    elif result.signal is not None:
        detail = f"ended by signal {result.signal}"
    elif status is Status.TOO_MUCH_OUTPUT:
        detail = "printed too much"
    else:
        detail = said or f"ended with exit status {result.exit_status}"
    # it is to run for ever: an exit status of 0 is none that is expected
    return Status.FAILED if status is Status.OK else status, detail[:_MAX_DETAIL]
