"""A running HTTP server for tests, whose collectors run scripts, and clients for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt

from gateway.alarms.overview import AlarmOverview
from gateway.engine.engine import Engine
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.status_page.page import StatusPage
from gateway.host.host import CommandResult, Tool
from gateway.host.local import LocalHost
from gateway.publication import Publication
from gateway.samples import Metric, SampleSet
from gateway.subsystems.probe import Plan, Probe, Reading
from tests.config_values import server_settings

VALUE = Metric(name="value", help="The number that the tool printed.", labels=("tool",))
LARGE = Metric(name="large", help="Many samples.", labels=("number",))

NO_ALARMS = AlarmOverview(
    node="n1", cluster="", evaluated=True, active=(), active_by_severity={}, changes=(), started=0.0
)


HASHES = {
    password: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() for password in ("secret", "other", "third")
}
"""Hashes of passwords, as cheap as possible."""


def read(result: CommandResult) -> str:
    return result.stdout.decode()


@dataclass
class ScriptCollector:
    """A collector of the numbers that scripts print."""

    paths: Mapping[str, Path]
    extra_samples: int = 0
    name: str = "simple"
    plans: int = 0
    configurations: tuple[str, ...] = ()

    @property
    def presence_tools(self) -> tuple[str, ...]:
        return tuple(self.paths)

    def plan(self, host: object) -> Plan:
        self.plans += 1
        return Plan(probes=tuple(Probe(name=tool, tool=tool, variants=((),), read=read) for tool in self.paths))

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        samples = SampleSet()
        for name, reading in readings.items():
            samples.add(VALUE, None if reading.ok_value is None else float(reading.ok_value), name)
        for number in range(self.extra_samples):
            samples.add(LARGE, number + 0.5, f"{number:040}")
        return samples


@dataclass
class Served:
    """A running server, and a client for it."""

    server: MetricsServer
    engine: Engine
    session: aiohttp.ClientSession
    collectors: tuple[ScriptCollector, ...]
    ports: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.server.addresses[0]}"

    def get(self, path: str = "/metrics", **settings: Any) -> Any:
        return self.session.get(f"{self.url}{path}", **settings)

    async def is_healthy(self) -> bool:
        answer = await self.raw(request("/-/healthy", "Connection: close"))
        return answer.startswith(b"HTTP/1.1 200 ")

    async def raw(self, *data: bytes, wait: float = 5) -> bytes:
        """Sends bytes and returns everything received until the server closes the connection."""
        host, _, port = self.server.addresses[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            for piece in data:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(wait):
                return await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(*collectors: ScriptCollector, min_interval: float = 0.0, **settings: Any) -> AsyncIterator[Served]:
    tools = {
        name: Tool(path=str(path), timeout=30) for collector in collectors for name, path in collector.paths.items()
    }
    engine = Engine(LocalHost(tools), collectors, min_interval=min_interval)
    publication = Publication()
    routes = settings.pop("routes", ())
    server = MetricsServer(engine, publication, **server_settings(**settings))
    server.add_routes(*(routes(engine, server) if callable(routes) else routes))
    status_page = StatusPage(engine, server.pages, overview=lambda: NO_ALARMS, routes=lambda: server.routes)
    server.add_routes(*status_page.routes)
    publication.add_source(server.add_samples)
    await server.start()
    # the client itself must not limit connections or decompress
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers={"Accept-Encoding": "identity"}, auto_decompress=False
    ) as session:
        yield Served(server, engine, session, collectors)
    await server.close()
    await engine.close()


def request(path: str = "/metrics", *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode(errors="surrogateescape")


def basic(user: str, password: str) -> str:
    """Returns the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
