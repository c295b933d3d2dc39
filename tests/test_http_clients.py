"""Clients that leave early, dawdle, flood or open too many connections: nobody else may notice."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import gzip
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.frontends.prometheus import exposition, pages
from gateway.frontends.prometheus.connection import Closure, Connection
from gateway.frontends.prometheus.connection_pool import source_of
from gateway.frontends.prometheus.listener import Listener
from gateway.frontends.prometheus.pages import PageCache
from gateway.frontends.prometheus.server import metrics_formats
from gateway.publication import Publication
from gateway.samples import SamplesByMetric, SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from tests.conftest import Gate, Script, open_descriptors
from tests.fakes import FakeClock
from tests.http_server import ScriptCollector, Served, request, serving
from tests.processes import resident_kib
from tests.programs import FakeCluster, Gateway, environment
from tests.waiting import until

TEXT = metrics_formats()[exposition.TEXT]
HEALTH = request("/-/healthy")
LAST_HEALTH = request("/-/healthy", "Connection: close")
OK, BUSY = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Service Unavailable\r\n"


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def get(self, data: bytes = HEALTH) -> bytes:
        """Sends a request and returns the first line of the response; reads the rest of a short one."""
        self.writer.write(data)
        return await self.first_line()

    async def first_line(self) -> bytes:
        line = await self.reader.readuntil(b"\r\n")
        head = await self.reader.readuntil(b"\r\n\r\n")
        if length := re.search(rb"Content-Length: (\d+)", head):
            await self.reader.readexactly(int(length[1]))
        return line

    async def closed(self) -> bool:
        """Waits until the server closes the connection."""
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(1 << 20):
                    pass
        return True


@contextlib.asynccontextmanager
async def connecting(served: Served) -> AsyncIterator[Callable[..., Any]]:
    """Yields a function that opens a connection, from another address of this host if one is given."""
    clients: list[Client] = []

    async def connect(source: str = "127.0.0.1") -> Client:
        host, _, port = served.server.addresses[0].rpartition(":")
        clients.append(Client(*await asyncio.open_connection(host, int(port), local_addr=(source, 0))))
        return clients[-1]

    try:
        yield connect
    finally:
        for client in clients:
            client.writer.close()
        await asyncio.gather(*(client.writer.wait_closed() for client in clients), return_exceptions=True)


def closures(served: Served) -> dict[str, float]:
    """Returns why connections were closed, without the reasons that have not occurred."""
    samples = SampleSet()
    served.server.add_samples(samples)
    return {
        labels[0]: count
        for labels, count in samples.samples_by_metric[self_metrics.HTTP_CLOSED].items()
        if count and isinstance(count, int)
    }


# --- Clients that leave -----------------------------------------------------------------------------------------------


async def test_clients_that_leave_early_are_not_logged_and_do_not_end_the_run(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(ScriptCollector({"x": gate.path}, extra_samples=30_000)) as served,
        connecting(served) as connect,
    ):
        with capture_logs() as logs:
            impatient = [await connect() for _ in range(20)]
            for client in impatient:
                client.writer.write(request())
            await until(lambda: served.server.requests == 20)
            for client in impatient[:10]:
                client.writer.transport.abort()
            patient = await connect()
            patient.writer.write(request("/metrics", "Connection: close"))
            await until(lambda: served.server.requests == 21)
            gate.open()
            for client in impatient[10:]:  # these leave while the page is being sent
                await client.reader.readexactly(1000)
                client.writer.transport.abort()
            page = await patient.reader.read()
            assert b'value{tool="x"} 5\n' in page
        await until(lambda: served.server.connections == 0)
        assert gate.runs.read_text() == "run\n"
        assert caplog.records == []
        assert {event["log_level"] for event in logs} <= {"debug", "info"}
        assert closures(served) == {}


@pytest.mark.parametrize("extra_samples", [0, 30_000])
async def test_a_client_that_has_closed_its_side_gets_the_answer(extra_samples: int, gate: Gate) -> None:
    collector = ScriptCollector({"x": gate.path}, extra_samples=extra_samples)
    async with serving(collector) as served, connecting(served) as connect:
        client = await connect()
        client.writer.write(request())
        client.writer.write_eof()
        await until(lambda: served.server.requests == 1)
        gate.open()
        answer = await client.reader.read()  # until the server closes the connection
        assert answer.startswith(OK)
        assert b"\r\nConnection: close\r\n" in answer
        assert b'value{tool="x"} 5\n' in answer
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head


async def test_a_client_that_has_closed_its_side_in_the_middle_of_a_request_is_disconnected_soon() -> None:
    async with serving(client_timeout=600) as served, connecting(served) as connect:
        client = await connect()
        client.writer.write(b"GET / HTTP/1.1\r\n")
        client.writer.write_eof()
        assert await client.closed()


# --- Clients that dawdle ----------------------------------------------------------------------------------------------


async def test_every_request_of_a_connection_has_a_deadline() -> None:
    """Not only the first: bytes that drip in must not keep a connection open."""
    async with serving(client_timeout=0.5) as served, connecting(served) as connect:
        client = await connect()
        assert await client.get() == OK

        async def drip() -> None:
            client.writer.write(b"GET / HTTP/1.1\r\nX: ")
            while True:
                client.writer.write(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.ensure_future(drip())
        assert await client.closed()
        dripping.cancel()
        assert closures(served) == {"request_timeout": 1}


@pytest.mark.parametrize(
    "head",
    [
        request("/", "Content-Length: 1000000", method="POST"),
        request("/", "Transfer-Encoding: chunked", method="POST"),
        request("/", "Content-Length: 1000000"),
    ],
)
async def test_a_body_has_a_deadline(head: bytes) -> None:
    async with serving(client_timeout=0.5) as served, connecting(served) as connect:
        client = await connect()
        await client.get(head)
        assert await client.closed()


@pytest.mark.parametrize(
    "beginning",
    [
        request("/", "Content-Length: 100000000", method="POST"),
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 8000) for number in range(20)),
        request("/metrics") + HEALTH * 2000,
    ],
)
async def test_what_a_client_may_send_before_it_gets_an_answer_is_limited(beginning: bytes, gate: Gate) -> None:
    async with serving(ScriptCollector({"x": gate.path}), client_timeout=600) as served, connecting(served) as connect:
        client = await connect()

        async def flood() -> None:
            client.writer.write(beginning)
            while True:
                client.writer.write(b"x" * 10_000)
                await client.writer.drain()

        flooding = asyncio.ensure_future(flood())
        assert await client.closed()
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        await until(lambda: served.server.connections == 0)


# --- Too many connections ---------------------------------------------------------------------------------------------


async def test_the_oldest_idle_connection_makes_room_for_another() -> None:
    async with serving(max_connections=3) as served, connecting(served) as connect:
        clients = [await connect() for _ in range(3)]
        for client in (clients[1], clients[0], clients[2]):
            assert await client.get() == OK
        assert await (await connect()).get() == OK
        assert await clients[1].closed()
        assert await clients[0].get() == OK
        assert await clients[2].get() == OK
        assert closures(served) == {"evicted": 1}


async def test_a_waiting_scrape_never_makes_room(gate: Gate) -> None:
    async with serving(ScriptCollector({"x": gate.path}), max_connections=3) as served, connecting(served) as connect:
        waiting = [await connect() for _ in range(3)]
        for client in waiting:
            client.writer.write(request("/metrics", "Connection: close"))
        await until(lambda: served.server.requests == 3)
        assert await (await connect()).get() == BUSY
        gate.open()
        for client in waiting:
            assert b'value{tool="x"} 5\n' in await client.reader.read()
        assert closures(served) == {"rejected": 1}


async def test_a_client_that_sends_nothing_makes_room_after_a_moment() -> None:
    async with serving(max_connections=3, client_timeout=600) as served, connecting(served) as connect:
        silent = [await connect() for _ in range(3)]
        await until(served.is_healthy)
        assert await silent[0].closed()
        assert closures(served)["evicted"] == 1


async def test_one_client_cannot_use_all_connections(gate: Gate) -> None:
    collector = ScriptCollector({"x": gate.path})
    async with (
        serving(collector, max_connections=4, max_connections_per_source=3) as served,
        connecting(served) as connect,
    ):
        for _ in range(3):
            (await connect("127.0.0.2")).writer.write(request())
        await until(lambda: served.server.requests == 3)
        assert await (await connect("127.0.0.2")).get() == BUSY
        assert await (await connect("127.0.0.3")).get() == OK
        gate.open()


async def test_clients_that_fill_all_connections_make_room_at_once() -> None:
    async with serving(max_connections=4, client_timeout=600) as served, connecting(served) as connect:
        for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"):
            await connect(source)
        await until(lambda: served.server.connections == 4)
        assert await (await connect("127.0.0.4")).get() == OK
        assert closures(served) == {"evicted": 1}


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_the_addresses_that_count_as_one_client(address: str, source: str) -> None:
    assert source_of(address) == source


async def test_a_connection_that_was_closed_before_a_request_no_longer_counts() -> None:
    async with serving(max_connections=3) as served, connecting(served) as connect:
        for _ in range(20):
            for _ in range(3):
                (await connect()).writer.transport.abort()
            await until(lambda: served.server.connections == 0)
            assert await served.is_healthy()
        assert closures(served) == {}


async def test_many_rejected_clients_keep_few_descriptors() -> None:
    async with serving(max_connections=1, client_timeout=600) as served:
        host, _, port = served.server.addresses[0].rpartition(":")
        first = socket.create_connection((host, int(port)))
        await until(lambda: served.server.connections == 1)
        before = open_descriptors()
        sockets = []
        for _ in range(100):
            sockets.append(socket.create_connection((host, int(port))))
            await asyncio.sleep(0)  # the server accepts it
        await until(lambda: closures(served).get("rejected", 0) + closures(served).get("evicted", 0) >= 100)
        assert open_descriptors() - before - len(sockets) <= 35
        for sock in (first, *sockets):
            sock.close()


async def test_the_server_header_has_no_version() -> None:
    async with serving(max_connections=1) as served, connecting(served) as connect:
        for data in (
            LAST_HEALTH,
            request("/none", "Connection: close"),
            request("/", "Expect: x", "Connection: close"),
            b"GET / HTTP/9.9\r\n\r\n",
        ):
            answer = await served.raw(data)
            assert re.findall(rb"\r\nServer: (.*)\r\n", answer) == [b"ha-cluster-gateway"], data
        await until(lambda: served.server.connections == 0)
        await connect()
        await until(lambda: served.server.connections == 1)
        assert b"\r\nServer: ha-cluster-gateway\r\n" in await served.raw(HEALTH)


# --- Descriptors ------------------------------------------------------------------------------------------------------


class StarvedSocket(socket.socket):
    """A listening socket that cannot accept for want of descriptors until it is fed."""

    starved = True
    attempts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        if self.starved:
            self.attempts += 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


async def test_a_lack_of_descriptors_is_logged_once_and_waited_out() -> None:
    sock = StarvedSocket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    accepted: list[socket.socket] = []
    listener = Listener(sock, lambda connection, _: accepted.append(connection))
    with capture_logs() as logs:
        listener.start()
        client = socket.create_connection(sock.getsockname())
        await until(lambda: sock.attempts >= 3)
        assert sock.attempts == 3  # with pauses, not as fast as possible
        sock.starved = False
        await until(lambda: bool(accepted))
        await until(lambda: len(logs) == 2)
    assert [(event["log_level"], event["event"], event.get("reason")) for event in logs] == [
        ("warning", "connections not accepted", "Too many open files"),
        ("info", "connections accepted again", None),
    ]
    listener.close()
    listener.close()
    for each in (client, *accepted):
        each.close()


RESERVING = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from gateway.runtime.descriptors import reserve_descriptors
print(reserve_descriptors(512), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "limit"),
    [
        (1024, 4096, 512, 1024),  # enough
        (256, 4096, 512, 672),  # raised, but not further than necessary
        (256, 400, 240, 400),
        (100, 100, 25, 100),  # less than the reserve
    ],
)
def test_connections_leave_descriptors_for_the_tools(soft: int, hard: int, connections: int, limit: int) -> None:
    argv = [sys.executable, "-c", RESERVING, str(soft), str(hard)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, env=environment())
    assert done.stdout.split() == [str(connections), str(limit)]


@pytest.mark.daemon
def test_with_few_descriptors_scrapes_still_run_the_tools(cluster: FakeCluster, tmp_path: Path) -> None:
    with Gateway("--config", cluster.config, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path) as running:
        running.wait_for_logged("collector ready")
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (250, 250))
        host, _, port = running.address.rpartition(":")
        sockets = []
        for _ in range(300):
            sockets.append(socket.create_connection((host, int(port)), timeout=60))
            sockets[-1].sendall(b"GET /")
        running.wait_for("connections not accepted")
        for sock in sockets:
            sock.close()
        assert "ha_cluster_pacemaker_up 1\n" in running.get()
        assert sum("connections not accepted" in line for line in running.lines) <= 3
        assert not any("Traceback" in line or "exception" in line for line in running.lines)


@pytest.mark.daemon
def test_too_few_descriptors_are_logged_at_the_start(cluster: FakeCluster, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = tmp_path / "gateway.conf"
    config.write_text(cluster.config.read_text() + f"\n[web]\nmax_connections = {hard}\n")
    with Gateway("--config", config, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path) as running:
        line = running.wait_for_logged("connections limited")
        assert f"connections={hard - 160} configured={hard}" in line
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


# --- Memory -----------------------------------------------------------------------------------------------------------


async def test_clients_that_do_not_read_share_one_page(gate: Gate) -> None:
    async with serving(ScriptCollector({"x": gate.path}, extra_samples=60_000)) as served:
        gate.open()
        async with served.get() as response:
            size = len(await response.read())
        before = resident_kib()
        host, _, port = served.server.addresses[0].rpartition(":")
        loop = asyncio.get_running_loop()
        sockets = []
        for _ in range(150):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)  # noqa: FBT003 - positional only
            await loop.sock_connect(sock, (host, int(port)))
            await loop.sock_sendall(sock, request())
            sockets.append(sock)
        await until(lambda: served.server.requests == 151)
        gate.open()
        await until(lambda: scrapes(served) == 151)
        await served.is_healthy()  # all of them have been sent as much as they take
        growth = (resident_kib() - before) * 1024
        for sock in sockets:
            sock.close()
        assert growth < 20 * size  # not 150 times as much


def scrapes(served: Served) -> int:
    samples = SampleSet()
    served.server.add_samples(samples)
    count = samples.samples_by_metric[self_metrics.SCRAPES][()]
    assert isinstance(count, int)
    return count


async def test_a_page_is_encoded_and_compressed_once() -> None:
    clock = FakeClock()
    merged: list[Snapshot] = []

    class CountingPublication(Publication):
        def merge(self, snapshot: Snapshot) -> SamplesByMetric:
            merged.append(snapshot)
            return super().merge(snapshot)

    cache, snapshot = PageCache(CountingPublication(clock=clock), clock=clock), Snapshot(samples_by_metric={})

    async def get(*, compress: bool) -> bytes:
        return await cache.get(snapshot, TEXT, compress=compress)

    compressed, plain, again = await asyncio.gather(get(compress=True), get(compress=False), get(compress=True))
    assert compressed is again
    assert gzip.decompress(compressed) == plain
    assert merged == [snapshot]
    assert b"\nha_cluster_gateway_snapshot_age_seconds 0\n" in plain
    clock.advance(2)  # the snapshot may be served again, but not as a new one
    assert b"\nha_cluster_gateway_snapshot_age_seconds 2\n" in await get(compress=False)


async def test_a_metric_that_cannot_be_encoded_is_logged_once_and_counted() -> None:
    publication = Publication()
    cache = PageCache(publication)
    bad: Any = {self_metrics.RUNS: {(): "many"}}
    with capture_logs() as logs:
        for _ in range(2):
            page = await cache.get(Snapshot(samples_by_metric=bad), TEXT, compress=False)
            assert b"ha_cluster_gateway_build_info" in page
            assert b"ha_cluster_gateway_runs_total" not in page
    assert b"\nha_cluster_gateway_publication_failures_total 1\n" in page
    (event,) = logs
    assert (event["event"], event["metric"]) == ("metrics not published", "ha_cluster_gateway_runs_total")


class StuckResponse(web.StreamResponse):
    """A response whose client never reads."""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        await asyncio.Event().wait()


class Reader:
    """Stands for a connection, and records why it is closed."""

    def __init__(self) -> None:
        self.closed: Closure | None = None

    def abort(self, reason: Closure) -> None:
        self.closed = reason


async def test_the_oldest_pages_are_given_up_if_slow_clients_keep_too_many() -> None:
    """A client could otherwise request one page after the other without reading any."""
    cache = PageCache(Publication())
    readers = [Reader() for _ in range(5)]
    size = pages._MAX_MEMORY // 3
    sending = []
    for reader in readers:
        page = bytes(size)
        sending.append(asyncio.ensure_future(cache.send(StuckResponse(), page, as_connection(reader))))
        await asyncio.sleep(0)
    assert [reader.closed for reader in readers] == [Closure.EVICTED] * 2 + [None] * 3
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


def as_connection(reader: Any) -> Connection:
    connection: Connection = reader
    return connection


# --- Floods -----------------------------------------------------------------------------------------------------------


async def test_six_hundred_scrapes_at_once(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    collector = ScriptCollector({"x": gate.path}, extra_samples=3000)
    async with serving(collector) as served, connecting(served) as connect:

        async def scrape() -> bytes:
            client = await connect()
            client.writer.write(request("/metrics", "Connection: close"))
            answer: bytes = await client.reader.read()
            return answer

        requests = [asyncio.ensure_future(scrape()) for _ in range(600)]
        await until(lambda: served.server.requests >= 256)
        assert await (await connect("127.0.0.2")).get() == OK  # nobody else notices
        gate.open()
        answers = await asyncio.gather(*requests, return_exceptions=True)
        pages_received = [answer for answer in answers if isinstance(answer, bytes) and answer.startswith(OK)]
        assert len(pages_received) >= 256
        assert len({page.partition(b"\r\n\r\n")[2] for page in pages_received}) == 1
        assert gate.runs.read_text() == "run\n"
        assert len(pages_received) + sum(closures(served).values()) == 600
    assert caplog.records == []


async def test_slow_silent_and_dripping_clients_do_not_slow_down_others(script: Script) -> None:
    collector = ScriptCollector({"x": script("echo 5")}, extra_samples=3000)
    async with serving(collector, max_connections_per_source=300) as served, connecting(served) as connect:

        async def fastest_scrape() -> float:
            durations = []
            for _ in range(15):
                before = time.perf_counter()
                client = await connect("127.0.0.2")
                assert await client.get(request("/metrics", "Connection: close")) == OK
                durations.append(time.perf_counter() - before)
            return min(durations)

        idle = await fastest_scrape()
        for beginning in [request()] * 100 + [b"GET / HTTP/1.1\r\nX: "] * 100 + [b""] * 400:
            client = await connect()
            client.writer.transport.pause_reading()
            client.writer.write(beginning)
        assert served.server.connections >= 250
        for _ in range(4):
            if await fastest_scrape() < 2 * idle:
                break  # the machine may have been busy with something else before, but not every time
        else:
            pytest.fail("a scrape takes more than twice as long")


MALFORMED = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    b"GET  / HTTP/1.1\r\n\r\n",
    b"\r\n\r\n\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /metrics?collect[]=%00%ff&exclude[]=\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
    b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //x:99999/ HTTP/1.1\r\nHost: [\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x00\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nExpect: 100-continue, x\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /metrics HTTP/1.1\r\nContent-Encoding: deflate\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /metrics HTTP/1.1\r\nX-Prometheus-Scrape-Timeout-Seconds: nan\r\nAccept: ;;,,;q=q\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip;q=\xb2\r\nCookie: \xff=\x01\r\n\r\n",
)


async def test_malformed_requests_leave_no_trace(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")})) as served, connecting(served) as connect:
        before = open_descriptors()

        async def send(data: bytes) -> None:
            client = await connect()
            client.writer.write(data)
            client.writer.write_eof()
            assert await client.closed()
            client.writer.close()

        await asyncio.gather(*(send(data) for data in MALFORMED * 10))
        assert await served.is_healthy()
        await until(lambda: served.server.connections == 0)
        await until(lambda: open_descriptors() <= before)
    assert caplog.records == []


async def test_malformed_requests_leave_no_more_garbage_than_others() -> None:
    """Exceptions whose frames refer to them stay in memory until garbage is collected: kilobytes for each request."""
    async with serving() as served:

        async def garbage(data: bytes) -> int:
            gc.collect()
            gc.disable()
            for _ in range(20):
                await served.raw(data)
            await until(lambda: served.server.connections == 0)
            gc.enable()
            return gc.collect()

        await garbage(LAST_HEALTH)
        usual = await garbage(LAST_HEALTH)
        for data in MALFORMED[:3]:
            assert await garbage(data) < 1.5 * usual + 20
