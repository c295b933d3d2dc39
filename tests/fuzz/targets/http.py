"""Raw bytes to the HTTP server, over a real connection.

An input is what a client sends. Where it contains ``<pause>``, the client waits until the server has processed the
part before. At the end, the client closes its side and reads until the server closes the connection. ``<leave>`` at the
end resets the connection after the beginning of the response or a short wait, and ``<abort>`` at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any

from structlog.testing import capture_logs

from gateway.engine.engine import Engine
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.snapshot_api import SnapshotApi
from gateway.publication import Publication
from tests.config_values import server_settings
from tests.fakes import FakeHost
from tests.fuzz.target import Target
from tests.http_server import ScriptCollector, request

PAUSE, LEAVE, ABORT = b"<pause>", b"<leave>", b"<abort>"
_PATHS = (
    "/metrics",
    "/",
    "/-/healthy",
    "/-/ready",
    "/metrics?collect[]=simple",
    "/metrics?collect[]=x",
    "/status",
    "/api/v1/snapshot?exclude[]=simple",
    "/api/v1/snapshot/schema",
    "/missing",
)
_PATIENCE = 0.02
"""Seconds that a client waits before it leaves."""
_WAIT = 20.0
"""Seconds within which the server has to close a connection whose client has ended its side."""


class _Errors(logging.Handler):
    """Keeps the errors that libraries log."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(logging.Formatter().format(record))


class _Server:
    """A server in the event loop of this object."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._errors = _Errors()
        for name in ("asyncio", "aiohttp"):
            logging.getLogger(name).addHandler(self._errors)
        self._runner.run(self._start())

    async def _start(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._on_exception)
        self._engine = Engine(FakeHost(), (ScriptCollector({}, extra_samples=20),))
        self._server = MetricsServer(self._engine, Publication(), **server_settings())
        self._server.add_routes(*SnapshotApi(self._engine, self._server.pages, list).routes)
        await self._server.start()
        host, _, port = self._server.addresses[0].rpartition(":")
        self._address = host, int(port)

    def _on_exception(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        self._errors.messages.append(str(context))

    def close(self) -> None:
        """Stops the server."""
        self._runner.run(self._stop())
        self._runner.close()
        for name in ("asyncio", "aiohttp"):
            logging.getLogger(name).removeHandler(self._errors)

    async def _stop(self) -> None:
        await self._server.close()
        await self._engine.close()

    def check(self, data: bytes) -> str:
        """Checks that the server responds in HTTP or closes, logs no error, and goes on to serve others."""
        self._errors.messages.clear()
        with capture_logs() as logs:
            response = self._runner.run(self._exchange(data))
            healthy = self._runner.run(self._send([request("/-/healthy", "Connection: close")]))
        assert healthy.startswith(b"HTTP/1.1 200 "), healthy
        errors = [event for event in logs if event["log_level"] in {"error", "critical"}]
        assert not errors, errors
        assert not self._errors.messages, self._errors.messages[0]
        assert not response or response.startswith(b"HTTP/1."), response[:100]
        return str(response[9:12], "ascii", "replace")

    async def _exchange(self, data: bytes) -> bytes:
        patience = 0.0 if data.endswith(ABORT) else _PATIENCE if data.endswith(LEAVE) else None
        parts = data.removesuffix(ABORT).removesuffix(LEAVE).split(PAUSE)
        return await self._send(parts[:20], patience=patience)

    async def _send(self, parts: list[bytes], *, patience: float | None = None) -> bytes:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            with contextlib.suppress(OSError):  # the server may close first
                for number, part in enumerate(parts):
                    if number:
                        await asyncio.sleep(0.001)
                    writer.write(part)
                    await writer.drain()
                if patience is not None:
                    return await self._leave(reader, writer, patience)
                writer.write_eof()
            async with asyncio.timeout(_WAIT):
                with contextlib.suppress(OSError):  # the server may close first
                    return await reader.read()
                return b""
        finally:
            writer.close()
            with contextlib.suppress(OSError):  # the server may close first
                await writer.wait_closed()

    @staticmethod
    async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> bytes:
        response = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                response = await reader.read(4096)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return response


def _seeds() -> list[bytes]:
    chunked = request("/metrics", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n0;x=y\r\nA: b\r\n\r\n"
    body = request("/metrics", "Content-Length: 5", "Expect: 100-continue", method="POST") + PAUSE + b"hello"
    seeds = [
        *(request(path) for path in _PATHS),
        request("/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1", "Accept-Encoding: gzip"),
        request("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 10", "Authorization: Basic dTpw", "Range: bytes=0-5"),
        request("/metrics", "If-None-Match: *", "Connection: keep-alive, Upgrade", "Upgrade: websocket"),
        request("/metrics") * 5,
        request("/metrics") + b"garbage\r\n\r\n",
        request("/metrics") + PAUSE + b"\0\xff" * 50,
        request("/metrics") + ABORT,
        request("/metrics")[:-2],
        request("/metrics")[:20] + PAUSE + request("/metrics")[20:],
        request("/metrics", *(f"X-{number}: {number}" for number in range(200))),
        request("/metrics", f"X: {'x' * 9000}"),
        request("/" + "a" * 9000),
        b"GET /metrics HTTP/1.0\r\n\r\n",
        b"GET http://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        chunked,
        body,
        *(request("/metrics", method=method) for method in ("HEAD", "OPTIONS", "CONNECT", "TRACE", "DELETE")),
    ]
    return [*seeds, seeds[0] + chunked + seeds[3]]


def _leave(data: bytes) -> bytes:
    return data if data.endswith((ABORT, LEAVE)) else data + LEAVE


def _http() -> Target:
    server = _Server()
    headers = (
        *(
            b"Content-Length: ",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"Expect: 100-continue\r\n",
        ),
        *(b"Accept: ", b"Accept-Encoding: gzip\r\n", b"Host: ", b"Upgrade: h2c\r\n", b"Content-Encoding: gzip\r\n"),
        *(
            b"X-Prometheus-Scrape-Timeout-Seconds: ",
            b"\r\n\r\n",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b" HTTP/1.1\r\n",
        ),
    )
    tokens = (*headers, PAUSE, PAUSE, ABORT, b"collect[]=", b"%00", b"%", b"//", b"?", b"http://[", b"\r\n ")
    return Target(
        check=server.check,
        seeds=_seeds(),
        tokens=tokens,
        repair=_leave,
        seconds=0.5,
        seconds_per_kib=0.02,
        close=server.close,
    )


TARGETS: Mapping[str, Callable[[], Target]] = {"http": _http}
