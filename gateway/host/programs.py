"""Finds programs, and builds the environment that they run in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence

from gateway.files import UntrustedPathError, check_trusted, read_file

STANDARD_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
"""The directories that are searched, in this order, for a tool without a configured path."""

_MAX_PROGRAM = 1024 * 1024
"""Bytes of a program that are searched for a text."""


def find_program(name: str, directories: Sequence[str]) -> str | None:
    """Returns the first executable of this name in the directories that others cannot change, or None.

    If there are only files that others can change, or that this user may not execute, the first of them is returned:
    not permitted is not the same as not installed, and the attempt to run the program reports which it is.
    """
    first: str | None = None
    for path in locations(name, directories):
        if os.access(path, os.X_OK) and not why_untrusted(path):
            return path
        first = first or path
    return first


def locations(name: str, directories: Sequence[str]) -> Iterator[str]:
    """Yields the regular files of this name in the directories, usable or not."""
    candidates = [name] if "/" in name else [f"{directory}/{name}" for directory in directories]
    return filter(is_regular_file, candidates)


def why_untrusted(path: str) -> str:
    """Returns how others than root and this user can change a program or a directory; empty if they cannot."""
    try:
        check_trusted(path)
    except UntrustedPathError as error:
        return str(error)
    except OSError:
        pass  # it is missing, or inaccessible: the attempt to run it reports that
    return ""


def contains_string(program: str, text: str) -> bool:
    """Returns whether a small program has exactly this text compiled in; False if its file cannot be read."""
    try:
        return b"\0" + text.encode() + b"\0" in read_file(program, max_size=_MAX_PROGRAM)
    except OSError:
        return False


def is_regular_file(path: str) -> bool:
    """Returns whether a path leads to a regular file; False if the file is inaccessible."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - called for every tool of every scrape
    except (OSError, ValueError):
        return False


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment for a tool: the C locale, a search path, and the gateway's own time zone.

    The search path consists of the standard directories that others cannot change. The time zone is kept because tools
    print local time without naming the zone: the tool and the parser must agree.
    """
    directories = (directory for directory in STANDARD_DIRECTORIES if not why_untrusted(directory))
    clean = {"LC_ALL": "C", "PATH": ":".join(directories)}
    if zone := environment.get("TZ"):
        clean["TZ"] = zone
    return clean
