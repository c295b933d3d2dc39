"""The watcher over scripts that play the monitor, and the monitor over a library that plays Corosync's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.alarms.sources import libquorum_helper as quorum_monitor
from gateway.alarms.sources.libquorum_helper import MonitorError
from gateway.alarms.sources.quorum_watcher import (
    ABSENT_DELAY,
    FIRST_DELAY,
    MAX_DELAY,
    MONITOR,
    SETTLED,
    QuorumChanged,
    QuorumEvent,
    QuorumWatcher,
    WatcherBack,
    WatcherLost,
)
from gateway.host.host import CommandResult, Tool
from gateway.host.local import LocalHost
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report as corosync_monitor
from gateway.subsystems.corosync.quorum_report import QuorumReport
from tests.conftest import Script
from tests.fakes import FakeClock
from tests.waiting import until

FULL = b"time=1000.000000 quorate=1 ring=8 members=1,2,3"
LEFT = b"time=1001.000000 quorate=1 ring=12 members=1,2"
ALONE = b"time=1002.000000 quorate=0 ring=16 members=1"
ENDED = CommandResult(status=Status.FAILED, exit_status=69, stderr=b"Corosync does not answer\n")


class FakeStreamingHost:
    """Plays runs of the monitor: the lines of each, how long it takes, and how it ends. After the last it waits."""

    def __init__(self, clock: FakeClock, *runs: tuple[Sequence[bytes], float, CommandResult]) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.played = asyncio.Event()
        self._clock = clock
        self._runs = list(runs)

    async def stream(self, tool: str, *arguments: str, on_line: Callable[[bytes], None]) -> CommandResult:
        self.commands.append((tool, *arguments))
        if not self._runs:
            self.played.set()
            await asyncio.Event().wait()
        lines, seconds, result = self._runs.pop(0)
        for line in lines:
            on_line(line)
        self._clock.advance(seconds)
        return result


class Watched:
    """What a watcher has told and slept, over runs that are played."""

    def __init__(self, *runs: tuple[Sequence[bytes], float, CommandResult], chance: float = 1.0) -> None:
        self.clock = FakeClock(5000)
        self.events: list[QuorumEvent] = []
        self.host = FakeStreamingHost(self.clock, *runs)
        self.watcher = QuorumWatcher(
            self.host, self.events.append, clock=self.clock, chance=lambda: chance, sleep=self.clock.sleep
        )

    async def play(self) -> list[QuorumEvent]:
        running = asyncio.ensure_future(self.watcher.run())
        done, _ = await asyncio.wait(
            [running, asyncio.ensure_future(self.host.played.wait())], return_when=asyncio.FIRST_COMPLETED, timeout=5
        )
        assert done
        assert running not in done, running.exception()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return self.events


def changed(line: bytes, *, initial: bool = False, flipped: bool = False) -> QuorumChanged:
    report = corosync_monitor.parse(line)
    return QuorumChanged(
        time=report.time,
        quorate=report.quorate,
        members=report.members,
        ring=report.ring,
        initial=initial,
        flipped=flipped,
    )


# --- Events ----------------------------------------------------------------------------------------------------------


async def test_a_state_then_changes() -> None:
    with capture_logs() as log:
        watched = Watched(([FULL, LEFT, ALONE, FULL], 1, ENDED))
        events = await watched.play()
    assert events[:4] == [
        changed(FULL, initial=True),
        changed(LEFT),
        changed(ALONE, flipped=True),
        changed(FULL, flipped=True),
    ]
    assert [entry["event"] for entry in log] == [
        "quorum watched",
        "quorum reported",
        "quorum lost",
        "quorum regained",
        "quorum not watched",
    ]
    assert log[2] == {"event": "quorum lost", "log_level": "warning", "quorate": False, "members": "1"}


async def test_corosyncs_end_is_an_event_and_nothing_is_known_after_it() -> None:
    watched = Watched(([FULL], 1, ENDED))
    assert watched.watcher.report is None
    assert (await watched.play())[1:] == [
        WatcherLost(time=5001, status=Status.NOT_RUNNING, detail="Corosync does not answer")
    ]
    assert watched.watcher.report is None


async def test_a_watcher_that_is_back_claims_no_change() -> None:
    watched = Watched(([ALONE], 1, ENDED), ([FULL], 0, ENDED))
    events = await watched.play()
    back = events[2]
    assert isinstance(back, WatcherBack)
    assert back.time == pytest.approx(5001.1)
    assert back.blind == pytest.approx(0.1)
    assert events[3] == changed(FULL, initial=True)
    assert watched.watcher.restarts == 2


async def test_a_watcher_that_stays_lost_says_so_once_for_each_reason() -> None:
    gone = CommandResult(status=Status.NOT_INSTALLED, detail="python3 not found")
    with capture_logs() as log:
        watched = Watched(([], 0, ENDED), ([], 0, ENDED), ([], 0, gone), ([], 0, gone), ([], 0, ENDED))
        events = await watched.play()
    assert [event.status for event in events if isinstance(event, WatcherLost)] == [
        Status.NOT_RUNNING,
        Status.NOT_INSTALLED,
        Status.NOT_RUNNING,
    ]
    assert [(entry["event"], entry["state"]) for entry in log] == [
        ("quorum not watched", "not_running"),
        ("quorum not watched", "not_installed"),
        ("quorum not watched", "not_running"),
    ]


@pytest.mark.parametrize(
    ("result", "status", "detail"),
    [
        (CommandResult(status=Status.KILLED, signal=9), Status.KILLED, "ended by signal 9"),
        (CommandResult(status=Status.OK, exit_status=0), Status.FAILED, "ended with exit status 0"),
        (CommandResult(status=Status.FAILED, exit_status=1), Status.FAILED, "ended with exit status 1"),
        (CommandResult(status=Status.FAILED, exit_status=72, stderr=b"a\nb\n"), Status.NOT_INSTALLED, "b"),
        (CommandResult(status=Status.FAILED, exit_status=77, stderr=b"no"), Status.NOT_PERMITTED, "no"),
        (CommandResult(status=Status.FAILED, exit_status=70, stderr=b"\xff" * 300), Status.FAILED, "\ufffd" * 200),
        (CommandResult(status=Status.TOO_MUCH_OUTPUT), Status.TOO_MUCH_OUTPUT, "printed too much"),
        (CommandResult(status=Status.NOT_PERMITTED, detail="x: denied"), Status.NOT_PERMITTED, "x: denied"),
    ],
)
async def test_why_it_was_lost(result: CommandResult, status: Status, detail: str) -> None:
    (event,) = await Watched(([], 0, result)).play()
    assert event == WatcherLost(time=5000, status=status, detail=detail)


async def test_a_line_that_is_none_of_the_monitors_restarts_it() -> None:
    events = await Watched(([FULL, b"Quorate: Yes"], 0, ENDED), ([FULL], 0, ENDED)).play()
    lost = events[1]
    assert isinstance(lost, WatcherLost)
    assert (lost.status, lost.detail) == (
        Status.UNPARSABLE,
        "expected a report of the quorum, found 'Quorate: Yes'",
    )
    assert isinstance(events[2], WatcherBack)


async def test_what_tell_raises_is_not_hidden() -> None:
    def tell(event: QuorumEvent) -> None:
        raise ZeroDivisionError

    watcher = QuorumWatcher(FakeStreamingHost(FakeClock(), ([FULL], 0, ENDED)), tell)
    with pytest.raises(ZeroDivisionError):
        await watcher.run()


# --- Delays ----------------------------------------------------------------------------------------------------------


async def test_delays_double_up_to_a_limit() -> None:
    watched = Watched(*[([], 0.0, ENDED)] * 40)
    await watched.play()
    assert watched.clock.sleeps[:7] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0])
    assert set(watched.clock.sleeps[6:]) == {MAX_DELAY}
    assert len(watched.clock.sleeps) == 40


async def test_delays_differ_by_up_to_a_half() -> None:
    watched = Watched(*[([], 0.0, ENDED)] * 8, chance=0.0)
    await watched.play()
    assert watched.clock.sleeps[0] == FIRST_DELAY / 2
    assert watched.clock.sleeps[-1] == MAX_DELAY / 2


async def test_where_there_is_no_corosync_it_is_looked_for_seldom() -> None:
    absent = CommandResult(status=Status.NOT_INSTALLED, detail="not found")
    watched = Watched(([], 0.0, absent), ([], 0.0, absent), ([FULL], 0.0, ENDED))
    await watched.play()
    assert watched.clock.sleeps[:2] == [ABSENT_DELAY, ABSENT_DELAY]


async def test_a_watcher_that_ran_for_a_while_is_started_again_soon() -> None:
    watched = Watched(*[([FULL], 0.0, ENDED)] * 4, ([FULL], SETTLED, ENDED), ([FULL], 0, ENDED))
    await watched.play()
    # one that fails right after its first report does not go on like that
    assert watched.clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.8, 0.1, 0.2])


# --- With processes --------------------------------------------------------------------------------------------------


async def test_the_watchers_child_is_killed_and_started_again(script: Script, tmp_path: Path) -> None:
    path = script(f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; echo {FULL.decode()}; exec sleep 1000")
    events: list[QuorumEvent] = []
    host = LocalHost({"monitor": Tool(path=str(path))})
    running = asyncio.ensure_future(QuorumWatcher(host, events.append, command=("monitor",)).run())
    await until(lambda: len(events) == 1)
    os.kill(int((tmp_path / "pid").read_text()), 9)
    await until(lambda: len(events) == 4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert events[0] == events[3] == changed(FULL, initial=True)
    assert isinstance(events[1], WatcherLost)
    assert (events[1].status, events[1].detail) == (Status.KILLED, "ended by signal 9")
    assert isinstance(events[2], WatcherBack)


async def test_a_host_without_the_library(tmp_path: Path) -> None:
    events: list[QuorumEvent] = []
    watcher = QuorumWatcher(LocalHost(), events.append, command=(*MONITOR, str(tmp_path / "libquorum.so.5")))
    running = asyncio.ensure_future(watcher.run())
    await until(lambda: bool(events))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    (event,) = events
    assert isinstance(event, WatcherLost)
    assert event.status is Status.NOT_INSTALLED
    assert event.detail.startswith(f"cannot load {tmp_path}/libquorum.so.5: ")


# --- The monitor -----------------------------------------------------------------------------------------------------


class FakeLibrary:
    """Plays the library: each byte in its pipe is a report, a NUL byte the loss of the connection."""

    def __init__(self, report: Callable[[bool, int, Sequence[int]], None]) -> None:
        self.reader, self.writer = os.pipe()
        self._report = report

    def fileno(self) -> int:
        return self.reader

    def dispatch(self) -> None:
        for byte in os.read(self.reader, 100):
            if not byte:
                raise MonitorError("Corosync does not answer", os.EX_UNAVAILABLE)
            self._report(byte % 2 == 1, byte, range(1, byte + 1))

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


class Monitor:
    """The monitor in a thread of its own, over a library that is played."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.library: FakeLibrary | None = None

    def run(self, said: bytes) -> None:
        """Lets the library say something, and monitors it until the end."""

        def connect(report: Callable[[bool, int, Sequence[int]], None]) -> FakeLibrary:
            self.library = FakeLibrary(report)
            os.write(self.library.writer, said)
            return self.library

        quorum_monitor.monitor(connect, self.writer)

    def close(self) -> None:
        os.close(self.writer)
        if self.library:
            self.library.close()


