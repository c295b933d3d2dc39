"""This machine: runs the cluster's own tools and reads the cluster's own files."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from gateway import files
from gateway.clock import Clock, SystemClock
from gateway.host.addresses import own_addresses
from gateway.host.host import CommandResult, Tool
from gateway.host.library import LibraryAnswer, LibraryQuery, Stack
from gateway.host.output import ProcessOutput
from gateway.host.process import Process, run_process, start_resident
from gateway.host.programs import (
    STANDARD_DIRECTORIES,
    clean_environment,
    contains_string,
    find_program,
    locations,
    why_untrusted,
)
from gateway.host.reader.cluster_reader import ClusterReader
from gateway.host.sector_reader import SectorReader
from gateway.host.sectors import SectorRequest
from gateway.status import Cause, Status

MAX_FILE_SIZE = 128 * 1024
"""Bytes that a configuration file may have. It is parsed on the event loop."""

MAX_DIRECTORY_ENTRIES = 10_000
"""Names that are read from one directory."""


class LocalHost:
    """Implements ``Host`` and ``WatchingHost`` for the machine that the gateway runs on.

    Tools run in the C locale with an otherwise empty environment.

    Args:
        tools: how to run the tools, by name.
        nice: how much lower the priority of commands is than the gateway's, 0 to 19.
        directories: where to search for tools without a path.
        clock: measures how long commands run.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool] | None = None,
        *,
        nice: int = 0,
        directories: Sequence[str] = STANDARD_DIRECTORIES,
        clock: Clock | None = None,
    ) -> None:
        self.configure(tools or {}, nice=nice)
        self._directories = directories
        self._clock = clock or SystemClock()
        self._socket_names: dict[tuple[str, str], tuple[object, bool]] = {}
        self._environment = clean_environment(os.environ)
        self._sector_reader = SectorReader(self._environment, clock=self._clock)
        self._cluster_reader = ClusterReader(self._environment, clock=self._clock, start=self._start_reader)

    def configure(self, tools: Mapping[str, Tool], *, nice: int) -> None:
        """Replaces the settings of the tools; they apply to the commands that start after this moment."""
        self._tools = dict(tools)
        self._nice = nice

    @property
    def has_devices(self) -> bool:
        """True: block devices can be read."""
        return True

    def find(self, tool: str) -> str | None:
        """Returns the path of a tool, or None. Searches at each call, so a tool may be installed later."""
        configured = self._tool(tool).path
        if configured is None:
            return find_program(tool, self._directories)
        try:
            Path(configured).stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError:
            pass  # it may exist, hidden from this user: the attempt to run it reports that
        return configured

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Runs a tool to its end, its deadline or its output limit, whichever comes first."""
        argv = self._argv(tool, arguments)
        if isinstance(argv, CommandResult):
            return argv
        return await run_process(
            argv,
            timeout=self._tool(tool).timeout,
            max_output=self._tool(tool).max_output,
            nice=self._nice,
            environment=self._environment,
            clock=self._clock,
        )

    async def watch_quorum(self, on_report: Callable[[bytes], None]) -> CommandResult:
        """Passes on each report of Corosync's quorum at once, and returns why there are no more."""
        return await self._cluster_reader.watch_quorum(on_report)

    def identity(self, tool: str) -> object:
        """Returns the path, inode, size and modification time of a tool's file, usable or not."""
        path = self._tool(tool).path or next(locations(tool, self._directories), None)
        try:
            status = None if path is None else os.stat(path)  # noqa: PTH116 - called several times for each scrape
        except (OSError, ValueError):
            return None
        return status and (path, status.st_ino, status.st_size, status.st_mtime_ns)

    def lacks_socket(self, tool: str, path: str) -> bool:
        """Returns whether a socket does not exist whose path is compiled into a tool; False with a prefix."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            argv = self._argv(tool, ())
            return (
                not isinstance(argv, CommandResult) and argv == [argv[-1]] and self._names_socket(tool, argv[0], path)
            )
        except OSError:
            pass  # it may exist
        return False

    def _names_socket(self, tool: str, program: str, path: str) -> bool:
        """Returns whether a program has a path compiled in, which is read again when another version replaces it."""
        identity = self.identity(tool)
        cached = self._socket_names.get((tool, path))
        if cached is None or cached[0] != identity:
            cached = identity, contains_string(program, path)
            self._socket_names[tool, path] = cached
        return cached[1] and os.access(program, os.X_OK)

    async def read_sectors(self, tool: str, request: SectorRequest) -> CommandResult:
        """Reads the beginning of a block device, within the deadline of a tool."""
        return await self._sector_reader.read(request, timeout=self._tool(tool).timeout)

    @property
    def has_libraries(self) -> bool:
        """Whether tools are searched in the standard directories: then the libraries belong to the same cluster."""
        return self._directories is STANDARD_DIRECTORIES

    async def ask_library(self, tool: str, query: LibraryQuery, *, identity: object) -> LibraryAnswer:
        """Asks a library instead of running a tool, within half of the tool's deadline."""
        settings = self._tool(tool)
        return await self._cluster_reader.ask(
            query,
            timeout=settings.timeout / 2,
            max_size=settings.max_output,
            tool=tool,
            identity=identity,
        )

    @property
    def hostname(self) -> str:
        """The name of this host."""
        return socket.gethostname()

    def own_addresses(self) -> Collection[str]:
        """Returns the IP addresses of this host."""
        return own_addresses()

    def may_write(self, path: str) -> bool:
        """Returns False only if the file exists and its permissions forbid reading or writing it."""
        may_write = os.access(path, os.R_OK | os.W_OK, effective_ids=True)
        return may_write or not os.access(path, os.F_OK, effective_ids=True)

    def read_file(self, path: str) -> bytes | None:
        """Returns the content of a small regular file, or None if there is none."""
        try:
            return files.read_file(path, max_size=MAX_FILE_SIZE)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise _explained(error, path, os.R_OK) from None

    def list_directory(self, path: str) -> tuple[str, ...]:
        """Returns the sorted names in a directory; empty if the directory does not exist."""
        names = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) > MAX_DIRECTORY_ENTRIES:
                        raise OSError(errno.EFBIG, f"more than {MAX_DIRECTORY_ENTRIES} entries")
        except FileNotFoundError:
            return ()
        except PermissionError as error:
            raise _explained(error, path, os.R_OK | os.X_OK) from None
        return tuple(sorted(names))

    async def close(self) -> None:
        """Ends the helpers that run."""
        await self._sector_reader.close()
        await self._cluster_reader.close()

    async def _start_reader(
        self, argv: Sequence[str], make_output: Callable[[], ProcessOutput], *, environment: Mapping[str, str]
    ) -> Process:
        # Corosync's reader also watches the quorum, and must not wait for a processor
        nice = 0 if argv[-1] == Stack.COROSYNC else self._nice
        return await start_resident(argv, make_output, environment=environment, nice=nice)

    def _argv(self, tool: str, arguments: Sequence[str]) -> list[str] | CommandResult:
        """Returns the command line to execute, or the result for a tool that is not installed."""
        settings = self._tool(tool)
        path = self.find(tool)
        if path is None:
            return CommandResult(status=Status.NOT_INSTALLED, detail=f"{settings.path or tool} not found")
        argv = [path, *arguments]
        if settings.prefix:
            first, *others = settings.prefix
            argv = [find_program(first, self._directories) or first, *others, *argv]
        for reason in filter(None, map(why_untrusted, dict.fromkeys((argv[0], path)))):
            return CommandResult(status=Status.NOT_PERMITTED, detail=f"not run: {reason}", cause=Cause.UNTRUSTED)
        return argv

    def _tool(self, name: str) -> Tool:
        return self._tools.get(name) or Tool()


def _explained(error: PermissionError, path: str, mode: int) -> PermissionError:
    """Returns the error with the reason for which this user may not read a path, and with the command that mends it."""
    return PermissionError(error.errno, files.explain(error, path, mode))
