"""Addresses of receivers: looked up ahead, and kept, for names cannot be looked up when the network is in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from gateway.alarms.delivery import DeliveryError

REFRESH = 300.0
"""Seconds after which a name is looked up again."""

RETRY = 10.0
"""Seconds after which that is done where it failed."""

_FIRST = 5.0
"""Seconds that a notification waits for the first look-up."""


class Address(NamedTuple):
    """Where to send to.

    Attributes:
        family: of the socket.
        name: what the socket is connected to.
    """

    family: int
    name: tuple[Any, ...]


Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Returns the addresses of a host and a port; raises OSError."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Returns the UDP addresses of a host, the best first.

    A name is looked up in a thread of its own, not in one of the event loop's: while the name servers are down that
    takes many seconds, for which others must not have to wait, nor the program's end.

    Raises:
        OSError: it has none.
    """
    with contextlib.suppress(OSError):
        return _look_up(host, port, socket.AI_NUMERICHOST)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Sequence[Address]] = loop.create_future()

    def settle(found: Sequence[Address] | OSError) -> None:
        if future.done():
            return
        if isinstance(found, OSError):
            future.set_exception(found)
        else:
            future.set_result(found)

    def look() -> None:
        found: Sequence[Address] | OSError
        try:
            found = _look_up(host, port)
        except OSError as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look, name=f"look up {host}", daemon=True).start()
    return await future


def _look_up(host: str, port: int, flags: int = 0) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)
    except UnicodeError:  # of labels that are empty or too long
        raise OSError("not the name of a host") from None
    return [Address(family, name) for family, _, _, _, name in found]


class Addresses:
    """The addresses of one receiver, from ``start`` to ``close``.

    Args:
        host: its name or address.
        port: its port.
        resolve: looks it up.
        refresh: seconds after which that is done again.
        retry: seconds after which it is done again where it failed.
    """

    def __init__(
        self, host: str, port: int, *, resolve: Resolve = resolve, refresh: float = REFRESH, retry: float = RETRY
    ) -> None:
        self._host, self._port = host, port
        self._resolve = resolve
        self._refresh, self._retry = refresh, retry
        self._found: list[Address] = []
        self._error = f"{host} is still being looked up"
        self._tried = asyncio.Event()
        self._doubt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look it up."""
        self._task = asyncio.create_task(self._run(), name=f"addresses of {self._host}")

    async def close(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def get(self) -> Address:
        """Returns the address to send to: at once, but for the first look-up.

        Raises:
            DeliveryError: none is known.
        """
        if not self._tried.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FIRST):
                    await self._tried.wait()
        if not self._found:
            raise DeliveryError(self._error)
        return self._found[0]

    def doubt(self) -> None:
        """Hears that nobody has answered there: the next address is next, and the name is looked up again."""
        self._found = [*self._found[1:], *self._found[:1]]
        self._doubt.set()

    async def _run(self) -> None:
        while True:
            self._doubt.clear()
            pause = self._refresh
            try:
                self._take(await self._resolve(self._host, self._port))
            except OSError as error:  # what was found before is still the best there is
                self._error = f"{self._host} cannot be looked up: {error.strerror or error}"
                pause = self._retry
            self._tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._doubt.wait()

    def _take(self, found: Sequence[Address]) -> None:
        """Takes addresses in; the order stays as it is where they have not changed."""
        if set(found) != set(self._found):
            self._found = list(dict.fromkeys(found))
