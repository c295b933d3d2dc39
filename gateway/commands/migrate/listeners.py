"""Finds the processes that listen on a TCP port, as root sees them in ``/proc``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"
"""The state of a listening socket in ``/proc/PID/net/tcp``."""


def listens(process: int, port: int) -> bool:
    """Returns whether a process has a socket that listens on a TCP port of its network namespace."""
    directory = _PROC / str(process)
    return not _sockets(directory).isdisjoint(_listening(directory, port))


def find_listeners(port: int) -> Iterator[str]:
    """Yields each process that listens on a TCP port of this network namespace, such as ``nginx (process 812)``."""
    listening = frozenset(_listening(_PROC / "self", port))
    for directory in sorted(_PROC.glob("[0-9]*"), key=lambda directory: int(directory.name)):
        if not _sockets(directory).isdisjoint(listening):
            yield f"{_name(directory)} (process {directory.name})"


def _listening(directory: Path, port: int) -> Iterator[str]:
    """Yields the inode of each socket that listens on a port, of IPv4 and IPv6."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (directory / "net" / name).read_text().splitlines()[1:]
        except OSError:  # the process has ended, or there is no IPv6
            continue
        for line in lines:
            _, local, _, state, *others = line.split()
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                yield f"socket:[{others[5]}]"


def _sockets(directory: Path) -> frozenset[str]:
    """Returns what the descriptors of a process lead to; nothing if it has ended."""
    targets = set()
    try:
        for descriptor in (directory / "fd").iterdir():
            try:
                targets.add(str(descriptor.readlink()))
            except OSError:  # closed meanwhile
                continue
    except OSError:
        pass
    return frozenset(targets)


def _name(directory: Path) -> str:
    try:
        return (directory / "comm").read_text().strip()
    except OSError:
        return "a process"
