"""The Python libraries that a self-contained package bundles: the pinned wheels, unpacked side by side.

One directory serves several versions of Python. The modules in Python are the same for all of them, and the file names
of compiled modules contain the version. So the package continues to work when an upgrade of the distribution replaces
its Python.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from packager.packaged_file import BUNDLED, ROOT, PackagedFile, PackagerError
from requirements.pins import Pin, read

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions of Python that the package runs on."""

MIN_GLIBC = "2.28"
"""The version of the GNU C library that the wheels need: RHEL 8, SLES 15, Debian 10, and newer."""

SONAMES = ("libgcc_s.so.1", "libstdc++.so.6")
"""The libraries of the distribution that the wheels need, besides the GNU C library."""

_MANYLINUX = ("2_28", "2_27", "2_26", "2_24", "2_17")

_SPDX = {"Apache 2.0": "Apache-2.0"}
"""Names of licenses in metadata, as SPDX spells them."""

_NOT_USED = {".c", ".h", ".hash", ".pxd", ".pxi", ".pyi", ".pyx"}
"""Suffixes of files in wheels that only compilers and type checkers read."""

_NOT_INSTALLED = {"RECORD", "WHEEL", "INSTALLER", "REQUESTED"}
"""What only installers read in the metadata; it differs between the wheels of one library."""


def pinned() -> tuple[Pin, ...]:
    """Returns the pins of the libraries that the gateway runs with."""
    return read(ROOT / "requirements" / "run.txt")


def download(directory: Path, *, pythons: Iterable[str], architecture: str) -> list[Path]:
    """Downloads the pinned wheels for an architecture, if they are not in the directory yet, and returns their paths.

    Raises:
        PackagerError: pip has found no wheel, or one with another hash.
    """
    wheels: set[Path] = set()
    for python in pythons:
        folder = directory / f"{python}-{architecture}"
        listed = directory / f"{folder.name}.txt"
        folder.mkdir(parents=True, exist_ok=True)
        # pip evaluates markers for the Python that it runs on, so they are left out
        listed.write_text("".join(f"{pin.name}=={pin.version} {_hash_options(pin)}\n" for pin in pinned()))
        if len(find_pinned(folder)) < len(pinned()):
            _run_pip(listed, folder, python=python, architecture=architecture)
        wheels.update(find_pinned(folder))
    return sorted(wheels)


def find_pinned(folder: Path) -> list[Path]:
    """Returns the wheels in a directory that are pinned; those of earlier pins may still be there."""
    versions = {(_normalize(pin.name), pin.version) for pin in pinned()}
    return sorted(wheel for wheel in folder.glob("*.whl") if _identify(wheel) in versions)


def _identify(wheel: Path) -> tuple[str, str]:
    """Returns the name and the version in the name of a wheel."""
    name, version = wheel.name.split("-")[:2]
    return _normalize(name), version


def _hash_options(pin: Pin) -> str:
    return " ".join(f"--hash=sha256:{digest}" for digest in pin.hashes)


def _run_pip(requirements: Path, folder: Path, *, python: str, architecture: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--require-hashes", "--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    for version in _MANYLINUX:
        command += ["--platform", f"manylinux_{version}_{architecture}"]
    command += [
        "--platform",
        f"manylinux2014_{architecture}",
        "--dest",
        str(folder),
        "--requirement",
        str(requirements),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagerError(
            f"no wheels for Python {python} on {architecture}: {done.stderr.strip()}\n"
            "Build the missing ones on such a machine and pass their directory with --wheels: docs/packages.md, "
            '"POWER and IBM Z"'
        )


def verify(wheels: Iterable[Path], *, built: bool, pins: Sequence[Pin]) -> None:
    """Compares wheels with the pins.

    Args:
        wheels: the paths of the wheels.
        built: whether wheels that were built locally are accepted: their versions must be the pinned ones, but their
            hashes are not known beforehand.
        pins: the pins.

    Raises:
        PackagerError: a wheel is not the pinned one, or one is missing.
    """
    expected = {_normalize(pin.name): pin for pin in pins}
    found: set[str] = set()
    for wheel in wheels:
        name, version = _identify(wheel)
        pin = expected.get(name)
        if pin is None or pin.version != version:
            raise PackagerError(f"{wheel}: not one of the versions in requirements/run.txt")
        if not built and hashlib.sha256(wheel.read_bytes()).hexdigest() not in pin.hashes:
            raise PackagerError(f"{wheel}: its SHA-256 hash is not in requirements/run.txt; delete the file")
        found.add(pin.name)
    if missing := {pin.name for pin in expected.values()} - found:
        raise PackagerError(f"wheels are missing: {', '.join(sorted(missing))}")


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def unpack(wheels: Sequence[Path]) -> list[PackagedFile]:
    """Returns the files of wheels, some of which may be the same library for different versions of Python.

    Raises:
        PackagerError: two wheels have different files with the same name.
    """
    files: dict[str, bytes] = {}
    for wheel in wheels:
        for path, data in _read_wheel(wheel):
            if files.setdefault(path, data) != data:
                raise PackagerError(f"{wheel}: {path} differs from that in another wheel of the library")
    return [PackagedFile(path=f"{BUNDLED}/{path}", data=data) for path, data in files.items()]


def _read_wheel(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = PurePosixPath(member.filename)
            top = path.parts[0]
            if path.is_absolute() or ".." in path.parts or top.endswith(".data"):
                raise PackagerError(f"{wheel}: {member.filename} is not expected in a wheel")
            unused = path.suffix in _NOT_USED or (top.endswith(".dist-info") and path.name in _NOT_INSTALLED)
            if not member.is_dir() and not unused:
                yield str(path), archive.read(member)


def licenses(files: Iterable[PackagedFile]) -> Mapping[str, str]:
    """Returns the license of each bundled library, as an expression of SPDX, by its name and version."""
    found = {}
    for file in files:
        if file.path.endswith(".dist-info/METADATA"):
            headers = file.data.decode().partition("\n\n")[0]
            fields = dict(re.findall(r"^([\w-]+): (.*)$", headers, re.MULTILINE))
            classifier = re.search(r"^Classifier: License :: (?:OSI Approved :: )?(.*)$", headers, re.MULTILINE)
            license_ = fields.get("License-Expression") or fields.get("License")
            license_ = license_ or (classifier[1] if classifier else "see its files")
            found[f"{fields['Name']} {fields['Version']}"] = _SPDX.get(license_, license_)
    return found
