"""What is to be built: the version, the libraries and the architecture of a package."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import gateway
from packager import libraries
from packager.libraries import PYTHONS
from packager.packaged_file import ROOT, PackagedFile, PackagerError

MAINTAINER = "ha-cluster-gateway <ha-cluster-gateway@packages.invalid>"
"""The maintainer, unless DEBFULLNAME and DEBEMAIL name one."""


class Libraries(Enum):
    """Where the Python libraries come from."""

    BUNDLED = "bundled"
    DISTRIBUTION = "distribution"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A package to build.

    Attributes:
        libraries: where the Python libraries come from.
        pythons: the versions of Python that the bundled libraries are for, the oldest first.
        architecture: the architecture, as ``uname -m`` prints it.
        wheels: a directory with wheels that were built locally; None to download the pinned ones.
        revision: the number of the package among those of one version.
        output: the directory of the package.
        epoch: the time of all files in the package, in seconds since 1970.
    """

    libraries: Libraries = Libraries.BUNDLED
    pythons: tuple[str, ...] = PYTHONS
    architecture: str = platform.machine()
    wheels: Path | None = None
    revision: str = "1"
    output: Path = ROOT / "dist"
    epoch: int

    @property
    def version(self) -> str:
        """The version of the program, as package managers order it."""
        return package_version(gateway.__version__)

    @property
    def maintainer(self) -> str:
        """The name and the address of the maintainer."""
        name, address = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
        return f"{name} <{address}>" if name and address else MAINTAINER

    @property
    def description(self) -> str:
        """What the package is, in a few sentences."""
        origin = (
            f"This package contains the Python libraries that the program needs, for Python {', '.join(self.pythons)}."
            if self.libraries is Libraries.BUNDLED
            else "This package uses the Python libraries of the distribution."
        )
        return f"{_DESCRIPTION} {origin}"

    def bundled_files(self) -> list[PackagedFile]:
        """Returns the files of the bundled libraries; downloads them if necessary.

        Raises:
            PackagerError: a library is missing or not the pinned one.
        """
        if self.wheels:
            wheels = sorted(self.wheels.glob("*.whl"))
        else:
            cache = self.output / "wheels"
            wheels = libraries.download(cache, pythons=self.pythons, architecture=self.architecture)
        libraries.verify(wheels, built=self.wheels is not None, pins=libraries.pinned())
        return libraries.unpack(wheels)


_DESCRIPTION = (
    "Runs on every node of a Pacemaker cluster, on its remote nodes and on its arbitrators, and serves what Pacemaker, "
    "Corosync, SBD, DRBD, corosync-qnetd and booth report: to Prometheus, as a drop-in replacement for "
    "ha_cluster_exporter, and to SNMP managers, through snmpd or from a built-in agent. "
    "Alarms are sent as SNMP notifications and to Alertmanager."
)


def package_version(version: str) -> str:
    """Returns a version as package managers order it: a tilde precedes what is before a release."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def source_date_epoch() -> int:
    """Returns the time of all files in the package: SOURCE_DATE_EPOCH, or the time of the last commit.

    Raises:
        PackagerError: SOURCE_DATE_EPOCH is not a number.
    """
    if text := os.environ.get("SOURCE_DATE_EPOCH"):
        if not text.isdecimal():
            raise PackagerError(f"SOURCE_DATE_EPOCH: expected seconds since 1970, found {text!r}")
        return int(text)
    if (ROOT / ".git").exists():
        command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip().isdecimal():
            return int(done.stdout)
    return int((ROOT / "pyproject.toml").stat().st_mtime)
