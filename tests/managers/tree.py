"""The tree of a Debian release in which managers run; they share the network of the machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from tests.lab.systems import System
from tests.lab.trees import bootstrap, install
from tests.processes import children

_ENTER = """
mount -t proc proc "$0/proc"
mount --bind /dev "$0/dev"
exec chroot "$0" "$@"
"""


class Tree:
    """A tree with packages.

    Args:
        release: the name of the release.
        directory: where the trees are.
    """

    def __init__(self, release: str, directory: Path) -> None:
        self.release = release
        self._system: System = bootstrap(release, directory)

    def add(self, packages: Sequence[str]) -> Self:
        """Installs the packages that are missing."""
        if missing := [package for package in packages if not self.version(package)]:
            install(self._system, missing)
        return self

    def version(self, package: str) -> str:
        """Returns the version of a package without that of its packaging; empty if it is not installed."""
        query = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", package)
        status, _, version = self.run(*query, check=False).stdout.partition(" ")
        upstream = version.strip().rpartition(":")[2]
        return (upstream.rpartition("-")[0] or upstream) if status == "ii" else ""

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in the tree until it ends."""
        return subprocess.run(self._command(argv), capture_output=True, text=True, check=check, timeout=300)

    @contextlib.contextmanager
    def running(self, *argv: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Runs a command in the tree, and ends it with everything that it has started."""
        with log.open("wb") as file, subprocess.Popen(self._command(argv), stdout=file, stderr=file) as process:
            try:
                yield process
            finally:
                # not unshare itself: a daemon that changes its user no longer ends with its parent
                for first in children(process.pid):
                    os.kill(first, signal.SIGKILL)
                process.kill()

    @contextlib.contextmanager
    def folder(self) -> Iterator[tuple[Path, str]]:
        """Yields a temporary folder that everybody may write to: on the machine, and in the tree."""
        path = Path(tempfile.mkdtemp(dir=self._system.inside("/tmp")))
        path.chmod(0o777)
        try:
            yield path, f"/tmp/{path.name}"
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _command(self, argv: Sequence[str]) -> list[str]:
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*namespaces, "sh", "-euc", _ENTER, str(self._system.root), *argv]
