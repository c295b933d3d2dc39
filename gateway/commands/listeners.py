"""Finds the processes that hold TCP and UDP ports, in ``/proc``.

Every user sees which ports are in use, and which user has opened them. Which process that is, root sees of all
processes, and another user only of its own.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.commands import PROGRAM
from gateway.ip_addresses import IpAddress, unmap

_PROC = Path("/proc")
_LISTEN = "0A"
"""The state of a listening TCP socket in ``/proc/PID/net/tcp``."""
_COMM_LENGTH = 15
"""Characters of the name of a process that Linux keeps."""

_TABLES = {socket.SOCK_STREAM: ("tcp", "tcp6"), socket.SOCK_DGRAM: ("udp", "udp6")}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSocket:
    """A TCP socket that listens, or a UDP socket.

    Attributes:
        address: the address that it is bound to; unspecified for all addresses.
        user_id: the user that has opened it.
        link: what the descriptors of its processes lead to.
    """

    address: IpAddress
    user_id: int
    link: str

    def overlaps(self, address: IpAddress) -> bool:
        """Returns whether it can keep another socket from an address of the same port."""
        return self.address == address or self.address.is_unspecified or address.is_unspecified


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of this host.

    Attributes:
        number: its ID.
        name: the name of its program.
        user_id: the user that it runs as.
        is_gateway: whether it runs this program, as its command line says, which any process can change.
        links: what its descriptors lead to; None if this user may not see them.
    """

    number: int
    name: str
    user_id: int
    is_gateway: bool
    links: frozenset[str] | None

    def __str__(self) -> str:
        return f"{self.name} (process {self.number})"


def listens(number: int, port: int) -> bool:
    """Returns whether a process has a socket that listens on a TCP port of its network namespace."""
    directory = _PROC / str(number)
    links = _read_links(directory) or frozenset()
    return any(each.link in links for each in _read_sockets(directory, socket.SOCK_STREAM, port))


def find_listeners(port: int) -> Iterator[Process]:
    """Yields each process that listens on a TCP port of this network namespace, as far as this user may see it."""
    links = {each.link for each in find_sockets(socket.SOCK_STREAM, port)}
    return (process for process in read_processes() if process.links and not process.links.isdisjoint(links))


def find_sockets(kind: socket.SocketKind, port: int) -> tuple[BoundSocket, ...]:
    """Returns the sockets that are bound to a port of this network namespace."""
    return tuple(_read_sockets(_PROC / "self", kind, port))


def read_processes() -> tuple[Process, ...]:
    """Returns the processes of this host that this user may see, the oldest first."""
    numbers = sorted(int(directory.name) for directory in _PROC.glob("[0-9]*"))
    return tuple(process for number in numbers if (process := _read_process(number)) is not None)


def _read_process(number: int) -> Process | None:
    directory = _PROC / str(number)
    try:
        words = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return Process(
            number=number,
            name=_complete((directory / "comm").read_text(errors="replace").strip(), words),
            user_id=directory.stat().st_uid,
            is_gateway=_is_gateway(words),
            links=_read_links(directory),
        )
    except OSError:  # it has ended
        return None


def _complete(name: str, words: list[str]) -> str:
    """Returns the name of a program, of which the kernel only keeps the beginning."""
    if len(name) < _COMM_LENGTH:
        return name
    return next((whole for word in words if (whole := Path(word).name).startswith(name)), name)


def _is_gateway(words: list[str]) -> bool:
    """Returns whether a command line is that of this program, started by its name or by Python."""
    if Path(words[0]).name.startswith("python"):
        words = words[1:]
        while words and words[0].startswith("-") and words[0] != "-m":
            words = words[1:]
        if words[:2] == ["-m", "gateway"]:
            return True
    return bool(words) and Path(words[0]).name == PROGRAM


def _read_links(directory: Path) -> frozenset[str] | None:
    """Returns what the descriptors of a process lead to; None if it has ended, or belongs to somebody else."""
    links = set()
    try:
        for descriptor in (directory / "fd").iterdir():
            try:
                links.add(str(descriptor.readlink()))
            except FileNotFoundError:  # closed meanwhile
                continue
    except OSError:
        return None
    return frozenset(links)


def _read_sockets(directory: Path, kind: socket.SocketKind, port: int) -> Iterator[BoundSocket]:
    """Yields the sockets of IPv4 and IPv6 in the network namespace of a process."""
    for name in _TABLES[kind]:
        try:
            lines = (directory / "net" / name).read_text().splitlines()[1:]
        except OSError:  # the process has ended, or there is no IPv6
            continue
        for line in lines:
            _, local, _, state, _, _, _, user_id, _, inode, *_ = line.split()
            address, _, number = local.partition(":")
            if int(number, 16) == port and (state == _LISTEN or kind is socket.SOCK_DGRAM):
                yield BoundSocket(address=_parse_address(address), user_id=int(user_id), link=f"socket:[{inode}]")


def _parse_address(text: str) -> IpAddress:
    """Returns an address that is written as 32-bit numbers in the byte order of the host."""
    numbers = (int(text[start : start + 8], 16) for start in range(0, len(text), 8))
    return unmap(ipaddress.ip_address(b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)))
