"""The HTTP server: the metrics page, health, and a page that links them."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from html import escape
from typing import TYPE_CHECKING

import structlog
from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

import gateway
from gateway import self_metrics
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.network import bind, shown
from gateway.publication import Publication
from gateway.samples import SamplesByMetric, SampleSet
from gateway.snapshot import Snapshot

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
_MARGIN = 0.1
"""Share of the scraper's time-out that is kept for writing and sending the page."""
_LARGE_PAGE = 2000
"""Samples from which on a page is written in a thread."""
_MAX_HEADER = 8190
_IDLE_TIMEOUT = 90.0
"""Seconds that a connection is kept for the next scrape: usual intervals are 15 to 60."""
_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for requests under way at the end; aiohttp may take them twice."""
_BACKLOG = 128
_GZIP_LEVEL = 1  # metrics are repetitive: higher levels cost much and save little

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MetricsServer:
    """Serves one engine over HTTP.

    Args:
        engine: collects the snapshots.
        publication: adds the gateway's own samples to them.
        addresses: the hosts and ports to listen on.
        telemetry_path: the path of the metrics page.
        max_connections: how many may be open at once.
        client_timeout: seconds that a client may take for its request, and for taking its answer.
    """

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        *,
        addresses: Sequence[tuple[str, int]],
        telemetry_path: str = "/metrics",
        max_connections: int = 512,
        client_timeout: float = 15.0,
    ) -> None:
        self._engine = engine
        self._publication = publication
        self._addresses = tuple(addresses)
        self._telemetry_path = telemetry_path
        self._max_connections = max_connections
        self._client_timeout = client_timeout
        self._log = structlog.get_logger("http")
        self._scrapes = 0
        self._ready = False
        self._pages = _Pages()
        self._silent: dict[RequestHandler, float] = {}
        self._listeners: list[asyncio.Server] = []
        application = web.Application(middlewares=[self._bounded])
        application.router.add_get(telemetry_path, self._metrics)
        application.router.add_get("/-/healthy", self._healthy)
        application.router.add_get("/-/ready", self._is_ready)
        application.router.add_get("/", self._index)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            keepalive_timeout=_IDLE_TIMEOUT,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
            logger=_aiohttp_log(),
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that are listened on, as ``HOST:PORT``."""
        sockets = [sock for listener in self._listeners for sock in listener.sockets]
        return tuple(shown(sock.getsockname()) for sock in sockets)

    async def start(self) -> None:
        """Listens.

        Raises:
            StartError: an address cannot be listened on.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for host, port in self._addresses:
            for sock in await bind(host, port):
                self._listeners.append(await loop.create_server(self._connection, sock=sock, backlog=_BACKLOG))
        self._ready = True

    async def close(self) -> None:
        """Stops listening, and gives the requests under way some seconds to end."""
        self._ready = False
        for listener in self._listeners:
            listener.close()
        await self._runner.cleanup()

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the server's own metrics."""
        samples.add(self_metrics.SCRAPES, self._scrapes)

    # --- connections -------------------------------------------------------------------------------------------------

    def _connection(self) -> asyncio.Protocol:
        """Returns the protocol of a new connection; one too many is told so, a silent one is dropped in time."""
        server = self._runner.server
        assert server is not None
        if len(server.connections) + self._accepted() >= self._max_connections:
            return _Busy()
        protocol = server()
        loop = asyncio.get_running_loop()
        self._silent[protocol] = loop.time()
        loop.call_later(self._client_timeout, self._drop_if_silent, protocol)
        return protocol

    def _accepted(self) -> int:
        """Returns how many connections are not yet among the server's: many can be accepted before it hears of one."""
        just_now = asyncio.get_running_loop().time() - 1
        unconnected = [protocol for protocol in self._silent if protocol.transport is None]
        for protocol in unconnected:
            if self._silent[protocol] < just_now:
                del self._silent[protocol]  # it came and went
        return sum(protocol in self._silent for protocol in unconnected)

    def _drop_if_silent(self, protocol: RequestHandler) -> None:
        if self._silent.pop(protocol, None) is not None and protocol.transport is not None:
            protocol.transport.abort()

    @web.middleware
    async def _bounded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Sends the answer within the client's time: one that does not read must not keep it in memory."""
        self._silent.pop(request.protocol, None)
        response = await handler(request)
        try:
            async with asyncio.timeout(self._client_timeout):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response

    # --- pages -------------------------------------------------------------------------------------------------------

    async def _metrics(self, request: web.Request) -> web.Response:
        loop = asyncio.get_running_loop()
        started = loop.time()
        names = self._selection(request)
        snapshot = await self._engine.collect(names, timeout=_time_left(request.headers.get(SCRAPE_TIMEOUT)))
        self._scrapes += 1
        content_type = negotiate(request.headers.get(hdrs.ACCEPT, ""))
        zipped = accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        body = await self._pages.get(snapshot, content_type, self._publication.merge, zipped=zipped)
        self._log.debug(
            "scrape",
            seconds=round(loop.time() - started, 4),
            bytes=len(body),
            remote=request.remote,
            collectors={name: report.status.value for name, report in snapshot.collectors.items()},
        )
        headers = {hdrs.CONTENT_TYPE: content_type, hdrs.VARY: "Accept, Accept-Encoding"}
        if zipped:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, headers=headers)

    def _selection(self, request: web.Request) -> Collection[str] | None:
        """Returns the collectors that ``collect[]`` and ``exclude[]`` choose, as node_exporter takes them."""
        collect, exclude = request.query.getall("collect[]", []), request.query.getall("exclude[]", [])
        known = self._engine.collector_names
        if collect and exclude:
            raise web.HTTPBadRequest(text="collect[] and exclude[] cannot be used together\n")
        if unknown := sorted({*collect, *exclude} - {*known}):
            raise web.HTTPBadRequest(text=f"no such collector: {', '.join(unknown)}; there are: {', '.join(known)}\n")
        if collect:
            return set(collect)
        return {*known} - {*exclude} if exclude else None

    async def _healthy(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text="healthy\n")

    async def _is_ready(self, request: web.Request) -> web.Response:
        del request
        if not self._ready:
            return web.Response(status=503, text="shutting down\n")
        return web.Response(text="ready\n")

    async def _index(self, request: web.Request) -> web.Response:
        del request
        page = _INDEX.format(version=escape(gateway.__version__), path=escape(self._telemetry_path))
        return web.Response(text=page, content_type="text/html")


