"""The thread that writes the log: it may wait for a reader as long as it likes, and nobody else does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

import pytest

from gateway.log_writer import LIMIT, LogWriter

LINE = "x" * 999 + "\n"


class Pipe:
    """A pipe whose reader reads only when the test does."""

    def __init__(self, stack: ExitStack) -> None:
        reading, writing = os.pipe()
        self.reader: BinaryIO = stack.enter_context(open(reading, "rb"))  # noqa: PTH123, SIM115 - it has no path
        stream = stack.enter_context(open(writing, "w"))  # noqa: PTH123, SIM115
        self.writer = LogWriter(stream, lambda count: f"{count} dropped\n")

    def lines(self, count: int) -> list[str]:
        return [self.reader.readline().decode().rstrip("\n") for _ in range(count)]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with ExitStack() as stack:
        yield Pipe(stack)


def test_lines_are_written_in_order(pipe: Pipe) -> None:
    for number in range(1000):
        pipe.writer.write(f"{number}\n")
    assert pipe.lines(1000) == [str(number) for number in range(1000)]
    pipe.writer.drain(5)
    assert pipe.writer.dropped == 0


def test_a_full_pipe_costs_lines_but_no_time(pipe: Pipe) -> None:
    count = 2 * LIMIT // len(LINE)
    slowest = 0.0
    for _ in range(count):
        started = time.thread_time()
        pipe.writer.write(LINE)
        slowest = max(slowest, time.thread_time() - started)
    dropped = pipe.writer.dropped
    assert 0 < dropped < count
    assert slowest < 0.05
    kept = reported = 0
    while kept < count - dropped or reported < dropped:  # the thread may have written some in between
        (line,) = pipe.lines(1)
        if line == LINE.rstrip():
            kept += 1
        else:
            reported += int(line.removesuffix(" dropped"))
    assert (kept, reported) == (count - dropped, dropped)
    pipe.writer.write("after\n")
    assert pipe.lines(1) == ["after"]


def test_dropped_lines_are_reported_in_their_place(pipe: Pipe) -> None:
    while not pipe.writer.dropped:
        pipe.writer.write(LINE)
    dropped = pipe.writer.dropped
    assert pipe.lines(1)  # makes no room: the thread still waits
    seen = 1
    while pipe.writer.write("next\n") == 0:
        dropped += 1
        assert pipe.lines(1) == [LINE.rstrip()]
        seen += 1
    while (line := pipe.lines(1)[0]) == LINE.rstrip():
        seen += 1
    assert line == f"{dropped} dropped"
    assert pipe.lines(1) == ["next"]


def test_waiting_for_a_log_that_nobody_reads_ends(pipe: Pipe) -> None:
    while not pipe.writer.dropped:
        pipe.writer.write(LINE)
    started = time.monotonic()
    pipe.writer.drain(0.05)
    assert time.monotonic() - started < 20


def test_a_non_blocking_stream_loses_nothing(pipe: Pipe) -> None:
    """Another program may have made standard error non-blocking for everyone."""
    with ExitStack() as stack:
        reading, writing = os.pipe()
        reader = stack.enter_context(open(reading, "rb"))  # noqa: PTH123
        stream = stack.enter_context(open(writing, "w"))  # noqa: PTH123
        os.set_blocking(writing, False)
        writer = LogWriter(stream, str)
        for _ in range(300):
            writer.write(LINE)
        assert all(reader.readline().decode() == LINE for _ in range(300))
        writer.drain(5)
        assert writer.dropped == 0


def test_without_a_stream_everything_is_discarded() -> None:
    writer = LogWriter(None, str)
    writer.write("x\n")
    writer.drain(5)
