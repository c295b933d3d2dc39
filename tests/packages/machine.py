"""A machine with a Debian release: a directory tree whose systemd runs as PID 1 of its own namespaces."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from tests.waiting import wait_until

BASIC = ("systemd", "systemd-sysv", "dbus", "python3", "snmpd", "snmp", "procps", "rpm", "bash-completion", "mandoc")
"""What each machine has besides the packages of ``debootstrap --variant=minbase``."""

LIBRARIES = (
    *("python3-aiohttp", "python3-bcrypt", "python3-cryptography", "python3-lxml", "python3-prometheus-client"),
    *("python3-structlog", "python3-yaml"),
)
"""The libraries of the distribution that the package without bundled libraries depends on."""

_CGROUPS = next(path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if path.is_dir())
_BOOT = Path(__file__).with_name("boot.sh")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def prepare_tree(release: str, directory: Path, *, mirror: str, libraries: bool, bases: Path | None = None) -> Path:
    """Returns the tree of a release with everything that the packages depend on, and makes it if necessary.

    Args:
        release: the name of the release.
        directory: where the tree is kept.
        mirror: the mirror of Debian.
        libraries: whether it has the libraries of the distribution.
        bases: a directory with trees that debootstrap has made, to be copied; None to run debootstrap.
    """
    tree = directory / f"{release}{'-libraries' if libraries else ''}"
    done = tree.with_suffix(".done")
    if done.exists():
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    if bases:
        tree.mkdir()
        subprocess.run(["cp", "-a", "--reflink=auto", f"{bases / release}/.", str(tree)], check=True)
    else:
        command = ["debootstrap", "--variant=minbase", release, str(tree), mirror]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", tree / "etc" / "resolv.conf")
    policy = tree / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    packages = (*BASIC, *(LIBRARIES if libraries else ()))
    # a mirror may be a snapshot, whose index has expired
    inside: list[str | Path] = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={tree}/proc", "chroot", tree]
    apt: list[str | Path] = [*inside, "apt-get", "-q", "-y", "-o", "Acquire::Check-Valid-Until=false"]
    subprocess.run([*apt, "update"], check=True, env=_ENVIRONMENT, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*apt, "install", "--no-install-recommends", *packages],
        check=True,
        env=_ENVIRONMENT,
        stdout=subprocess.DEVNULL,
    )
    policy.unlink()
    (tree / "etc" / "machine-id").write_text("")
    done.touch()
    return tree


class CommandError(Exception):
    """A command in the machine has failed; the message has its output."""


class Machine:
    """A machine that runs; a context manager that ends it.

    Args:
        tree: its root directory, which it changes.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._cgroup = _CGROUPS / f"ha-cluster-gateway-packages-{os.getpid()}"
        self._log = (tree.parent / f"{tree.name}.log").open("wb")
        self._process = subprocess.Popen(
            ["bash", _BOOT, tree, self._cgroup], stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        wait_until(self._is_up, seconds=120, what="systemd")

    def _children(self) -> Sequence[str]:
        return Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise CommandError(f"systemd has ended: {self._log.name}")
        if not self._children():
            return False
        return self.run("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"}

    def run(self, *command: str, check: bool = True) -> str:
        """Runs a command in the machine and returns its output.

        Raises:
            CommandError: its exit status is not 0.
        """
        (init,) = self._children()
        argv = ["nsenter", "--target", init, "--all", "--root", "--wd", "--", *command]
        done = subprocess.run(
            argv,
            env=_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise CommandError(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout.strip()}")
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
        with contextlib.suppress(ProcessLookupError):
            for child in self._children():
                os.kill(int(child), signal.SIGKILL)
        self._process.wait()
        self._log.close()
        with contextlib.suppress(OSError):
            wait_until(self._remove_cgroup, seconds=20, what="the end of the machine's processes")

    def _remove_cgroup(self) -> bool:
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                return False
        return True


@contextlib.contextmanager
def booted(tree: Path, directory: Path) -> Iterator[Machine]:
    """Starts a machine with a copy of a tree, and removes the copy afterwards."""
    copy = directory / f"machine-{os.getpid()}"
    copy.mkdir()
    subprocess.run(["cp", "-a", "--reflink=auto", f"{tree}/.", copy], check=True)
    try:
        with Machine(copy) as machine:
            yield machine
    finally:
        shutil.rmtree(copy)
