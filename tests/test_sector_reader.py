"""Reads block devices that hang, fail or are forbidden, through helpers that hang, end and talk nonsense.

The helper is the real one, in which only the function that reads a device is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from gateway.backoff import Backoff
from gateway.errors import DecodeError
from gateway.host import sector_helper
from gateway.host.frames import FrameDecoder, FrameError
from gateway.host.host import CommandResult
from gateway.host.output import ProcessOutput
from gateway.host.process import Process
from gateway.host.resident import MAX_ABANDONED
from gateway.host.sector_reader import HELPER, SectorReader
from gateway.host.sectors import MAX_BODY, SectorRequest, Sectors
from gateway.status import Status
from tests.conftest import is_process, open_descriptors
from tests.fakes import FakeClock
from tests.readers import Starter
from tests.waiting import until

LONG, SHORT = 30.0, 1.5
"""Seconds: a deadline that is not reached, and one that is."""

NO_PAUSE = Backoff(first=0.0, longest=0.0)

# /errno/N fails with an error; /hang/FIFO waits for the other end of a FIFO; anything else is a device of two sectors
PROGRAM = """
import os, struct, sys
sys.path.insert(0, {folder!r})
import sector_helper
def read(path, count, size):
    if path.startswith(b"/errno/"):
        raise OSError(int(path.rpartition(b"/")[2]), "")
    if path.startswith(b"/hang"):
        os.close(os.open(path[5:], os.O_RDONLY))
    return struct.pack("!III", 0, 512, 2) + path[-1:] * size + b"b" * size
