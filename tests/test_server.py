"""The HTTP server over real sockets, with scrapers, browsers, port scanners and misbehaving clients."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import inspect
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.engine.engine import Engine
from gateway.errors import StartError
from gateway.frontends.prometheus import exposition
from gateway.frontends.prometheus.negotiation import SCRAPE_TIMEOUT_HEADER
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.server import MetricsServer
from gateway.host.local import LocalHost
from gateway.network import Address, _open_all, bind, open_tcp
from gateway.publication import Publication
from tests.config_values import server_settings
from tests.conftest import Script, open_descriptors
from tests.http_server import ScriptCollector, request, serving
from tests.programs import CIBADMIN, CRM_MON, ROOT, FakeCluster, Gateway, environment
from tests.waiting import until

# --- Pages -----------------------------------------------------------------------------------------------------------


async def test_the_metrics_page_and_its_headers(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")})) as served:
        async with served.get() as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == exposition.TEXT
            assert response.headers["Vary"] == "Accept, Accept-Encoding"
            page = await response.text()
        assert 'value{tool="x"} 5\n' in page
        assert 'ha_cluster_scrape_success{collector="simple"} 1\n' in page
        assert "\nprocess_cpu_seconds_total " in page
        assert "\nprocess_open_fds " in page
        assert "\nha_cluster_gateway_build_info{" in page
        assert "\nha_cluster_gateway_scrapes_total 1\n" in page
        async with served.get("/") as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            index = await response.text()
            assert all(f'<a href="{path}">' in index for path in ("metrics", "-/healthy", "-/ready"))
        plans = served.collectors[0].plans
        for path, text in (("/-/healthy", "healthy\n"), ("/-/ready", "ready\n")):
            async with served.get(path) as response:
                assert (response.status, await response.text()) == (200, text)
        assert served.collectors[0].plans == plans


async def test_another_path_for_the_metrics(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")}), telemetry_path="/a/b") as served:
        for path, status in (("/a/b", 200), ("/metrics", 404)):
            async with served.get(path) as response:
                assert response.status == status
        async with served.get("/") as response:
            assert '<a href="a/b">' in await response.text()


async def test_further_routes_answer_their_method_only() -> None:
    async def describe(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.path}\n")

    routes = [Route(path="/a", handler=describe), Route(path="/b", handler=describe, method="POST")]
    async with serving(routes=routes) as served:
        statuses = [
            ("GET", "/a", 200),
            ("HEAD", "/a", 200),
            ("POST", "/a", 405),
            ("POST", "/b", 200),
            ("GET", "/b", 405),
        ]
        for method, path, status in statuses:
            async with served.session.request(method, f"{served.url}{path}") as response:
                assert response.status == status
                assert status != 200 or method == "HEAD" or await response.text() == f"{method} {path}\n"


@pytest.mark.parametrize(
    "path", ["/metrics/", "/metric", "/-/", "/-/healthy/", "/favicon.ico", "/%2e%2e", "/metrics%00"]
)
async def test_an_unknown_path_is_404(path: str) -> None:
    async with serving() as served:
        answer = await served.raw(request(path, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/"])
async def test_only_get_and_head(path: str) -> None:
    async with serving() as served:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            answer = await served.raw(request(path, "Connection: close", method=method))
            assert answer.startswith(b"HTTP/1.1 405 "), method
            assert b"\r\nAllow: GET,HEAD\r\n" in answer


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_head_is_get_without_a_body(path: str, encoding: str, script: Script) -> None:
    headers = (f"Accept-Encoding: {encoding}", "Accept: application/openmetrics-text", "Connection: close")
    async with serving(ScriptCollector({"x": script("echo 5")})) as served:
        answers = {method: await served.raw(request(path, *headers, method=method)) for method in ("GET", "HEAD")}
    fields = {}
    for method, answer in answers.items():
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        fields[method] = status, {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
        assert bool(body) == (method == "GET")
        length = int(fields[method][1].pop("Content-Length"))
        assert length > 0
        if method == "GET":
            assert length == len(body)
        fields[method][1].pop("Date")
    assert fields["GET"] == fields["HEAD"]
    assert fields["GET"][0] == "HTTP/1.1 200 OK"


# --- Formats and selections ------------------------------------------------------------------------------------------


async def test_all_formats_of_a_page_have_the_same_content(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")}, extra_samples=10)) as served:
        for accept, content_type in (("", exposition.TEXT), ("application/openmetrics-text", exposition.OPENMETRICS)):
            for encoding in ("gzip", "identity"):
                headers = {"Accept": accept, "Accept-Encoding": encoding}
                async with served.get(headers=headers) as response:
                    body = await response.read()
                assert response.headers["Content-Type"] == content_type
                assert response.headers.get("Content-Encoding", "identity") == encoding
                text = (gzip.decompress(body) if encoding == "gzip" else body).decode()
                assert 'value{tool="x"} 5\n' in text
                assert text.endswith("# EOF\n") == (content_type == exposition.OPENMETRICS)


async def test_collectors_are_selected_as_in_node_exporter(script: Script) -> None:
    a, b = (
        ScriptCollector({"x": script("echo 1")}, name="a"),
        ScriptCollector({"y": script("echo 2", name="y")}, name="b"),
    )
    async with serving(a, b) as served:

        async def values(query: str) -> tuple[int, set[str]]:
            async with served.get(f"/metrics?{query}") as response:
                text = await response.text()
            return response.status, {line for line in text.splitlines() if line.startswith("value")}

        x, y = 'value{tool="x"} 1', 'value{tool="y"} 2'
        assert await values("") == (200, {x, y})
        assert await values("collect[]=a") == (200, {x})
        assert await values("collect%5B%5D=b&collect[]=a&collect[]=a") == (200, {x, y})
        assert await values("exclude[]=a") == (200, {y})
        assert await values("exclude[]=a&exclude[]=b") == (200, set())
        assert await values("unknown=1") == (200, {x, y})
        for query in ("collect[]=a&exclude[]=b", "collect[]=c", "exclude[]=", "collect[]=%ff%00", "collect[]=\u20ac"):
            assert await values(query) == (400, set()), query
        async with served.get("/metrics?collect[]=c&collect[]=d") as response:
            assert await response.text() == "no such collector: c, d; there are: a, b\n"


# --- Time ------------------------------------------------------------------------------------------------------------


async def test_a_scrape_ends_before_the_scrape_timeout(script: Script) -> None:
    tools = {"quick": script("echo 5", name="quick"), "hung": script("sleep 1000", name="hung")}
    async with serving(ScriptCollector(tools)) as served:

        async def scrape() -> tuple[float, str]:
            before = time.monotonic()
            async with served.get(headers={SCRAPE_TIMEOUT_HEADER: "1"}) as response:
                assert response.status == 200
                return time.monotonic() - before, await response.text()

        # the fastest of some: a busy machine may hold up any of them
        seconds, page = min([await scrape() for _ in range(3)])
        assert 0.5 < seconds < 1
    assert 'value{tool="quick"} 5\n' in page
    assert 'value{tool="hung"}' not in page
    assert 'ha_cluster_scrape_success{collector="simple"} 0\n' in page
    assert 'ha_cluster_gateway_command_timeouts_total{collector="simple",command="hung"} 0\n' in page
    assert 'state="timed_out"} 1\n' in page


async def test_concurrent_scrapes_share_a_run(script: Script, tmp_path: Path) -> None:
    runs, gate = tmp_path / "runs", tmp_path / "gate"
    os.mkfifo(gate)
    path = script(f"echo run >> '{runs}'; read _ < '{gate}'; echo 5")
    async with serving(ScriptCollector({"x": path}, extra_samples=3000)) as served:

        async def scrape() -> tuple[int, bytes]:
            async with served.get(headers={"Accept-Encoding": "gzip"}) as response:
                return response.status, await response.read()

        scrapes = [asyncio.ensure_future(scrape()) for _ in range(200)]
        await until(lambda: served.server.requests == 200)
        await asyncio.sleep(0.05)  # every request has reached the engine
        with open(gate, "r+b", buffering=0) as opened:  # noqa: ASYNC230, PTH123 - a FIFO, opened without blocking
            opened.write(b"go\n")
            answers = await asyncio.gather(*scrapes)
    assert runs.read_text() == "run\n"
    assert len(set(answers)) == 1
    status, body = answers[0]
    assert status == 200
    assert b'value{tool="x"} 5\n' in gzip.decompress(body)


async def test_within_the_minimum_interval_scrapes_get_the_same_result(script: Script, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    async with serving(ScriptCollector({"x": script(f"echo run >> '{runs}'; echo 5")}), min_interval=600) as served:
        ages = []
        for query in ("", "", "?collect[]=simple"):
            async with served.get(f"/metrics{query}") as response:
                page = await response.text()
            assert 'value{tool="x"} 5\n' in page
            ages.append(float(re.findall(r"^ha_cluster_gateway_snapshot_age_seconds (.*)$", page, re.MULTILINE)[0]))
        assert ages == sorted(ages)
    assert runs.read_text() == "run\n"


async def test_a_client_that_disconnects_leaves_nothing_behind(script: Script, tmp_path: Path) -> None:
    started = tmp_path / "started"
    path = script(f"echo $$ > {started}; sleep 0.2; echo 5")
    async with serving(ScriptCollector({"x": path})) as served:
        async with served.get("/-/healthy"):
            pass
        await served.session.close()
        await asyncio.sleep(0)
        before = open_descriptors()
        host, _, port = served.server.addresses[0].rpartition(":")
        for _ in range(3):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(request())
            await until(started.exists)
            writer.transport.abort()
            started.unlink()
            # the next scrape shares the run or starts a new one, and is answered
            answer = await served.raw(request("/metrics", "Connection: close"))
            assert b'value{tool="x"} 5\n' in answer
            started.unlink(missing_ok=True)
        await until(lambda: open_descriptors() <= before)
        assert asyncio.all_tasks() == {asyncio.current_task()}


# --- Misbehaving clients ---------------------------------------------------------------------------------------------


COUNTS_HEADERS = inspect.signature(RequestHandler).parameters["max_headers"].default < 1000
"""Whether this aiohttp limits the number of headers; before 3.14 it only limits their size."""


async def test_oversized_headers_are_refused() -> None:
    async with serving() as served:
        for data in (
            request("/" + "x" * 9000, "Connection: close"),
            request("/", f"X-Long: {'x' * 9000}", "Connection: close"),
            *(
                [request("/", *(f"X-{number}: x" for number in range(1000)), "Connection: close")]
                if COUNTS_HEADERS
                else []
            ),
        ):
            answer = await served.raw(data)
            assert answer.split()[1] in {b"400", b"431", b"414"}, answer[:100]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        request("/", "Expect: \udcff", "Connection: close"),
    ],
)
async def test_invalid_http_is_refused_without_a_log_record(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(client_timeout=0.5) as served:
        answer = await served.raw(data)
        assert not answer or answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 ", b"HTTP/1.1 500 "))
        async with served.get("/-/healthy") as response:
            assert response.status == 200
    assert caplog.records == []


@pytest.mark.parametrize("version", ["", " HTTP/0.9", " HTTP/2.0"])
async def test_other_versions_of_http_are_refused(version: str) -> None:
    async with serving() as served:
        answer = await served.raw(f"GET /-/healthy{version}\r\nHost: x\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 505 ")
        assert await served.is_healthy()


async def test_an_unexpected_error_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as served:

        async def broken(*_: object, **__: object) -> None:
            raise LookupError("odd")

        served.engine.collect = broken  # type: ignore[method-assign,assignment]
        async with served.get() as response:
            assert response.status == 500
    (record,) = caplog.records
    assert record.name == "gateway.aiohttp"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


@pytest.mark.parametrize("beginning", [b"", b"GET /", b"GET /metrics HTTP/1.1\r\nX: "])
async def test_a_client_that_is_silent_or_trickles_is_disconnected(beginning: bytes) -> None:
    async with serving(client_timeout=0.5) as served:
        host, _, port = served.server.addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))

        async def trickle() -> None:
            while True:
                writer.write(beginning[-1:])
                await asyncio.sleep(0.05)

        writer.write(beginning)
        trickling = asyncio.ensure_future(trickle())
        async with asyncio.timeout(3):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        trickling.cancel()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_client_that_is_fast_enough_is_not_disconnected() -> None:
    async with serving(client_timeout=0.3) as served:
        for _ in range(3):
            async with served.get("/-/healthy") as response:
                assert response.status == 200
            await asyncio.sleep(0.2)  # on one connection, in total longer than the time-out
        assert served.server.connections == 1


async def test_a_client_that_does_not_read_is_disconnected(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")}, extra_samples=100_000), client_timeout=0.5) as served:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)  # noqa: FBT003 - positional only
        host, _, port = served.server.addresses[0].rpartition(":")
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, (host, int(port)))
        await loop.sock_sendall(sock, request())
        await until(lambda: served.server.connections > 0)
        await until(lambda: served.server.connections == 0)
        with contextlib.suppress(ConnectionError):
            size = 0
            while data := await loop.sock_recv(sock, 1 << 20):
                size += len(data)
            assert size < 4_000_000
        sock.close()
        async with served.get() as response:  # a client that reads receives the page
            assert len(await response.read()) > 4_000_000


async def test_connections_above_the_limit_are_answered_with_503() -> None:
    async with serving(max_connections=3) as served:
        host, _, port = served.server.addresses[0].rpartition(":")
        pairs = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(10)))
        for _, writer in pairs:
            writer.write(request("/-/healthy"))
        answers = await asyncio.gather(*(reader.readuntil(b"\r\n") for reader, _ in pairs))
        assert sorted(answers) == [b"HTTP/1.1 200 OK\r\n"] * 3 + [b"HTTP/1.1 503 Service Unavailable\r\n"] * 7
        for _, writer in pairs:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in pairs), return_exceptions=True)
        await until(served.is_healthy)  # the connections are free again


async def test_clients_that_disconnect_at_once_free_their_connections() -> None:
    async with serving(max_connections=3) as served:
        host, _, port = served.server.addresses[0].rpartition(":")
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.transport.abort()
        await until(served.is_healthy)


# --- Addresses -------------------------------------------------------------------------------------------------------


async def test_several_addresses_and_ipv6() -> None:
    addresses = [Address(host, 0) for host in ("127.0.0.1", "::1", "127.0.0.2", "")]
    async with serving(addresses=addresses) as served:
        shown = served.server.addresses
        assert [address.rpartition(":")[0] for address in shown] == ["127.0.0.1", "[::1]", "127.0.0.2", "[::]"]
        port = shown[3].rpartition(":")[2]
        for address in (*shown[:3], f"127.0.0.1:{port}", f"[::1]:{port}"):
            async with served.session.get(f"http://{address}/-/ready") as response:
                assert response.status == 200


async def test_a_name_with_several_addresses() -> None:
    sockets = await bind(Address("localhost", 0))
    hosts = {sock.getsockname()[0] for sock in sockets}
    for sock in sockets:
        sock.close()
    assert hosts
    assert hosts <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.7", "cannot listen on 203.0.113.7:0: Cannot assign requested address"),
        ("2001:db8::7", "cannot listen on [2001:db8::7]:0: Cannot assign requested address"),
        ("no-such-host.invalid", "cannot listen on no-such-host.invalid:0: "),
        ("x" * 64, f"cannot listen on {'x' * 64}:0: "),
    ],
)
async def test_addresses_of_other_hosts(host: str, reason: str) -> None:
    with pytest.raises(StartError) as caught:
        await bind(Address(host, 0))
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


async def test_addresses_of_a_name_that_this_host_lacks_are_skipped() -> None:
    """As with ``localhost`` on a host without IPv6."""
    ours, others = (socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("203.0.113.7", 0))
    (bound,) = _open_all([others, ours, others], open_tcp)
    before = open_descriptors()
    with pytest.raises(OSError, match="Address already in use"):
        _open_all([ours, (socket.AF_INET, bound.getsockname())], open_tcp)
    assert open_descriptors() == before
    bound.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", ""])
async def test_an_address_in_use(host: str) -> None:
    (taken,) = await bind(Address(host, 0))
    port = taken.getsockname()[1]
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    before = open_descriptors()
    with pytest.raises(StartError) as caught:
        await bind(Address(host, port))
    assert str(caught.value) == f"cannot listen on {shown}: Address already in use"
    assert open_descriptors() == before
    taken.close()


# --- Closing ---------------------------------------------------------------------------------------------------------


async def test_starting_and_closing_are_idempotent() -> None:
    engine = Engine(LocalHost(), [])
    before = open_descriptors()
    server = MetricsServer(engine, Publication(), **server_settings())
    await server.close()
    await server.start()
    addresses = server.addresses
    await server.start()
    assert server.addresses == addresses
    await server.close()
    await server.close()
    assert server.addresses == ()
    await until(lambda: open_descriptors() == before)


async def test_a_start_without_one_of_the_addresses_is_closed_completely() -> None:
    engine = Engine(LocalHost(), [])
    before = open_descriptors()
    server = MetricsServer(
        engine, Publication(), **server_settings(addresses=[Address("127.0.0.1", 0), Address("203.0.113.7", 0)])
    )
    await server.start()
    assert len(server.addresses) == 1
    reason = "cannot listen on 203.0.113.7:0: Cannot assign requested address"
    assert server.pending == {Address("203.0.113.7", 0): reason}
    await server.close()
    assert (len(server.addresses), len(server.pending)) == (0, 0)
    await until(lambda: open_descriptors() == before)


async def test_closing_waits_for_a_scrape_in_progress(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("sleep 0.3; echo 5")})) as served:
        scrape = asyncio.ensure_future(served.raw(request("/metrics", "Connection: close")))
        await until(lambda: served.collectors[0].plans > 0)
        host, _, port = served.server.addresses[0].rpartition(":")
        await served.server.close()
        assert b'value{tool="x"} 5\n' in await scrape
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(host, int(port))


@pytest.mark.daemon
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_a_scrape_stops_the_program_in_time(
    number: signal.Signals, cluster: FakeCluster, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cluster.does(CRM_MON, f"echo $$ > '{fifo}'; sleep 1000")
    config = tmp_path / "gateway.conf"
    config.write_text(cluster.config.read_text().replace("[tools.crm_mon]\n", "[tools.crm_mon]\ntimeout = 600\n"))
    with Gateway("--config", config, "--web.listen-address", "127.0.0.1:0", cwd=tmp_path) as running:
        host, _, port = running.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as client:
            client.sendall(request())
            pid = os.pidfd_open(int(fifo.read_text()))
            before = time.monotonic()
            assert running.stop(number) == 0
            assert time.monotonic() - before < 60  # the tool may take ten times as long
        (stopping,) = (number for number, line in enumerate(running.lines) if "event=stopping" in line)
        # collectors whose tools have ended may still be logged, and that Corosync does not run
        assert all("level=info" in line or "quorum not watched" in line for line in running.lines[stopping:])
    ended, _, _ = select.select([pid], [], [], 5)
    os.close(pid)
    assert ended


# --- Large clusters --------------------------------------------------------------------------------------------------


def _large_cluster(cluster: FakeCluster, directory: Path) -> None:
    """Makes the tools print a cluster of 32 nodes with 2,400 resource instances."""
    argv = [sys.executable, str(ROOT / "tests" / "bench" / "large_cib.py"), "--nodes", "32", "--instances", "2400"]
    cib = directory / "cib.xml"
    cib.write_bytes(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
    for line in (CRM_MON, CIBADMIN):
        done = subprocess.run(
            line.split(), check=True, capture_output=True, timeout=60, env={**os.environ, "CIB_file": str(cib)}
        )
        cluster.prints(line, done.stdout)


TICKING = """
import asyncio, subprocess, sys, time
from pathlib import Path
from gateway.runtime import event_loop
from gateway.app.collection import build_engine, build_local_host
from gateway.config.loader import load
from gateway.frontends.prometheus.connection_pool import ConnectionLimits
from gateway.frontends.prometheus.server import MetricsServer
from gateway.network import Address
from gateway.publication import Publication

