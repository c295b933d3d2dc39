"""Connects protocols to clients, with or without TLS."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol


class Connector(Protocol):
    """Connects protocols to clients."""

    @property
    def encrypted(self) -> bool:
        """Whether new connections use TLS."""
        ...

    async def connect(self, protocol: asyncio.Protocol, sock: socket.socket) -> None:
        """Connects a protocol to the client of a socket.

        Raises:
            OSError: the connection could not begin.
        """
        ...


class PlainConnector:
    """Connects protocols to clients without TLS."""

    encrypted = False

    async def connect(self, protocol: asyncio.Protocol, sock: socket.socket) -> None:
        """Connects a protocol to the client of a socket."""
        await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, sock)
