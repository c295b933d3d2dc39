"""Streams real processes: scripts that print, end, hang and flood; and the recorded stream of the demo."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.alarms.sources.recorded_quorum import STREAMS
from gateway.host.host import CommandResult, Tool
from gateway.host.local import LocalHost
from gateway.host.output import MAX_LINE, MAX_RATE
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report
from tests.conftest import Script, is_process, is_running, open_descriptors
from tests.waiting import until


def start_stream(path: Path | str, *arguments: str, on_line: Callable[[bytes], None]) -> asyncio.Task[CommandResult]:
    host = LocalHost({"tool": Tool(path=str(path), timeout=0.01)})
    return asyncio.ensure_future(host.stream("tool", *arguments, on_line=on_line))


async def streamed(path: Path | str, *arguments: str) -> tuple[CommandResult, list[bytes]]:
    lines: list[bytes] = []
    return await start_stream(path, *arguments, on_line=lines.append), lines


# --- Lines -----------------------------------------------------------------------------------------------------------


async def test_each_line_is_passed_on_at_once(script: Script, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    path = script(f"echo one; echo two; read go < {tmp_path}/go; printf 'th'; printf 'ree\\n\\nfour\\nrest'; exit 3")
    lines: list[bytes] = []
    running = start_stream(path, on_line=lines.append)
    await until(lambda: lines == [b"one", b"two"])
    assert not running.done()
    await asyncio.to_thread((tmp_path / "go").write_text, "go\n")
    result = await running
    # an unfinished line is discarded
    assert lines == [b"one", b"two", b"three", b"", b"four"]
    assert (result.status, result.exit_status, result.stdout) == (Status.FAILED, 3, b"")


async def test_lines_in_many_pieces_at_once(script: Script) -> None:
    result, lines = await streamed(script("seq 1 100000"))
    assert (result.status, result.exit_status) == (Status.OK, 0)
    assert lines == [str(number).encode() for number in range(1, 100_001)]


async def test_an_exception_of_on_line_ends_the_command_and_is_raised(script: Script) -> None:
    lines: list[bytes] = []

    def on_line(line: bytes) -> None:
        lines.append(line)
        raise ValueError(line)

    before = open_descriptors()
    with pytest.raises(ValueError, match="one"):
        await start_stream(script("echo one; echo two; exec sleep 1000"), on_line=on_line)
    assert lines == [b"one"]
    await until(lambda: open_descriptors() == before)


# --- Ends ------------------------------------------------------------------------------------------------------------


async def test_the_last_of_standard_error_is_kept(script: Script) -> None:
    result, lines = await streamed(script("seq 1 10000 >&2; echo why >&2; exit 69"))
    assert (result.status, result.exit_status, lines) == (Status.FAILED, 69, [])
    assert len(result.stderr) == MAX_LINE
    assert result.stderr.endswith(b"\n10000\nwhy\n")


async def test_a_signal_is_reported(script: Script) -> None:
    result, lines = await streamed(script("echo one; kill -9 $$"))
    assert (result.status, result.signal, lines) == (Status.KILLED, signal.SIGKILL, [b"one"])


async def test_a_command_that_cannot_be_started(script: Script) -> None:
    assert (await streamed("/nonexistent"))[0].status is Status.NOT_INSTALLED
    assert (await streamed(script("", mode=0o644)))[0].status is Status.NOT_PERMITTED


async def test_a_program_with_any_path_can_be_streamed() -> None:
    lines: list[bytes] = []
    result = await LocalHost().stream(sys.executable, "-I", "-c", "print('here')", on_line=lines.append)
    assert (result.status, lines) == (Status.OK, [b"here"])


async def test_a_child_that_holds_the_pipe_does_not_delay_the_end(script: Script, tmp_path: Path) -> None:
    result, lines = await streamed(script(f"sleep 1000 & echo $! > {tmp_path}/child; echo one; kill -9 $$"))
    assert (result.status, lines) == (Status.KILLED, [b"one"])
    assert result.duration < 4
    await until(lambda: not is_running((tmp_path / "child").read_text()))


# --- Limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "status"), [(MAX_LINE - 1, Status.OK), (MAX_LINE, Status.TOO_MUCH_OUTPUT)])
async def test_a_line_has_a_limit(script: Script, size: int, status: Status) -> None:
    result, lines = await streamed(script(f"head -c {size} /dev/zero | tr '\\0' x; echo"))
    assert result.status is status
    assert lines == ([b"x" * size] if status is Status.OK else [])


async def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    result, lines = await streamed("/bin/cat", "/dev/zero")
    assert (result.status, lines) == (Status.TOO_MUCH_OUTPUT, [])


@pytest.mark.parametrize("redirection", ["", ">&2"])
async def test_a_flood_ends_the_command(script: Script, redirection: str) -> None:
    started = time.monotonic()
    result, lines = await streamed(script(f"yes {redirection}"))
    seconds = int(time.monotonic() - started) + 1  # a busy machine takes more than one second for this much
    assert result.status is Status.TOO_MUCH_OUTPUT
    assert sum(map(len, lines)) + len(lines) <= MAX_RATE * seconds
    assert len(result.stderr) <= MAX_LINE


# --- Nothing is left behind ------------------------------------------------------------------------------------------


async def test_cancelling_ends_the_command_at_any_moment(script: Script, tmp_path: Path) -> None:
    path = script(f"echo $$ >> {tmp_path}/pids; sleep 1000 & echo $! >> {tmp_path}/pids; echo one; wait")
    before = open_descriptors()
    for iterations in range(12):
        lines: list[bytes] = []
        running = start_stream(path, on_line=lines.append)
        for _ in range(iterations):
            await asyncio.sleep(0)
        if iterations >= 8:
            await until(lambda: bool(lines))  # noqa: B023 - it is awaited here
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) >= 8
    await until(lambda: not any(map(is_running, pids)) and open_descriptors() == before)
    await until(lambda: not any(map(is_process, pids[::2])))  # our own children are not zombies either


# --- The demo --------------------------------------------------------------------------------------------------------


async def test_the_demo_streams_the_quorum_of_each_situation() -> None:
    reports: list[quorum_report.QuorumReport] = []
    recording = Recording.load(DEMO)
    host = ReplayHost(recording, streams=STREAMS, scale=0.005)
    started = time.time()
    result = await host.stream(
        "python3",
        "-I",
        f"/any/{quorum_report.PROGRAM}",
        on_line=lambda line: reports.append(quorum_report.parse(line)),
    )
    assert result.status is Status.NOT_RUNNING
    assert host.step.situation == recording.steps[len(reports)].situation == "arbitrator-one-left"  # without Corosync
    quorate_by_situation = {
        step.situation: report.quorate for step, report in zip(recording.steps, reports, strict=False)
    }
    assert [situation for situation, quorate in quorate_by_situation.items() if not quorate] == ["quorum-lost"]
    assert reports[0].members == (1, 2, 3)
    assert reports[3].members == (1,)
    assert all(started - 1 < report.time < time.time() + 1 for report in reports)


async def test_no_other_command_was_recorded_as_a_stream() -> None:
    host = ReplayHost(Recording.load(DEMO), streams=STREAMS)
    assert (await host.stream("crm_mon", on_line=print)).status is Status.NOT_INSTALLED
    assert (await host.stream("crm_mon", "-1", on_line=print)).status is Status.NOT_INSTALLED


async def test_the_recorded_stream_ends_without_corosync() -> None:
    recording = replace(Recording.load(DEMO), commands={})
    result = await ReplayHost(recording, streams=STREAMS).stream(f"/any/{quorum_report.PROGRAM}", on_line=print)
    assert result.status is Status.NOT_INSTALLED  # the program is the last argument, not the tool
    result = await ReplayHost(recording, streams=STREAMS).stream("python3", quorum_report.PROGRAM, on_line=print)
    assert result.status is Status.NOT_RUNNING