CLIENT = '''
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
for _ in range(3):
    with urllib.request.urlopen(request, timeout=60) as response:
        assert len(response.read()) > 100_000
'''

async def tick(gaps):
    # in processor time: other processes on the machine must not matter
    last = time.process_time()
    while True:
        await asyncio.sleep(0.005)
        now = time.process_time()
        gaps.append(now - last)
        last = now

async def main():
    config = load(Path(sys.argv[1]), {})
    engine = build_engine(config, build_local_host(config))
    server = MetricsServer(
        engine,
        Publication(),
        addresses=[Address("127.0.0.1", 0)],
        telemetry_path=config.web.telemetry_path,
        limits=ConnectionLimits(total=10, per_source=10, client_timeout=config.web.client_timeout),
    )
    await server.start()
    for _ in range(3):
        gaps = []
        ticking = asyncio.ensure_future(tick(gaps))
        argv = [sys.executable, "-c", CLIENT, f"http://{server.addresses[0]}/metrics"]
        client = await asyncio.create_subprocess_exec(*argv)
        assert await client.wait() == 0
        ticking.cancel()
        print("longest", max(gaps))
    await server.close()
    await engine.close()

event_loop.run(main())
"""


@pytest.mark.daemon
@pytest.mark.skipif(shutil.which("crm_mon") is None, reason="needs crm_mon to show a large cluster")
def test_a_large_cluster_does_not_block_the_event_loop(cluster: FakeCluster, tmp_path: Path) -> None:
    """In a separate process: here, garbage collection of the tests' objects takes longer than a scrape."""
    _large_cluster(cluster, tmp_path)
    argv = [sys.executable, "-c", TICKING, str(cluster.config)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, env=environment())
    longest = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("longest ")]
    assert len(longest) == 3
    assert sorted(longest)[1] < 0.05, longest
