"""The addresses of receivers: resolved ahead, kept while name servers are down, and tried in turn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest

from gateway.alarms.channel import DeliveryResult
from gateway.alarms.resolver import ReceiverAddresses, SocketAddress, resolve
from tests.alarms.notifications import node_lost
from tests.alarms.receivers import Receiver, acknowledge, sequences
from tests.alarms.targets import delivery_of, running_notifier, target
from tests.ports import free_port
from tests.snmptrapd import HOST
from tests.waiting import until

MANAGER = "manager.example:162"


class NameServer:
    """Resolves every name to the loopback address.

    Attributes:
        ports: a port for each address; without ports, the name server is down.
        queries: the number of queries.
    """

    def __init__(self, *ports: int) -> None:
        self.ports = ports
        self.queries = 0

    async def __call__(self, host: str, port: int) -> Sequence[SocketAddress]:
        self.queries += 1
        if not self.ports:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [SocketAddress(socket.AF_INET, (HOST, each)) for each in self.ports]


# --- resolve ---------------------------------------------------------------------------------------------------------


async def test_addresses_and_names_are_resolved() -> None:
    assert await resolve("127.0.0.1", 162) == [SocketAddress(socket.AF_INET, ("127.0.0.1", 162))]
    assert await resolve("::1", 162) == [SocketAddress(socket.AF_INET6, ("::1", 162, 0, 0))]
    assert SocketAddress(socket.AF_INET, ("127.0.0.1", 162)) in await resolve("localhost", 162)


@pytest.mark.parametrize("name", ["name.invalid", "a" * 70 + ".example", "a..b"])
async def test_a_name_without_an_address_is_an_error(name: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await resolve(name, 162)


async def test_a_cancelled_resolution_ends_quietly() -> None:
    before = threading.active_count()
    task = asyncio.create_task(resolve("name.invalid", 162))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: threading.active_count() == before)


# --- the addresses of a receiver -------------------------------------------------------------------------------------


async def test_a_name_is_resolved_again_regularly_and_the_last_address_is_kept() -> None:
    name_server = NameServer(1)
    addresses = ReceiverAddresses("manager.example", 162, resolve=name_server, refresh=0.01, retry=0.01)
    await addresses.start()
    assert (await addresses.current()).name == (HOST, 1)
    name_server.ports = (2,)
    await until(lambda: addresses._addresses[0].name == (HOST, 2))
    name_server.ports = ()
    queries = name_server.queries
    await until(lambda: name_server.queries > queries + 2)
    assert (await addresses.current()).name == (HOST, 2)
    await addresses.close()
    await addresses.close()


async def test_an_unreachable_address_is_followed_by_the_next() -> None:
    addresses = ReceiverAddresses("manager.example", 162, resolve=NameServer(1, 2))
    await addresses.start()
    used = []
    for _ in range(3):
        used.append((await addresses.current()).name)
        addresses.mark_unreachable()
    await addresses.close()
    assert used == [(HOST, 1), (HOST, 2), (HOST, 1)]


# --- in a channel ----------------------------------------------------------------------------------------------------


async def test_a_name_that_cannot_be_resolved_is_resolved_again() -> None:
    name_server = NameServer()
    with Receiver(acknowledge) as receiver:
        async with running_notifier(target(162, host="manager.example"), resolve=name_server) as notifier:
            (outcome,) = await notifier.test(node_lost(1))
            assert outcome.error == "manager.example cannot be resolved: Temporary failure in name resolution"
            name_server.ports = (receiver.port,)
            await notifier.test(node_lost(2))
            assert sequences(receiver.messages) == [1, 2]


async def test_while_name_servers_are_down_the_last_address_is_used() -> None:
    with Receiver() as receiver:
        name_server = NameServer(receiver.port)
        manager = target(162, host="manager.example", timeout=0.05, retries=0)
        async with running_notifier(manager, resolve=name_server) as notifier:
            await until(lambda: name_server.queries == 1)
            name_server.ports = ()
            notifier.publish(node_lost())
            await until(lambda: name_server.queries >= 3)
            receiver.answer = acknowledge
            await until(lambda: delivery_of(notifier, MANAGER).stats.acknowledged == 1)


async def test_of_several_addresses_the_next_one_is_tried() -> None:
    with Receiver(acknowledge) as receiver:
        name_server = NameServer(free_port(), receiver.port)
        manager = target(162, host="manager.example", timeout=0.05)
        async with running_notifier(manager, resolve=name_server) as notifier:
            notifier.publish(node_lost(1))
            await until(lambda: delivery_of(notifier, MANAGER).stats.acknowledged == 1)
            (outcome,) = await notifier.test(node_lost(2))
            assert outcome.result is DeliveryResult.ACKNOWLEDGED


async def test_a_slow_name_server_holds_up_no_other_target() -> None:
    async def hanging(host: str, port: int) -> Sequence[SocketAddress]:
        if host != HOST:
            await asyncio.Event().wait()
        return await resolve(host, port)

    with Receiver(acknowledge) as receiver:
        targets = target(162, host="manager.example"), target(receiver.port)
        async with running_notifier(*targets, resolve=hanging, patience=0.05) as notifier:
            slow, good = await notifier.test(node_lost())
            assert slow.error == "manager.example is still being resolved"
            assert good.result is DeliveryResult.ACKNOWLEDGED
