"""The files of a package, before it is known which format the package has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

NAME = "ha-cluster-gateway"
"""The name of the package, of its programs and of its directories."""

PRIVATE = f"usr/lib/{NAME}"
"""The directory of the program. Nothing else imports from it."""

BUNDLED = f"{PRIVATE}/bundled"
"""The directory of the libraries that are bundled."""

ROOT = Path(__file__).resolve().parents[1]
"""The source tree."""


class PackagerError(Exception):
    """A package cannot be built; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedFile:
    """One file of a package.

    Attributes:
        path: where it is installed, without the leading slash.
        data: its content.
        mode: its permissions.
        config: whether an upgrade keeps the changes of the administrator.
    """

    path: str
    data: bytes
    mode: int = 0o644
    config: bool = False


def write_tree(files: Iterable[PackagedFile], directory: Path, epoch: int) -> None:
    """Writes the files below a directory; no modification time is that of the build."""
    for file in files:
        path = directory / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
    for folder, _, names in os.walk(directory, topdown=False):
        for path in (*(Path(folder, name) for name in names), Path(folder)):
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, (epoch, epoch))


def check_unique(files: Iterable[PackagedFile]) -> list[PackagedFile]:
    """Returns the files in the order of their paths.

    Raises:
        PackagerError: two files have the same path.
    """
    ordered = sorted(files, key=lambda file: file.path)
    for one, other in pairwise(ordered):
        if one.path == other.path:
            raise PackagerError(f"/{one.path}: two files are to be installed there")
    return ordered


def publish(built: Path, directory: Path) -> Path:
    """Copies a package to a directory, and returns its path there; an interrupted copy has another name."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = Path(shutil.copy(built, directory / f"{built.name}.partial"))
    return partial.replace(directory / built.name)
