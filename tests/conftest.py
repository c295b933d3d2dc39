"""Fixtures and helpers for all tests."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.programs import PACKAGES, FakeCluster
from tests.time_zones import time_zone

# No deadlines: the duration of an example depends on the load of the machine. Tests of speed measure processor time.
settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.load_profile("thorough" if "CI" in os.environ else "quick")

# Nothing that is trusted may be writable for a group: the umask of some users is 002.
os.umask(0o022)

Script = Callable[..., Path]
"""Writes an executable: ``script(body, name="tool", mode=0o755)``."""


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Makes the files of a test private, because configurations with passwords have to be."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(body: str, *, name: str = "tool", mode: int = 0o755) -> Path:
        path = tmp_path / name
        path.write_text(body if body.startswith("#!") else f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return path

    return write


class Gate:
    """A tool that does not end before the gate is opened.

    Attributes:
        path: the tool.
        runs: a file with a line for each run.
    """

    def __init__(self, script: Script, directory: Path) -> None:
        self._fifo, self.runs = directory / "gate", directory / "runs"
        os.mkfifo(self._fifo)
        self.path = script(f"echo run >> '{self.runs}'; read _ < '{self._fifo}'; echo 5")

        # a FIFO that nobody has opened forgets what was written
        self._descriptor = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)

    def open(self) -> None:
        """Lets one run end."""
        os.write(self._descriptor, b"go\n")

    def close(self) -> None:
        """Removes the gate."""
        os.close(self._descriptor)


@pytest.fixture
def gate(script: Script, tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(script, tmp_path)
    yield gate
    gate.close()


def pytest_report_header() -> str:
    return f"gateway: {PACKAGES / 'gateway'}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    from tests.scheduling import Scheduling

    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER"):
        from tests.scheduling import interleaved

        items[:] = interleaved(items)


@contextlib.contextmanager
def closed(path: Path) -> Iterator[None]:
    """Denies this process access to a file or directory, even as root."""
    mode = path.stat().st_mode
    path.chmod(0o000)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(mode)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for files of another user")

NOBODY = 65534
"""The number of another user."""


def open_descriptors() -> int:
    """Returns the number of open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def is_process(pid: str) -> bool:
    """Returns whether a process with this number exists, even as a zombie."""
    return Path("/proc", pid.strip()).exists()


def is_running(pid: str) -> bool:
    """Returns whether a process runs; one that has ended may remain a zombie for a while."""
    try:
        return Path("/proc", str(int(pid)), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def public_path() -> Iterator[Path]:
    """An empty directory that every user of this machine may enter."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def utc() -> Iterator[None]:
    """Sets the time zone UTC, in which the lab recorded its times."""
    with time_zone("UTC"):
        yield


@pytest.fixture
def cluster(tmp_path: Path) -> FakeCluster:
    directory = tmp_path / "cluster"
    directory.mkdir()
    return FakeCluster(directory)
