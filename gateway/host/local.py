"""Runs the cluster's own tools and reads the cluster's own files: the only module that starts processes.

Every command has a limit on what it may print, and those that are to give one answer a deadline. It runs in the C
locale with an otherwise empty environment, with its standard input closed, as the leader of a process group of its own,
and the whole group is killed when the command has to end. How it ended is a value, not an exception: ``CommandResult``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.host.output import Lines, Output, Whole
from gateway.status import Status

STANDARD_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
"""Where a tool without a configured path is looked for, in this order, at each run."""

DEFAULT_TIMEOUT = 5.0
"""Seconds that a command may take."""

DEFAULT_MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes that a command may print, standard output and standard error together."""

MAX_FILE_SIZE = 1024 * 1024
"""Bytes that a configuration file may have."""

MAX_DIRECTORY_ENTRIES = 10_000
"""Names that are read from one directory."""

_REAP_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """How one of the cluster's tools is to be run.

    Attributes:
        path: an absolute path, or None to search ``STANDARD_DIRECTORIES`` for the tool's name.
        timeout: seconds until it is killed.
        prefix: words to put before the command, such as ``("sudo", "-n")``; the first is searched like a tool.
    """

    path: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended, and what it printed.

    Attributes:
        status: ``OK`` for exit status 0, ``FAILED`` for any other, or why there is no exit status.
        exit_status: 0 to 255, or None where the command did not start or did not exit by itself.
        signal: the number of the signal that killed it, or None.
        stdout: what it printed, complete; empty where ``exit_status`` is None: half an answer is none. Empty too where
            the command was followed.
        stderr: what it printed there until it ended; where it was followed, the last of it.
        duration: seconds from start to end.
        detail: what to tell a person about a command that could not be started; else empty.
    """

    status: Status
    exit_status: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    duration: float = 0.0
    detail: str = ""


class Host(Protocol):
    """What collectors may ask of the machine: commands, small files and directories."""

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Runs a tool and returns how it ended. Raises nothing but CancelledError."""
        ...

    def find(self, tool: str) -> str | None:
        """Returns the path of a tool that is here now, whether or not this user may run it, or None."""
        ...

    def identity(self, tool: str) -> object:
        """Returns what changes when the tool is replaced by another version; None if it is not here."""
        ...

    def may_read(self, path: str) -> bool:
        """Returns whether this user may read a file or device, as far as its permissions tell."""
        ...

    def read_file(self, path: str) -> bytes | None:
        """Returns a file's content, or None if there is no such file.

        Raises:
            OSError: it exists but cannot be read, is no regular file or is too large.
        """
        ...

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the names in a directory, sorted; empty if there is no such directory.

        Raises:
            OSError: it exists but cannot be read.
        """
        ...


class Follower(Protocol):
    """What sources of events may ask of the machine: commands that go on and on."""

    async def follow(self, tool: str, *arguments: str, tell: Callable[[bytes], None]) -> CommandResult:
        """Runs a tool that goes on and on, tells each line at once, and returns how it ended.

        The tool has to send each line as it comes: many keep some kilobytes back when they do not print to a terminal.
        It also has to notice by itself that nobody reads any more, should the gateway be killed.

        Args:
            tool: its name.
            arguments: its arguments.
            tell: called with each line, without its end; it is shorter than ``output.MAX_LINE``. What it raises ends
                the tool, and is raised here.
        """
        ...


class LocalHost:
    """This machine.

    Args:
        tools: how tools are to be run, by name.
        max_output: bytes that a command may print.
        directories: where tools without a path are looked for.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool] | None = None,
        *,
        max_output: int = DEFAULT_MAX_OUTPUT,
        directories: Sequence[str] = STANDARD_DIRECTORIES,
    ) -> None:
        self._tools = dict(tools or {})
        self._max_output = max_output
        self._directories = directories
        self._environment = clean_environment(os.environ)

    def find(self, tool: str) -> str | None:
        """Returns the path of a tool, or None: a tool installed later is found without a restart."""
        configured = self._tool(tool).path
        if configured is None:
            return search(tool, self._directories)
        try:
            Path(configured).stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError:
            pass  # it may be there, but not for this user: running it tells
        return configured

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Runs a tool to its end, its deadline or its output limit, whichever comes first."""
        argv = self._argv(tool, arguments)
        if isinstance(argv, CommandResult):
            return argv
        return await execute(argv, timeout=self._tool(tool).timeout, max_output=self._max_output, env=self._environment)

    async def follow(self, tool: str, *arguments: str, tell: Callable[[bytes], None]) -> CommandResult:
        """Runs a tool without a deadline, and tells each line at once."""
        argv = self._argv(tool, arguments)
        if isinstance(argv, CommandResult):
            return argv
        return await _conduct(argv, lambda: Lines(tell), timeout=None, env=self._environment)

    def identity(self, tool: str) -> object:
        """Returns the path, inode, size and time of change of a tool's file."""
        path = self.find(tool)
        try:
            status = None if path is None else Path(path).stat()
        except OSError:
            return None
        return status and (path, status.st_ino, status.st_size, status.st_mtime_ns)

    def may_read(self, path: str) -> bool:
        """Returns False only where the file is there and its permissions forbid to read it."""
        return os.access(path, os.R_OK) or not os.access(path, os.F_OK)

    def read_file(self, path: str) -> bytes | None:
        """Returns a small regular file's content, or None if there is none."""
        try:
            # asked before it is opened, because merely opening a device can start something: a watchdog, for one
            _require_regular(Path(path).stat())
            with open(path, "rb", opener=_open_at_once) as file:
                _require_regular(os.fstat(file.fileno()))
                content = file.read(MAX_FILE_SIZE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(content) > MAX_FILE_SIZE:
            raise OSError(errno.EFBIG, f"larger than {MAX_FILE_SIZE} bytes")
        return content

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the names in a directory, sorted; empty if there is no such directory."""
        names = []
        with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MAX_DIRECTORY_ENTRIES:
                    raise OSError(errno.EFBIG, f"more than {MAX_DIRECTORY_ENTRIES} entries")
        return tuple(sorted(names))

    def _argv(self, tool: str, arguments: Sequence[str]) -> list[str] | CommandResult:
        """Returns what to execute, or the result of a tool that is not here."""
        settings = self._tool(tool)
        path = self.find(tool)
        if path is None:
            return CommandResult(status=Status.NOT_INSTALLED, detail=f"{settings.path or tool} not found")
        if not settings.prefix:
            return [path, *arguments]
        first, *others = settings.prefix
        return [search(first, self._directories) or first, *others, path, *arguments]

    def _tool(self, name: str) -> Tool:
        return self._tools.get(name) or Tool()


def search(name: str, directories: Sequence[str]) -> str | None:
    """Returns the first executable of this name in the directories, or None.

    Where there is only a file that this user may not run, that is the answer: not permitted is not the same as not
    installed, and running it tells.
    """
    candidates = [name] if "/" in name else [f"{directory}/{name}" for directory in directories]
    files = [path for path in candidates if _is_file(path)]
    return next((path for path in files if os.access(path, os.X_OK)), files[0] if files else None)


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def _open_at_once(path: str, flags: int) -> int:
    """Opens without waiting: a FIFO that was put there meanwhile would wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment for a tool: the C locale, a search path, and the gateway's own time zone.

    The zone is kept because tools print local time without naming it: both sides have to mean the same.
    """
    clean = {"LC_ALL": "C", "PATH": ":".join(STANDARD_DIRECTORIES)}
    if zone := environment.get("TZ"):
        clean["TZ"] = zone
    return clean


async def execute(argv: Sequence[str], *, timeout: float, max_output: int, env: Mapping[str, str]) -> CommandResult:
    """Runs one command and returns how it ended.

    Args:
        argv: the program's path and its arguments.
        timeout: seconds until its process group is killed.
        max_output: bytes of output after which its process group is killed.
        env: its whole environment.
    """
    return await _conduct(argv, lambda: Whole(max_output), timeout=timeout, env=env)


async def _conduct(
    argv: Sequence[str], make: Callable[[], Output], *, timeout: float | None, env: Mapping[str, str]
) -> CommandResult:
    """Starts a process, lets what ``make`` makes deal with its output, and leaves nothing of it behind."""
    started = time.monotonic()
    try:
        transport, output = await _start(argv, make, env=env)
    except (OSError, ValueError) as error:
        return _not_started(argv, error)
    timed_out = False
    try:
        async with asyncio.timeout(None if timeout is None else timeout - (time.monotonic() - started)):
            await output.finished
    except TimeoutError:
        timed_out = True
    finally:
        await _end(transport, output)
    return _ended(transport, output, timed_out=timed_out, duration=time.monotonic() - started)


async def _start(
    argv: Sequence[str], make: Callable[[], Output], *, env: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, Output]:
    start = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            make,
            *argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        # cancelled at this point, asyncio would kill the process alone, and what it has started would live on
        start.add_done_callback(_abandon)
        with contextlib.suppress(OSError, ValueError):
            await _end(*await asyncio.shield(start))
        raise


def _abandon(start: asyncio.Future[tuple[asyncio.SubprocessTransport, Output]]) -> None:
    """Ends a command whose start nobody awaits any longer, even if its caller was cancelled twice."""
    if not start.cancelled() and start.exception() is None:
        transport, output = start.result()
        _kill_group(transport)
        output.exited.add_done_callback(lambda _: transport.close())


def _not_started(argv: Sequence[str], error: OSError | ValueError) -> CommandResult:
    reason = getattr(error, "strerror", None) or str(error)
    status = Status.FAILED
    if isinstance(error, PermissionError):
        status = Status.NOT_PERMITTED
    elif isinstance(error, FileNotFoundError | NotADirectoryError):
        if _is_file(argv[0]):
            reason = "the interpreter that its first line names was not found"
        else:
            status = Status.NOT_INSTALLED
    return CommandResult(status=status, detail=f"{argv[0]}: {reason}")


async def _end(transport: asyncio.SubprocessTransport, output: Output) -> None:
    """Leaves neither a process of the group nor a descriptor behind, also when the caller is cancelled."""
    _kill_group(transport)
    try:
        if not output.exited.done():
            async with asyncio.timeout(_REAP_TIMEOUT):
                await asyncio.shield(output.exited)
    except TimeoutError:
        pass  # a process in uninterruptible sleep: the child watcher reaps it whenever it ends
    finally:
        with contextlib.suppress(PermissionError):  # it tries to kill once more
            transport.close()


def _kill_group(transport: asyncio.SubprocessTransport) -> None:
    # A command run through sudo belongs to root and cannot be killed by us: closing its pipes has to do.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(transport.get_pid(), signal.SIGKILL)


def _ended(
    transport: asyncio.SubprocessTransport, output: Output, *, timed_out: bool, duration: float
) -> CommandResult:
    code = transport.get_returncode()
    status, exit_status, killed_by = Status.OK, code, None
    if output.overflow:
        status, exit_status = Status.TOO_MUCH_OUTPUT, None
    elif timed_out or code is None:
        status, exit_status = Status.TIMED_OUT, None
    elif code < 0:
        status, exit_status, killed_by = Status.KILLED, None, -code
    elif code > 0:
        status = Status.FAILED
    return CommandResult(
        status=status,
        exit_status=exit_status,
        signal=killed_by,
        stdout=b"" if exit_status is None else output.kept(1),
        stderr=output.kept(2),
        duration=duration,
    )