class _Pages:
    """The pages of the snapshot that was written last: scrapes that share a run share its pages."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._pages: dict[tuple[str, bool], asyncio.Task[bytes]] = {}

    async def get(
        self,
        snapshot: Snapshot,
        content_type: str,
        samples_by_metric: Callable[[Snapshot], SamplesByMetric],
        *,
        zipped: bool,
    ) -> bytes:
        if snapshot is not self._snapshot:
            self._snapshot, self._pages = snapshot, {}
        key = (content_type, zipped)
        task = self._pages.get(key)
        if task is None:
            task = self._pages[key] = asyncio.create_task(
                _write(samples_by_metric(snapshot), content_type, zipped=zipped)
            )
        return await asyncio.shield(task)


async def _write(samples_by_metric: SamplesByMetric, content_type: str, *, zipped: bool) -> bytes:
    def write() -> bytes:
        page = (
            exposition.openmetrics(samples_by_metric)
            if content_type == exposition.OPENMETRICS
            else exposition.text(samples_by_metric)
        )
        return gzip.compress(page, _GZIP_LEVEL) if zipped else page

    if sum(map(len, samples_by_metric.values())) < _LARGE_PAGE:
        return write()
    return await asyncio.to_thread(write)


class _Busy(asyncio.Protocol):
    """A connection beyond the limit: it is told so at once, whatever it was about to ask."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        asyncio.get_running_loop().call_later(1, transport.abort)

    def data_received(self, data: bytes) -> None:
        del data
        # not before: closed with a request unread, the connection would be reset, and the answer lost
        self._transport.close()


class _Expected(logging.Filter):
    """Leaves out what clients do wrong: port scanners send anything, and must not fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        # aiohttp itself fails to repeat an Expect header that is no text
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | UnicodeEncodeError))


def _aiohttp_log() -> logging.Logger:
    log = logging.getLogger("gateway.aiohttp")
    if not log.filters:
        log.addFilter(_Expected())
    return log


def negotiate(accept: str) -> str:
    """Returns the content type to answer with: OpenMetrics where it is accepted and not ranked below plain text."""
    quality = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media in quality:
            quality[media] = max(quality[media], _quality(parameters))
    openmetrics = quality["application/openmetrics-text"]
    return exposition.OPENMETRICS if 0 < openmetrics >= quality["text/plain"] else exposition.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Returns whether ``Accept-Encoding`` asks for gzip: named, and not refused by a quality of 0."""
    codings = (coding.strip().lower().split(";") for coding in accept_encoding.split(","))
    return any(name.strip() in {"gzip", "x-gzip"} and _quality(parameters) > 0 for name, *parameters in codings)


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _time_left(header: str | None) -> float | None:
    """Returns the seconds until an answer has to be begun, or None where the scraper does not say."""
    try:
        seconds = float(header) if header else 0.0
    except ValueError:
        return None
    return seconds * (1 - _MARGIN) if 0 < seconds < float("inf") else None


_INDEX = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>HA Cluster Gateway</title></head>
<body>
<h1>HA Cluster Gateway</h1>
<p>Version {version}</p>
<ul>
<li><a href="{path}">Metrics</a></li>
<li><a href="/-/healthy">Healthy</a></li>
<li><a href="/-/ready">Ready</a></li>
</ul>
</body>
</html>
"""
