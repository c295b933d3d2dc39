"""The interface to the machine: what collectors and event sources may use of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.host.sectors import SectorRequest
from gateway.status import Cause, Status

if TYPE_CHECKING:
    from gateway.host.library import LibraryAnswer, LibraryQuery

DEFAULT_TIMEOUT = 5.0
"""Seconds that a command may take."""

DEFAULT_MAX_OUTPUT = 1024 * 1024
"""Bytes that a command may print, standard output and standard error together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """How to run one of the cluster's tools.

    Attributes:
        path: an absolute path, or None to search the standard directories for the tool's name.
        timeout: seconds until the command is killed.
        prefix: words to put in front of the command, such as ``("sudo", "-n")``; the first is searched for like a tool.
        max_output: bytes that the command may print until it is killed.
    """

    path: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    prefix: tuple[str, ...] = ()
    max_output: int = DEFAULT_MAX_OUTPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended, and what it printed.

    Attributes:
        status: ``OK`` for exit status 0, ``FAILED`` for any other, or the reason why there is no exit status.
        exit_status: 0 to 255, or None if the command did not start or did not exit by itself.
        signal: the number of the signal that killed it, or None.
        stdout: its complete standard output. Empty if ``exit_status`` is None, because the output may be incomplete.
        stderr: its standard error until it ended.
        duration: seconds from start to end.
        detail: why the command could not be started, in one line; empty if it was started.
        cause: what has caused that, if it is known.
    """

    status: Status
    exit_status: int | None = None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    duration: float = 0.0
    detail: str = ""
    cause: Cause = Cause.OTHER


class Host(Protocol):
    """The machine as collectors use it: commands, block devices, small files, directories, its name and addresses."""

    @property
    def has_devices(self) -> bool:
        """Whether block devices can be read; not in a recording, which only has the output of tools."""
        ...

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Runs a tool and returns how it ended. Raises nothing but CancelledError."""
        ...

    def find(self, tool: str) -> str | None:
        """Returns the path of an installed tool, whether or not this user may run it; None if it is not installed."""
        ...

    def identity(self, tool: str) -> object:
        """Returns a value that changes when another version replaces the tool; None if it is not installed."""
        ...

    def lacks_socket(self, tool: str, path: str) -> bool:
        """Returns whether a tool certainly cannot reach its daemon, because the socket does not exist.

        Args:
            tool: the tool.
            path: the path of the Unix socket. False is returned unless the tool's file shows that it is the tool's.
        """
        ...

    async def read_sectors(self, tool: str, request: SectorRequest) -> CommandResult:
        """Reads the beginning of a block device, and returns how that ended. Raises nothing but CancelledError.

        Args:
            tool: the tool whose deadline applies.
            request: what to read. If the result has an exit status, ``Sectors.decode`` reads its standard output.
        """
        ...

    @property
    def has_libraries(self) -> bool:
        """Whether the cluster's libraries can be asked; not in a recording, which only has the output of tools."""
        ...

    async def ask_library(self, tool: str, query: LibraryQuery, *, identity: object) -> LibraryAnswer:
        """Asks a library instead of running a tool, within half of the tool's deadline: the tool may have to follow.

        Raises nothing but CancelledError.

        Args:
            tool: the tool.
            query: the question.
            identity: the identity of the tool. A library is loaded anew if it has changed.
        """
        ...

    @property
    def hostname(self) -> str:
        """The name of this host, as ``uname -n`` prints it."""
        ...

    def own_addresses(self) -> Collection[str]:
        """Returns the IP addresses of this host, as ``str(ip_address)``; empty if they are unknown."""
        ...

    def may_write(self, path: str) -> bool:
        """Returns whether the permissions of a file or device allow this user to read and write it."""
        ...

    def read_file(self, path: str) -> bytes | None:
        """Returns a file's content, or None if the file does not exist.

        Raises:
            OSError: it exists but cannot be read, is not a regular file, or is too large.
        """
        ...

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the sorted names in a directory; empty if the directory does not exist.

        Raises:
            OSError: it exists but cannot be read.
        """
        ...

    async def close(self) -> None:
        """Ends processes that live longer than a command. Idempotent; the host can still be used."""
        ...


class WatchingHost(Protocol):
    """The machine as the quorum watcher uses it."""

    async def watch_quorum(self, on_report: Callable[[bytes], None]) -> CommandResult:
        """Passes on each report of Corosync's quorum at once, and returns why there are no more.

        Args:
            on_report: receives the reports, the current state first; ``quorum_report`` has the format. An exception
                that it raises ends the watch, and is raised here.
        """
        ...
