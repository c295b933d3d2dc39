"""Watches Corosync's quorum: receives Corosync's reports from the host, and begins again when they end.

An event is reported at once, from within the turn of the event loop that reads it. Only reports of Corosync count: that
the watch is restored says nothing about the quorum, and the first report after that is a state, not a change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, TypeAlias

import structlog

from gateway.backoff import DENIED, Backoff
from gateway.clock import Clock, SystemClock
from gateway.errors import ParseError
from gateway.host.host import WatchingHost
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report
from gateway.subsystems.corosync.quorum_report import QuorumReport

BACKOFF = Backoff(first=0.1, longest=5.0)
"""The pauses between the end of a watch and the next one."""

ABSENT_BACKOFF = Backoff(first=60.0, longest=60.0)
"""The same while Corosync is not installed on this host; it may be installed later."""

SETTLED = 10.0
"""Seconds after which a watch counts as a success, so that the next pause is the first again."""

_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumUpdate:
    """Corosync reported its quorum and its members.

    Attributes:
        time: Unix seconds of the report.
        quorate: whether the partition of this node has quorum.
        members: the ids of the nodes in this partition.
        ring: the sequence number of the membership.
        initial: whether it is the first report of a watch: a state, and no change.
        quorum_changed: whether quorum was lost or regained with it; never if it is initial.
    """

    time: float
    quorate: bool
    members: tuple[int, ...]
    ring: int
    initial: bool
    quorum_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumWatchLost:
    """The quorum is unknown from now on, or the reason has changed.

    Attributes:
        time: Unix seconds.
        status: ``NOT_RUNNING`` if Corosync ended or does not run; ``KILLED`` if the reader of Corosync has ended, also
            while it is too early to start another; otherwise why there can be no watch.
        detail: the reason for a person, in one line.
    """

    time: float
    status: Status
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumWatchRestored:
    """The quorum is known again; a ``QuorumUpdate`` with ``initial`` follows.

    Attributes:
        time: Unix seconds.
    """

    time: float


QuorumEvent: TypeAlias = QuorumUpdate | QuorumWatchLost | QuorumWatchRestored


class QuorumWatcher:
    """Reports each change of the quorum, and when the quorum is unknown. A service.

    Args:
        host: passes on the reports.
        on_event: called with each event, from within the event loop. An exception that it raises ends the watcher.
        is_expected: returns whether Corosync is set up on this host; if not, it is no problem that there is no quorum.
        clock: the time of events, and how long a watch has lasted.
        backoff: the pauses between the end of a watch and the next one.
        absent_backoff: the same while Corosync is not installed.
        sleep: waits for some seconds.

    Attributes:
        report: the last report, or None while the quorum is unknown.
    """

    def __init__(
        self,
        host: WatchingHost,
        on_event: Callable[[QuorumEvent], None],
        *,
        is_expected: Callable[[], bool] = lambda: True,
        clock: Clock | None = None,
        backoff: Backoff = BACKOFF,
        absent_backoff: Backoff = ABSENT_BACKOFF,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.report: QuorumReport | None = None
        self._host = host
        self._on_event = on_event
        self._is_expected = is_expected
        self._clock = clock or SystemClock()
        self._backoff = backoff
        self._absent_backoff = absent_backoff
        self._sleep = sleep
        self._log = structlog.get_logger("quorum")
        self._lost: Status | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts to watch."""
        self._task = asyncio.create_task(self.run(), name="quorum watcher")

    async def close(self) -> None:
        """Ends the watch. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> NoReturn:
        """Watches again and again until it is cancelled."""
        retries = 0
        while True:
            started = self._clock.monotonic()
            status, detail = await self._watch()
            if self._clock.monotonic() - started >= SETTLED:
                retries = 0
            self._on_end(status, detail)
            special = {Status.NOT_INSTALLED: self._absent_backoff, Status.NOT_PERMITTED: DENIED}
            backoff = special.get(status, self._backoff)
            await self._sleep(backoff.pause(retries))
            retries += 1

    async def _watch(self) -> tuple[Status, str]:
        """Watches until that ends, and returns why."""
        try:
            result = await self._host.watch_quorum(self._on_report)
        except ParseError as error:
            return Status.UNPARSABLE, str(error)
        return result.status, result.detail[:_MAX_DETAIL]

    def _on_report(self, line: bytes) -> None:
        report, previous = quorum_report.parse(line), self.report
        self.report = report
        if self._lost is not None:
            self._lost = None
            self._on_event(QuorumWatchRestored(time=self._clock.time()))
        update = QuorumUpdate(
            time=report.time,
            quorate=report.quorate,
            members=report.members,
            ring=report.ring,
            initial=previous is None,
            quorum_changed=previous is not None and previous.quorate is not report.quorate,
        )
        self._on_event(update)
        self._log_later(self._log_update, update)

    def _on_end(self, status: Status, detail: str) -> None:
        was_watched, self.report = self.report is not None, None
        last_status, self._lost = self._lost, status
        if status is not last_status:
            self._on_event(QuorumWatchLost(time=self._clock.time(), status=status, detail=detail))
            self._log_later(partial(self._log_end, was_watched=was_watched, state=status.value, reason=detail))

    def _log_later(self, log: Callable[..., object], *arguments: object) -> None:
        """Logs once the notifications have been sent: logging takes time, and they must not wait for it."""
        asyncio.get_running_loop().call_soon(log, *arguments)

    def _log_end(self, *, was_watched: bool, **details: str) -> None:
        if was_watched or self._is_expected():
            self._log.warning("quorum not watched", **details)
        else:
            self._log.info("quorum not watched", **details)

    def _log_update(self, update: QuorumUpdate) -> None:
        details = {"quorate": update.quorate, "members": ", ".join(map(str, update.members))}
        if update.initial:
            self._log.info("quorum watched", **details)
        elif not update.quorum_changed:
            self._log.info("quorum reported", **details)
        elif update.quorate:
            self._log.warning("quorum regained", **details)
        else:
            self._log.warning("quorum lost", **details)
