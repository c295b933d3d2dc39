"""The quorum watcher, over watches that a test plans."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from gateway.alarms.sources.quorum_watcher import (
    ABSENT_BACKOFF,
    BACKOFF,
    SETTLED,
    QuorumEvent,
    QuorumUpdate,
    QuorumWatcher,
    QuorumWatchLost,
    QuorumWatchRestored,
)
from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report
from tests.fakes import FakeClock

FULL = b"time=1000.000000 quorate=1 ring=8 members=1,2,3"
LEFT = b"time=1001.000000 quorate=1 ring=12 members=1,2"
ALONE = b"time=1002.000000 quorate=0 ring=16 members=1"
ENDED = CommandResult(status=Status.NOT_RUNNING, detail="Corosync does not answer")


class FakeWatchingHost:
    """Plays watches: the reports of each, how long it takes, and why it ends. After the last it waits."""

    def __init__(self, clock: FakeClock, *runs: tuple[Sequence[bytes], float, CommandResult]) -> None:
        self.played = asyncio.Event()
        self._clock = clock
        self._runs = list(runs)

    async def watch_quorum(self, on_report: Callable[[bytes], None]) -> CommandResult:
        if not self._runs:
            self.played.set()
            await asyncio.Event().wait()
        lines, seconds, result = self._runs.pop(0)
        for line in lines:
            on_report(line)
        self._clock.advance(seconds)
        return result


class Watched:
    """The events and pauses of a watcher, over runs that are played."""

    def __init__(
        self, *runs: tuple[Sequence[bytes], float, CommandResult], jitter: float = 1.0, expected: bool = True
    ) -> None:
        self.clock = FakeClock(5000)
        self.events: list[QuorumEvent] = []
        self.host = FakeWatchingHost(self.clock, *runs)
        self.watcher = QuorumWatcher(
            self.host,
            self.events.append,
            is_expected=lambda: expected,
            clock=self.clock,
            backoff=dataclasses.replace(BACKOFF, jitter=lambda: jitter),
            absent_backoff=dataclasses.replace(ABSENT_BACKOFF, jitter=lambda: jitter),
            sleep=self.clock.sleep,
        )

    async def play(self) -> list[QuorumEvent]:
        """Runs the watcher until all runs were played, and returns its events."""
        await self.watcher.start()
        async with asyncio.timeout(5):
            await self.host.played.wait()
        await self.watcher.close()
        await self.watcher.close()
        return self.events


def update(line: bytes, *, initial: bool = False, quorum_changed: bool = False) -> QuorumUpdate:
    report = quorum_report.parse(line)
    return QuorumUpdate(
        time=report.time,
        quorate=report.quorate,
        members=report.members,
        ring=report.ring,
        initial=initial,
        quorum_changed=quorum_changed,
    )


# --- Events ----------------------------------------------------------------------------------------------------------


async def test_the_first_report_is_a_state_and_the_others_are_changes() -> None:
    with capture_logs() as log:
        watched = Watched(([FULL, LEFT, ALONE, FULL], 1, ENDED))
        events = await watched.play()
    assert events[:4] == [
        update(FULL, initial=True),
        update(LEFT),
        update(ALONE, quorum_changed=True),
        update(FULL, quorum_changed=True),
    ]
    assert [entry["event"] for entry in log] == [
        "quorum watched",
        "quorum reported",
        "quorum lost",
        "quorum regained",
        "quorum not watched",
    ]
    assert log[2] == {"event": "quorum lost", "log_level": "warning", "quorate": False, "members": "1"}


async def test_the_end_of_corosync_is_an_event_and_the_quorum_is_unknown_after_it() -> None:
    watched = Watched(([FULL], 1, ENDED))
    assert watched.watcher.report is None
    assert (await watched.play())[1:] == [
        QuorumWatchLost(time=5001, status=Status.NOT_RUNNING, detail="Corosync does not answer")
    ]
    assert watched.watcher.report is None


async def test_a_restored_watch_reports_no_change() -> None:
    watched = Watched(([ALONE], 1, ENDED), ([FULL], 0, ENDED))
    events = await watched.play()
    back = events[2]
    assert isinstance(back, QuorumWatchRestored)
    assert back.time == pytest.approx(5001.1)
    assert events[3] == update(FULL, initial=True)


async def test_a_watch_that_stays_lost_is_reported_once_for_each_reason() -> None:
    gone = CommandResult(status=Status.NOT_INSTALLED, detail="python3 not found")
    with capture_logs() as log:
        watched = Watched(([], 0, ENDED), ([], 0, ENDED), ([], 0, gone), ([], 0, gone), ([], 0, ENDED))
        events = await watched.play()
    assert [event.status for event in events if isinstance(event, QuorumWatchLost)] == [
        Status.NOT_RUNNING,
        Status.NOT_INSTALLED,
        Status.NOT_RUNNING,
    ]
    assert [(entry["event"], entry["state"]) for entry in log] == [
        ("quorum not watched", "not_running"),
        ("quorum not watched", "not_installed"),
        ("quorum not watched", "not_running"),
    ]


async def test_without_corosync_on_this_host_no_watch_is_no_problem() -> None:
    absent = CommandResult(status=Status.NOT_INSTALLED, detail="libquorum.so.5: not found")
    with capture_logs() as log:
        await Watched(([], 0, absent), ([FULL], 0, absent), expected=False).play()
    # what was watched is missed, whatever the configuration says now
    assert [(entry["event"], entry["log_level"]) for entry in log] == [
        ("quorum not watched", "info"),
        ("quorum watched", "info"),
        ("quorum not watched", "warning"),
    ]


async def test_the_reason_is_that_of_the_host_in_one_line_of_limited_length() -> None:
    result = CommandResult(status=Status.NOT_PERMITTED, detail="x" * 300)
    (event,) = await Watched(([], 0, result)).play()
    assert event == QuorumWatchLost(time=5000, status=Status.NOT_PERMITTED, detail="x" * 200)


async def test_a_malformed_report_begins_another_watch() -> None:
    events = await Watched(([FULL, b"Quorate: Yes"], 0, ENDED), ([FULL], 0, ENDED)).play()
    lost = events[1]
    assert isinstance(lost, QuorumWatchLost)
    assert (lost.status, lost.detail) == (
        Status.UNPARSABLE,
        "expected a report of the quorum, found 'Quorate: Yes'",
    )
    assert isinstance(events[2], QuorumWatchRestored)


async def test_an_exception_of_the_callback_is_not_hidden() -> None:
    def on_event(event: QuorumEvent) -> None:
        raise ZeroDivisionError

    watcher = QuorumWatcher(FakeWatchingHost(FakeClock(), ([FULL], 0, ENDED)), on_event)
    with pytest.raises(ZeroDivisionError):
        await watcher.run()


# --- Pauses ----------------------------------------------------------------------------------------------------------


async def test_pauses_double_up_to_a_limit() -> None:
    watched = Watched(*[([], 0.0, ENDED)] * 40)
    await watched.play()
    assert watched.clock.sleeps[:7] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0])
    assert set(watched.clock.sleeps[6:]) == {BACKOFF.longest}
    assert len(watched.clock.sleeps) == 40


async def test_pauses_differ_by_up_to_a_half() -> None:
    watched = Watched(*[([], 0.0, ENDED)] * 8, jitter=0.0)
    await watched.play()
    assert watched.clock.sleeps[0] == BACKOFF.first / 2
    assert watched.clock.sleeps[-1] == BACKOFF.longest / 2


async def test_pauses_are_long_while_corosync_is_not_installed() -> None:
    absent = CommandResult(status=Status.NOT_INSTALLED, detail="not found")
    watched = Watched(([], 0.0, absent), ([], 0.0, absent), ([FULL], 0.0, ENDED))
    await watched.play()
    assert watched.clock.sleeps[:2] == [ABSENT_BACKOFF.first] * 2


async def test_a_watch_that_lasted_for_a_while_is_followed_soon() -> None:
    watched = Watched(*[([FULL], 0.0, ENDED)] * 4, ([FULL], SETTLED, ENDED), ([FULL], 0, ENDED))
    await watched.play()
    # a watch that fails right after its first report does not reset the back-off
    assert watched.clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.8, 0.1, 0.2])
