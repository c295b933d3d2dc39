"""Starts processes, limits them and kills them: the only module that does so.

Every command has a deadline and a limit on its output. It runs with its standard input closed, as the leader of a new
process group, and the whole group is killed when the command has to end, or when the gateway dies. How it ended is a
value, not an exception: ``CommandResult``. The gateway's own helpers can also be resident: they answer requests on
their standard input, and end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from gateway.clock import Clock, SystemClock
from gateway.host.host import CommandResult
from gateway.host.lifeline import Lifeline
from gateway.host.output import CollectedOutput, ProcessOutput
from gateway.host.programs import is_regular_file
from gateway.status import Status
from gateway.waiting import CATCH_UP, completed_within

_REAP_TIMEOUT = 2.0
"""Seconds to wait for a killed process; one in uninterruptible sleep may take longer."""


async def run_process(
    argv: Sequence[str],
    *,
    timeout: float,
    max_output: int,
    environment: Mapping[str, str],
    nice: int = 0,
    clock: Clock | None = None,
) -> CommandResult:
    """Runs a command to its end, its deadline or its output limit, whichever comes first.

    Args:
        argv: the program's path and its arguments.
        timeout: seconds until its process group is killed.
        max_output: bytes of output after which its process group is killed.
        environment: the complete environment; nothing is inherited.
        nice: how much lower its priority is than the gateway's, 0 to 19.
        clock: measures how long it runs.
    """
    start = _Start(argv, lambda: CollectedOutput(max_output), environment=environment, nice=nice)
    return await _supervise(start, timeout=timeout, clock=clock)


async def start_resident(
    argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str], nice: int = 0
) -> Process:
    """Starts a process whose standard input is a pipe; without a deadline, and without a limit on its output.

    Raises:
        OSError: it could not be started.
        ValueError: so, because of its arguments.
    """
    return await _Start(argv, make_output, environment=environment, stdin=subprocess.PIPE, nice=nice).run()


class Process:
    """A process that was started. Nothing is left of it, if that is possible at all, when the gateway dies.

    Args:
        transport: its pipes.
        output: receives what it writes.
        lifeline: ends it when the gateway dies.
    """

    def __init__(self, transport: asyncio.SubprocessTransport, output: ProcessOutput, lifeline: Lifeline) -> None:
        self.transport = transport
        self.output = output
        self._lifeline = lifeline

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self.transport.get_pid()

    @property
    def has_exited(self) -> bool:
        """Whether nothing is left of it."""
        return self.output.exited.done()

    def write(self, data: bytes) -> None:
        """Sends a request; nothing happens if the process has ended."""
        pipe = self.transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def kill(self) -> None:
        """Kills its group and closes all descriptors, without waiting: in uninterruptible sleep it may live on."""
        self._kill_group()
        self._close_descriptors()

    async def close(self) -> None:
        """Does the same, but waits for its end for a short time, even if the caller is cancelled. Idempotent."""
        self._kill_group()
        try:
            if not self.output.exited.done():
                # on a time-out, in uninterruptible sleep for example, the child watcher reaps the process when it ends
                await completed_within(asyncio.shield(self.output.exited), _REAP_TIMEOUT)
        finally:
            self._close_descriptors()

    def abandon(self) -> None:
        """Kills its group, and closes all descriptors as soon as it has ended."""
        self._kill_group()
        self.output.exited.add_done_callback(lambda _: self._close_descriptors())

    def _kill_group(self) -> None:
        # A command that runs through sudo belongs to root and cannot be killed: closing its pipes has to be enough.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _close_descriptors(self) -> None:
        self._lifeline.close()
        with contextlib.suppress(PermissionError):  # close() tries to kill once more
            self.transport.close()


async def _supervise(start: _Start, *, timeout: float, clock: Clock | None) -> CommandResult:
    """Starts a process, waits until its output is finished, and leaves nothing of the process behind."""
    clock = clock or SystemClock()
    started = clock.monotonic()
    try:
        process = await start.run()
    except (OSError, ValueError) as error:
        return _start_failure(start.argv, error)
    try:
        # at least a moment, as in completed_within: this program may have been suspended during the start
        time_left = max(timeout - (clock.monotonic() - started), min(timeout, CATCH_UP))
        in_time = await completed_within(process.output.finished, time_left)
    finally:
        await process.close()
    duration = clock.monotonic() - started
    return _result(process.transport, process.output, timed_out=not in_time, duration=duration)


class _Start:
    """How to start a process.

    Args:
        argv: the program's path and its arguments.
        make_output: creates what receives its output.
        environment: its environment.
        stdin: its standard input, as for ``subprocess``.
        nice: how much lower its priority is.
    """

    def __init__(
        self,
        argv: Sequence[str],
        make_output: Callable[[], ProcessOutput],
        *,
        environment: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        nice: int = 0,
    ) -> None:
        self.argv = argv
        self._make_output = make_output
        self._environment = environment
        self._stdin = stdin
        self._nice = nice

    async def run(self) -> Process:
        """Returns the process. Raises OSError or ValueError if it cannot be started."""
        start = asyncio.ensure_future(self._start())
        try:
            return await asyncio.shield(start)
        except asyncio.CancelledError:
            # asyncio itself would kill only the process, and its children would live on
            start.add_done_callback(_abandon)
            with contextlib.suppress(OSError, ValueError):
                await (await asyncio.shield(start)).close()
            raise

    async def _start(self) -> Process:
        lifeline = Lifeline()
        try:
            transport, output = await asyncio.get_running_loop().subprocess_exec(
                self._make_output,
                *self.argv,
                stdin=self._stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd="/",
                start_new_session=True,
                pass_fds=(lifeline.inherited,),
            )
        except BaseException:
            lifeline.close()
            raise
        lifeline.attach(transport.get_pid())
        if self._nice:
            # from outside: code between fork and exec is not safe in a program with threads
            with contextlib.suppress(OSError):  # it has ended already, or runs through sudo
                os.setpriority(os.PRIO_PGRP, transport.get_pid(), os.getpriority(os.PRIO_PROCESS, 0) + self._nice)
        return Process(transport, output, lifeline)


def _abandon(start: asyncio.Future[Process]) -> None:
    """Kills a process whose caller was cancelled twice and no longer waits for its start."""
    if not start.cancelled() and start.exception() is None:
        start.result().abandon()


def _start_failure(argv: Sequence[str], error: OSError | ValueError) -> CommandResult:
    reason = getattr(error, "strerror", None) or str(error)
    status = Status.FAILED
    if isinstance(error, PermissionError):
        status = Status.NOT_PERMITTED
    elif isinstance(error, FileNotFoundError | NotADirectoryError):
        if is_regular_file(argv[0]):
            reason = "the interpreter that its first line names was not found"
        else:
            status = Status.NOT_INSTALLED
    return CommandResult(status=status, detail=f"{argv[0]}: {reason}")


def _result(
    transport: asyncio.SubprocessTransport, output: ProcessOutput, *, timed_out: bool, duration: float
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
        stdout=b"" if exit_status is None else output.stdout,
        stderr=output.stderr,
        duration=duration,
    )
