"""Builds the benchmark's programs in C, if the compiler and the headers are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SOURCES = Path(__file__).parent
_HEADERS = Path("/usr/include/net-snmp")


class MissingError(Exception):
    """A prerequisite is missing; the message names it."""


def built(name: str, directory: Path, *libraries: str) -> Path:
    """Builds a program of one file, and returns its path.

    Args:
        name: the name of the source file next to this module, without ``.c``.
        directory: the directory for the program.
        libraries: the libraries to link.

    Raises:
        MissingError: there is no compiler, no C library or no Net-SNMP to build with.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise MissingError("there is no gcc (Debian: gcc libc6-dev)")
    if not _HEADERS.is_dir():
        raise MissingError("there are no headers of Net-SNMP (Debian: libsnmp-dev)")
    program = directory / name
    argv = [
        compiler,
        "-O2",
        "-o",
        str(program),
        str(_SOURCES / f"{name}.c"),
        *(f"-l{library}" for library in libraries),
    ]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode:
        raise MissingError(f"{name}.c cannot be built: {result.stderr.strip()[:500]}")
    return program
