"""The addresses of a server: what cannot be bound yet is tried again, and a reload changes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from gateway.backoff import Backoff
from gateway.binder import Binder
from gateway.errors import StartError
from gateway.network import Address, socket_address
from tests.ports import free_port
from tests.waiting import until


class Server:
    """Closes the sockets that it no longer gets, as servers do."""

    def __init__(self) -> None:
        self.sockets: Sequence[socket.socket] = ()
        self.pauses: list[float] = []
        self._next = asyncio.Event()
        self.binder = Binder(self._on_change, log="test", backoff=Backoff(first=1, longest=4), sleep=self._sleep)

    @property
    def listening(self) -> list[Address]:
        return [socket_address(sock) for sock in self.sockets]

    def try_again(self) -> None:
        self._next.set()

    def _on_change(self, sockets: Sequence[socket.socket]) -> None:
        for sock in {*self.sockets} - {*sockets}:
            sock.close()
        self.sockets = sockets

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._next.clear()
        await self._next.wait()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    yield made
    made.binder.close()
    assert made.sockets == []


def taken_port() -> tuple[socket.socket, Address]:
    taken = socket.create_server(("127.0.0.1", free_port()))
    return taken, socket_address(taken)


FREE = Address("127.0.0.1", 0)


async def test_an_address_in_use_is_bound_as_soon_as_it_is_free(server: Server) -> None:
    taken, busy = taken_port()
    with taken:
        await server.binder.start([busy, FREE])
        assert len(server.sockets) == 1
        assert server.binder.pending == {busy: f"cannot listen on {busy}: Address already in use"}
        assert server.binder.listening == {busy: False, FREE: True}
        await until(lambda: len(server.pauses) == 1)
        server.try_again()
        await until(lambda: len(server.pauses) == 2)
    server.try_again()
    await until(lambda: not server.binder.pending)
    assert server.binder.listening == {busy: True, FREE: True}
    assert server.listening[0] == busy  # in the order of the configuration
    assert len(server.listening) == 2
    assert 0.5 <= server.pauses[0] <= 1 <= server.pauses[1] <= 2


async def test_a_reload_keeps_what_is_tried_already(server: Server) -> None:
    taken, busy = taken_port()
    with taken:
        await server.binder.start([busy])
        async with AsyncExitStack() as rollback:
            (await server.binder.prepare([busy, FREE], rollback))()
            rollback.pop_all()
        assert len(server.sockets) == 1
        assert [*server.binder.pending] == [busy]
        async with AsyncExitStack() as rollback:
            (await server.binder.prepare([FREE], rollback))()
            rollback.pop_all()
        assert not server.binder.pending
    server.try_again()
    await asyncio.sleep(0)
    assert len(server.sockets) == 1


async def test_a_new_address_of_a_reload_must_be_free(server: Server) -> None:
    await server.binder.start([FREE])
    before = server.listening
    taken, busy = taken_port()
    with taken, pytest.raises(StartError, match="Address already in use"):
        async with AsyncExitStack() as rollback:
            await server.binder.prepare([Address("127.0.0.1", 0), busy], rollback)
    assert server.listening == before
    assert not server.binder.pending


async def test_an_address_that_becomes_free_during_a_reload(server: Server) -> None:
    taken, busy = taken_port()
    with contextlib.closing(taken):
        await server.binder.start([busy])
        await until(lambda: len(server.pauses) == 1)
        async with AsyncExitStack() as rollback:
            commit = await server.binder.prepare([busy, FREE], rollback)
            taken.close()
            server.try_again()
            await until(lambda: not server.binder.pending)
            commit()
            rollback.pop_all()
    assert server.listening[0] == busy
    assert len(server.sockets) == 2
