"""The HTTP server: the metrics page, the health and readiness checks, and the routes of other features."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from aiohttp import hdrs, web

from gateway.binder import Binder
from gateway.clock import Clock, SystemClock
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.frontends.prometheus.connection import SERVER_NAME, Connection
from gateway.frontends.prometheus.connection_pool import ConnectionLimits, ConnectionPool
from gateway.frontends.prometheus.connector import PlainConnector
from gateway.frontends.prometheus.listener import Listener
from gateway.frontends.prometheus.negotiation import negotiate_content_type
from gateway.frontends.prometheus.pages import EncodePage, PageCache
from gateway.frontends.prometheus.route import Handler, Route
from gateway.frontends.prometheus.snapshot_request import collect_for
from gateway.network import Address
from gateway.publication import Publication
from gateway.samples import SamplesByMetric, SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.frontends.prometheus.access_control import AccessControl

_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for requests in progress when the server closes; aiohttp may wait twice as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsFormat:
    """A format of the metrics page. Implements ``PageFormat``.

    Attributes:
        content_type: one of those of ``exposition``.
        page_encoder: the encoder of all pages with this content type.
    """

    content_type: str
    page_encoder: exposition.PageEncoder

    def encoder(self, snapshot: Snapshot) -> EncodePage:
        """Returns the encoder for the content type."""
        del snapshot

        def encode(samples_by_metric: SamplesByMetric, on_error: exposition.OnError) -> bytes:
            return self.page_encoder.encode(samples_by_metric, on_error=on_error)

        return encode


def metrics_formats() -> Mapping[str, MetricsFormat]:
    """Returns the formats of the metrics page, by their content types."""
    return {
        content_type: MetricsFormat(content_type=content_type, page_encoder=exposition.PageEncoder(content_type))
        for content_type in (exposition.TEXT, exposition.OPENMETRICS)
    }


class MetricsServer:
    """Serves the snapshots of an engine over HTTP. Implements ``Service``.

    Args:
        engine: collects the snapshots.
        publication: adds the gateway's own samples to them.
        addresses: the addresses to listen on.
        telemetry_path: the path of the metrics page.
        limits: how many connections clients may open, and how long they may take.
        access_control: decides who is served; None for everybody, without TLS.
        clock: measures time.

    Attributes:
        pages: encodes and shares pages, also those of other routes.
    """

    def __init__(
        self,
        engine: Engine,
        publication: Publication,
        *,
        addresses: Sequence[Address],
        telemetry_path: str,
        limits: ConnectionLimits,
        access_control: AccessControl | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._addresses = tuple(addresses)
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger("http")
        self._limits = limits
        self.pages = PageCache(publication, clock=self._clock)
        self._access_control = access_control
        self._binder = Binder(self._listen, log="http")
        self._listeners: dict[socket.socket, Listener] = {}
        self._runner: web.AppRunner | None = None
        self._pool: ConnectionPool | None = None
        self._routes = [
            Route(path=telemetry_path, handler=self._get_metrics, title="Metrics"),
            Route(path="/-/healthy", handler=self._get_healthy, title="Health of the gateway"),
            Route(path="/-/ready", handler=self._get_ready, title="Readiness of the gateway"),
        ]
        self._formats = metrics_formats()
        self._ready = False
        self._scrapes = 0
        self._incomplete = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the server listens on, as ``HOST:PORT``."""
        return self._binder.addresses

    @property
    def pending(self) -> Mapping[Address, str]:
        """The addresses that it cannot listen on yet, and the reasons."""
        return self._binder.pending

    @property
    def scheme(self) -> str:
        """The scheme of its URLs."""
        return "https" if self._access_control is not None and self._access_control.encrypted else "http"

    @property
    def routes(self) -> Sequence[Route]:
        """The routes of the server."""
        return tuple(self._routes)

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._pool) if self._pool is not None else 0

    @property
    def requests(self) -> int:
        """The number of requests that have arrived."""
        return self._runner.server.requests_count if self._runner and self._runner.server else 0

    def add_routes(self, *routes: Route) -> None:
        """Adds routes; before the server starts."""
        self._routes += routes

    async def start(self) -> None:
        """Starts to listen; an address for which that fails is tried again."""
        if self._runner is not None:
            return
        self._runner = self._make_runner()
        await self._runner.setup()
        assert self._runner.server is not None
        self._pool = ConnectionPool(self._runner.server, self._limits, self._access_control or PlainConnector())
        await self._binder.start(self._addresses)
        self._ready = True

    async def prepare(
        self, *, addresses: Sequence[Address], limits: ConnectionLimits, rollback: AsyncExitStack
    ) -> Callable[[], None]:
        """Prepares other settings, and returns a function that takes them over; open connections stay.

        The web configuration is read again, too. It takes effect at once, as it does whenever its files change.

        Args:
            addresses: as for the constructor, and so are the limits.
            limits: what clients may use.
            rollback: closes what was prepared.

        Raises:
            StartError: the server cannot listen on a new address.
            ConfigError: the web configuration is invalid.
        """
        if self._access_control is not None:
            await self._access_control.reload()
        listen = await self._binder.prepare(addresses, rollback)

        def commit() -> None:
            listen()
            if self._pool is not None:
                self._pool.limits = limits

        return commit

    def _listen(self, sockets: Sequence[socket.socket]) -> None:
        """Listens on these sockets only."""
        assert self._pool is not None
        for sock in {*sockets} - self._listeners.keys():
            listener = self._listeners[sock] = Listener(sock, self._pool.accept)
            listener.start()
        for sock in self._listeners.keys() - {*sockets}:
            self._listeners.pop(sock).close()

    async def close(self) -> None:
        """Stops listening, and waits some seconds for requests in progress. Idempotent."""
        self._ready = False
        if self._pool is not None:
            self._binder.close()
            self._pool.close()
        if self._access_control is not None:
            self._access_control.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def add_samples(self, samples: SampleSet) -> None:
        """Adds the server's own metrics."""
        samples.add(self_metrics.SCRAPES, self._scrapes)
        samples.add(self_metrics.SCRAPES_INCOMPLETE, self._incomplete)
        samples.add(self_metrics.HTTP_CONNECTIONS, self.connections)
        for address, is_bound in self._binder.listening.items():
            samples.add(self_metrics.LISTENING, is_bound, "http", str(address))
        for reason, count in (self._pool.closures if self._pool is not None else {}).items():
            samples.add(self_metrics.HTTP_CLOSED, count, reason.value)
        if self._access_control is not None:
            self._access_control.add_samples(samples)

    def _make_runner(self) -> web.AppRunner:
        application = web.Application(middlewares=[_respond, *(() if self._access_control is None else (self._admit,))])
        application.on_response_prepare.append(_set_server_name)
        if self._access_control is not None:
            application.on_response_prepare.append(self._access_control.set_headers)
        for route in self._routes:
            if route.method == hdrs.METH_GET:
                application.router.add_get(route.path, route.handler)  # HEAD, too
            else:
                application.router.add_route(route.method, route.path, route.handler)
        return web.AppRunner(application, shutdown_timeout=_SHUTDOWN_TIMEOUT)

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        assert self._access_control is not None
        refusal = await self._access_control.admit(request, Connection.of(request).source)
        return await handler(request) if refusal is None else refusal

    async def _get_metrics(self, request: web.Request) -> web.StreamResponse:
        started = self._clock.monotonic()
        snapshot = await collect_for(request, self._engine)
        self._scrapes += 1
        self._incomplete += not snapshot.complete
        page_format = self._formats[negotiate_content_type(request.headers.get(hdrs.ACCEPT, ""))]
        response = await self.pages.respond(request, snapshot, page_format, {hdrs.VARY: "Accept, Accept-Encoding"})
        self._log.debug(
            "scrape",
            seconds=round(self._clock.monotonic() - started, 4),
            bytes=response.content_length,
            remote=request.remote,
            collectors={name: report.status.value for name, report in snapshot.collectors.items()},
        )
        return response

    async def _get_healthy(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text="healthy\n")

    async def _get_ready(self, request: web.Request) -> web.Response:
        del request
        if not self._ready:
            return web.Response(status=503, text="shutting down\n")
        return web.Response(text="ready\n")


@web.middleware
async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await Connection.of(request).respond(request, handler)


async def _set_server_name(request: web.Request, response: web.StreamResponse) -> None:
    del request
    response.headers[hdrs.SERVER] = SERVER_NAME
