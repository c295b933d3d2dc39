"""Builds the services from the configuration, connects them, and runs them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple, Protocol

import structlog

import gateway
from gateway.alarms.notifier import GRACE, Notifier
from gateway.alarms.service import AlarmService, AlarmSettings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.assembly import build_engine
from gateway.clock import SystemClock
from gateway.config.alarm_options import SendFrom
from gateway.config.config import Config
from gateway.config.web_options import LINKS, WebConfig
from gateway.descriptors import reserve_descriptors
from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.access_control import AccessControl
from gateway.frontends.prometheus.alertmanager.channel import alertmanager_deliveries
from gateway.frontends.prometheus.connection_pool import ConnectionLimits
from gateway.frontends.prometheus.route import Route
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.service_discovery import ServiceDiscovery
from gateway.frontends.prometheus.snapshot_api import SnapshotApi
from gateway.frontends.prometheus.status_page.page import StatusPage
from gateway.frontends.prometheus.targets import TargetSettings
from gateway.frontends.prometheus.web_config_file import WebConfigFile
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.notifications.agentx_channel import MasterAgent
from gateway.frontends.snmp.notifications.alarm_values import alarm_values
from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.service import AgentSettings, SnmpService
from gateway.host.host import Host, StreamingHost
from gateway.network import Address
from gateway.publication import Publication
from gateway.runtime import wait_for_stop
from gateway.service import ServiceChain, ServiceGroup, start_service
from gateway.snmp.engine import EngineIdentity
from gateway.subsystems import corosync_conf

_SCRAPE_GRACE = 1.5
"""Seconds for scrapes in progress when the program stops; longer ones are cut off."""
_CUT_OFF_TIMEOUT = 2.0
"""Seconds for cutting them off. Without unacknowledged informs, the program stops within five seconds."""


class ServingHost(Host, StreamingHost, Protocol):
    """A host that runs commands to their end, and follows the output of one that does not end."""


class ListeningAddresses(NamedTuple):
    """The addresses that the program listens on, as ``HOST:PORT``, and the scheme of HTTP: ``http`` or ``https``."""

    scheme: str
    http: tuple[str, ...]
    snmp: tuple[str, ...]


Announce = Callable[[ListeningAddresses], None]
"""Receives the addresses that the program listens on."""


async def serve(config: Config, host: ServingHost, *, announce: Announce | None = None) -> None:
    """Serves until SIGTERM or SIGINT; ``announce`` receives the addresses as soon as the program listens on them.

    Raises:
        ConfigError: the web configuration is invalid.
        StartError: the program cannot listen on an address.
    """
    stop = _stop_event()
    engine = build_engine(config, host)
    publication = Publication()
    identity = _begin_identity(config)
    server = _build_server(config, engine, publication)
    snmp = _build_snmp(config, engine, publication, identity)
    notifier = build_notifier(config, identity, snmp)
    alarms = _build_alarms(config, engine, notifier, snmp)
    alert_socket = _build_alert_socket(config, alarms)
    event_sources = [each for each in (_build_quorum_watcher(config, host, alarms), alert_socket) if each is not None]
    server.add_routes(*_feature_routes(config, host, engine, server, alarms))

    for source in (server, snmp, alarms, notifier, alert_socket):
        if source is not None:
            publication.add_source(source.add_samples)
    engine.subscribe(snmp.cache.on_snapshot)
    engine.subscribe(alarms.on_snapshot)
    snmp.cache.add_value_source(partial(alarm_values, alarms, notifier))

    services = ServiceGroup(
        _ScrapeService(server, engine),
        # closed in reverse: queued notifications are sent while snmpd is still connected
        ServiceChain(snmp, notifier, alarms, *event_sources),
        close_timeout=GRACE + _CUT_OFF_TIMEOUT,
    )
    async with AsyncExitStack() as stack:
        await start_service(stack, services)
        _log_start(config, server, snmp)
        if announce is not None:
            announce(ListeningAddresses(scheme=server.scheme, http=server.addresses, snmp=snmp.addresses))
        await wait_for_stop(stop)
        structlog.get_logger("app").info("stopping")


def _stop_event() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _log_start(config: Config, server: MetricsServer, snmp: SnmpService) -> None:
    addresses = {"snmp": ", ".join(snmp.addresses)} if snmp.addresses else {}
    structlog.get_logger("app").info(
        "started",
        version=gateway.__version__,
        listen=", ".join(server.addresses),
        **addresses,
        config=str(config.source or "none"),
    )


class _ScrapeService:
    """The HTTP server, and the engine that collects for it: scrapes in progress end before the engine closes."""

    def __init__(self, server: MetricsServer, engine: Engine) -> None:
        self._server = server
        self._engine = engine

    async def start(self) -> None:
        await self._server.start()

    async def close(self) -> None:
        """Waits for scrapes in progress, then cuts off those that take too long."""
        closing = asyncio.ensure_future(self._server.close())
        await asyncio.wait([closing], timeout=_SCRAPE_GRACE)
        await self._engine.close()
        await asyncio.wait([closing], timeout=_CUT_OFF_TIMEOUT)


# --- The services ----------------------------------------------------------------------------------------------------


def _build_server(config: Config, engine: Engine, publication: Publication) -> MetricsServer:
    return MetricsServer(
        engine,
        publication,
        addresses=config.web.listen,
        telemetry_path=config.web.telemetry_path,
        limits=_connection_limits(config.web),
        access_control=_build_access_control(config.web),
    )


def _feature_routes(
    config: Config, host: Host, engine: Engine, server: MetricsServer, alarms: AlarmService
) -> Iterator[Route]:
    """Yields the routes of everything that is served over HTTP besides the metrics page."""
    yield from SnapshotApi(engine, server.pages, lambda: alarms.active_alarms if alarms.is_ready else None).routes
    yield from StatusPage(engine, server.pages, overview=alarms.overview, routes=lambda: server.routes).routes
    yield from _build_service_discovery(config, host, engine, server).routes


def _build_service_discovery(config: Config, host: Host, engine: Engine, server: MetricsServer) -> ServiceDiscovery:
    web = config.web

    def settings() -> TargetSettings:
        return TargetSettings(
            link=LINKS.index(web.discovery_host) if web.discovery_host in LINKS else None,
            port=web.discovery_port or Address.parse(server.addresses[0]).port,
            scheme=server.scheme,
            metrics_path=web.telemetry_path,
        )

    path = config.subsystems[corosync_conf.CONFIG]
    return ServiceDiscovery(engine, host, configuration_path=path, settings=settings)


def _build_access_control(web: WebConfig) -> AccessControl | None:
    if web.config_file is None:
        return None
    return AccessControl(WebConfigFile(web.config_file, SystemClock()), healthy_is_open=web.healthy_without_password)


def _connection_limits(web: WebConfig) -> ConnectionLimits:
    """Returns what HTTP clients may use; fewer connections than configured if there are too few descriptors."""
    total = reserve_descriptors(web.max_connections)
    if total < web.max_connections:
        structlog.get_logger("app").warning(
            "connections limited", reason="limit on open files", connections=total, configured=web.max_connections
        )
    return ConnectionLimits(total=total, per_source=web.max_connections_per_source, client_timeout=web.client_timeout)


def _build_snmp(config: Config, engine: Engine, publication: Publication, identity: EngineIdentity) -> SnmpService:
    return SnmpService(
        engine,
        publication,
        config.snmp.root,
        max_age=config.snmp.max_age,
        agentx=config.snmp.agentx,
        agent=_agent_settings(config, identity) if config.snmp.agent.listen else None,
    )


def _agent_settings(config: Config, identity: EngineIdentity) -> AgentSettings:
    agent = config.snmp.agent
    return AgentSettings(
        addresses=agent.listen,
        communities=agent.communities,
        users=agent.users,
        allowed=agent.allow,
        identity=identity,
    )


def needs_stored_identity(config: Config) -> bool:
    """Returns whether the SNMP engine has to survive a restart: only SNMPv3 requires that."""
    has_readers = bool(config.snmp.agent.listen and config.snmp.agent.users)
    return has_readers or any(target.user for target in config.alarms.snmp_targets)


def _begin_identity(config: Config) -> EngineIdentity:
    if needs_stored_identity(config):
        return engine_identity.begin_boot(config.snmp.state_directory)
    return engine_identity.ephemeral()


def build_notifier(
    config: Config, identity: EngineIdentity, master: MasterAgent | None, *, grace: float = GRACE
) -> Notifier:
    """Returns the notifier for all configured targets.

    Args:
        config: provides the targets and the forms of notifications.
        identity: the gateway's own SNMP engine, which SNMPv3 users belong to.
        master: the session with the host's master agent, or None.
        grace: seconds that closing waits for queued notifications.
    """
    over_snmp = snmp_deliveries(
        Renderer(config.snmp.root, native=config.alarms.native, compat=config.alarms.compat),
        targets=config.alarms.snmp_targets,
        master=master if config.alarms.agentx and config.snmp.agentx is not None else None,
        identity=identity,
    )
    to_alertmanager = alertmanager_deliveries(
        config.alarms.alertmanagers, repeat_interval=config.alarms.repeat_interval
    )
    return Notifier([*over_snmp, *to_alertmanager], grace=grace)


def _build_alarms(config: Config, engine: Engine, notifier: Notifier, snmp: SnmpService) -> AlarmService:
    settings = AlarmSettings(
        interval=config.alarms.interval,
        dc_only=config.alarms.send_from is SendFrom.DC,
        heartbeat=config.alarms.heartbeat,
        raise_at_start=config.alarms.raise_at_start,
        disabled=config.alarms.disabled,
        routine_changes="pacemaker" in config.alarms.compat,
        repeat_interval=config.alarms.repeat_interval if config.alarms.alertmanagers else 0.0,
    )
    return AlarmService(engine, notifier.publish, settings, on_change=snmp.cache.rebuild)


def _build_quorum_watcher(config: Config, host: StreamingHost, alarms: AlarmService) -> QuorumWatcher | None:
    if config.collectors.modes["corosync"] is CollectorMode.OFF:
        return None
    return QuorumWatcher(host, alarms.on_quorum_event)


def _build_alert_socket(config: Config, alarms: AlarmService) -> AlertSocket | None:
    return AlertSocket(alarms.on_alert, config.alarms.socket) if config.alarms.socket is not None else None
