"""Recorded outputs on a time line, behind the same interface as ``command.py``: the demo cluster.

A recording is a directory with ``recording.toml``, which names the commands, the files and the steps of the time line,
and folders of outputs: ``FOLDER/COMMAND.stdout``, ``.stderr`` and ``.rc``. A step names the folders that make up its
situation; the first that has a file gives it.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import Clock, SystemClock
from gateway.errors import ParseError
from gateway.host.local import CommandResult
from gateway.status import Status
from gateway.subsystems.corosync import corosync_quorumtool
from gateway.subsystems.corosync import quorum_report as corosync_monitor
from gateway.subsystems.corosync.quorum_report import QuorumReport

DEMO = Path(__file__).parents[1] / "demo"
"""The recording that comes with the gateway."""

_RUN_TIME = 0.02
"""Seconds that a recorded command takes: about what the real ones do."""

_QUORUM = ("corosync-quorumtool", "-p")
"""The recorded command that knows the quorum."""

_LOOK = 0.1
"""Seconds between looks at the time line for those who follow a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of the time line.

    Attributes:
        situation: what it is called.
        folders: whose outputs are played, the first that has a file first.
        seconds: for how long.
        description: what has happened, in one line.
    """

    situation: str
    folders: tuple[str, ...]
    seconds: float
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was recorded, and how it is to be played.

    Attributes:
        directory: where it lies.
        commands: the name of each command's files, by its tool and arguments.
        files: the name of each recorded file, by the path it had.
        directories: the name of the file that lists each recorded directory, a name a line, by its path.
        steps: the time line; it starts over after the last.
    """

    directory: Path
    commands: Mapping[tuple[str, ...], str]
    files: Mapping[str, str]
    directories: Mapping[str, str]
    steps: Sequence[Step]

    @classmethod
    def load(cls, directory: Path) -> Recording:
        """Returns the recording in a directory.

        Raises:
            OSError: there is none.
        """
        document: dict[str, Any] = tomllib.loads((directory / "recording.toml").read_text("utf-8"))
        return cls(
            directory=directory,
            commands={tuple(command.split()): name for name, command in document["commands"].items()},
            files={path: name for name, path in document.get("files", {}).items()},
            directories={path: name for name, path in document.get("directories", {}).items()},
            steps=tuple(Step(**{**step, "folders": tuple(step["folders"])}) for step in document["step"]),
        )

    def step(self, seconds: float) -> Step:
        """Returns the step that is on so many seconds after the start."""
        rest = seconds % sum(step.seconds for step in self.steps)
        for step in self.steps:
            if rest < step.seconds:
                return step
            rest -= step.seconds
        return self.steps[-1]

    def read(self, step: Step, name: str) -> bytes | None:
        """Returns a recorded file of a step, or None."""
        paths = (self.directory / folder / name for folder in step.folders)
        return next((path.read_bytes() for path in paths if path.is_file()), None)


class ReplayHost:
    """A host that says what another one said.

    Args:
        recording: what it said.
        clock: tells when; the time line begins with the host.
        scale: stretches the time line.
    """

    def __init__(self, recording: Recording, *, clock: Clock | None = None, scale: float = 1.0) -> None:
        self._recording = recording
        self._clock = clock or SystemClock()
        self._scale = scale
        self._started = self._clock.monotonic()

    @property
    def step(self) -> Step:
        """The step of the time line that is on now."""
        return self._recording.step((self._clock.monotonic() - self._started) / self._scale)

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the command printed in the situation of this moment."""
        name = self._recording.commands.get((tool, *arguments))
        step = self.step
        code = name and self._recording.read(step, f"{name}.rc")
        if not code:
            return CommandResult(status=Status.NOT_INSTALLED, detail=f"{tool} was not recorded")
        await asyncio.sleep(_RUN_TIME)
        exit_status = int(code)
        return CommandResult(
            status=Status.FAILED if exit_status else Status.OK,
            exit_status=exit_status,
            stdout=self._recording.read(step, f"{name}.stdout") or b"",
            stderr=self._recording.read(step, f"{name}.stderr") or b"",
            duration=_RUN_TIME,
        )

    async def follow(self, tool: str, *arguments: str, tell: Callable[[bytes], None]) -> CommandResult:
        """Tells the quorum of each situation as ``alarms/libquorum_helper.py`` would; nothing else can be followed."""
        if not (arguments and arguments[-1].endswith(corosync_monitor.PROGRAM)):
            return CommandResult(status=Status.NOT_INSTALLED, detail=f"{tool} was not recorded")
        told = None
        while True:
            if (step := self.step) is not told:
                try:
                    tell(corosync_monitor.render(self._quorum(step)))
                except ParseError as error:
                    return CommandResult(status=Status.NOT_RUNNING, detail=str(error))
                told = step
            await asyncio.sleep(_LOOK * min(self._scale, 1))

    def find(self, tool: str) -> str | None:
        """Returns a path for the tools that were recorded."""
        return f"/usr/sbin/{tool}" if any(command[0] == tool for command in self._recording.commands) else None

    def identity(self, tool: str) -> object:
        """Returns the same for a tool throughout the recording."""
        return self.find(tool)

    def may_read(self, path: str) -> bool:
        """Returns True: what was recorded was read."""
        del path
        return True

    def read_file(self, path: str) -> bytes | None:
        """Returns what the file held in the situation of this moment."""
        name = self._recording.files.get(path)
        return None if name is None else self._recording.read(self.step, name)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the recorded names."""
        name = self._recording.directories.get(path)
        listing = None if name is None else self._recording.read(self.step, name)
        return tuple(listing.decode().splitlines()) if listing else ()

    def _quorum(self, step: Step) -> QuorumReport:
        """Returns what Corosync reported when a step began.

        Raises:
            ParseError: it did not run.
        """
        name = self._recording.commands.get(_QUORUM)
        status = corosync_quorumtool.parse((name and self._recording.read(step, f"{name}.stdout")) or b"")
        _, _, sequence = status.ring_id.rpartition(".")
        return QuorumReport(
            time=self._clock.time(),
            quorate=status.quorate,
            ring=int(sequence, 16),
            members=tuple(member.node_id for member in status.members),
        )
