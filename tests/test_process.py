"""Runs real processes: small scripts that misbehave in every known way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.host.host import CommandResult, Tool
from gateway.host.local import LocalHost
from gateway.host.programs import clean_environment
from gateway.status import Status
from tests.conftest import Script, closed, open_descriptors
from tests.programs import ROOT
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("_child_watcher")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to run a command as another user")


@pytest.fixture(params=["ThreadedChildWatcher", "PidfdChildWatcher"] if sys.version_info < (3, 12) else [None])
def _child_watcher(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs each test with both ways in which Python 3.11 notices the end of a process."""
    if request.param is None:
        yield
        return
    policy = asyncio.get_event_loop_policy()
    before = policy.get_child_watcher()  # type: ignore[attr-defined,unused-ignore]
    asyncio.set_child_watcher(getattr(asyncio, request.param)())  # type: ignore[attr-defined,unused-ignore]
    yield
    asyncio.set_child_watcher(before)  # type: ignore[attr-defined,unused-ignore]


async def run(path: Path | str, *arguments: str, timeout: float = 5.0, max_output: int = 1 << 20) -> CommandResult:
    host = LocalHost({"tool": Tool(path=str(path), timeout=timeout, max_output=max_output)})
    return await host.run("tool", *arguments)


def children() -> set[str]:
    """Returns the ids of this process's children, zombies included; the fixtures of the lab have some as well."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


class ForeignProcess:
    """A process whose end can be awaited although it is not our child. Its script writes its process id to a FIFO."""

    def __init__(self, directory: Path) -> None:
        self.fifo = directory / "pid"
        os.mkfifo(self.fifo)
        self._descriptor = -1

    async def started(self) -> int:
        """Returns its process id when the script has written it."""
        loop, written = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        loop.add_reader(descriptor, written.set)
        try:
            async with asyncio.timeout(5):
                await written.wait()
            pid = int(os.read(descriptor, 100))
            self._descriptor = os.pidfd_open(pid)
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return pid

    async def ended(self) -> bool:
        """Returns whether it ends within five seconds."""
        try:
            readable, _, _ = await asyncio.to_thread(select.select, [self._descriptor], [], [], 5)
        finally:
            os.close(self._descriptor)
        return bool(readable)


# --- How commands end ------------------------------------------------------------------------------------------------


async def test_a_command_that_succeeds(script: Script) -> None:
    result = await run(script('echo "answer $1"; echo trouble >&2'), "a b")
    assert result.status is Status.OK
    assert (result.exit_status, result.signal, result.detail) == (0, None, "")
    assert (result.stdout, result.stderr) == (b"answer a b\n", b"trouble\n")
    assert 0 < result.duration < 5


@pytest.mark.parametrize("exit_status", [1, 2, 127, 255])
async def test_an_exit_status_is_reported_with_all_output(script: Script, exit_status: int) -> None:
    result = await run(script(f"echo no; echo why >&2; exit {exit_status}"))
    assert (result.status, result.exit_status, result.signal) == (Status.FAILED, exit_status, None)
    assert (result.stdout, result.stderr) == (b"no\n", b"why\n")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM, signal.SIGKILL])
async def test_a_signal_is_reported_and_incomplete_output_is_discarded(script: Script, number: signal.Signals) -> None:
    result = await run(script(f"echo half; echo why >&2; kill -{number.value} $$"))
    assert (result.status, result.exit_status, result.signal) == (Status.KILLED, None, number.value)
    assert (result.stdout, result.stderr) == (b"", b"why\n")


async def test_large_output_is_complete(script: Script) -> None:
    result = await run(script("head -c 900000 /dev/zero; head -c 100000 /dev/zero >&2"))
    assert (len(result.stdout), len(result.stderr)) == (900_000, 100_000)


@pytest.mark.parametrize("path", ["/nonexistent/tool", "/etc/passwd/tool"])
async def test_a_missing_tool_is_not_installed(path: str) -> None:
    result = await run(path)
    assert (result.status, result.exit_status) == (Status.NOT_INSTALLED, None)
    assert path in result.detail


async def test_a_tool_in_no_directory_is_not_installed(tmp_path: Path) -> None:
    result = await LocalHost(directories=[str(tmp_path)]).run("crm_mon")
    assert (result.status, result.detail) == (Status.NOT_INSTALLED, "crm_mon not found")


async def test_a_file_that_is_not_executable_is_not_permitted_even_to_root(script: Script) -> None:
    path = script("echo no", mode=0o644)
    result = await run(path)
    assert (result.status, result.detail) == (Status.NOT_PERMITTED, f"{path}: Permission denied")


async def test_a_directory_is_not_permitted(tmp_path: Path) -> None:
    assert (await run(tmp_path)).status is Status.NOT_PERMITTED


async def test_a_tool_of_another_user_is_not_permitted_rather_than_missing(script: Script) -> None:
    path = script("echo no")
    with closed(path):
        result = await run(path)
    assert result.status is Status.NOT_PERMITTED


async def test_a_tool_in_a_closed_directory_is_not_permitted(tmp_path: Path, script: Script) -> None:
    path = script("echo no")
    with closed(tmp_path):
        result = await run(path)
        found = LocalHost({"tool": Tool(path=str(path))}).find("tool")
        identity = LocalHost({"tool": Tool(path=str(path))}).identity("tool")
    assert result.status is Status.NOT_PERMITTED
    assert found == str(path)
    assert identity is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("#!/nonexistent/interpreter\n", "the interpreter that its first line names was not found"),
        ("#!\n", "Exec format error"),
    ],
)
async def test_a_script_that_cannot_be_started_has_failed(script: Script, body: str, reason: str) -> None:
    path = script(body)
    result = await run(path)
    assert (result.status, result.detail) == (Status.FAILED, f"{path}: {reason}")


@pytest.mark.parametrize("argument", ["a\0b", "\ud800", "x" * 3_000_000])
async def test_impossible_arguments_give_a_result(argument: str) -> None:
    result = await run("/bin/true", argument)
    assert (result.status, result.exit_status) == (Status.FAILED, None)
    assert result.detail.startswith("/bin/true: ")


async def test_a_path_with_a_nul_byte_is_not_installed() -> None:
    assert (await run("/bin/tr\0ue")).status is Status.NOT_INSTALLED


async def test_arguments_that_are_not_utf_8_reach_the_tool_unchanged() -> None:
    result = await run("/bin/echo", os.fsdecode(b"\xff\xfe"))
    assert result.stdout == b"\xff\xfe\n"


# --- Deadline and limit ----------------------------------------------------------------------------------------------


async def test_the_deadline_kills_the_whole_process_group(script: Script, tmp_path: Path) -> None:
    grandchild = ForeignProcess(tmp_path)
    path = script(f"trap '' TERM\nsh -c 'trap \"\" TERM; echo $$ > {grandchild.fifo}; sleep 1000' &\necho half\nwait")
    running = asyncio.ensure_future(run(path, timeout=0.5))
    await grandchild.started()
    result = await running
    assert (result.status, result.exit_status, result.signal) == (Status.TIMED_OUT, None, None)
    assert result.stdout == b""
    assert 0.5 <= result.duration < 2
    assert await grandchild.ended()


async def test_a_deadline_in_the_past_is_a_timeout() -> None:
    assert (await run("/bin/sleep", "1000", timeout=0.0)).status is Status.TIMED_OUT


@pytest.mark.parametrize("redirection", ["", ">&2"])
async def test_too_much_output_ends_it_at_once(script: Script, redirection: str) -> None:
    result = await run(script(f"yes {redirection}"), max_output=100_000)
    assert (result.status, result.exit_status, result.stdout) == (Status.TOO_MUCH_OUTPUT, None, b"")
    assert len(result.stderr) <= 100_000
    assert result.duration < 4


@pytest.mark.parametrize(
    ("out", "error", "status"),
    [
        (5000, 0, Status.OK),
        (5001, 0, Status.TOO_MUCH_OUTPUT),
        (0, 5001, Status.TOO_MUCH_OUTPUT),
        (2500, 2500, Status.OK),
        (2500, 2501, Status.TOO_MUCH_OUTPUT),
    ],
)
async def test_the_limit_holds_for_both_streams_together(script: Script, out: int, error: int, status: Status) -> None:
    path = script(f"head -c {out} /dev/zero; head -c {error} /dev/zero >&2")
    assert (await run(path, max_output=5000)).status is status


async def test_closing_its_output_does_not_end_a_command(script: Script) -> None:
    result = await run(script("echo all; exec >&- 2>&-; sleep 0.3; exit 3"))
    assert (result.status, result.exit_status, result.stdout) == (Status.FAILED, 3, b"all\n")
    assert result.duration >= 0.3


async def test_closing_its_output_does_not_escape_the_deadline(script: Script) -> None:
    result = await run(script("exec >&- 2>&-; sleep 1000"), timeout=0.2)
    assert result.status is Status.TIMED_OUT


async def test_a_child_that_holds_the_pipe_does_not_cost_the_answer(script: Script, tmp_path: Path) -> None:
    child = ForeignProcess(tmp_path)
    running = asyncio.ensure_future(run(script(f"sleep 1000 & echo $! > {child.fifo}; echo answer; exit 3")))
    await child.started()
    result = await running
    assert (result.status, result.exit_status, result.stdout) == (Status.FAILED, 3, b"answer\n")
    assert result.duration < 4
    assert await child.ended()


async def test_a_child_in_a_session_of_its_own_does_not_cost_the_answer(script: Script, tmp_path: Path) -> None:
    child = ForeignProcess(tmp_path)
    path = script(f"setsid sh -c 'echo $$ > {child.fifo}; exec sleep 1000' &\nread -r _ < {child.fifo}.go; echo answer")
    os.mkfifo(f"{child.fifo}.go")
    running = asyncio.ensure_future(run(path))
    pid = await child.started()
    await asyncio.to_thread(Path(f"{child.fifo}.go").write_text, "go\n")
    result = await running
    assert (result.status, result.stdout) == (Status.OK, b"answer\n")
    assert result.duration < 4
    os.kill(pid, signal.SIGKILL)  # it is in no group that the gateway could kill
    assert await child.ended()


GATEWAY = """
import asyncio, sys
from gateway.host.output import CollectedOutput
from gateway.host.process import start_resident
async def main():
    await start_resident(sys.argv[1:], lambda: CollectedOutput(1000), environment={})
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_no_command_survives_a_gateway_that_is_killed(script: Script, tmp_path: Path) -> None:
    child = ForeignProcess(tmp_path)
    ignore = "trap '' TERM HUP INT IO"
    path = script(f'{ignore}\nsh -c "{ignore}; echo \\$\\$ > {child.fifo}; sleep 1000" &\nwait')
    argv = [sys.executable, "-c", GATEWAY, str(path)]
    gateway = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    await child.started()
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"ready\n"
    gateway.kill()
    await gateway.wait()
    assert await child.ended()


