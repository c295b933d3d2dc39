"""The immutable result of one run of the collectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.samples import SamplesByMetric
from gateway.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReport:
    """How one command of a collector fared.

    Attributes:
        name: the probe's name.
        tool: the tool that it ran; empty for a file.
        status: how it ended.
        detail: why it is not ``OK``, in one line; else empty.
        line: the line of its output that could not be read, from 1, or None.
        duration: seconds.
        required: whether the collector needs its answer.
    """

    name: str
    status: Status
    tool: str = ""
    detail: str = ""
    line: int | None = None
    duration: float = 0.0
    required: bool = True

    @property
    def failed(self) -> bool:
        """Whether the collector has failed because of it.

        A tool that is not required may be missing, or have no answer: it may not hang, crash or talk nonsense.
        """
        if self.status is Status.OK:
            return False
        return self.required or (bool(self.tool) and self.status in _MISBEHAVIOUR)


_MISBEHAVIOUR = frozenset({Status.TIMED_OUT, Status.TOO_MUCH_OUTPUT, Status.KILLED, Status.UNPARSABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorReport:
    """How one collector fared.

    Attributes:
        name: the collector.
        commands: its commands and files, in its own order; empty where the subsystem is absent.
        duration: seconds from the start of the run to the last of its answers.
        present: whether the subsystem is set up on this host.
    """

    name: str
    commands: tuple[CommandReport, ...] = ()
    duration: float = 0.0
    present: bool = True

    @property
    def failing(self) -> tuple[CommandReport, ...]:
        """The commands because of which the collector has failed, those that were not permitted first.

        To a user who may not ask, some tools say that nothing runs: the one that says why is the better reason.
        """
        failed = (command for command in self.commands if command.failed)
        return tuple(sorted(failed, key=lambda command: command.status is not Status.NOT_PERMITTED))

    @property
    def status(self) -> Status:
        """``OK``, or the status of the first that fails; ``NOT_INSTALLED`` where the subsystem is absent."""
        if not self.present:
            return Status.NOT_INSTALLED
        return next((command.status for command in self.failing), Status.OK)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """One moment of the cluster.

    Attributes:
        samples_by_metric: all samples; treat as read-only.
        collectors: the reports by collector name.
        time: when the run began, in Unix seconds.
        started: the same on the monotonic clock: the age of the oldest thing in it.
    """

    samples_by_metric: SamplesByMetric
    collectors: Mapping[str, CollectorReport] = field(default_factory=dict)
    time: float = 0.0
    started: float = 0.0
