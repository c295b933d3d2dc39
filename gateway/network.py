"""The sockets that servers listen on, by TCP or by UDP."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any, Protocol

from gateway.errors import StartError


class Open(Protocol):
    """Opens and binds one socket."""

    def __call__(self, family: int, address: tuple[Any, ...], *, dual: bool) -> socket.socket:
        """Returns a bound socket; with ``dual`` one of IPv6 that takes IPv4, too."""
        ...


def open_tcp(family: int, address: tuple[Any, ...], *, dual: bool) -> socket.socket:
    """Returns a socket that accepts connections."""
    return socket.create_server(address, family=family, dualstack_ipv6=dual)


async def bind(
    host: str, port: int, *, open_one: Open = open_tcp, kind: socket.SocketKind = socket.SOCK_STREAM
) -> list[socket.socket]:
    """Returns bound sockets: one for IPv6 and IPv4 together where no host is given, as Go's servers do.

    Args:
        host: a name, an address, or "" for all interfaces.
        port: the port.
        open_one: opens each.
        kind: what the name is looked up for.

    Raises:
        StartError: the address is in use, not this host's, or not permitted.
    """
    try:
        if not host:
            return [_any_interface(port, open_one)]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
        return _bound([(family, address) for family, _, _, _, address in dict.fromkeys(found)], open_one)
    except (OSError, UnicodeError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.errno is not None:
            reason = os.strerror(error.errno) if error.errno > 0 else error.strerror or reason
        protocol = "UDP " if kind is socket.SOCK_DGRAM else ""
        raise StartError(f"cannot listen on {protocol}{shown((host, port))}: {reason}") from None


def _any_interface(port: int, open_one: Open) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return open_one(socket.AF_INET6, ("", port), dual=True)
    return open_one(socket.AF_INET, ("", port), dual=False)


def _bound(addresses: Sequence[tuple[int, tuple[Any, ...]]], open_one: Open = open_tcp) -> list[socket.socket]:
    """Returns sockets for all of a name's addresses, without those that this host lacks, as often IPv6's localhost."""
    sockets: list[socket.socket] = []
    lacking: OSError | None = None
    for family, address in addresses:
        try:
            sockets.append(open_one(family, address, dual=False))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                for sock in sockets:
                    sock.close()
                raise
            lacking = error
    if lacking is not None and not sockets:
        raise lacking
    return sockets


def shown(address: Sequence[object]) -> str:
    """Returns a socket's address as ``HOST:PORT`` or ``[IPv6]:PORT``."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
