"""The addresses of a receiver: resolved ahead and kept, because names cannot be resolved while the network is down."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from gateway import network
from gateway.alarms.channel import DeliveryError
from gateway.waiting import completed_within

REFRESH = 300.0
"""Seconds after which a name is resolved again."""

RETRY = 10.0
"""Seconds after which a name is resolved again if that failed."""

PATIENCE = 5.0
"""Seconds that a notification waits until the name is resolved for the first time."""


class SocketAddress(NamedTuple):
    """An address to send to.

    Attributes:
        family: the address family of the socket.
        name: what the socket is connected to.
    """

    family: int
    name: tuple[Any, ...]


Resolve = Callable[[str, int], Awaitable[Sequence[SocketAddress]]]
"""Returns the addresses of a host and a port, and raises OSError if there are none."""


async def resolve(host: str, port: int) -> Sequence[SocketAddress]:
    """Returns the addresses of a host, the preferred one first.

    Raises:
        OSError: the host has no address.
    """
    infos = await network.resolve(host, port, kind=socket.SOCK_DGRAM)
    return [SocketAddress(family, name) for family, _, _, _, name in infos]


class ReceiverAddresses:
    """Keeps the addresses of one receiver up to date. A service.

    Args:
        host: the name or address of the receiver.
        port: the port of the receiver.
        resolve: resolves the name.
        refresh: seconds after which the name is resolved again.
        retry: seconds after which it is resolved again if that failed.
        patience: seconds that ``current`` waits for the first result.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        resolve: Resolve = resolve,
        refresh: float = REFRESH,
        retry: float = RETRY,
        patience: float = PATIENCE,
    ) -> None:
        self._host, self._port = host, port
        self._resolve = resolve
        self._refresh, self._retry, self._patience = refresh, retry, patience
        self._addresses: list[SocketAddress] = []
        self._error = f"{host} is still being resolved"
        self._attempted = asyncio.Event()
        self._unreachable = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts to resolve the name; does not wait for the result."""
        self._task = asyncio.create_task(self._run(), name=f"addresses of {self._host}")

    async def close(self) -> None:
        """Stops resolving the name."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def current(self) -> SocketAddress:
        """Returns the address to send to: at once, except while the name is being resolved for the first time.

        Raises:
            DeliveryError: no address is known.
        """
        if not self._attempted.is_set():
            await completed_within(self._attempted.wait(), self._patience)
        if not self._addresses:
            raise DeliveryError(self._error)
        return self._addresses[0]

    def mark_unreachable(self) -> None:
        """Moves on to the next address, and has the name resolved again."""
        self._addresses = [*self._addresses[1:], *self._addresses[:1]]
        self._unreachable.set()

    async def _run(self) -> None:
        while True:
            self._unreachable.clear()
            pause = self._refresh
            try:
                addresses = await self._resolve(self._host, self._port)
            except OSError as error:  # earlier addresses remain the best that are known
                self._error = f"{self._host} cannot be resolved: {error.strerror or error}"
                pause = self._retry
            else:
                if set(addresses) != set(self._addresses):  # if they are the same, the order stays as it is
                    self._addresses = list(dict.fromkeys(addresses))
            self._attempted.set()
            await completed_within(self._unreachable.wait(), pause)
