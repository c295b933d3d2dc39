"""A gateway in a process of its own, and what it occupies: memory, descriptors, threads, tasks and child processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.processes import children
from tests.programs import environment
from tests.waiting import wait_until

_WRAPPER = """
import asyncio, gc, signal, sys
from gateway.cli import main

def report(*_: object) -> None:
    gc.collect()
    with open(sys.argv[1], "a") as file:
        file.write(f"{len(asyncio.all_tasks())}\\n")

signal.signal(signal.SIGUSR2, report)
sys.exit(main(sys.argv[2:]))
"""
"""Runs the gateway. At SIGUSR2 it collects garbage and appends the number of its tasks to a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupation:
    """What a process occupies.

    Attributes:
        memory: the megabytes that it has allocated.
        descriptors: its open file descriptors.
        threads: its threads.
        tasks: the tasks of its event loop.
        children: its child processes.
        zombies: those of them that have ended and were not waited for.
    """

    memory: float
    descriptors: int
    threads: int
    tasks: int
    children: int
    zombies: int

    def leaks(self, before: Occupation) -> Sequence[str]:
        """Returns the names of what has become more, memory aside."""
        names = ("descriptors", "threads", "tasks", "children", "zombies")
        return [
            f"{name}: {getattr(before, name)}, then {getattr(self, name)}"
            for name in names
            if getattr(self, name) > getattr(before, name)
        ]

    def __str__(self) -> str:
        return (
            f"{self.memory:.1f} MB, {self.descriptors} descriptors, {self.threads} threads, {self.tasks} tasks, "
            f"{self.children} children, {self.zombies} zombies"
        )


def occupation(pid: int, *, tasks: int = 0) -> Occupation:
    """Returns what a process occupies now.

    Args:
        pid: the process.
        tasks: the number of its tasks, which only the process itself knows.
    """
    child_processes = children(pid)
    return Occupation(
        memory=own_megabytes(pid),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - only counted
        threads=len(os.listdir(f"/proc/{pid}/task")),  # noqa: PTH208 - only counted
        tasks=tasks,
        children=len(child_processes),
        zombies=sum(map(_is_zombie, child_processes)),
    )


class ObservedGateway:
    """A gateway that runs; a context manager that ends it.

    Args:
        arguments: its command line.
        directory: an existing directory for its log and the counts of tasks.

    Attributes:
        log: the path of its log.
        process: the process.
    """

    def __init__(self, *arguments: str | Path, directory: Path) -> None:
        self.log = directory / "gateway.log"
        self._tasks = directory / "tasks"
        self._tasks.touch()
        argv = [sys.executable, "-c", _WRAPPER, str(self._tasks), *map(str, arguments)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, stderr=log, cwd=directory, env=environment())

    def wait_until_started(self) -> str:
        """Waits until it serves, and returns the address of its HTTP server."""
        match: list[re.Match[str]] = []

        def has_started() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            match.extend(re.finditer(r'started .*listen="?([\w.:]+)', self.log.read_text()))
            return bool(match)

        wait_until(has_started, what="the gateway")
        return match[0][1]

    def occupation(self) -> Occupation:
        """Returns what it occupies now. It is not idle: a single count may include work in progress."""
        return occupation(self.process.pid, tasks=self._count_tasks())

    def idle_occupation(self, *, looks: int = 15, interval: float = 0.2) -> Occupation:
        """Returns the smallest of each count while nobody makes requests; it still collects for its alarms."""
        seen = []
        for _ in range(looks):
            seen.append(self.occupation())
            time.sleep(interval)
        names = Occupation.__dataclass_fields__
        return Occupation(**{name: min(getattr(one, name) for one in seen) for name in names})

    def stop(self) -> int:
        """Ends it in an orderly way, and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _count_tasks(self) -> int:
        lines = len(self._tasks.read_text().splitlines())
        self.process.send_signal(signal.SIGUSR2)
        counts: list[str] = []

        def has_counted() -> bool:
            counts[:] = self._tasks.read_text().splitlines()
            return len(counts) > lines

        wait_until(has_counted, what="the number of tasks")
        return int(counts[-1])


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def own_megabytes(pid: int) -> float:
    """Returns the megabytes that a process has allocated, with its share of memory that it shares with others.

    The pages of programs and libraries are left out: how many a process has for itself depends on what else runs.
    """
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(map(int, re.findall(r"^(?:Pss_Anon|Pss_Shmem|SwapPss): +(\d+) kB$", rollup, re.MULTILINE))) / 1000