def test_the_monitor_prints_what_the_parser_reads_also_what_came_right_before_the_end() -> None:
    monitor = Monitor()
    with pytest.raises(MonitorError) as caught:
        monitor.run(bytes([3, 2, 0]))
    assert caught.value.exit_status == 69
    lines = os.read(monitor.reader, 10_000).splitlines()
    reports = [corosync_monitor.parse(line) for line in lines]
    assert [(report.quorate, report.ring, report.members) for report in reports] == [
        (True, 3, (1, 2, 3)),
        (False, 2, (1, 2)),
    ]
    assert [corosync_monitor.render(report) for report in reports] == lines
    monitor.close()
    os.close(monitor.reader)


def test_the_monitor_ends_when_nobody_reads() -> None:
    monitor = Monitor()
    os.close(monitor.reader)
    monitor.run(b"")
    monitor.close()


def test_the_monitors_exit_status_and_its_one_line() -> None:
    done = subprocess.run(
        [*MONITOR, "/nonexistent.so"], capture_output=True, text=True, timeout=20, check=False, env={}, cwd="/"
    )
    assert done.returncode == 72
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cannot load /nonexistent.so: ")


def test_the_monitor_imports_nothing_of_the_gateway() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.startswith('gateway')])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, MONITOR[-1]], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_reports_are_values() -> None:
    assert corosync_monitor.parse(FULL) == QuorumReport(time=1000.0, quorate=True, ring=8, members=(1, 2, 3))
