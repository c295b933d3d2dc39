"""Starts processes, limits them and kills them: the only module that does so.

Every command has a limit on its output, and a command that is run to its end has a deadline. A process runs with its
standard input closed, as the leader of a new process group, and the whole group is killed when the command has to
end. How it ended is a value, not an exception: ``CommandResult``. The gateway's own helpers can also be resident: they
answer requests on their standard input, and end with it.
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
from gateway.host.output import CollectedOutput, LineStream, ProcessOutput
from gateway.host.programs import is_regular_file
from gateway.status import Status
from gateway.waiting import completed_within

_REAP_TIMEOUT = 2.0
"""Seconds to wait for a killed process; one in uninterruptible sleep may take longer."""


async def run_process(
    argv: Sequence[str],
    *,
    timeout: float,
    max_output: int,
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> CommandResult:
    """Runs a command to its end, its deadline or its output limit, whichever comes first.

    Args:
        argv: the program's path and its arguments.
        timeout: seconds until its process group is killed.
        max_output: bytes of output after which its process group is killed.
        environment: the complete environment; nothing is inherited.
        clock: measures how long it runs.
    """
    return await _supervise(
        argv, lambda: CollectedOutput(max_output), timeout=timeout, environment=environment, clock=clock
    )


async def stream_process(
    argv: Sequence[str],
    *,
    on_line: Callable[[bytes], None],
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> CommandResult:
    """Runs a command without a deadline, and passes on each line of its standard output at once."""
    return await _supervise(
        argv, lambda: LineStream(on_line, clock=clock), timeout=None, environment=environment, clock=clock
    )


class ResidentProcess:
    """A process that answers requests on its standard output until it is killed, or its standard input is closed.

    Args:
        transport: the process.
        output: what it writes.
    """

    def __init__(self, transport: asyncio.SubprocessTransport, output: ProcessOutput) -> None:
        self._transport = transport
        self._output = output

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._transport.get_pid()

    @property
    def has_exited(self) -> bool:
        """Whether nothing is left of it."""
        return self._output.exited.done()

    def write(self, data: bytes) -> None:
        """Sends a request; nothing happens if the process has ended."""
        pipe = self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)

    def kill(self) -> None:
        """Kills it and closes its pipes, without waiting: in uninterruptible sleep it may live on for long."""
        _kill_group(self._transport)
        self._transport.close()

    async def close(self) -> None:
        """Kills it, and waits for its end for a short time. Idempotent."""
        await _terminate(self._transport, self._output)


async def start_resident(
    argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
) -> ResidentProcess:
    """Starts a process whose standard input is a pipe; without a deadline, and without a limit on its output.

    Raises:
        OSError: it could not be started.
        ValueError: so, because of its arguments.
    """
    return ResidentProcess(*await _start(argv, make_output, environment=environment, stdin=subprocess.PIPE))


async def _supervise(
    argv: Sequence[str],
    make_output: Callable[[], ProcessOutput],
    *,
    timeout: float | None,
    environment: Mapping[str, str],
    clock: Clock | None,
) -> CommandResult:
    """Starts a process, waits until its output is finished, and leaves nothing of the process behind."""
    clock = clock or SystemClock()
    started = clock.monotonic()
    try:
        transport, output = await _start(argv, make_output, environment=environment)
    except (OSError, ValueError) as error:
        return _start_failure(argv, error)
    try:
        time_left = None if timeout is None else timeout - (clock.monotonic() - started)
        in_time = await completed_within(output.finished, time_left)
    finally:
        await _terminate(transport, output)
    return _result(transport, output, timed_out=not in_time, duration=clock.monotonic() - started)


async def _start(
    argv: Sequence[str],
    make_output: Callable[[], ProcessOutput],
    *,
    environment: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
) -> tuple[asyncio.SubprocessTransport, ProcessOutput]:
    start = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            make_output,
            *argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        # asyncio itself would kill only the process, and its children would live on
        start.add_done_callback(_abandon)
        with contextlib.suppress(OSError, ValueError):
            await _terminate(*await asyncio.shield(start))
        raise


def _abandon(start: asyncio.Future[tuple[asyncio.SubprocessTransport, ProcessOutput]]) -> None:
    """Kills a process whose caller was cancelled twice and no longer waits for its start."""
    if not start.cancelled() and start.exception() is None:
        transport, output = start.result()
        _kill_group(transport)
        output.exited.add_done_callback(lambda _: transport.close())


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


async def _terminate(transport: asyncio.SubprocessTransport, output: ProcessOutput) -> None:
    """Kills the process group and closes all descriptors, even if the caller is cancelled while waiting."""
    _kill_group(transport)
    try:
        if not output.exited.done():
            # on a time-out, in uninterruptible sleep for example, the child watcher reaps the process when it ends
            await completed_within(asyncio.shield(output.exited), _REAP_TIMEOUT)
    finally:
        with contextlib.suppress(PermissionError):  # close() tries to kill once more
            transport.close()


def _kill_group(transport: asyncio.SubprocessTransport) -> None:
    # A command that runs through sudo belongs to root and cannot be killed: closing its pipes has to be enough.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(transport.get_pid(), signal.SIGKILL)


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
