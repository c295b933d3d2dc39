"""Fakes that the tests of several areas share: a clock and a host."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from gateway.host.host import CommandResult
from gateway.host.library import LibraryAnswer, LibraryQuery
from gateway.host.sectors import SectorRequest
from gateway.status import Status

Result = CommandResult | Callable[[], CommandResult]
"""The result of a command, or a function that returns it."""

MISSING = CommandResult(status=Status.NOT_INSTALLED, detail="not found")
"""The result of a tool that is not installed."""


class FakeClock:
    """A clock that stands still until a test advances it.

    Attributes:
        now: the monotonic time in seconds.
        sleeps: the seconds of every call of ``sleep``.

    Args:
        now: the monotonic time at the start.
        epoch: the Unix time at which the monotonic time was 0.
    """

    def __init__(self, now: float = 0.0, *, epoch: float = 0.0) -> None:
        self.now = now
        self.sleeps: list[float] = []
        self._epoch = epoch

    def time(self) -> float:
        """Returns Unix seconds."""
        return self._epoch + self.now

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Moves both clocks forward."""
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Advances the clock instead of waiting, and records the seconds."""
        self.sleeps.append(seconds)
        self.advance(seconds)


@dataclass
class FakeHost:
    """A host whose tools and files a test sets. A tool without a result prints ``1``.

    Attributes:
        results: the result of each tool, or of each command line.
        held: tools that do not end before the event is set.
        calls: the command lines that were run.
        identities: the identity of each tool.
        files: the content of each file, by path.
        directories: the names in each directory, by path.
        lacking: the sockets that do not exist.
        readable: whether this user may read and write every file and device, and read every directory.
        devices: the result of reading each block device, by path. Without any, block devices cannot be read.
        libraries: the answer of the library in place of each tool.
        hostname: the name of the host.
        addresses: its IP addresses.
        closed: how often the host was closed.
    """

    results: dict[str, Result] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    identities: dict[str, object] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    directories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lacking: Collection[str] = ()
    readable: bool = True
    devices: dict[str, Result] = field(default_factory=dict)
    libraries: dict[str, LibraryAnswer | Callable[[], LibraryAnswer]] = field(default_factory=dict)
    hostname: str = "localhost"
    addresses: Collection[str] = ()
    closed: int = 0

    @property
    def has_devices(self) -> bool:
        """Whether there are block devices."""
        return bool(self.devices)

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns the result of a command as soon as its tool is not held."""
        command = " ".join((tool, *arguments))
        self.calls.append(command)
        if tool in self.held:
            await self.held[tool].wait()
        result = self.results.get(command) or self.results.get(tool, printed("1"))
        return result if isinstance(result, CommandResult) else result()

    def find(self, tool: str) -> str | None:
        """Returns a path unless the tool's result is ``MISSING``."""
        return None if self.results.get(tool) is MISSING else f"/bin/{tool}"

    def identity(self, tool: str) -> object:
        """Returns the tool's identity. It has one at least if a library can be asked in its place."""
        return self.identities.get(tool, tool if tool in self.libraries else None)

    def lacks_socket(self, tool: str, path: str) -> bool:
        """Returns whether a socket does not exist."""
        del tool
        return path in self.lacking

    async def read_sectors(self, tool: str, request: SectorRequest) -> CommandResult:
        """Returns the result of reading a block device."""
        del tool
        result = self.devices[request.path]
        return result if isinstance(result, CommandResult) else result()

    @property
    def has_libraries(self) -> bool:
        """Whether there are libraries."""
        return bool(self.libraries)

    async def ask_library(self, tool: str, query: LibraryQuery, *, identity: object) -> LibraryAnswer:
        """Returns the answer of a library."""
        del identity
        self.calls.append(f"library {query.name}")
        answer = self.libraries[tool]
        return answer if isinstance(answer, LibraryAnswer) else answer()

    def own_addresses(self) -> Collection[str]:
        """Returns the addresses."""
        return self.addresses

    def may_write(self, path: str) -> bool:
        """Returns whether everything is permitted."""
        del path
        return self.readable

    async def close(self) -> None:
        """Counts the calls."""
        self.closed += 1

    def read_file(self, path: str) -> bytes | None:
        """Returns a file's content, or None."""
        return self.files.get(path)

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the names in a directory.

        Raises:
            PermissionError: nothing may be read.
        """
        if not self.readable:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return self.directories.get(path, ())


def printed(text: str) -> CommandResult:
    """Returns the result of a command that printed a text and exited with status 0."""
    return CommandResult(status=Status.OK, exit_status=0, stdout=text.encode(), duration=0.01)
