"""Makes the trees of other Debian releases that nodes can run: ``python -m tests.lab.trees DIR RELEASE...``.

A tree is made once, by debootstrap and apt-get, and completed if its list of packages changes. It takes some minutes
and about a gigabyte. The lab mounts it read-only: nothing in it runs, and nothing in it changes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.base import BASE_ENV, LabError
from tests.lab.files import EMPTY
from tests.lab.systems import GATEWAY, System
from tests.programs import ROOT

_LIBRARIES = tuple(f"python3-{name}" for name in ("aiohttp", "bcrypt", "cryptography", "lxml", "structlog", "yaml"))
"""Debian's packages of what the gateway imports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A Debian release.

    Attributes:
        python: The version of its Python.
        packages: Packages in addition to those of tests/packages.txt.
        wheels: Whether the gateway's libraries come from PyPI instead, in the versions of requirements/run.txt.
    """

    python: str
    packages: tuple[str, ...] = ()
    wheels: bool = False

    @property
    def runs_gateway(self) -> bool:
        """Whether its Python is new enough for the gateway, with either kind of libraries."""
        return bool(self.packages) or self.wheels


RELEASES: Mapping[str, Release] = {
    "bullseye": Release(python="3.9"),
    "bookworm": Release(python="3.11", wheels=True),
    "trixie": Release(python="3.13", packages=_LIBRARIES),
    "sid": Release(python="3.14", packages=_LIBRARIES),
}
"""From the oldest to the newest, by the name that debootstrap knows."""

_BASE = ("pacemaker-resource-agents", "procps", "python3")
# A frozen copy of a mirror is older than its Release file allows.
_APT = "apt-get -q -o Acquire::Check-Valid-Until=false -o DPkg::Use-Pty=0"
_INSTALL = f"""
mount -t proc proc "$1/proc"
printf '#!/bin/sh\\nexit 101\\n' >"$1/usr/sbin/policy-rc.d"
chmod +x "$1/usr/sbin/policy-rc.d"
root=$1
shift
export DEBIAN_FRONTEND=noninteractive
chroot "$root" {_APT} update
chroot "$root" {_APT} install -y --no-install-recommends "$@"
chroot "$root" apt-get clean
"""


def make_tree(name: str, directory: Path) -> System:
    """Makes the tree of a release in a directory, or completes it, and returns it.

    Raises:
        LabError: A command has failed; it has printed why.
    """
    release = RELEASES[name]
    tree = bootstrap(name, directory)
    packages = [*_BASE, *listed_packages(), *release.packages]
    if not _is_complete(tree, packages):
        install(tree, packages)
        if release.runs_gateway:
            _run("chroot", tree.root, "python3", "-m", "venv", "--without-pip", "--system-site-packages", GATEWAY)
        if release.wheels:
            _install_wheels(tree, release)
        for path in EMPTY:  # systemd-tmpfiles makes some of them when a system boots
            tree.inside(path).mkdir(parents=True, exist_ok=True)
        _stamp(tree).write_text(_digest(packages), "ascii")
    return tree


def bootstrap(name: str, directory: Path) -> System:
    """Makes the tree of a release with nothing but its base, unless it exists, and returns it.

    Raises:
        LabError: A command has failed; it has printed why.
    """
    tree = System(directory / name)
    if not tree.inside("/etc/debian_chroot").exists():
        if shutil.which("debootstrap") is None:
            raise LabError("debootstrap is not installed: apt-get install debootstrap")
        if tree.root.exists() and not tree.inside("/etc/debian_version").exists():
            raise LabError(f"{tree.root} is not the tree of a Debian release; remove it, or use another directory")
        shutil.rmtree(tree.root, ignore_errors=True)
        directory.mkdir(parents=True, exist_ok=True)
        _run("debootstrap", "--variant=minbase", name, tree.root)
        tree.inside("/etc/debian_chroot").write_text(f"{name}\n", "utf-8")
    return tree


def install(tree: System, packages: Sequence[str]) -> None:
    """Installs packages in a tree; none of their services is started.

    Raises:
        LabError: A command has failed; it has printed why.
    """
    namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    _run(*namespaces, "sh", "-euc", _INSTALL, "sh", tree.root, *packages)


def listed_packages() -> list[str]:
    """Returns the packages that the tests need."""
    lines = (ROOT / "tests/packages.txt").read_text("utf-8").splitlines()
    return [package for line in lines if (package := line.partition("#")[0].strip())]


def _stamp(tree: System) -> Path:
    return tree.inside("/etc/ha-cluster-gateway-lab")


def _is_complete(tree: System, packages: Sequence[str]) -> bool:
    stamp = _stamp(tree)
    return stamp.exists() and stamp.read_text("ascii") == _digest(packages)


def _digest(packages: Sequence[str]) -> str:
    pins = (ROOT / "requirements/run.txt").read_text("utf-8")
    return hashlib.sha256("\n".join((*packages, pins)).encode()).hexdigest()


def _install_wheels(tree: System, release: Release) -> None:
    """Installs the gateway's libraries with the pip of this interpreter: that of the tree may not reach PyPI."""
    machine = platform.machine()
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(5, 37)]
    python = (f"--python-version={release.python}", "--implementation=cp", f"--abi=cp{release.python.replace('.', '')}")
    target = tree.inside(f"{GATEWAY}/lib/python{release.python}/site-packages")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    options = ("--require-hashes", "--only-binary=:all:", "--no-deps", "--upgrade", f"--target={target}")
    abi3 = ("--abi=abi3", "--abi=none")
    _run(*pip, *options, *python, *abi3, *platforms, "-r", ROOT / "requirements/run.txt", env=dict(os.environ))


def _run(*argv: str | Path, env: Mapping[str, str] = BASE_ENV) -> None:
    done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, env=env)
    if done.returncode != 0:
        raise LabError(f"{argv[0]}: exit status {done.returncode}")


def main(argv: Sequence[str] | None = None) -> int:
    """Makes trees; the exit status is 1 if a command fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.trees", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the trees are; it needs some gigabytes")
    parser.add_argument("releases", nargs="+", choices=RELEASES, metavar="RELEASE", help=", ".join(RELEASES))
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.releases:
            print(make_tree(name, arguments.directory.absolute()).root, flush=True)
    except (LabError, OSError) as error:
        print(f"trees: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
