"""The packages that are tested, and on which releases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packager import deb, rpm
from packager.build import Build, Libraries, source_date_epoch
from packager.packaged_file import PackagerError
from tests.programs import ROOT

RELEASES = ("bookworm", "trixie", "sid")
WITH_LIBRARIES = ("trixie", "sid")
"""The releases whose own libraries are new enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The commands and the paths of one kind of package.

    Attributes:
        install: the words in front of the path of a package.
        remove: the words in front of its name.
        purge: the same, for removing the configuration as well.
        starts: whether the service starts when the package is installed.
        arguments: the file with the arguments of the service.
        of_the_system: the directories of the package that a system of this family has, but Debian may not have.
    """

    install: tuple[str, ...]
    remove: tuple[str, ...]
    purge: tuple[str, ...]
    starts: bool
    arguments: str
    of_the_system: frozenset[str]


DEB = Family(
    install=("dpkg", "--install"),
    remove=("dpkg", "--remove"),
    purge=("dpkg", "--purge"),
    starts=True,
    arguments="/etc/default/ha-cluster-gateway",
    of_the_system=frozenset(),
)
RPM = Family(
    install=("rpm", "--upgrade", "--nodeps"),
    remove=("rpm", "--erase"),
    purge=("sh", "-c", "rm -r /etc/ha-cluster-gateway /var/lib/ha-cluster-gateway /etc/sysconfig/$1.rpmsave", "purge"),
    starts=False,
    arguments="/etc/sysconfig/ha-cluster-gateway",
    of_the_system=frozenset({"/etc/sysconfig", "/usr/share/licenses"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A package and its successor, on one release.

    Attributes:
        release: the release of Debian.
        family: the kind of package.
        libraries: where its libraries come from.
        old: the package.
        new: the one that it is upgraded to, with a higher revision.
    """

    release: str
    family: Family
    libraries: Libraries
    old: Path
    new: Path

    @property
    def title(self) -> str:
        """What the table calls it."""
        return f"{self.old.suffix[1:]}, {self.libraries.value}"

    @property
    def name(self) -> str:
        """What its log is called."""
        return f"{self.release}-{self.old.suffix[1:]}-{self.libraries.value}"

    @property
    def needs_libraries(self) -> bool:
        """Whether the machine needs the libraries of the distribution."""
        return self.libraries is Libraries.DISTRIBUTION


class Packages:
    """Builds pairs of packages: an old one, and one with a higher revision that it is upgraded to.

    Args:
        output: the directory of the packages.
        previous: the commit that the old packages are built from, with its own packager; empty for this source tree.
    """

    def __init__(self, output: Path, previous: str = "") -> None:
        self._output = output
        self._previous = previous

    def build(self, releases: Sequence[str]) -> Iterator[Case]:
        """Builds the packages, and yields what is to be tested with them.

        Raises:
            PackagerError: one cannot be built.
        """
        pairs = {
            (DEB, Libraries.BUNDLED): self._pair(deb.build, Libraries.BUNDLED),
            (DEB, Libraries.DISTRIBUTION): self._pair(deb.build, Libraries.DISTRIBUTION),
            (RPM, Libraries.BUNDLED): self._pair(rpm.build, Libraries.BUNDLED),
        }
        for release in releases:
            for (family, libraries), (old, new) in pairs.items():
                if libraries is Libraries.BUNDLED or release in WITH_LIBRARIES:
                    yield Case(release=release, family=family, libraries=libraries, old=old, new=new)

    def _pair(self, make: Callable[[Build], Path], libraries: Libraries) -> tuple[Path, Path]:
        first = Build(libraries=libraries, output=self._output, epoch=source_date_epoch())
        new = make(replace(first, revision="2"))
        return (self._build_previous(new.suffix, libraries) if self._previous else make(first)), new

    def _build_previous(self, suffix: str, libraries: Libraries) -> Path:
        """Builds the package of the previous commit, and returns its path."""
        commit = _run("git", "-C", str(ROOT), "rev-parse", "--short", self._previous).decode().strip()
        tree = self._output / f"source-{commit}"
        if not tree.exists():
            source = _run("git", "-C", str(ROOT), "archive", "--format=tar", commit)
            partial = tree.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            _run("tar", "-x", "-C", str(partial), data=source)
            partial.rename(tree)
        epoch = _run("git", "-C", str(ROOT), "log", "-1", "--format=%ct", commit).decode().strip()
        command = [sys.executable, "-m", "packager", suffix[1:], "--libraries", libraries.value]
        environment = {**os.environ, "PYTHONPATH": str(tree), "SOURCE_DATE_EPOCH": epoch}
        output = self._output / commit
        return Path(_run(*command, "--output", str(output), cwd=tree, env=environment).decode().strip())


def _run(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, data: bytes | None = None
) -> bytes:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, cwd=cwd, env=env, input=data)
    if done.returncode:
        raise PackagerError(f"{' '.join(command)}: exit status {done.returncode}")
    return done.stdout
