"""What all collectors share: the commands that they run (probes), and the readings that result from these."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeVar

from gateway.errors import GatewayError, ParseError, UnreadableValue
from gateway.host.host import CommandResult, Host
from gateway.host.library import LibraryQuery
from gateway.host.sectors import SectorRequest
from gateway.samples import SampleSet
from gateway.status import Cause, Source, Status
from gateway.subsystems.parsing.partial import Parsed

_T = TypeVar("_T")


class CommandError(GatewayError):
    """A command ended without usable output.

    Attributes:
        status: how it ended.
        detail: the reason, in one line.
        value: what could be read from its output nevertheless, or None.
    """

    def __init__(self, status: Status, detail: str, *, value: Any = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The result of a probe, or of reading a small file.

    Attributes:
        status: ``OK`` if ``value`` is complete.
        value: what ``Probe.read`` returned. If the status is not ``OK``: None, or the little that could be read.
        detail: the reason why the status is not ``OK``, in one line.
        cause: what has caused that, if it is known.
        line: the line of the output that could not be parsed, counted from 1, or None.
        duration: seconds that the command took.
        size: bytes of its standard output.
        unreadable: the values that are absent from ``value`` because they could not be read.
        source: where it comes from; None for a file.
        library: the library that has answered; empty if none has.
        library_failure: why the library has not answered that might have; empty if none was to be asked.
    """

    status: Status
    value: Any = None
    detail: str = ""
    cause: Cause = Cause.OTHER
    line: int | None = None
    duration: float = 0.0
    size: int = 0
    unreadable: tuple[UnreadableValue, ...] = ()
    source: Source | None = None
    library: str = ""
    library_failure: str = ""

    @property
    def ok_value(self) -> Any:
        """The value if the status is ``OK``, else None."""
        return self.value if self.status is Status.OK else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Varying:
    """The part of an output that differs each time, even if nothing has changed: the time at which the tool ran.

    Attributes:
        pattern: matches it; the first match counts.
        update: returns a value of ``Probe.read`` with what the pattern matches in another output; raises ``ParseError``
            if that cannot be read.
    """

    pattern: re.Pattern[bytes]
    update: Callable[[Any, re.Match[bytes]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A command that a collector runs, and how its result is read.

    Attributes:
        name: its name in the collector, the metrics and the log; unique within the collector.
        tool: the tool to run.
        variants: lists of arguments, the newest syntax first. If one fails, the next is tried.
        read: turns the result into a value or into what a parser returns; raises ``ParseError`` or ``CommandError``.
        required: whether the collector fails if the probe fails.
        varying: what differs in outputs that are the same otherwise; None if nothing does.
        static: whether the value stays the same until the tool's file is replaced, as its version does.
        socket: the path of the Unix socket through which the tool reaches its daemon, if it is compiled into the tool.
            While there is no socket, the tool does not run, because it would only report that. Empty to run it always.
        library: what a library may be asked instead of running the tool, which runs if there is no answer.
        library_only: whether the tool does not run, except where a library fails that has worked before.
        sectors: what is read of a block device instead of running the tool, whose deadline applies; None to run it.
    """

    name: str
    tool: str
    variants: tuple[tuple[str, ...], ...] = ((),)
    read: Callable[[CommandResult], Any]
    required: bool = True
    varying: Varying | None = None
    static: bool = False
    socket: str = ""
    library: LibraryQuery | None = None
    library_only: bool = False
    sectors: SectorRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a collector reads in one run.

    Attributes:
        probes: the commands, which run side by side.
        files: the readings of small files, by names that the collector chooses.
        required_files: the names of the files without which the collector fails.
    """

    probes: tuple[Probe, ...] = ()
    files: Mapping[str, Reading] = field(default_factory=dict)
    required_files: tuple[str, ...] = ()


class Collector(Protocol):
    """Decides what is read of one subsystem, and turns the readings into samples."""

    @property
    def name(self) -> str:
        """The value of the ``collector`` label."""
        ...

    @property
    def presence_tools(self) -> tuple[str, ...]:
        """The tools that show that the subsystem is installed: any one of them is enough."""
        ...

    @property
    def configurations(self) -> tuple[str, ...]:
        """The files that show that the subsystem is configured or in use: any one of them is enough.

        The name of a file may be a pattern with ``*``. They do not show that if ``plan`` returns None.
        """
        ...

    def plan(self, host: Host) -> Plan | None:
        """Reads small files and returns what to run; None if the subsystem is not set up on this host."""
        ...

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns the samples of readings, which are given by the names of probes and files. Pure."""
        ...


NOT_PERMITTED = re.compile(
    rb"permission denied|operation not permitted|insufficient privileges|not authorized|a password is required"
    rb"|no new privileges"
    rb"|CS_ERR_ACCESS|error 11\b",
    re.IGNORECASE,
)
"""What tools, libraries and sudo print if the user lacks a permission."""


_NO_NEW_PRIVILEGES = re.compile(rb"no new privileges", re.IGNORECASE)
"""What sudo prints if the kernel forbids that it becomes another user."""


def parse_output(result: CommandResult, parse: Callable[[bytes], _T], *, not_running: re.Pattern[bytes]) -> _T:
    """Returns what a parser reads from the output of a command, whatever its exit status.

    The exit status does not show whether the output is an answer: the meaning of exit statuses differs from version to
    version, and tools exit with 1 after a complete answer and with 0 without one. Only if the output cannot be parsed,
    the exit status and the messages of the tool decide how it ended. No output is an answer only if the exit status is
    0.

    Args:
        result: how the command ended.
        parse: the parser of the tool.
        not_running: matches what the tool prints if its daemon is not running.

    Raises:
        CommandError: the command failed; its status is the reason.
        ParseError: it did not fail, but its output cannot be parsed.
    """
    if result.exit_status is None:
        raise CommandError(result.status, result.detail or _DETAILS[result.status].format(result.signal))
    if result.exit_status and not result.stdout.strip():
        raise _failure(result, not_running=not_running)
    try:
        return parse(result.stdout)
    except ParseError:
        failure = _failure(result, not_running=not_running)
        silent = not result.stderr.strip() or result.stdout.strip()
        if result.exit_status == 0 and failure.status is Status.FAILED and silent:
            raise
        raise failure from None


def _failure(result: CommandResult, *, not_running: re.Pattern[bytes]) -> CommandError:
    """Returns the error for a command without an answer."""
    messages = result.stderr + result.stdout[:_LONGEST_MESSAGE]
    detail = f"exit status {result.exit_status}{_first_line(messages)}"
    if NOT_PERMITTED.search(messages):
        return CommandError(Status.NOT_PERMITTED, detail)
    return CommandError(Status.NOT_RUNNING if not_running.search(messages) else Status.FAILED, detail)


_LONGEST_MESSAGE = 500
"""Bytes of standard output in which a message of the tool is searched; a longer output is a damaged answer."""

_DETAILS = {
    Status.NOT_INSTALLED: "not found",
    Status.NOT_PERMITTED: "may not be run",
    Status.TIMED_OUT: "killed at its deadline",
    Status.TOO_MUCH_OUTPUT: "killed for printing more than the limit",
    Status.KILLED: "ended by signal {}",
    Status.FAILED: "could not be started",
}
"""The details of commands without an exit status."""


def _first_line(messages: bytes) -> str:
    line = next((line for line in messages.splitlines() if line.strip()), b"")
    text = line[:200].decode("utf-8", "replace").strip()
    return f": {text}" if text else ""


def read_result(probe: Probe, result: CommandResult) -> Reading:
    """Returns the reading of a probe from the result of its command."""
    status, value, detail, line = Status.OK, None, "", None
    unreadable: tuple[UnreadableValue, ...] = ()
    try:
        value, unreadable = _unpack(probe.read(result))
    except ParseError as error:
        status, detail, line = Status.UNPARSABLE, error.reason, error.line
    except CommandError as error:
        status, detail, value = error.status, error.detail, error.value
    return Reading(
        status=status,
        value=value,
        detail=detail,
        cause=_find_cause(status, result),
        line=line,
        duration=result.duration,
        size=len(result.stdout),
        unreadable=unreadable,
    )


def _find_cause(status: Status, result: CommandResult) -> Cause:
    if status is Status.NOT_PERMITTED and _NO_NEW_PRIVILEGES.search(result.stderr):
        return Cause.NO_NEW_PRIVILEGES
    return result.cause


def _unpack(value: Any) -> tuple[Any, tuple[UnreadableValue, ...]]:
    """Returns a value, and which values are absent from it; not every parser skips what it cannot read."""
    return (value.value, value.unreadable) if isinstance(value, Parsed) else (value, ())


def read_file(host: Host, path: str, parse: Callable[[bytes], Any]) -> Reading:
    """Returns the reading of a small file, whose value is what ``parse`` returns."""
    try:
        content = host.read_file(path)
        if content is None:
            return Reading(status=Status.NOT_INSTALLED, detail=f"{path} not found")
        value, unreadable = _unpack(parse(content))
        return Reading(status=Status.OK, value=value, unreadable=unreadable)
    except ParseError as error:
        return Reading(status=Status.UNPARSABLE, detail=f"{path}: {error.reason}", line=error.line)
    except OSError as error:
        return _unreadable(path, error)


def is_configured(collector: Collector, host: Host) -> bool:
    """Returns whether a configuration of a collector's subsystem exists; true if that cannot be found out."""
    return any(_exists(host, path) for path in collector.configurations) and collector.plan(host) is not None


def _exists(host: Host, path: str) -> bool:
    directory, _, name = path.rpartition("/")
    try:
        if "*" in name:
            return any(fnmatchcase(each, name) for each in host.list_directory(directory))
        return host.read_file(path) is not None
    except OSError:
        return True


def list_directory(host: Host, path: str) -> Reading:
    """Returns a reading whose value is the names in a directory; a directory that does not exist is empty."""
    try:
        return Reading(status=Status.OK, value=host.list_directory(path))
    except OSError as error:
        return _unreadable(path, error)


def _unreadable(path: str, error: OSError) -> Reading:
    status = Status.NOT_PERMITTED if isinstance(error, PermissionError) else Status.FAILED
    return Reading(status=status, detail=f"{path}: {error.strerror or error}")
