"""Runs and measures the two exporters: wall time of a scrape, own processor time, resident memory."""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from tests.ports import free_port
from tests.programs import import_path

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **import_path()}
GATEWAY = (sys.executable, "-m", "gateway", f"--config={Path(__file__).with_name('gateway.conf')}")
PEER = ("ha_cluster_exporter",)
NOWHERE = "/nonexistent"

Connect = Callable[[int], socket.socket]
Measurement = TypeVar("Measurement")
_ATTEMPTS = 100


def local(port: int) -> socket.socket:
    """Connects on this machine's loopback interface."""
    return socket.create_connection(("127.0.0.1", port), timeout=60)


@dataclass(slots=True, kw_only=True)
class Program:
    """A running exporter.

    Attributes:
        pid: the process id.
        port: the port that it listens on.
        connect: opens a connection to a port.
        seconds: the wall time of each scrape so far.
    """

    pid: int
    port: int
    connect: Connect = local
    seconds: list[float] = field(default_factory=list)
    _processor_time: float = 0.0
    _total_processor_time: float = 0.0

    def scrape(self) -> bytes:
        """Requests the page once on an open connection, and records the wall time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.sock = self.connect(self.port)
        try:
            started = time.perf_counter()
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            page = response.read()
            self.seconds.append(time.perf_counter() - started)
        finally:
            connection.close()
        if response.status != 200:
            raise RuntimeError(f"port {self.port} answered {response.status}: {page[:200]!r}")
        return page

    def reset(self) -> None:
        """Discards the measurements."""
        self.seconds.clear()
        self._processor_time = self.processor_seconds
        self._total_processor_time = self.total_processor_seconds

    @property
    def wall(self) -> float:
        """Returns the median seconds of a scrape."""
        return statistics.median(self.seconds)

    @property
    def processor(self) -> float:
        """Returns the mean seconds of own processor time per scrape, without that of its tools."""
        return (self.processor_seconds - self._processor_time) / len(self.seconds)

    @property
    def total_processor(self) -> float:
        """Returns the mean seconds of processor time per scrape, with that of its tools and its other processes."""
        return (self.total_processor_seconds - self._total_processor_time) / len(self.seconds)

    @property
    def resident(self) -> float:
        """Returns the megabytes of resident memory, with that of its other processes; each page counts once."""
        pages = set[int]().union(*self._of_processes(resident_pages))
        return len(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def processor_seconds(self) -> float:
        """Returns the seconds of own processor time since the start."""
        return _processor_seconds(self.pid, fields=(11, 12))

    @property
    def total_processor_seconds(self) -> float:
        """Returns the same with all its processes, those that have ended as well."""
        return sum(self._of_processes(partial(_processor_seconds, fields=(11, 12, 13, 14))))

    def _of_processes(self, measure: Callable[[int], Measurement]) -> list[Measurement]:
        """Returns a measurement of the program and of each of its children, none of which ended meanwhile."""
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError, ProcessLookupError):
                return [measure(pid) for pid in [self.pid, *children(self.pid)]]
        raise ValueError(f"process {self.pid} has ended, or its children end too fast to be measured")


def resident_pages(pid: int) -> set[int]:
    """Returns the numbers of the physical pages that a process uses; none if it has ended. Needs root."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return _resident_pages(pid)
    return set()


def _resident_pages(pid: int) -> set[int]:
    size = os.sysconf("SC_PAGE_SIZE")
    pages: set[int] = set()
    with Path(f"/proc/{pid}/pagemap").open("rb") as entries:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end = (int(address, 16) // size for address in line.split(" ")[0].split("-"))
            if line.endswith("[vsyscall]"):
                continue  # at an address of the kernel
            entries.seek(begin * _PAGEMAP_ENTRY.size)
            content = entries.read((end - begin) * _PAGEMAP_ENTRY.size)
            pages |= {entry & _PAGE_NUMBER for (entry,) in _PAGEMAP_ENTRY.iter_unpack(content) if entry & _PRESENT}
    return pages


_PAGEMAP_ENTRY = struct.Struct("=Q")
_PRESENT, _PAGE_NUMBER = 1 << 63, (1 << 55) - 1


def _processor_seconds(pid: int, *, fields: Sequence[int]) -> float:
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(numbers[field]) for field in fields) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> Sequence[int]:
    """Returns the children of all threads of a process, the newest last."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())


def only_child(pid: int) -> int:
    """Returns the process that a wrapper such as nsenter started."""
    return children(pid)[0]


def wait_until_listening(connect: Connect, port: int) -> None:
    """Waits until a program accepts connections.

    Raises:
        TimeoutError: none does within 30 seconds.
    """
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(port).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on port {port}") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def running(argv: Sequence[str]) -> Iterator[Program]:
    """Runs an exporter on this machine."""
    port = free_port()
    command = [*argv, f"--web.listen-address=127.0.0.1:{port}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until_listening(local, port)
            yield Program(pid=process.pid, port=port)
        finally:
            process.terminate()


class Measured(Protocol):
    """A program that is run many times and records its wall times."""

    def scrape(self) -> object:
        """Runs it once."""
        ...

    def reset(self) -> None:
        """Discards the measurements."""
        ...


def measure(programs: Sequence[Measured], scrapes: int, *, warm_up: int = 3) -> None:
    """Scrapes all in turn, so that what disturbs one disturbs the others."""
    for program in programs:
        for _ in range(warm_up):
            program.scrape()
        program.reset()
    for _ in range(scrapes):
        for program in programs:
            program.scrape()


def tool(path: Path, output: Path, *, changing: bool = False) -> Path:
    """Writes a program that prints a file, regardless of its arguments.

    Args:
        path: the path of the program.
        output: the file.
        changing: whether it prints something else each time: a comment at the end of a document in XML.
    """
    path.write_text(f'#!/bin/sh\ncat {output}\necho "<!-- $$ -->"\n' if changing else f"#!/bin/sh\nexec cat {output}\n")
    path.chmod(0o755)
    return path
