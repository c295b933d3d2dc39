"""``/sd``: the nodes of the cluster for Prometheus' HTTP service discovery, so that one known node is enough."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import hdrs, web

from gateway.engine.engine import Engine
from gateway.frontends.prometheus import targets
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.targets import ClusterNode, TargetSettings
from gateway.host.host import Host
from gateway.subsystems import corosync_conf
from gateway.subsystems.corosync_conf import CorosyncConfig

PATH = "/sd"

_CONTENT_TYPE = "application/json"
"""Prometheus accepts no other."""

_COLLECTOR = "pacemaker"


class ServiceDiscovery:
    """Serves the nodes that Pacemaker lists, and those that it may list again.

    Args:
        engine: collects Pacemaker's nodes.
        host: reads Corosync's configuration.
        configuration_path: the path of that file.
        settings: returns how Prometheus reaches the nodes; TLS can be switched on while the program runs.
    """

    def __init__(
        self,
        engine: Engine,
        host: Host,
        *,
        configuration_path: str,
        settings: Callable[[], TargetSettings],
    ) -> None:
        self._engine = engine
        self._host = host
        self._configuration_path = configuration_path
        self._settings = settings
        self._nodes: tuple[ClusterNode, ...] = ()
        self._configuration: CorosyncConfig | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes to add to the server."""
        return (Route(path=PATH, handler=self._get_targets),)

    async def _get_targets(self, request: web.Request) -> web.Response:
        del request
        snapshot = await self._engine.collect({_COLLECTOR}, allow_recent=True)
        self._read_configuration()
        self._nodes = targets.known_nodes(snapshot, self._configuration, self._nodes)
        if not self._nodes:
            # Prometheus keeps the targets that it has
            raise web.HTTPServiceUnavailable(
                text=f"no node is known: neither crm_mon nor {self._configuration_path} lists one\n"
            )
        document = targets.encode(self._nodes, self._configuration, snapshot, settings=self._settings())
        headers = {hdrs.CONTENT_TYPE: _CONTENT_TYPE, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(body=document, headers=headers)

    def _read_configuration(self) -> None:
        """Reads Corosync's configuration, and keeps the last one that could be read completely."""
        reading = corosync_conf.read(self._host, self._configuration_path)
        if reading.ok_value is not None and (self._configuration is None or not reading.unreadable):
            self._configuration = reading.ok_value
