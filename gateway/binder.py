"""Keeps a server listening on its addresses: one that cannot be bound yet is tried again, and holds up nothing else.

When a node boots, an address may not be there yet, a name may not resolve, or another program may still have the port.
None of that is a reason to end: everything else works meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import structlog

from gateway.backoff import Backoff
from gateway.errors import StartError
from gateway.network import Address, BoundAddresses, OpenSocket, bind, bind_all, close_all, open_tcp, socket_address
from gateway.waiting import completed_within

BACKOFF = Backoff(first=1.0, longest=30.0)
"""The pauses between attempts to bind an address."""

PATIENCE = 2.0
"""Seconds that the start of a server waits for the first attempts: name servers that are down need longer."""


class Binder:
    """Binds the addresses of one server.

    Args:
        on_change: receives all sockets whenever they change. The server closes those that it no longer gets.
        open_socket: opens each socket.
        kind: the type of socket.
        log: the name of the logger.
        backoff: the pauses between attempts.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        on_change: Callable[[Sequence[socket.socket]], None],
        *,
        open_socket: OpenSocket = open_tcp,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        log: str,
        backoff: Backoff = BACKOFF,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_change = on_change
        self._open_socket = open_socket
        self._kind = kind
        self._backoff = backoff
        self._sleep = sleep
        self._log = structlog.get_logger(log)
        self._addresses: Sequence[Address] = ()
        self._bound: BoundAddresses = {}
        self._pending: dict[Address, str] = {}
        self._attempts: dict[Address, asyncio.Task[None]] = {}

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that are bound, as ``HOST:PORT``."""
        return tuple(str(socket_address(sock)) for sock in self._sockets)

    @property
    def pending(self) -> Mapping[Address, str]:
        """The addresses that cannot be bound yet, and the reasons."""
        return self._pending

    @property
    def listening(self) -> Mapping[Address, bool]:
        """Whether each address is bound."""
        return {address: address in self._bound for address in self._addresses}

    async def start(self, addresses: Sequence[Address]) -> None:
        """Binds the addresses; those for which that fails are tried again until ``close``."""
        self._addresses = tuple(dict.fromkeys(addresses))
        first_attempts = []
        for address in self._addresses:
            self._pending[address] = "its name is still being resolved"
            attempted = asyncio.Event()
            first_attempts.append(attempted.wait())
            task = asyncio.create_task(self._keep_trying(address, attempted), name=f"bind {address}")
            self._attempts[address] = task
        await completed_within(asyncio.gather(*first_attempts), PATIENCE)

    async def prepare(self, addresses: Sequence[Address], rollback: AsyncExitStack) -> Callable[[], None]:
        """Binds other addresses, and returns a function that takes them over; ``rollback`` closes them.

        An address that is being tried already does not have to be bound now.

        Raises:
            StartError: a new address cannot be bound.
        """
        wanted = tuple(dict.fromkeys(addresses))
        bound = await bind_all(
            [address for address in wanted if address not in self._pending],
            bound=self._bound,
            open_socket=self._open_socket,
            kind=self._kind,
        )
        new = {address: sockets for address, sockets in bound.items() if address not in self._bound}
        rollback.callback(close_all, new)

        def commit() -> None:
            self._addresses = wanted
            for address in self._attempts.keys() - {*wanted}:
                self._attempts.pop(address).cancel()
                self._pending.pop(address, None)
            self._update({**self._bound, **new})

        return commit

    def close(self) -> None:
        """Ends all attempts, and lets the server close its sockets. Idempotent."""
        for task in self._attempts.values():
            task.cancel()
        self._attempts.clear()
        self._pending.clear()
        self._addresses = ()
        self._update({})

    @property
    def _sockets(self) -> Sequence[socket.socket]:
        return [sock for sockets in self._bound.values() for sock in sockets]

    def _update(self, bound: BoundAddresses) -> None:
        self._bound = {address: bound[address] for address in self._addresses if address in bound}
        self._on_change(self._sockets)

    async def _keep_trying(self, address: Address, attempted: asyncio.Event) -> None:
        retries = 0
        while True:
            try:
                sockets = await bind(address, open_socket=self._open_socket, kind=self._kind)
            except StartError as error:
                self._record_failure(address, str(error))
            else:
                del self._pending[address]
                self._attempts.pop(address)
                self._update({**self._bound, address: sockets})
                if retries:
                    self._log.info("listening", address=str(address))
                attempted.set()
                return
            attempted.set()
            await self._sleep(self._backoff.pause(retries))
            retries += 1

    def _record_failure(self, address: Address, reason: str) -> None:
        """Logs why an address cannot be bound, once for each reason."""
        if self._pending[address] != reason:
            self._log.warning("not listening yet", reason=reason)
        self._pending[address] = reason