async def test_a_child_that_holds_no_pipe_does_not_survive_its_parent(script: Script, tmp_path: Path) -> None:
    child = ForeignProcess(tmp_path)
    running = asyncio.ensure_future(
        run(script(f"sleep 1000 > /dev/null 2>&1 & echo $! > {child.fifo}; echo done; exit 0"))
    )
    await child.started()
    result = await running
    assert (result.status, result.stdout) == (Status.OK, b"done\n")
    assert result.duration < 4
    assert await child.ended()


@needs_root
def test_a_command_that_may_not_be_killed_is_abandoned() -> None:
    """As with sudo: here root without CAP_KILL runs a command as another user."""
    code = """
import asyncio, os
from gateway.runtime import event_loop
from gateway.host import process
from gateway.host.host import Tool
from gateway.host.local import LocalHost
process._REAP_TIMEOUT = 0.2
async def main():
    host = LocalHost({"tool": Tool(path="/bin/sleep", timeout=0.2,
        prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))})
    await host.run("tool", "0")
    before = len(os.listdir("/proc/self/fd"))
    result = await host.run("tool", "1")
    await asyncio.sleep(0.05)  # the pipes are closed in the next iteration of the loop
    print(result.status, result.exit_status, len(os.listdir("/proc/self/fd")) - before)
event_loop.run(main())
"""
    argv = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    # Python 3.11 keeps one descriptor open until the process ends
    assert done.stdout.split()[:2] == ["timed_out", "None"], done.stderr
    assert int(done.stdout.split()[2]) <= 1
    assert done.returncode == 0