sector_helper.read = read
sector_helper.main()
"""
COMMAND = (sys.executable, "-I", "-S", "-c", PROGRAM.format(folder=str(Path(sector_helper.__file__).parent)))


@pytest.fixture
def starter() -> Starter:
    return Starter()


@contextlib.asynccontextmanager
async def make_reader(starter: Starter, command: Sequence[str] = COMMAND) -> AsyncIterator[SectorReader]:
    reader = SectorReader({}, command=command, backoff=NO_PAUSE, start=starter)
    try:
        yield reader
    finally:
        await reader.close()


@pytest.fixture
async def reader(starter: Starter) -> AsyncIterator[SectorReader]:
    async with make_reader(starter) as made:
        yield made


async def read(reader: SectorReader, path: str, *, timeout: float = LONG) -> CommandResult:
    return await reader.read(SectorRequest(path=path, count=2, size=4), timeout=timeout)


def count_threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def is_released(fifo: Path) -> bool:
    """Opens the other end of a FIFO, so that whoever waits for it goes on; returns True."""
    with contextlib.suppress(OSError):
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    return True


def content(result: CommandResult) -> tuple[bytes, ...]:
    assert result.exit_status == 0, result
    return Sectors.decode(result.stdout).sectors


async def test_one_helper_reads_all_devices_and_leaves_nothing_behind(starter: Starter) -> None:
    before = open_descriptors()
    async with make_reader(starter) as reader:
        results = await asyncio.gather(*(read(reader, f"/dev/{name}") for name in "xyz"))
        assert [content(result) for result in results] == [(name * 4, b"bbbb") for name in (b"x", b"y", b"z")]
        assert len(starter.processes) == 1
        assert all(result.status is Status.OK and result.duration > 0 for result in results)
    assert not is_process(str(starter.pid))
    await asyncio.sleep(0)  # the transport closes its pipes
    assert open_descriptors() == before


async def test_it_is_usable_after_it_was_closed(reader: SectorReader, starter: Starter) -> None:
    await read(reader, "/dev/x")
    await reader.close()
    await reader.close()
    assert content(await read(reader, "/dev/x")) == (b"xxxx", b"bbbb")
    assert len(starter.processes) == 2


def test_the_helper_ends_with_the_gateway() -> None:
    """Nobody kills it: its input is closed."""
    ends, output = os.pipe()
    helper = asyncio.run(_start_and_forget(output))
    os.close(output)
    assert os.read(ends, 1) == b""  # nobody has the other end any more
    os.close(ends)
    assert helper


async def _start_and_forget(output: int) -> int:
    process = await asyncio.create_subprocess_exec(*COMMAND, stdin=asyncio.subprocess.PIPE, stdout=output)
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0
    return process.pid


# --- Devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.EACCES, errno.EPERM])
async def test_permission_is_decided_by_the_attempt(reader: SectorReader, error: int) -> None:
    result = await read(reader, f"/errno/{error}")
    assert (result.status, result.exit_status) == (Status.NOT_PERMITTED, None)
    assert result.detail == f"/errno/{error}: {os.strerror(error)}"


@pytest.mark.parametrize("error", [errno.ENOENT, errno.EIO, errno.ENXIO, errno.ENOTBLK, errno.ENOMEDIUM])
async def test_an_error_of_the_device_is_an_answer(reader: SectorReader, error: int) -> None:
    result = await read(reader, f"/errno/{error}")
    sectors = Sectors.decode(result.stdout)
    assert (result.exit_status, sectors.error, sectors.sectors) == (0, error, ())
    assert sectors.reason == os.strerror(error)


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN])
async def test_an_error_of_this_host_is_no_answer(reader: SectorReader, error: int) -> None:
    result = await read(reader, f"/errno/{error}")
    assert (result.status, result.exit_status, result.stdout) == (Status.FAILED, None, b"")
    assert os.strerror(error) in result.detail


async def test_a_device_that_hangs_delays_no_other_and_costs_one_thread(
    reader: SectorReader, starter: Starter, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    hanging = f"/hang{tmp_path / 'fifo'}"
    await read(reader, "/dev/x")
    results = await asyncio.gather(
        *(read(reader, hanging, timeout=SHORT) for _ in range(3)), read(reader, "/dev/x", timeout=LONG)
    )
    assert [result.status for result in results] == [*[Status.TIMED_OUT] * 3, Status.OK]
    assert results[0].exit_status is None
    assert results[0].duration >= SHORT
    # later reads wait for the first one instead of adding to it
    assert (await read(reader, hanging, timeout=0.1)).status is Status.TIMED_OUT
    assert count_threads(starter.pid) == 2
    answer = asyncio.ensure_future(read(reader, hanging))
    assert content(await read(reader, "/dev/x")) == (b"xxxx", b"bbbb")
    await until(lambda: is_released(tmp_path / "fifo") and answer.done(), seconds=LONG)
    assert content(await answer) == (b"oooo", b"bbbb")
    assert len(starter.processes) == 1


async def test_a_read_can_be_cancelled(reader: SectorReader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    await read(reader, "/dev/x")
    reading = asyncio.ensure_future(read(reader, f"/hang{tmp_path / 'fifo'}"))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert content(await read(reader, "/dev/x")) == (b"xxxx", b"bbbb")


# --- Helpers ---------------------------------------------------------------------------------------------------------


async def test_a_helper_that_does_not_respond_says_nothing_about_a_device(
    reader: SectorReader, starter: Starter
) -> None:
    await read(reader, "/dev/x")
    stopped = starter.pid
    os.kill(stopped, signal.SIGSTOP)
    result = await read(reader, "/dev/x", timeout=SHORT)
    assert (result.status, result.exit_status) == (Status.FAILED, None)
    assert result.detail == "the helper that reads devices does not respond"
    assert content(await read(reader, "/dev/x")) == (b"xxxx", b"bbbb")
    await until(lambda: not is_process(str(stopped)))


async def test_a_helper_that_is_killed_says_nothing_about_a_device(
    reader: SectorReader, starter: Starter, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    await read(reader, "/dev/x")
    reading = asyncio.ensure_future(read(reader, f"/hang{tmp_path / 'fifo'}"))
    await until(lambda: count_threads(starter.pid) == 2, seconds=LONG)
    os.kill(starter.pid, signal.SIGKILL)
    result = await reading
    assert (result.status, result.detail) == (Status.FAILED, "the helper that reads devices has ended")
    assert content(await read(reader, "/dev/x")) == (b"xxxx", b"bbbb")


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        (("/nonexistent/python",), "could not be started: No such file or directory"),
        ((sys.executable, "-I", "-S", "-c", "raise SystemExit(1)"), "has ended"),
        ((sys.executable, "-I", "-S", "-c", "import os; os.write(1, b'x' * 100)"), "has ended"),
        ((sys.executable, "-I", "-S", "-c", "import os, time; os.write(1, b'x' * 99); time.sleep(99)"), "not respond"),
    ],
)
async def test_a_helper_that_does_not_work_is_a_failure_of_the_gateway(
    starter: Starter, command: Sequence[str], detail: str
) -> None:
    async with make_reader(starter, command) as reader:
        for _ in range(2):
            result = await read(reader, "/dev/x", timeout=SHORT)
            assert (result.status, result.exit_status) == (Status.FAILED, None)
            assert detail in result.detail


async def test_a_reply_that_is_malformed_is_a_failure_of_the_gateway(starter: Starter) -> None:
    program = (
        "import os, struct; os.read(0, 99); os.write(1, struct.pack('!IIII', 1, 0, 1, 5) + b'short'); os.read(0, 9)"
    )
    async with make_reader(starter, (sys.executable, "-I", "-S", "-c", program)) as reader:
        result = await read(reader, "/dev/x")
    assert (result.status, result.exit_status) == (Status.FAILED, None)
    assert "malformed" in result.detail


async def test_starts_of_a_helper_are_spaced_out(starter: Starter) -> None:
    clock = FakeClock()
    backoff = Backoff(first=2.0, longest=4.0, jitter=lambda: 1.0)
    command = (sys.executable, "-I", "-S", "-c", "raise SystemExit(1)")
    reader = SectorReader({}, clock=clock, command=command, backoff=backoff, start=starter)
    starts = []
    for _ in range(12):
        assert (await read(reader, "/dev/x")).status is Status.FAILED
        starts.append(len(starter.processes))
        clock.advance(1.0)
    assert starts == [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4]
    await reader.close()


class Immortal(Process):
    """A process in uninterruptible sleep: it does not respond, and cannot be killed."""

    def __init__(self) -> None:
        self.kills = 0

    @property
    def has_exited(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        pass

    def kill(self) -> None:
        self.kills += 1

    async def close(self) -> None:
        pass


async def test_few_helpers_are_abandoned() -> None:
    clock = FakeClock()
    started: list[Immortal] = []

    async def start(
        argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
    ) -> Process:
        make_output()
        started.append(Immortal())
        return started[-1]

    reader = SectorReader({}, clock=clock, backoff=NO_PAUSE, start=start)
    for _ in range(MAX_ABANDONED + 3):
        reading = asyncio.ensure_future(read(reader, "/dev/x", timeout=0.01))
        await asyncio.sleep(0)
        clock.advance(10.0)
        result = await reading
        assert (result.status, result.exit_status) == (Status.FAILED, None)
    assert [process.kills for process in started] == [1] * MAX_ABANDONED
    assert result.detail == f"{MAX_ABANDONED} helpers that read devices were killed and have not ended"


# --- Messages --------------------------------------------------------------------------------------------------------


def test_the_helper_has_the_same_format() -> None:
    body = Sectors(sector_size=512, sectors=(b"ab", b"cd"), error=5).encode()
    assert Sectors.decode(body) == Sectors(sector_size=512, sectors=(b"ab", b"cd"), error=5)
    assert body == sector_helper._REPLY.pack(5, 512, 2) + b"abcd"
    request = SectorRequest(path="/dev/ä", count=3, size=4).encode(7)
    assert request == sector_helper._REQUEST.pack(7, 3, 4, 7) + "/dev/ä".encode()
    assert HELPER[-1] == sector_helper.__file__


@pytest.mark.parametrize("body", [b"", b"x" * 11, struct.pack("!III", 0, 512, 2) + b"abc", b"\0" * 12 + b"a"])
def test_a_malformed_body_is_a_decode_error(body: bytes) -> None:
    with pytest.raises(DecodeError):
        Sectors.decode(body)


def test_frames_arrive_in_any_pieces() -> None:
    stream = struct.pack("!II", 1, 0) + struct.pack("!II", 2, 3) + b"abc"
    for size in range(1, len(stream) + 1):
        decoder = FrameDecoder(MAX_BODY)
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [frame for piece in pieces for frame in decoder.feed(piece)] == [(1, b""), (2, b"abc")]
    with pytest.raises(FrameError):
        list(FrameDecoder(MAX_BODY).feed(struct.pack("!II", 1, MAX_BODY + 1)))
