"""The immutable result of one run of the collectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import UnreadableValue
from gateway.samples import SamplesByMetric
from gateway.status import Cause, Source, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReport:
    """The result of one command of a collector, or of reading one file.

    Attributes:
        name: the name of the probe or file.
        tool: the tool that was run; empty for a file.
        status: how it ended.
        detail: the reason why the status is not ``OK``, in one line; otherwise empty.
        cause: what has caused that, if it is known.
        line: the line of the output that could not be parsed, counted from 1, or None.
        duration: seconds that it took.
        required: whether the collector fails if it fails.
        unreadable: the values of its output that are absent from the samples because they could not be read.
        source: where its result comes from; None for a file.
        library: the library that has answered instead of the tool; empty if the tool was run.
        library_failure: why the tool was run although a library might have answered; otherwise empty.
    """

    name: str
    status: Status
    tool: str = ""
    detail: str = ""
    cause: Cause = Cause.OTHER
    line: int | None = None
    duration: float = 0.0
    required: bool = True
    unreadable: tuple[UnreadableValue, ...] = ()
    source: Source | None = None
    library: str = ""
    library_failure: str = ""

    @property
    def failed(self) -> bool:
        """Whether the collector has failed because of this command.

        A tool that is not required may be missing or fail; it may not hang, crash or print something unparsable.
        """
        if self.status is Status.OK:
            return False
        return self.required or (bool(self.tool) and self.status in _MISBEHAVIOR)


_MISBEHAVIOR = frozenset({Status.TIMED_OUT, Status.TOO_MUCH_OUTPUT, Status.KILLED, Status.UNPARSABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorReport:
    """The result of one collector.

    Attributes:
        name: the collector's name.
        commands: its commands and files, in the order of its plan; empty if the subsystem is absent.
        duration: seconds from the start of the run to the end of its last command.
        present: whether the subsystem is set up on this host; missing tools alone do not mean that it no longer is.
        configured: whether its configuration exists although it is not present.
        required: whether an administrator has switched the collector on, because the subsystem must exist on this host.
        unused: whether it is installed, but nothing uses it on this host: it is not configured, and does not run.
    """

    name: str
    commands: tuple[CommandReport, ...] = ()
    duration: float = 0.0
    present: bool = True
    configured: bool = False
    required: bool = False
    unused: bool = False

    @property
    def failing(self) -> tuple[CommandReport, ...]:
        """The commands because of which the collector has failed, those that were not permitted first.

        Some tools report that a daemon is not running if the user lacks a permission, so that is the better reason.
        """
        failed = (command for command in self.commands if command.failed)
        return tuple(sorted(failed, key=lambda command: command.status is not Status.NOT_PERMITTED))

    @property
    def status(self) -> Status:
        """``OK``, or the status of the first failing command; ``NOT_INSTALLED`` if the subsystem is absent."""
        if not self.present:
            return Status.NOT_INSTALLED
        return next((command.status for command in self.failing), Status.OK)

    @property
    def failed(self) -> bool:
        """Whether the state of the subsystem is not known as it should be.

        That it does not run is its state: its daemon was stopped, or nothing on this node uses it.
        """
        return self.present and self.status not in {Status.OK, Status.NOT_RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The state of the cluster at one moment.

    Attributes:
        samples_by_metric: all samples; must not be modified.
        collectors: the reports by collector name.
        time: when the run started, in Unix seconds; no sample is older.
        started: the same on the monotonic clock.
        complete: whether all commands had finished.
    """

    samples_by_metric: SamplesByMetric
    collectors: Mapping[str, CollectorReport] = field(default_factory=dict)
    time: float = 0.0
    started: float = 0.0
    complete: bool = True
