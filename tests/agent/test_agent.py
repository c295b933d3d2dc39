"""The built-in agent as a service: addresses, start, and stop."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import socket
import sys
import time
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from gateway.frontends.snmp.agent.admission import BURST
from gateway.frontends.snmp.agent.udp import UdpServer
from gateway.network import Address
from gateway.snmp.credentials import Community, UsmUser
from tests.agent.messages import get_request
from tests.agent.mib import AUTHENTIC, SYS_DESCR, USERS
from tests.agent.serving import COMMUNITY_OPTIONS, net_snmp, serving
from tests.conftest import open_descriptors
from tests.programs import environment


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_it_answers_on_every_address() -> None:
    addresses = [("127.0.0.1", 0), ("127.0.0.2", 0), *([("::1", 0)] if has_ipv6() else [])]
    async with serving(addresses=addresses) as agent:
        assert len(agent.addresses) == len(addresses)
        for at in range(len(addresses)):
            assert (await net_snmp("snmpget", agent, SYS_DESCR, at=at)).status == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1"])
async def test_responses_come_from_the_destination_address_of_the_request(host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this host has no IPv6")
    async with serving(addresses=[("", 0)]) as agent:
        port = int(agent.addresses[0].rpartition(":")[2])
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            await asyncio.get_running_loop().sock_sendto(sock, get_request([SYS_DESCR]), (host, port))
            async with asyncio.timeout(5):
                _, sender = await asyncio.get_running_loop().sock_recvfrom(sock, 10000)
        assert sender[:2] == (host, port)


async def test_a_host_name_can_be_listened_on() -> None:
    async with serving(addresses=[("localhost", 0)]) as agent:
        assert agent.addresses


async def test_an_address_in_use() -> None:
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        before = open_descriptors()
        async with serving(addresses=[("127.0.0.1", 0), (host, int(port))]) as other:
            assert [*other.pending.values()] == [f"cannot listen on UDP {host}:{port}: Address already in use"]
            assert other.listening == {Address("127.0.0.1", 0): True, Address(host, int(port)): False}
            assert (await net_snmp("snmpget", other, SYS_DESCR)).status == 0
        assert open_descriptors() == before
        assert (await net_snmp("snmpget", agent, SYS_DESCR)).status == 0


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (("203.0.113.1", 161), "cannot listen on UDP 203.0.113.1:161: Cannot assign requested address"),
        (("2001:db8::1", 161), r"cannot listen on UDP \[2001:db8::1\]:161: "),
        (("no.such.host.invalid", 161), "cannot listen on UDP no.such.host.invalid:161: "),
        (("x" * 70 + ".example", 161), "cannot listen on UDP xxx"),
    ],
)
async def test_an_unusable_address_is_pending_with_a_reason(address: tuple[str, int], message: str) -> None:
    async with serving(addresses=[address]) as agent:
        (reason,) = agent.pending.values()
        assert re.match(message, reason)


async def test_closing_frees_the_addresses() -> None:
    before = open_descriptors()
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        await agent.close()
        assert agent.addresses == ()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, int(port)))
    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("host", "communities", "users", "is_warned"),
    [
        ("", [Community(name="public")], [], True),
        ("", [], [UsmUser(name="nobody")], True),
        ("", [], [AUTHENTIC], False),
        ("127.0.0.1", [Community(name="public")], [], False),
    ],
)
async def test_insecure_credentials_off_loopback_are_logged(
    host: str, communities: list[Community], users: list[UsmUser], *, is_warned: bool
) -> None:
    with capture_logs() as logs:
        async with serving(addresses=[(host, 0)], communities=communities, users=users):
            pass
    assert [event["log_level"] for event in logs] == (["warning"] if is_warned else [])
    assert "public" not in repr(logs)


async def test_deriving_keys_does_not_block_the_event_loop() -> None:
    longest = 0.0
    running = True

    async def watch() -> None:
        nonlocal longest
        while running:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    async with serving(users=USERS):
        running = False
    await watching
    assert longest < 0.25  # seconds of the event loop's own thread; deriving the keys takes more than one


def test_ciphers_are_imported_only_for_agents_in_use() -> None:
    code = "import sys; import gateway.frontends.snmp.agent.agent; sys.exit('cryptography' in sys.modules)"

    async def run() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment())
        return await process.wait()

    assert asyncio.run(run()) == 0


async def test_random_datagrams_over_the_network() -> None:
    source = random.Random(8)
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(500):
                sock.sendto(source.randbytes(source.randrange(1500)), (host, int(port)))
                await asyncio.sleep(0)
        result = await net_snmp("snmpget", agent, SYS_DESCR, "1.3.6.1.2.1.11.6.0")
        assert result.status == 0
        assert result.lines[1].endswith(f" = Counter32: {agent.malformed}")
        assert agent.malformed == 500


# --- Who is served ---------------------------------------------------------------------------------------------------


async def test_only_allowed_networks_are_served() -> None:
    async with serving(allowed=[ipaddress.ip_network("127.0.0.2")]) as agent:
        result = await net_snmp("snmpget", agent, SYS_DESCR, options=(*COMMUNITY_OPTIONS, "-t0.3"))
        assert "Timeout: No Response" in result.error
        assert (agent.refused, agent.requests["get"]) == (1, 0)
        options = (*COMMUNITY_OPTIONS, "--clientaddr=127.0.0.2")
        assert (await net_snmp("snmpget", agent, SYS_DESCR, options=options)).status == 0


async def test_a_source_that_sends_too_much_is_limited_and_others_are_served() -> None:
    async with serving() as agent:
        host, _, port = agent.addresses[0].rpartition(":")
        agent._admission.charge("127.0.0.2", 2 * BURST)
        with capture_logs() as logs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.2", 0))
            for _ in range(100):
                sock.sendto(get_request([SYS_DESCR]), (host, int(port)))
            assert (await net_snmp("snmpget", agent, SYS_DESCR)).status == 0
        assert (agent.limited, agent.requests["get"]) == (100, 1)
    events = [event for event in logs if event["log_level"] == "warning"]
    assert [(event["event"], event["source"]) for event in events] == [
        ("datagrams dropped, because their source sends too many", "127.0.0.2")
    ]


async def test_a_turn_of_the_event_loop_processes_one_datagram() -> None:
    """Other clients of the gateway wait for one request at most."""
    turns: list[int] = []
    count = 0

    def count_turn() -> None:
        turns.append(count)
        asyncio.get_running_loop().call_soon(count_turn)

    def process(message: bytes, host: str) -> bytes | None:
        nonlocal count
        count += 1
        if count == 50:
            processed.set()
        return None

    processed = asyncio.Event()
    server = UdpServer(lambda host: True, process)
    await server.start([("127.0.0.1", 0)])
    host, _, port = server.addresses[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(50):
            sock.sendto(b"x", (host, int(port)))
    asyncio.get_running_loop().call_soon(count_turn)
    async with asyncio.timeout(5):
        await processed.wait()
    server.close()
    assert max(after - before for before, after in pairwise(turns)) == 1


async def test_responses_that_cannot_be_sent_are_counted() -> None:
    processed = asyncio.Event()

    def process(message: bytes, host: str) -> bytes | None:
        processed.set()
        return bytes(70_000)  # the kernel refuses a datagram of this size, like any while its buffer is full

    server = UdpServer(lambda host: True, process)
    await server.start([("127.0.0.1", 0)])
    host, _, port = server.addresses[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (host, int(port)))
        async with asyncio.timeout(5):
            await processed.wait()
    server.close()
    assert server.unsent == 1
