"""A probe: one command, and how its outcome becomes a reading. The form that all collectors share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.errors import GatewayError, ParseError
from gateway.host.local import CommandResult, Host
from gateway.samples import SampleSet
from gateway.status import Status


class NoAnswerError(GatewayError):
    """A command ended without the answer that was wanted.

    Attributes:
        status: what kind of end it was.
        detail: one line for a person.
        value: what it said all the same, or None.
    """

    def __init__(self, status: Status, detail: str, *, value: Any = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a probe brought.

    Attributes:
        status: ``OK`` where ``value`` is an answer.
        value: what the probe's ``read`` returned; with another status None, or what little was said.
        detail: why it is not ``OK``, in one line.
        line: the line of the output that could not be read, from 1, or None.
        duration: seconds that the command took.
        size: bytes that it printed.
    """

    status: Status
    value: Any = None
    detail: str = ""
    line: int | None = None
    duration: float = 0.0
    size: int = 0

    @property
    def answer(self) -> Any:
        """The value of a good reading, else None."""
        return self.value if self.status is Status.OK else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One command that a collector wants to run.

    Attributes:
        name: how the collector, the metrics and the log call it; unique within the collector.
        tool: the tool to run.
        variants: argument lists, the newest spelling first; the next is tried where one fails.
        read: turns the outcome into a value; raises ``ParseError`` or ``NoAnswerError``.
        required: whether the collector has failed where this has.
        static: whether the answer holds as long as the tool's file is the same, as a version does.
    """

    name: str
    tool: str
    variants: tuple[tuple[str, ...], ...]
    read: Callable[[CommandResult], Any]
    required: bool = True
    static: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run of a collector consists of.

    Attributes:
        probes: the commands to run, all at once.
        files: what small files have said already, by a name of the collector's choice.
        needed: the names of those files without which the collector has failed.
    """

    probes: tuple[Probe, ...] = ()
    files: Mapping[str, Reading] = field(default_factory=dict)
    needed: tuple[str, ...] = ()


class Collector(Protocol):
    """One subsystem: which commands it wants, and which samples their readings make."""

    @property
    def name(self) -> str:
        """The value of the ``collector`` label."""
        ...

    @property
    def presence_tools(self) -> tuple[str, ...]:
        """The tools that show that the subsystem is installed: any one of them is enough."""
        ...

    def plan(self, host: Host) -> Plan | None:
        """Returns what to run, having read small files; None where the subsystem is not set up on this host."""
        ...

    def samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        """Returns what the readings, by the names of probes and files, amount to. Pure."""
        ...


NOT_PERMITTED = re.compile(
    rb"permission denied|operation not permitted|insufficient privileges|not authorized|a password is required"
    rb"|CS_ERR_ACCESS|error 11\b",
    re.IGNORECASE,
)
"""What tools, libraries and sudo print when this user may not ask."""


def output(result: CommandResult, *, accept: tuple[int, ...] = (0,), not_running: re.Pattern[bytes]) -> bytes:
    """Returns what a command printed, if its exit status means that this is an answer.

    Args:
        result: how the command ended.
        accept: the exit statuses that come with an answer.
        not_running: what the tool prints where the daemon that it asks does not run.

    Raises:
        NoAnswerError: there is no answer; its status says why.
    """
    if result.exit_status is None:
        raise NoAnswerError(result.status, result.detail or _UNFINISHED[result.status].format(result.signal))
    if result.exit_status in accept:
        return result.stdout
    said = result.stderr + result.stdout
    detail = f"exit status {result.exit_status}{_first_line(said)}"
    if NOT_PERMITTED.search(said):
        raise NoAnswerError(Status.NOT_PERMITTED, detail)
    raise NoAnswerError(Status.NOT_RUNNING if not_running.search(said) else Status.FAILED, detail)


_UNFINISHED = {
    Status.NOT_INSTALLED: "not found",
    Status.NOT_PERMITTED: "may not be run",
    Status.TIMED_OUT: "killed at its deadline",
    Status.TOO_MUCH_OUTPUT: "killed for printing more than the limit",
    Status.KILLED: "ended by signal {}",
    Status.FAILED: "could not be started",
}


def _first_line(said: bytes) -> str:
    line = next((line for line in said.splitlines() if line.strip()), b"")
    text = line[:200].decode("utf-8", "replace").strip()
    return f": {text}" if text else ""


def take(probe: Probe, result: CommandResult) -> Reading:
    """Returns the reading of a probe whose command has ended."""
    status, value, detail, line = Status.OK, None, "", None
    try:
        value = probe.read(result)
    except ParseError as error:
        status, detail, line = Status.UNPARSABLE, error.reason, error.line
    except NoAnswerError as error:
        status, detail, value = error.status, error.detail, error.value
    return Reading(
        status=status, value=value, detail=detail, line=line, duration=result.duration, size=len(result.stdout)
    )


def read_file(host: Host, path: str, parse: Callable[[bytes], Any]) -> Reading:
    """Returns what a small file says."""
    try:
        content = host.read_file(path)
        if content is None:
            return Reading(status=Status.NOT_INSTALLED, detail=f"{path} not found")
        return Reading(status=Status.OK, value=parse(content))
    except ParseError as error:
        return Reading(status=Status.UNPARSABLE, detail=f"{path}: {error.reason}", line=error.line)
    except OSError as error:
        return _unreadable(path, error)


def list_directory(host: Host, path: str) -> Reading:
    """Returns the names in a directory; a directory that does not exist is empty."""
    try:
        return Reading(status=Status.OK, value=host.list_directory(path))
    except OSError as error:
        return _unreadable(path, error)


def _unreadable(path: str, error: OSError) -> Reading:
    status = Status.NOT_PERMITTED if isinstance(error, PermissionError) else Status.FAILED
    return Reading(status=status, detail=f"{path}: {error.strerror or error}")
