"""Watches the quorum through a real reader, whose libraries are replaced by what a test writes to a FIFO."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.backoff import Backoff
from gateway.host.host import CommandResult
from gateway.host.library import LibraryAnswer, LibraryQuery, Stack
from gateway.host.reader import cluster_reader, messages
from gateway.host.reader.cluster_reader import ClusterReader
from gateway.host.reader.quorum_watch import MAX_REPORT, MAX_REPORTS
from gateway.status import Status
from tests.conftest import is_process
from tests.fakes import FakeClock
from tests.readers import LONG, SHORT, Starter
from tests.waiting import until

PROGRAM = """
import os, sys, time
sys.path.append({root!r})
from gateway.host.reader import child, messages
from gateway.host.reader.messages import LibraryFailedError, LibraryUnusableError

def watch(on_report):
    on_report(b"%d" % os.getpid())
    with open({fifo!r}, "rb") as commands:
        for line in commands:
            word, _, argument = line.decode().strip().partition(" ")
            if word == "report":
                on_report(argument.encode())
            elif word == "flood":
                while True:
                    on_report(b"x")
            elif word == "long":
                on_report(b"x" * int(argument))
            elif word == "nonsense":
                os.write(reader_output, b"\\0\\0\\0\\1\\0\\0\\0\\1x")
            elif word == "lack":
                raise LibraryUnusableError(argument)
            elif word == "break":
                raise ZeroDivisionError
            else:
                outcome, _, reason = argument.partition(" ")
                raise LibraryFailedError(reason, getattr(messages, outcome))

def unblock(size):
    with open({fifo!r} + ".go", "rb") as go:
        return go.read()

def lack(size):
    raise LibraryUnusableError("no such function")

class Fake:
    version = "libcfg.so.7.3.0"
    queries = {{"answer": lambda size: b"%d" % os.getpid(), "block": unblock, "lack": lack}}

dup = os.dup
def remember(descriptor):
    global reader_output
    reader_output = dup(descriptor)
    return reader_output
