"""The sockets that the HTTP server listens on."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any

from gateway.errors import StartError


async def bind(host: str, port: int) -> list[socket.socket]:
    """Returns bound sockets: one for IPv6 and IPv4 together where no host is given, as Go's servers do.

    Raises:
        StartError: the address is in use, not this host's, or not permitted.
    """
    try:
        if not host:
            return [_any_interface(port)]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bound([(family, address) for family, _, _, _, address in dict.fromkeys(found)])
    except (OSError, UnicodeError) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.errno is not None:
            reason = os.strerror(error.errno) if error.errno > 0 else error.strerror or reason
        raise StartError(f"cannot listen on {shown((host, port))}: {reason}") from None


def _any_interface(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _bound(addresses: Sequence[tuple[int, tuple[Any, ...]]]) -> list[socket.socket]:
    """Returns sockets for all of a name's addresses, without those that this host lacks, as often IPv6's localhost."""
    sockets = []
    lacking: OSError | None = None
    for family, address in addresses:
        try:
            sockets.append(socket.create_server(address, family=family))
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
