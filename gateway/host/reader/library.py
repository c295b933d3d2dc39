"""Loads a shared library for a resident reader, and finds out which one that is."""

from __future__ import annotations

import ctypes
import os

from gateway.host.reader.messages import LibraryUnusableError

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Iterable


def load(names: Iterable[str], functions: Iterable[str]) -> ctypes.CDLL:
    """Returns the first library that is installed.

    Args:
        names: the names under which the linker knows it, the preferred one first, or paths.
        functions: what it must have. The libraries that it is linked with count as parts of it.

    Raises:
        LibraryUnusableError: there is none, or it lacks a function.
    """
    problems = []
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError as error:
            problems.append(str(error))
            continue
        missing = [function for function in functions if not hasattr(library, function)]
        if missing:
            raise LibraryUnusableError(f"{name} has no {missing[0]}")
        return library
    raise LibraryUnusableError("; ".join(problems))


def loaded_file(stem: str) -> str:
    """Returns the name of the file that a library was loaded from, ``libcfg.so.7.3.0`` for ``libcfg.so``; or nothing.

    The linker knows a library by its major version only, which its file's name completes.
    """
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - pathlib is large
        for line in maps:
            name = os.path.basename(line.split(" ")[-1].strip())  # noqa: PTH119
            if name.startswith(stem):
                return name
    return ""