# --- The environment of a command ------------------------------------------------------------------------------------


async def test_the_environment_is_the_c_locale_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIB_file", "/tmp/elsewhere")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.delenv("TZ", raising=False)
    result = await run("/usr/bin/env")
    path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
    assert sorted(result.stdout.decode().splitlines()) == ["LC_ALL=C", path]


async def test_the_time_zone_is_the_gateways_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    lines = (await run("/usr/bin/env")).stdout.decode().splitlines()
    assert {line.partition("=")[0] for line in lines} == {"LC_ALL", "PATH", "TZ"}
    assert "TZ=Europe/Berlin" in lines
    assert "TZ" not in clean_environment({"TZ": ""})


def test_standard_input_is_empty() -> None:
    code = """
import asyncio
from gateway.host.host import Tool
from gateway.host.local import LocalHost
print(asyncio.run(LocalHost({"cat": Tool(path="/bin/cat")}).run("cat")).status)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"ok\n"


async def test_a_command_leads_its_group_in_the_root_directory_without_our_descriptors() -> None:
    inheritable = os.open("/", os.O_RDONLY)
    os.set_inheritable(inheritable, True)  # noqa: FBT003 - a positional-only argument
    code = (
        "import os, signal; print(os.getpid() == os.getpgrp() == os.getsid(0), os.getcwd(), "
        "sorted(map(int, os.listdir('/proc/self/fd')))[:3], len(os.listdir('/proc/self/fd')), "
        "signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )
    result = await run(sys.executable, "-I", "-c", code)
    os.close(inheritable)
    # the fourth is the lifeline, and the fifth that of the directory being listed
    assert result.stdout == b"True / [0, 1, 2] 5 set()\n"


async def test_a_prefix_comes_before_the_tool() -> None:
    tool = Tool(path="/usr/bin/printf", prefix=("env", "-i", "A=1"))
    result = await LocalHost({"printf": tool}).run("printf", "%s|", "x", "y")
    assert result.stdout == b"x|y|"
    result = await LocalHost({"env": Tool(prefix=("env", "-i", "A=1"))}).run("env")
    assert result.stdout == b"A=1\n"


async def test_a_missing_prefix_is_not_installed(tmp_path: Path) -> None:
    result = await LocalHost({"true": Tool(path="/bin/true", prefix=("no-such-sudo", "-n"))}).run("true")
    assert (result.status, result.detail) == (Status.NOT_INSTALLED, "no-such-sudo: No such file or directory")


# --- Nothing is left behind ------------------------------------------------------------------------------------------


async def test_a_hundred_runs_leave_neither_zombies_nor_descriptors(script: Script) -> None:
    good, slow, loud = script("echo a"), script("sleep 1000", name="slow"), script("yes", name="loud")
    await run(good)
    before, family = open_descriptors(), children()
    statuses = []
    for _ in range(4):
        results = await asyncio.gather(
            *(run(good) for _ in range(15)),
            *(run(slow, timeout=0.05) for _ in range(4)),
            *(run(loud, max_output=1000) for _ in range(3)),
            *(run("/nonexistent") for _ in range(2)),
            run(script("", name="plain", mode=0o600)),
        )
        statuses += [result.status for result in results]
    assert len(statuses) == 100
    assert {status: statuses.count(status) for status in set(statuses)} == {
        Status.OK: 60,
        Status.TIMED_OUT: 16,
        Status.TOO_MUCH_OUTPUT: 12,
        Status.NOT_INSTALLED: 8,
        Status.NOT_PERMITTED: 4,
    }
    assert open_descriptors() == before
    assert children() <= family


def _processes_of(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


async def test_cancelled_runs_leave_neither_processes_nor_descriptors(script: Script, tmp_path: Path) -> None:
    marker = f"{tmp_path}/marker"
    path = script(f"sh -c 'sleep 1000; : {marker}' &\nwait")
    await run("/bin/true")
    before, family = open_descriptors(), children()
    for turns in range(40):
        task = asyncio.ensure_future(run(path))
        for _ in range(turns // 2):
            await asyncio.sleep(0)
        if turns >= 30:  # late enough for the grandchild to exist
            await asyncio.sleep(0.02)
        task.cancel()
        if turns % 2:
            await asyncio.sleep(0)
            task.cancel()  # a second cancellation must not leave anything behind either
        with pytest.raises(asyncio.CancelledError):
            await task
    # a killed process takes a while to disappear, and only its parent is notified
    await until(lambda: not _processes_of(str(tmp_path)) and open_descriptors() == before and children() <= family)
    await until(lambda: not any(thread.name.startswith("waitpid-") for thread in threading.enumerate()))
    await asyncio.sleep(0)  # for what these threads have reported


async def test_tools_can_have_a_lower_priority(script: Script) -> None:
    path = script('while [ "$(nice)" = "$1" ]; do sleep 0.01; done; nice')
    own = os.getpriority(os.PRIO_PROCESS, 0)
    tools = {"tool": Tool(path=str(path))}
    result = await LocalHost(tools, nice=3).run("tool", str(own))
    assert result.stdout == f"{own + 3}\n".encode()
    assert (await LocalHost(tools).run("tool", "none")).stdout == f"{own}\n".encode()
