"""Asks libraries that answer, abort, hang, leak and return nonsense, through the real reader.

Only the library is replaced: by a class whose queries do what their names say, or by a shared object made by gcc.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.backoff import Backoff
from gateway.host.library import LibraryAnswer, LibraryQuery, Stack
from gateway.host.reader import corosync_library, messages
from gateway.host.reader.cluster_reader import CHILD, ClusterReader
from gateway.status import Status
from gateway.subsystems.corosync import corosync_cmapctl
from tests.conftest import is_process, open_descriptors
from tests.fakes import FakeClock
from tests.readers import LONG, SHORT, Starter
from tests.waiting import until

ROOT = str(Path(messages.__file__).parents[3])
NO_PAUSE = Backoff(first=0.0, longest=0.0)

PROGRAM = """
import os, signal, sys, time
sys.path.append({root!r})
from gateway.host.reader import child
from gateway.host.reader.messages import REFUSED, LibraryFailedError, LibraryUnusableError

def fail(size):
    raise LibraryFailedError("refused")

def refuse(size):
    raise LibraryFailedError("cmap_initialize_map: CS_ERR_ACCESS", REFUSED)

def lack(size):
    raise LibraryUnusableError("no such function")

def break_off(number):
    def query(size):
        write = os.write
        def write_half(descriptor, data):
            write(descriptor, data[: len(data) // 2])
            os.kill(os.getpid(), number)
        os.write = write_half
        return b"x" * 100_000
    return query

def babble(size):
    print("Schema validation is disabled")
    sys.stdout.flush()
    return b"after the noise"

class Fake:
    version = "libpacemaker.so.1.5.0"
    queries = {{
        "answer": lambda size: b"the answer",
        "count": lambda size: str(os.getpid()).encode(),
        "limit": lambda size: str(size).encode(),
        "fail": fail,
        "refuse": refuse,
        "lack": lack,
        "abort": lambda size: os.abort(),
        "SIGKILL": break_off(signal.SIGKILL),
        "SIGABRT": break_off(signal.SIGABRT),
        "SIGSTOP": break_off(signal.SIGSTOP),
        "babble": babble,
        "hang": lambda size: time.sleep(3600),
        "flood": lambda size: bytes(200_000_000),
        "grow": lambda size: Fake.memory.append(bytes(b"x" * 300_000_000)) or b"grown",
    }}
    memory = []

Fake.version = {version!r}
child.main(Fake)
"""


def command(version: str = "libpacemaker.so.1.5.0") -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", PROGRAM.format(root=ROOT, version=version))


@pytest.fixture
def starter() -> Starter:
    return Starter()


@contextlib.asynccontextmanager
async def make_reader(starter: Starter, argv: Sequence[str] = command()) -> AsyncIterator[ClusterReader]:
    reader = ClusterReader({}, command=argv, backoff=NO_PAUSE, start=starter)
    try:
        yield reader
    finally:
        await reader.close()


@pytest.fixture
async def reader(starter: Starter) -> AsyncIterator[ClusterReader]:
    async with make_reader(starter) as made:
        yield made


async def ask(
    reader: ClusterReader,
    name: str,
    *,
    stack: Stack = Stack.PACEMAKER,
    timeout: float = LONG,
    max_size: int = 1000,
    identity: object = None,
    untested: bool = False,
) -> LibraryAnswer:
    query = LibraryQuery(stack=stack, name=name, untested=untested)
    return await reader.ask(query, timeout=timeout, max_size=max_size, tool="tool", identity=identity)


def outcome(answer: LibraryAnswer) -> tuple[Status, str]:
    return answer.result.status, answer.result.detail


async def test_one_process_of_each_stack_answers_and_leaves_nothing_behind(starter: Starter) -> None:
    before = open_descriptors()
    async with make_reader(starter) as reader:
        answers = [await ask(reader, "answer", stack=stack, untested=True) for stack in Stack for _ in range(3)]
        assert {answer.result.stdout for answer in answers} == {b"the answer"}
        assert all(answer.result.status is Status.OK and answer.result.exit_status == 0 for answer in answers)
        assert all(answer.version == "libpacemaker.so.1.5.0" and answer.result.duration > 0 for answer in answers)
        assert len(starter.processes) == len(Stack)
        assert (await ask(reader, "limit", max_size=77)).result.stdout == b"77"
    assert not any(is_process(str(process.pid)) for process in starter.processes)
    await asyncio.sleep(0)  # the transports close their pipes
    assert open_descriptors() == before


async def test_it_is_usable_after_it_was_closed(reader: ClusterReader, starter: Starter) -> None:
    await ask(reader, "answer")
    await reader.close()
    await reader.close()
    assert (await ask(reader, "answer")).result.stdout == b"the answer"
    assert len(starter.processes) == 2


async def test_what_a_library_prints_is_no_answer(reader: ClusterReader) -> None:
    assert (await ask(reader, "babble")).result.stdout == b"after the noise"
    assert (await ask(reader, "answer")).result.stdout == b"the answer"


async def test_a_library_that_does_not_answer_now_is_asked_again(reader: ClusterReader, starter: Starter) -> None:
    answer = await ask(reader, "fail")
    assert outcome(answer) == (Status.FAILED, "refused")
    assert (answer.result.exit_status, answer.permanent, answer.skipped) == (None, False, False)
    assert (await ask(reader, "answer")).result.stdout == b"the answer"
    assert len(starter.processes) == 1


async def test_a_library_that_is_refused(reader: ClusterReader, starter: Starter) -> None:
    answer = await ask(reader, "refuse")
    assert outcome(answer) == (Status.NOT_PERMITTED, "cmap_initialize_map: CS_ERR_ACCESS")
    assert not answer.permanent
    assert len(starter.processes) == 1


async def test_a_library_without_a_function_is_not_kept(reader: ClusterReader, starter: Starter) -> None:
    answer = await ask(reader, "lack")
    assert (outcome(answer), answer.permanent) == ((Status.NOT_INSTALLED, "no such function"), True)


async def test_a_query_is_answered_although_the_one_before_shows_that_the_library_is_unusable(
    reader: ClusterReader, starter: Starter
) -> None:
    answers = await asyncio.gather(*(ask(reader, "lack") for _ in range(5)))
    assert {outcome(answer) for answer in answers} == {(Status.NOT_INSTALLED, "no such function")}
    await until(lambda: [process.has_exited for process in starter.processes] == [True])
    await until(lambda: starter.processes[0].has_exited)


@pytest.mark.parametrize("version", ["libpacemaker.so.1.4.0", "libpacemaker.so.31.0.0", ""])
async def test_a_version_that_was_not_compared_is_used_only_on_request(starter: Starter, version: str) -> None:
    async with make_reader(starter, command(version)) as reader:
        answer = await ask(reader, "answer")
        assert (answer.result.status, answer.permanent, answer.result.stdout) == (Status.NOT_INSTALLED, True, b"")
        assert answer.result.detail.endswith("has not been compared with the tool")
        assert (await ask(reader, "answer", untested=True)).result.stdout == b"the answer"


# --- Faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["abort", "SIGKILL", "SIGABRT", "SIGSTOP"])
async def test_a_reader_that_ends_or_stops_in_the_middle_of_an_answer(
    reader: ClusterReader, starter: Starter, fault: str
) -> None:
    stops = fault == "SIGSTOP"
    reason = "did not answer in time" if stops else "has ended"
    for number in range(1, 3):
        answer = await ask(reader, fault, timeout=SHORT if stops else LONG)
        status = Status.TIMED_OUT if stops else Status.KILLED
        assert outcome(answer) == (status, f"the reader of pacemaker {reason}")
        assert answer.result.stdout == b""
        assert (await ask(reader, "answer")).result.stdout == b"the answer"
        assert len(starter.processes) == number + 1
    await until(lambda: not any(is_process(str(process.pid)) for process in starter.processes[:-1]))


async def test_a_library_that_blocks(reader: ClusterReader, starter: Starter) -> None:
    await ask(reader, "answer")
    blocked = starter.pid
    answer = await ask(reader, "hang", timeout=SHORT)
    assert outcome(answer) == (Status.TIMED_OUT, "the reader of pacemaker did not answer in time")
    assert (await ask(reader, "answer")).result.stdout == b"the answer"
    await until(lambda: not is_process(str(blocked)))


async def test_a_stack_that_blocks_delays_no_other(reader: ClusterReader) -> None:
    blocked = asyncio.ensure_future(ask(reader, "hang"))
    assert (await ask(reader, "answer", stack=Stack.COROSYNC, untested=True)).result.stdout == b"the answer"
    assert not blocked.done()
    blocked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocked


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, Status.KILLED), (signal.SIGSTOP, Status.TIMED_OUT)])
async def test_a_reader_that_gets_a_signal(
    reader: ClusterReader, starter: Starter, number: signal.Signals, status: Status
) -> None:
    await ask(reader, "answer")
    hit = starter.pid
    asking = asyncio.ensure_future(ask(reader, "hang", timeout=LONG if status is Status.KILLED else SHORT))
    await asyncio.sleep(0)
    os.kill(hit, number)
    assert (await asking).result.status is status
    assert (await ask(reader, "answer")).result.stdout == b"the answer"
    await until(lambda: not is_process(str(hit)))


async def test_an_answer_that_is_too_large(starter: Starter) -> None:
    async with make_reader(starter) as reader:
        answer = await ask(reader, "flood", timeout=SHORT)
        assert answer.result.status in {Status.TIMED_OUT, Status.FAILED}
        assert answer.result.stdout == b""
        assert (await ask(reader, "answer")).result.stdout == b"the answer"


async def test_a_reader_that_writes_nonsense(starter: Starter) -> None:
    program = "import os; os.read(0, 99); os.write(1, b'\\0\\0\\0\\1\\0\\0\\0\\3' + b'\\7\\0x'); os.read(0, 9)"
    async with make_reader(starter, (sys.executable, "-I", "-S", "-c", program)) as reader:
        assert outcome(await ask(reader, "answer")) == (
            Status.FAILED,
            "the reader of pacemaker has sent a reply of an unknown form",
        )


@pytest.mark.parametrize(
    ("argv", "detail"),
    [(("/nonexistent/python",), "could not be started"), ((sys.executable, "-c", "raise SystemExit(1)"), "has ended")],
)
async def test_a_reader_that_does_not_start(starter: Starter, argv: Sequence[str], detail: str) -> None:
    async with make_reader(starter, argv) as reader:
        answer = await ask(reader, "answer")
        assert detail in answer.result.detail
        assert answer.result.exit_status is None


async def test_starts_are_spaced_out_and_say_so(starter: Starter) -> None:
    clock = FakeClock()
    backoff = Backoff(first=2.0, longest=4.0, jitter=lambda: 1.0)
    argv = (sys.executable, "-I", "-S", "-c", "raise SystemExit(1)")
    reader = ClusterReader({}, clock=clock, command=argv, backoff=backoff, start=starter)
    skipped = []
    for _ in range(8):
        skipped.append((await ask(reader, "answer")).skipped)
        clock.advance(1.0)
    assert skipped == [False, True, False, True, True, True, False, True]
    await reader.close()


async def test_a_thousand_queries_with_a_crash_every_tenth(reader: ClusterReader, starter: Starter) -> None:
    await ask(reader, "answer")
    before = open_descriptors()
    for number in range(1000):
        if number % 10 == 9:
            os.kill(starter.pid, signal.SIGKILL)
            await until(lambda: starter.processes[-1].has_exited)
        assert (await ask(reader, "answer")).result.stdout == b"the answer"
    assert len(starter.processes) == 101
    await until(lambda: not any(is_process(str(process.pid)) for process in starter.processes[:-1]))
    await until(lambda: open_descriptors() <= before)


# --- Replacement -----------------------------------------------------------------------------------------------------


async def test_a_reader_is_replaced_after_many_queries(starter: Starter) -> None:
    reader = ClusterReader({}, command=command(), start=starter, max_requests=3)
    pids = [(await ask(reader, "count")).result.stdout for _ in range(9)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]
    await reader.close()


async def test_a_reader_that_has_grown_is_replaced(reader: ClusterReader, starter: Starter) -> None:
    await ask(reader, "answer")
    assert (await ask(reader, "grow")).result.stdout == b"grown"
    await ask(reader, "answer")
    assert len(starter.processes) == 2
    await until(lambda: starter.processes[0].has_exited)


async def test_a_reader_is_replaced_with_its_library(reader: ClusterReader, starter: Starter) -> None:
    for identity in (1, 1, 2, 2):
        assert (await ask(reader, "answer", identity=identity)).result.stdout == b"the answer"
    assert len(starter.processes) == 2


# --- Real libraries --------------------------------------------------------------------------------------------------

SOURCE = r"""
#include <stddef.h>
struct node { void *private; int type; const char *name; void *children, *last, *parent, *next, *prev, *doc; };
static struct node node;
static int frees, dumps;
int pcmk_status(struct node **xml) { node.doc = &frees; *xml = &node; return MODE == 1 ? 5 : 0; }
const char *pcmk_rc_str(int rc) { return rc == 5 ? "no quorum of wits" : "ok"; }
void crm_log_preinit(const char *entity, int argc, char *const *argv) {}
void *xmlBufferCreate(void) { return &dumps; }
const char *xmlBufferContent(void *buffer) { return frees == dumps - 1 ? "<half" : "leaked"; }
int xmlBufferLength(void *buffer) { return MODE == 2 ? 200000000 : MODE == 3 ? -1 : 5; }
void xmlBufferFree(void *buffer) {}
int xmlNodeDump(void *buffer, void *doc, struct node *cur, int level, int format) { dumps++; return 5; }
void xmlFreeDoc(void *doc) { frees++; }
"""


def compile_library(directory: Path, mode: int) -> Path:
    source, library = directory / "source.c", directory / "libpacemaker.so.1.5.0"
    source.write_text(SOURCE, "ascii")
    subprocess.run(["gcc", "-shared", "-fPIC", f"-DMODE={mode}", "-o", str(library), str(source)], check=True)
    return library


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0, (Status.OK, "")),
        (1, (Status.FAILED, "pcmk_status: no quorum of wits")),
        (2, (Status.FAILED, "the answer has 200000000 bytes, at most 1000 are allowed")),
        (3, (Status.FAILED, "the answer has -1 bytes, at most 1000 are allowed")),
    ],
)
async def test_a_library_that_returns_garbage(
    starter: Starter, tmp_path: Path, mode: int, expected: tuple[Status, str]
) -> None:
    library = compile_library(tmp_path, mode)
    program = (
        f"import sys; sys.path.append({ROOT!r})\n"
        "from gateway.host.reader import child, pacemaker_library\n"
        f"child.main(lambda: pacemaker_library.PacemakerLibrary(({str(library)!r},)))"
    )
    async with make_reader(starter, (sys.executable, "-I", "-S", "-c", program)) as reader:
        for _ in range(3):
            answer = await ask(reader, messages.STATUS)
            assert outcome(answer) == expected
            assert answer.version == "libpacemaker.so.1.5.0"
            assert answer.result.stdout == (b"<half" if mode == 0 else b"")
    assert len(starter.processes) == 1


async def test_a_library_that_is_not_installed(starter: Starter) -> None:
    program = (
        f"import sys; sys.path.append({ROOT!r})\n"
        "from gateway.host.reader import child, pacemaker_library\n"
        "child.main(lambda: pacemaker_library.PacemakerLibrary(('libnosuch.so.7',)))"
    )
    async with make_reader(starter, (sys.executable, "-I", "-S", "-c", program)) as reader:
        answer = await ask(reader, messages.STATUS)
    assert answer.permanent
    assert answer.result.detail.startswith("libnosuch.so.7: cannot open shared object file")


@pytest.mark.parametrize("stack", list(Stack))
async def test_the_reader_itself_runs(starter: Starter, stack: Stack) -> None:
    """Whether or not the libraries and the daemons are there, it answers every query, and knows no other."""
    names = {
        Stack.PACEMAKER: [messages.STATUS, messages.CONSTRAINTS],
        Stack.COROSYNC: [messages.QUORUM, messages.LINKS, messages.STATISTICS],
    }
    async with make_reader(starter, CHILD) as reader:
        for name in names[stack]:
            answer = await ask(reader, name, stack=stack, untested=True)
            assert answer.result.status in {Status.FAILED, Status.NOT_INSTALLED, Status.OK}
            assert answer.result.detail or answer.result.stdout


def test_the_statistics_are_those_that_the_parser_reads() -> None:
    assert set(corosync_library.KNET_STATISTICS) == corosync_cmapctl._LINK_NAMES
    assert set(corosync_library.TOTEM_STATISTICS) == corosync_cmapctl._TOTEM_NAMES


def test_the_reader_imports_nothing_large() -> None:
    """It stays small in memory, and starts quickly."""
    program = (
        f"import sys; sys.path.append({ROOT!r})\n"
        "from gateway.host.reader import child, corosync_library, pacemaker_library, quorum_reports\n"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    modules = set(run.stdout.split())
    assert modules.isdisjoint(
        {"typing", "collections", "dataclasses", "asyncio", "re", "structlog", "lxml", "threading"}
    )
    assert {name for name in modules if name.startswith("gateway")} == {
        "gateway",
        "gateway.host",
        "gateway.host.frames",
        "gateway.host.reader",
        "gateway.host.reader.child",
        "gateway.host.reader.corosync_ipc",
        "gateway.host.reader.corosync_library",
        "gateway.host.reader.library",
        "gateway.host.reader.messages",
        "gateway.host.reader.pacemaker_library",
        "gateway.host.reader.quorum_reports",
    }
