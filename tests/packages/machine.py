"""A machine with a Debian release: a directory tree whose systemd runs as PID 1 of its own namespaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from tests.packages.trees import ENVIRONMENT, copy_tree
from tests.waiting import wait_until

_CGROUPS = next(path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if path.is_dir())
_CGROUP = "ha-cluster-gateway-packages-"
_BOOT = Path(__file__).with_name("boot.sh")
_COPY = "machine"
_BOOTED = 300.0
"""Seconds in which systemd starts, or ends; ten are usual."""


class CommandError(Exception):
    """A command in the machine has failed; the message has its output."""


class Machine:
    """A machine that runs; a context manager that ends it. It also ends with this process, however that ends.

    Args:
        tree: its root directory, which it changes.
        console: receives what systemd prints.
    """

    def __init__(self, tree: Path, console: BinaryIO) -> None:
        self.tree = tree
        self._cgroup = _CGROUPS / f"{_CGROUP}{os.getpid()}"
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Starts its systemd, and waits until the start is complete.

        Raises:
            CommandError: systemd has ended.
            TimeoutError: the start takes too long.
        """
        # the signal is inherited by each program that replaces the first one
        command: list[str | Path] = ["setpriv", "--pdeathsig", "KILL", "bash", _BOOT, self.tree, self._cgroup]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT
        )
        wait_until(self._is_up, seconds=_BOOTED, what="systemd")

    def reboot(self) -> None:
        """Shuts it down as an administrator would, and starts it again.

        Raises:
            CommandError: systemd does not shut down, or not start again.
            TimeoutError: the start takes too long.
        """
        assert self._process is not None
        self.run("systemctl", "poweroff")
        try:
            self._process.wait(_BOOTED)
        except subprocess.TimeoutExpired:
            raise CommandError("systemctl poweroff: the machine still runs") from None
        wait_until(lambda: _remove_cgroup(self._cgroup), what="the end of the machine's processes")
        self.boot()

    def _children(self) -> Sequence[str]:
        if self._process is None or self._process.poll() is not None:
            return ()
        return Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise CommandError("systemd has ended")
        if not self._children():
            return False
        return self.run("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"}

    def run(self, *command: str, check: bool = True) -> str:
        """Runs a command in the machine and returns its output.

        Raises:
            CommandError: its exit status is not 0, it does not end, or the machine has ended.
        """
        words = " ".join(command)
        children = self._children()
        if len(children) != 1:
            raise CommandError(f"{words}: systemd does not run")
        argv = ["nsenter", "--target", children[0], "--all", "--root", "--wd", "--", *command]
        try:
            done = subprocess.run(
                argv,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{words}: still runs after {error.timeout:g} s") from None
        if check and done.returncode:
            raise CommandError(f"{words}: exit status {done.returncode}: {done.stdout.strip()}")
        return done.stdout

    def shell(self, script: str) -> str:
        """Runs a shell script in the machine and returns its output.

        Raises:
            CommandError: its exit status is not 0.
        """
        return self.run("sh", "-ec", script)

    def succeeds(self, *command: str) -> bool:
        """Returns whether a command in the machine has exit status 0."""
        try:
            self.run(*command)
        except CommandError:
            return False
        return True

    def files(self) -> frozenset[str]:
        """Returns the paths of all files and directories on its disk."""
        return frozenset(self.run("find", "/", "-xdev", "-mindepth", "1").splitlines())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        for child in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: _remove_cgroup(self._cgroup), what="the end of the machine's processes")


def _remove_cgroup(cgroup: Path) -> bool:
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return False
    return True


@contextlib.contextmanager
def booted(tree: Path, directory: Path, console: BinaryIO) -> Iterator[Machine]:
    """Starts a machine with a copy of a tree, and removes the copy afterwards.

    Raises:
        CommandError: systemd does not start.
        TimeoutError: the start takes too long.
        TreeError: the tree cannot be copied.
    """
    copy = directory / _COPY
    try:
        copy_tree(tree, copy)
        with Machine(copy, console) as machine:
            machine.boot()
            yield machine
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def remove_leftovers(directory: Path) -> None:
    """Removes what a run that was killed has left: its machine has ended with it."""
    shutil.rmtree(directory / _COPY, ignore_errors=True)
    for cgroup in _CGROUPS.glob(f"{_CGROUP}*"):
        if "populated 0" in (cgroup / "cgroup.events").read_text():  # that of a run in another directory is in use
            _remove_cgroup(cgroup)
