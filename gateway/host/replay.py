"""Plays recorded outputs on a time line, behind the same interface as a real host: the demo cluster.

A recording is a directory with ``recording.toml``, which names the commands, the files and the steps of the time line,
and folders of outputs: ``FOLDER/COMMAND.stdout``, ``.stderr`` and ``.rc``. A step lists the folders that make up its
situation; a file comes from the first folder that has it.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import Clock, SystemClock
from gateway.host.host import CommandResult, Tool
from gateway.host.library import LibraryAnswer, LibraryQuery
from gateway.host.sectors import SectorRequest
from gateway.status import Status

DEMO = Path(__file__).parents[1] / "demo"
"""The recording that is part of the gateway."""

REMOVAL_TIME = 0.0
"""Seconds for which nothing of a subsystem is found until it counts as removed: no step shows an upgrade of a package,
and the next one may show another host."""

_RUN_TIME = 0.02
"""Seconds that a recorded command takes: about as long as the real ones."""

_POLL_INTERVAL = 0.1
"""Seconds between two checks whether the next step has begun, for the quorum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of the time line.

    Attributes:
        situation: the name of the situation that it shows.
        folders: the folders whose outputs are played; the first that has a file takes precedence.
        seconds: how long it lasts.
        description: what has happened, in one line.
    """

    situation: str
    folders: tuple[str, ...]
    seconds: float
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was recorded, and the time line on which it is played.

    Attributes:
        directory: the directory with all recorded files.
        commands: the name of each command's files, by its tool and arguments.
        files: the name of each recorded file, by its original path.
        directories: the name of the file that lists each recorded directory, one name per line, by original path.
        steps: the time line; it starts over after the last step.
        hostname: the name of the host that the commands ran on.
    """

    directory: Path
    commands: Mapping[tuple[str, ...], str]
    files: Mapping[str, str]
    directories: Mapping[str, str]
    steps: Sequence[Step]
    hostname: str = "localhost"

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
            hostname=document["hostname"],
            steps=tuple(Step(**{**step, "folders": tuple(step["folders"])}) for step in document["step"]),
        )

    def step(self, seconds: float) -> Step:
        """Returns the step that is played this many seconds after the start."""
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

    def stdout(self, step: Step, *command: str) -> bytes:
        """Returns what a command printed in a step; empty if it was not recorded."""
        name = self.commands.get(command)
        return (name and self.read(step, f"{name}.stdout")) or b""


QuorumOfStep = Callable[[Recording, Step, float], bytes | CommandResult]
"""Returns the report of the quorum when a step begins at a Unix time, or why there is none."""


class ReplayHost:
    """Implements ``Host`` and ``WatchingHost`` from a recording.

    Args:
        recording: the recorded outputs and the time line.
        quorum: the report of the quorum in each step, or None if there is no watch.
        clock: the clock of the time line, which begins when the host is created.
        scale: the factor by which the time line is stretched.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        quorum: QuorumOfStep | None = None,
        clock: Clock | None = None,
        scale: float = 1.0,
    ) -> None:
        self._recording = recording
        self._quorum = quorum
        self._clock = clock or SystemClock()
        self._scale = scale
        self._started = self._clock.monotonic()

    def configure(self, tools: Mapping[str, Tool], *, nice: int) -> None:
        """Does nothing: no tool runs."""

    @property
    def step(self) -> Step:
        """The current step of the time line."""
        return self._recording.step((self._clock.monotonic() - self._started) / self._scale)

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the command printed in the current situation."""
        name = self._recording.commands.get((tool, *arguments))
        step = self.step
        code = name and self._recording.read(step, f"{name}.rc")
        if not code:
            return _not_recorded(tool)
        await asyncio.sleep(_RUN_TIME)
        exit_status = int(code)
        return CommandResult(
            status=Status.FAILED if exit_status else Status.OK,
            exit_status=exit_status,
            stdout=self._recording.read(step, f"{name}.stdout") or b"",
            stderr=self._recording.read(step, f"{name}.stderr") or b"",
            duration=_RUN_TIME,
        )

    async def watch_quorum(self, on_report: Callable[[bytes], None]) -> CommandResult:
        """Passes on one report per step."""
        if self._quorum is None:
            return _not_recorded("the quorum")
        async for step in self.steps():
            report = self._quorum(self._recording, step, self._clock.time())
            if isinstance(report, CommandResult):
                return report
            on_report(report)
        raise AssertionError("the time line has no end")

    async def steps(self) -> AsyncIterator[Step]:
        """Yields the current step, and then each one as soon as it begins, for ever."""
        previous: Step | None = None
        while True:
            step = self.step
            if step is not previous:
                yield step
                previous = step
            await asyncio.sleep(_POLL_INTERVAL * min(self._scale, 1))

    @property
    def has_devices(self) -> bool:
        """False: only the output of tools is recorded."""
        return False

    def find(self, tool: str) -> str | None:
        """Returns a path for each tool of which an output was recorded in the current situation."""
        step = self.step
        names = [name for command, name in self._recording.commands.items() if command[0] == tool]
        is_recorded = any(self._recording.read(step, f"{name}.rc") is not None for name in names)
        return f"/usr/sbin/{tool}" if is_recorded else None

    def identity(self, tool: str) -> object:
        """Returns the same value for a tool throughout the recording, while it is there."""
        return self.find(tool)

    def lacks_socket(self, tool: str, path: str) -> bool:
        """Returns False: no sockets were recorded, but what the tools printed."""
        del tool, path
        return False

    async def read_sectors(self, tool: str, request: SectorRequest) -> CommandResult:
        """Returns the result of a tool that was not recorded: there are no devices."""
        del request
        return _not_recorded(tool)

    @property
    def has_libraries(self) -> bool:
        """False: only the output of tools is recorded."""
        return False

    async def ask_library(self, tool: str, query: LibraryQuery, *, identity: object) -> LibraryAnswer:
        """Returns the answer of a library that is not installed."""
        del query, identity
        return LibraryAnswer(result=_not_recorded(tool), permanent=True)

    @property
    def hostname(self) -> str:
        """The recorded name of the host."""
        return self._recording.hostname

    def own_addresses(self) -> Collection[str]:
        """Returns nothing: the addresses of the host were not recorded."""
        return ()

    def may_write(self, path: str) -> bool:
        """Returns True: everything that was recorded was permitted."""
        del path
        return True

    def read_file(self, path: str) -> bytes | None:
        """Returns the content of the file in the current situation."""
        name = self._recording.files.get(path)
        return None if name is None else self._recording.read(self.step, name)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the recorded names."""
        name = self._recording.directories.get(path)
        listing = None if name is None else self._recording.read(self.step, name)
        return tuple(listing.decode().splitlines()) if listing else ()

    async def close(self) -> None:
        """Does nothing: there are no processes."""


def _not_recorded(tool: str) -> CommandResult:
    return CommandResult(status=Status.NOT_INSTALLED, detail=f"{tool} was not recorded")