os.dup = remember
child.main(Fake, watch)
"""


class Watched:
    """A watch, and the reader that it uses.

    Attributes:
        reader: the reader.
        clock: its clock, which stands still.
        reports: the reports so far.
        result: why the watch has ended.
    """

    def __init__(self, directory: Path, response_time: float) -> None:
        self.fifo = directory / "commands"
        self.starter = Starter()
        self.clock = FakeClock()
        self.reports: list[bytes] = []
        os.mkfifo(self.fifo)
        os.mkfifo(f"{self.fifo}.go")
        program = PROGRAM.format(root=str(Path(messages.__file__).parents[3]), fifo=str(self.fifo))
        self.reader = ClusterReader(
            {},
            command=(sys.executable, "-I", "-S", "-c", program),
            clock=self.clock,
            backoff=Backoff(first=0.0, longest=0.0),
            start=self.starter,
            max_requests=5,
            response_time=response_time,
        )
        self.result: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()

    async def begin(self, on_report: Callable[[bytes], None] | None = None) -> None:
        """Watches, and waits for the first report."""
        seen = len(self.reports)
        self.result = asyncio.ensure_future(self.reader.watch_quorum(on_report or self.reports.append))
        await until(lambda: len(self.reports) > seen)

    async def begun(self) -> None:
        """Waits until the current process has reported its start."""
        await until(lambda: self.reports[-1:] == [str(self.starter.pid).encode()] if self.starter.processes else False)

    async def command(self, command: str) -> None:
        """Lets the library do something."""
        await asyncio.to_thread(self.fifo.write_text, f"{command}\n")

    async def ask(self, name: str, timeout: float = LONG) -> LibraryAnswer:
        """Asks the library."""
        query = LibraryQuery(stack=Stack.COROSYNC, name=name)
        return await self.reader.ask(query, timeout=timeout, max_size=1000, tool="tool", identity=None)


@pytest.fixture
def response_time() -> float:
    return LONG


@pytest.fixture
async def watched(tmp_path: Path, response_time: float) -> AsyncIterator[Watched]:
    one = Watched(tmp_path, response_time)
    yield one
    one.result.cancel()
    await asyncio.gather(one.result, return_exceptions=True)
    await one.reader.close()


async def test_one_process_reports_and_answers(watched: Watched) -> None:
    await watched.begin()
    pid = (await watched.ask("answer")).result.stdout
    await watched.command("report one")
    await until(lambda: watched.reports == [pid, b"one"])
    assert (await watched.ask("answer")).result.stdout == pid
    assert len(watched.starter.processes) == 1


async def test_a_query_that_blocks_delays_no_report_and_ends_no_watch(watched: Watched) -> None:
    await watched.begin()
    first = watched.starter.pid
    blocked = await watched.ask("block", timeout=SHORT)
    assert blocked.result.status is Status.TIMED_OUT
    await watched.command("report one")
    await until(lambda: watched.reports[1:] == [b"one"])
    # the library is not asked again until it has answered, and the tool is in use meanwhile
    answer = await watched.ask("answer")
    assert (answer.result.status, answer.skipped) == (Status.FAILED, True)
    assert "has not answered an earlier query yet" in answer.result.detail
    await asyncio.to_thread(Path(f"{watched.fifo}.go").write_text, "late")

    async def answers() -> bool:
        return (await watched.ask("answer")).result.stdout == str(first).encode()

    await until(answers)
    assert len(watched.starter.processes) == 1


async def test_a_query_that_blocks_for_long_costs_the_process_and_the_next_one_watches(watched: Watched) -> None:
    await watched.begin()
    first = watched.starter.pid
    await watched.ask("block", timeout=SHORT)
    watched.clock.advance(cluster_reader.MAX_BLOCKED)
    assert (await watched.ask("answer")).result.status is Status.OK
    await watched.begun()
    assert not watched.result.done()
    await until(lambda: not is_process(str(first)))


@pytest.mark.parametrize("response_time", [0.05])
async def test_a_suspended_reader_is_replaced_and_the_next_one_watches(watched: Watched) -> None:
    await watched.begin()
    first = watched.starter.pid
    os.kill(first, signal.SIGSTOP)
    assert (await watched.ask("answer", timeout=SHORT)).result.status is Status.TIMED_OUT
    await until(lambda: len(watched.starter.processes) == 2)
    await watched.begun()
    assert not watched.result.done()
    await until(lambda: not is_process(str(first)))


async def test_a_worn_reader_is_replaced_and_the_next_one_watches(watched: Watched) -> None:
    await watched.begin()
    pids = []
    for _ in range(8):
        pids.append((await watched.ask("answer")).result.stdout)
        await watched.begun()
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [4, 4]  # the watch is a request as well
    assert watched.reports == [str(process.pid).encode() for process in watched.starter.processes]
    assert not watched.result.done()


async def test_a_library_that_cannot_answer_can_watch(watched: Watched) -> None:
    await watched.begin()
    assert (await watched.ask("lack")).permanent
    await watched.command("report one")
    await until(lambda: watched.reports[1:] == [b"one"])
    assert len(watched.starter.processes) == 1


@pytest.mark.parametrize(
    ("command", "status", "detail"),
    [
        (
            "fail UNAVAILABLE quorum_initialize: CS_ERR_LIBRARY",
            Status.NOT_RUNNING,
            "Corosync does not respond: quorum_initialize: CS_ERR_LIBRARY",
        ),
        (
            "fail UNAVAILABLE quorum_trackstart: CS_ERR_TRY_AGAIN",
            Status.NOT_RUNNING,
            "Corosync does not respond: quorum_trackstart: CS_ERR_TRY_AGAIN",
        ),
        (
            "fail REFUSED quorum_initialize: CS_ERR_ACCESS",
            Status.NOT_PERMITTED,
            "Corosync refuses this user: quorum_initialize: CS_ERR_ACCESS",
        ),
        ("fail FAILED quorum_dispatch: error 99", Status.FAILED, "quorum_dispatch: error 99"),
        ("fail FAILED no quorum provider", Status.FAILED, "no quorum provider"),
        ("lack libquorum.so.5: not found", Status.NOT_INSTALLED, "libquorum.so.5: not found"),
    ],
)
async def test_why_a_watch_ends(watched: Watched, command: str, status: Status, detail: str) -> None:
    await watched.begin()
    await watched.command(command)
    result = await watched.result
    assert (result.status, result.detail) == (status, detail)
    assert (await watched.ask("answer")).result.stdout == watched.reports[0]  # by the same process
    await watched.begin()
    assert len(watched.starter.processes) == 1


@pytest.mark.parametrize("command", ["kill", "break"])
async def test_a_reader_that_ends_is_replaced_by_the_next_watch(watched: Watched, command: str) -> None:
    await watched.begin()
    if command == "kill":
        os.kill(watched.starter.pid, signal.SIGKILL)
    else:
        await watched.command(command)
    result = await watched.result
    assert (result.status, result.detail) == (Status.KILLED, "the reader of corosync has ended")
    await watched.begin()
    assert len(watched.starter.processes) == 2


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("flood", Status.TOO_MUCH_OUTPUT),
        (f"long {MAX_REPORT + 1}", Status.TOO_MUCH_OUTPUT),
        ("nonsense", Status.FAILED),
    ],
)
async def test_a_reader_that_sends_too_much_or_nonsense_is_replaced(
    watched: Watched, command: str, status: Status
) -> None:
    await watched.begin()
    await watched.command(command)
    assert (await watched.result).status is status
    assert len(watched.reports) <= MAX_REPORTS
    await watched.begin()
    assert len(watched.starter.processes) == 2


async def test_an_exception_of_the_receiver_is_raised_and_ends_the_watch(watched: Watched) -> None:
    def on_report(report: bytes) -> None:
        watched.reports.append(report)
        raise ValueError(report)

    await watched.begin(on_report)
    with pytest.raises(ValueError, match=str(watched.starter.pid)):
        await watched.result
    await until(lambda: watched.starter.processes[0].has_exited)


async def test_a_cancelled_watch_leaves_no_process(watched: Watched) -> None:
    await watched.begin()
    watched.result.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watched.result
    await until(lambda: watched.starter.processes[0].has_exited)
    assert (await watched.ask("answer")).result.status is Status.OK


async def test_a_reader_that_cannot_be_started(tmp_path: Path) -> None:
    reader = ClusterReader({}, command=(str(tmp_path / "python"),), clock=FakeClock())
    result = await reader.watch_quorum(print)
    assert result.status is Status.FAILED
    reason = "the reader of corosync could not be started: No such file or directory"
    assert result.detail == reason
    result = await reader.watch_quorum(print)  # it is too early to start another
    assert result.status is Status.FAILED
    assert result.detail.startswith(f"{reason}, next start in ")
    await reader.close()


async def test_while_it_is_too_early_to_start_a_reader_the_last_one_has_ended() -> None:
    reader = ClusterReader({}, command=(sys.executable, "-c", "raise SystemExit(1)"), clock=FakeClock())
    for detail in ("", ", next start in 1 s"):
        result = await reader.watch_quorum(print)
        assert result.status is Status.KILLED  # nothing has been seen of Corosync
        assert result.detail == f"the reader of corosync has ended{detail}"
    await reader.close()
