"""The trees of releases that machines are copied from: made once, by debootstrap and apt-get."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BASIC = ("systemd", "systemd-sysv", "dbus", "python3", "snmpd", "snmp", "procps", "rpm", "bash-completion", "mandoc")
"""What each machine has besides the packages of ``debootstrap --variant=minbase``."""

_LIBRARIES = (
    *("python3-aiohttp", "python3-bcrypt", "python3-cryptography", "python3-lxml"),
    *("python3-structlog", "python3-yaml"),
)
"""The libraries of the distribution that the package without bundled libraries depends on."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
"""The environment of commands on a machine."""

_WITH_PROXIES = {**ENVIRONMENT, **{name: value for name, value in os.environ.items() if name.endswith("_proxy")}}


class TreeError(Exception):
    """A tree cannot be made; the message has the command and the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """A directory with trees.

    Attributes:
        directory: where they are kept, each with a file ``RELEASE.done`` once it is complete.
        mirror: the mirror of Debian.
        bases: a directory with trees that debootstrap has made, to be copied; None to run debootstrap.
    """

    directory: Path
    mirror: str
    bases: Path | None = None

    def prepare(self, release: str, *, libraries: bool) -> Path:
        """Returns the tree of a release with everything that the packages depend on, and makes it if necessary.

        Raises:
            TreeError: a command has failed.
        """
        if not libraries:
            return self._make(release, _BASIC)
        basic = self.prepare(release, libraries=False)
        return self._make(f"{release}-libraries", (*_BASIC, *_LIBRARIES), base=basic)

    def _make(self, name: str, packages: Sequence[str], *, base: Path | None = None) -> Path:
        tree = self.directory / name
        done = self.directory / f"{name}.done"
        digest = hashlib.sha256("\n".join(packages).encode()).hexdigest()
        if done.exists() and done.read_text() == digest:
            return tree
        done.unlink(missing_ok=True)
        shutil.rmtree(tree, ignore_errors=True)  # of a run that was interrupted
        base = base or (self.bases and self.bases / name)
        if base:
            copy_tree(base, tree)
        else:
            _run("debootstrap", "--variant=minbase", name, tree, self.mirror)
        _install(tree, packages)
        (tree / "etc" / "machine-id").write_text("")
        # Without a network, its jobs fail at any time, and change files.
        shutil.rmtree(tree / "etc" / "systemd" / "system" / "timers.target.wants", ignore_errors=True)
        done.write_text(digest)
        return tree


def copy_tree(source: Path, target: Path) -> None:
    """Copies a directory with everything that belongs to it.

    Raises:
        TreeError: it cannot be copied.
    """
    target.mkdir()
    _run("cp", "-a", "--reflink=auto", f"{source}/.", target)


def _install(tree: Path, packages: Sequence[str]) -> None:
    shutil.copy("/etc/resolv.conf", tree / "etc" / "resolv.conf")
    policy = tree / "usr" / "sbin" / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    inside = ("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={tree}/proc", "chroot", tree)
    # a mirror may be a snapshot, whose index has expired
    apt = (*inside, "apt-get", "-q", "-y", "-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Retries=3")
    _run(*apt, "update")
    _run(*apt, "install", "--no-install-recommends", *packages)
    _run(*apt, "clean")
    policy.unlink()


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command,
        env=_WITH_PROXIES,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = " ".join(map(str, command))
        raise TreeError(f"{words}: exit status {done.returncode}: {done.stdout.strip()[-2000:]}")
