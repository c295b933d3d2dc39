"""The systems that nodes run: the machine's own, or the tree of another Debian release, as `trees` makes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.lab.base import BASE_ENV, MACHINE_PACKAGES, NODE_PACKAGES, LabError, Options, tool

GATEWAY = "/opt/ha-cluster-gateway"
"""The virtual environment in a tree with what the gateway imports; a tree whose Python is too old has none."""
PACKAGES_INSIDE = "/run/packages"
"""Where a node with a tree finds the gateway that is tested."""
_PYTHON = f"{GATEWAY}/bin/python"
_MACHINE = Path("/")


@dataclass(frozen=True, slots=True)
class System:
    """The root directory of a system.

    Attributes:
        root: The directory, on the machine.
    """

    root: Path = _MACHINE

    @property
    def is_machine(self) -> bool:
        """Whether it is the machine's own system."""
        return self.root == _MACHINE

    @property
    def runs_gateway(self) -> bool:
        """Whether the gateway runs on it; if not, it runs on the machine, with tools that run on this system."""
        return self.is_machine or os.path.lexists(self.inside(_PYTHON))

    @property
    def python(self) -> str:
        """The interpreter that runs the gateway in a node with this system."""
        return _PYTHON if self.runs_gateway and not self.is_machine else sys.executable

    @property
    def release(self) -> str:
        """Debian's name of the release, such as ``bookworm``; empty if it is unknown."""
        name = self.inside("/etc/debian_chroot")  # sid has the code name of the next release in os-release
        if not self.is_machine and name.exists():
            return name.read_text("utf-8").strip()
        lines = self.inside("/etc/os-release").read_text("utf-8").splitlines()
        return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")

    def inside(self, path: str) -> Path:
        """Returns where a path of the system is on the machine."""
        return self.root / path.lstrip("/")

    def has(self, name: str) -> bool:
        """Returns whether a program is installed, by its name or its path."""
        if self.is_machine:
            return shutil.which(name, path=BASE_ENV["PATH"]) is not None
        places = [name] if "/" in name else [f"{place}/{name}" for place in BASE_ENV["PATH"].split(":")]
        return any(os.path.lexists(self.inside(place)) for place in places)

    def tool(self, *argv: str) -> str:
        """Runs one of its commands outside of any node, and returns the output.

        Raises:
            LabError: The exit status is not 0.
        """
        return tool(*self.chroot(self.root), *argv)

    def chroot(self, root: Path) -> tuple[str, ...]:
        """Returns the prefix that runs a command in it; `root` is where it is mounted."""
        return () if self.is_machine else ("chroot", str(root))

    @property
    def pacemaker(self) -> tuple[int, ...]:
        """The version of Pacemaker, such as (2, 1, 5)."""
        return _pacemaker(self)

    def ids(self, user: str) -> tuple[int, int]:
        """Returns the numbers of a user and of its group, which differ between systems."""
        lines = self.inside("/etc/passwd").read_text("utf-8").splitlines()
        (fields,) = (line.split(":") for line in lines if line.startswith(f"{user}:"))
        return int(fields[2]), int(fields[3])


@cache
def _pacemaker(system: System) -> tuple[int, ...]:
    match = re.search(r"\d+\.\d+\.\d+", system.tool("pacemakerd", "--version"))
    assert match is not None
    return tuple(map(int, match[0].split(".")))


def systems(options: Options) -> tuple[System, ...]:
    """Returns the system of each node."""
    trees = [*options.trees, *[options.trees[-1] if options.trees else ""] * options.nodes]
    return tuple(System(Path(tree or _MACHINE)) for tree in trees[: options.nodes])


_PROBE = "ip link add br0 type bridge && ip link add veth0 type veth peer name veth1 && mount -t tmpfs tmpfs /run"


def missing_prerequisites(options: Options | None = None) -> str | None:
    """Returns why no lab can run here and the remedy, in one line; None if one can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    machine = System()
    needed = [(machine, MACHINE_PACKAGES)]
    needed += [(system, NODE_PACKAGES) for system in dict.fromkeys(systems(options or Options()))]
    for system, packages in needed:
        if not system.root.is_dir():
            return f"the lab needs the tree {system.root}, which does not exist: make matrix"
        missing = [name for name, tools in packages.items() if not all(map(system.has, tools))]
        if missing:
            command = " ".join((*system.chroot(system.root), "apt-get install", *missing))
            return f"the lab needs Debian packages that are not installed: {command}"
    try:
        tool("unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _PROBE)
    except (LabError, subprocess.TimeoutExpired) as error:
        return f"the lab needs namespaces, bridges and veths, which this machine does not give: {error}"
    return None
