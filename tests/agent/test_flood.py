"""A flood of datagrams to the built-in agent of the complete program: everything else goes on."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]

from gateway.snmp.decoding import MAX_MESSAGE
from tests.agent.messages import community_message, get_bulk_request, get_request, message_v3, pdu
from tests.agent.mib import SYS_DESCR
from tests.ports import free_port
from tests.processes import resident_kib
from tests.programs import FakeCluster, Gateway
from tests.waiting import until

pytestmark = pytest.mark.daemon

DATAGRAMS = 20_000
MANY = ["1.3"] * 1100
SOURCE = random.Random(6)

MALFORMED = [
    *(SOURCE.randbytes(SOURCE.randrange(1400)) for _ in range(50)),
    b"\x30\x80" * (MAX_MESSAGE // 2),
    b"\x30\x82\x1f\x00" * (MAX_MESSAGE // 4),
]
UNAUTHENTICATED = [
    community_message(pdu(rfc1905.GetRequestPDU, MANY), "wrong"),
    message_v3(pdu(rfc1905.GetRequestPDU, MANY), engine_id=b"another engine"),
]
VALID = [get_request([SYS_DESCR]), get_bulk_request(["1.3.6.1.4.1"]), get_request(MANY)]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def gateway(port: int, tmp_path: Path) -> Iterator[Gateway]:
    cluster = FakeCluster(tmp_path)
    agent = f'[snmp.agent]\nlisten = ["127.0.0.1:{port}"]\n[[snmp.agent.community]]\nname = "public"\n'
    cluster.config.write_text(f"{cluster.config.read_text()}\n{agent}")
    cluster.config.chmod(0o600)
    arguments = ("--config", cluster.config, "--snmp.agentx=off", "--web.listen-address=127.0.0.1:0")
    with Gateway(*arguments, cwd=tmp_path) as running:
        yield running


def flood(port: int, datagrams: Sequence[bytes], address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        for number in range(DATAGRAMS):
            sock.sendto(datagrams[number % len(datagrams)], ("127.0.0.1", port))


def answered(port: int) -> bool:
    """Returns whether a manager with another address than the flood gets a response."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(get_request([SYS_DESCR]), ("127.0.0.1", port))
        try:
            return bool(sock.recv(MAX_MESSAGE))
        except TimeoutError:
            return False


async def test_the_program_goes_on_during_a_flood(gateway: Gateway, port: int) -> None:
    assert answered(port)
    gateway.get("/metrics")
    before = resident_kib(gateway.process.pid)
    longest = 0.0
    for number, datagrams in enumerate((MALFORMED, UNAUTHENTICATED, VALID), 2):
        thread = threading.Thread(target=flood, args=(port, datagrams, f"127.0.0.{number}"))
        thread.start()
        while thread.is_alive():
            began = time.perf_counter()
            gateway.get("/-/healthy")
            longest = max(longest, time.perf_counter() - began)
        thread.join()
    await until(lambda: answered(port))
    assert longest < 5
    assert resident_kib(gateway.process.pid) - before < 16 * 1024
    page = gateway.get("/metrics")
    counts = {
        line.split()[0].removeprefix("ha_cluster_gateway_snmp_agent_"): int(line.split()[1])
        for line in page.splitlines()
        if line.startswith("ha_cluster_gateway_snmp_agent_")
    }
    assert all(counts[f"{name}_total"] > 0 for name in ("malformed", "refused", "requests"))
    assert "Traceback" not in "".join(gateway.lines)
    assert sum("datagrams dropped" in line for line in gateway.lines) <= 1
