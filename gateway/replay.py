"""Recorded outputs on a time line, behind the same interface as ``command.py``: the demo cluster.

A recording is a directory with ``recording.toml``, which names the commands, the files and the steps of the time line,
and a folder for each situation: ``SITUATION/COMMAND.stdout``, ``.stderr`` and ``.rc``. What a situation lacks is taken
from the folder ``always``.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.clock import Clock, SystemClock
from gateway.command import CommandResult
from gateway.status import Status

DEMO = Path(__file__).with_name("demo")
"""The recording that comes with the gateway."""

ALWAYS = "always"

_RUN_TIME = 0.02
"""Seconds that a recorded command takes: about what the real ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of the time line.

    Attributes:
        situation: the folder whose outputs are played.
        seconds: for how long.
        description: what has happened, in one line.
    """

    situation: str
    seconds: float
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was recorded, and how it is to be played.

    Attributes:
        directory: where it lies.
        commands: the name of each command's files, by its tool and arguments.
        files: the name of each recorded file, by the path it had.
        directories: the names in each recorded directory, by its path.
        steps: the time line; it starts over after the last.
    """

    directory: Path
    commands: Mapping[tuple[str, ...], str]
    files: Mapping[str, str]
    directories: Mapping[str, tuple[str, ...]]
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
            directories={path: tuple(names) for path, names in document.get("directories", {}).items()},
            steps=tuple(Step(**step) for step in document["step"]),
        )

    def situation(self, seconds: float) -> str:
        """Returns the situation so many seconds after the start."""
        rest = seconds % sum(step.seconds for step in self.steps)
        for step in self.steps:
            if rest < step.seconds:
                return step.situation
            rest -= step.seconds
        return self.steps[-1].situation

    def read(self, situation: str, name: str) -> bytes | None:
        """Returns a recorded file of a situation, or None."""
        for folder in (situation, ALWAYS):
            path = self.directory / folder / name
            if path.is_file():
                return path.read_bytes()
        return None


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
    def situation(self) -> str:
        """The situation that is played now."""
        return self._recording.situation((self._clock.monotonic() - self._started) / self._scale)

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the command printed in the situation of this moment."""
        name = self._recording.commands.get((tool, *arguments))
        situation = self.situation
        code = name and self._recording.read(situation, f"{name}.rc")
        if not code:
            return CommandResult(status=Status.NOT_INSTALLED, detail=f"{tool} was not recorded")
        await asyncio.sleep(_RUN_TIME)
        exit_status = int(code)
        return CommandResult(
            status=Status.FAILED if exit_status else Status.OK,
            exit_status=exit_status,
            stdout=self._recording.read(situation, f"{name}.stdout") or b"",
            stderr=self._recording.read(situation, f"{name}.stderr") or b"",
            duration=_RUN_TIME,
        )

    def find(self, tool: str) -> str | None:
        """Returns a path for the tools that were recorded."""
        return f"/usr/sbin/{tool}" if any(command[0] == tool for command in self._recording.commands) else None

    def identity(self, tool: str) -> object:
        """Returns the same for a tool throughout the recording."""
        return self.find(tool)

    def read_file(self, path: str) -> bytes | None:
        """Returns what the file held in the situation of this moment."""
        name = self._recording.files.get(path)
        return None if name is None else self._recording.read(self.situation, name)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the recorded names."""
        return self._recording.directories.get(path, ())
