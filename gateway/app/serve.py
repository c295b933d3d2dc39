"""Runs the gateway: connects its services, starts them in order, and closes them in reverse."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

import structlog

import gateway
from gateway.alarms.notifier import GRACE
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.app.reloadable_parts import reloadable_parts
from gateway.app.reloader import ReadConfig, Reloader
from gateway.app.services import Publish, Services, ServingHost, build_services
from gateway.conditions.view import REMOVAL_TIME
from gateway.config.config import Config
from gateway.config.web_options import LINKS
from gateway.engine.engine import Engine
from gateway.frontends.prometheus.lifecycle import lifecycle_routes
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.prometheus.service_discovery import ServiceDiscovery
from gateway.frontends.prometheus.snapshot_api import SnapshotApi
from gateway.frontends.prometheus.status_page.page import StatusPage
from gateway.frontends.prometheus.targets import TargetSettings
from gateway.frontends.snmp.notifications.alarm_values import alarm_values
from gateway.frontends.snmp.service import SnmpService
from gateway.host.host import Host
from gateway.network import Address, bind_all, close_all, open_udp
from gateway.runtime import hangup
from gateway.runtime.event_loop import wait_for_stop
from gateway.runtime.service import Replaceable, Service, ServiceChain, ServiceGroup, start_service
from gateway.runtime.service_manager import Heartbeat, ServiceManager
from gateway.samples import SampleSet
from gateway.subsystems import corosync_conf

_SCRAPE_GRACE = 1.5
"""Seconds for scrapes in progress when the program stops; longer ones are cut off."""
_CUT_OFF_TIMEOUT = 2.0
"""Seconds for cutting them off. Without unacknowledged informs, the program stops within five seconds."""


class ListeningAddresses(NamedTuple):
    """The addresses that the program listens on, as ``HOST:PORT``, and the scheme of HTTP: ``http`` or ``https``."""

    scheme: str
    http: tuple[str, ...]
    snmp: tuple[str, ...]


Announce = Callable[[ListeningAddresses], None]
"""Receives the addresses that the program listens on."""


async def serve(
    config: Config,
    host: ServingHost,
    *,
    read_config: ReadConfig,
    announce: Announce | None = None,
    on_notification: Publish | None = None,
    removal_time: float = REMOVAL_TIME,
) -> None:
    """Serves until SIGTERM or SIGINT, and reloads the configuration on SIGHUP.

    An address that the program cannot listen on is tried again, and everything else works meanwhile.

    Args:
        config: the configuration.
        host: the machine to read.
        read_config: reads the configuration again.
        announce: receives the addresses as soon as the program listens on them.
        on_notification: receives every notification, in addition to the targets.
        removal_time: the seconds after which a subsystem of which nothing is found counts as removed.

    Raises:
        ConfigError: the web configuration is invalid.
        StartError: the SNMP engine cannot be stored.
    """
    stop, manager = _stop_event(), ServiceManager.from_environment(os.environ)
    services = build_services(config, host, on_notification, removal_time)
    reloader = _build_reloader(services, config, read_config, manager)
    _connect(services, reloader)
    async with AsyncExitStack() as stack:
        await start_service(stack, _in_order(services))
        _log_start(config, services.server, services.snmp)
        if announce is not None:
            announce(_listening_addresses(services))
        await start_service(stack, reloader)
        await start_service(stack, Heartbeat(manager, partial(_describe, services, reloader)))
        hangup.subscribe(reloader.request)
        await wait_for_stop(stop)
        structlog.get_logger("app").info("stopping")


async def require_addresses(config: Config) -> None:
    """Raises an error if the program could not listen on all of its addresses.

    Raises:
        StartError: it could not; the message has the reason.
    """
    close_all(await bind_all(config.web.listen))
    agent = [Address(*address) for address in config.snmp.agent.listen]
    close_all(await bind_all(agent, open_socket=open_udp, kind=socket.SOCK_DGRAM))


def _connect(services: Services, reloader: Reloader) -> None:
    """Connects the services: who gets the snapshots, whose samples are published, and which routes are served."""
    engine, snmp, alarms, notifier = services.engine, services.snmp, services.alarms, services.notifier
    for source in (services.server, snmp, alarms, notifier, reloader):
        services.publication.add_source(source.add_samples)
    services.publication.add_source(partial(_add_alert_samples, services.alert_socket))
    engine.subscribe(snmp.cache.on_snapshot)
    engine.subscribe(alarms.on_snapshot)
    snmp.cache.add_value_source(partial(alarm_values, alarms, notifier))
    _add_routes(services, reloader)


def _add_alert_samples(alert_socket: Replaceable[AlertSocket], samples: SampleSet) -> None:
    if alert_socket.current is not None:
        alert_socket.current.add_samples(samples)


def _in_order(services: Services) -> Service:
    """Returns the services as one, which starts and closes them in the right order."""
    return ServiceGroup(
        _ScrapeService(services.server, services.engine),
        # closed in reverse: queued notifications are sent while snmpd is still connected
        ServiceChain(services.snmp, services.notifier, services.alarms, services.quorum_watcher, services.alert_socket),
        close_timeout=GRACE + _CUT_OFF_TIMEOUT,
    )


def _build_reloader(services: Services, config: Config, read_config: ReadConfig, manager: ServiceManager) -> Reloader:
    reloader = Reloader(
        config,
        read_config,
        reloadable_parts(services),
        on_begin=manager.reloading,
        on_end=lambda: manager.ready(_describe(services, reloader)),
    )
    return reloader


def _describe(services: Services, reloader: Reloader) -> str:
    """Returns the state of the program in one line, as ``systemctl status`` shows it."""
    server, snmp, alarms = services.server, services.snmp, services.alarms
    listening = ", ".join((*server.addresses, *(f"UDP {address}" for address in snmp.addresses)))
    sentences = [f"listening on {listening}" if listening else "listening on no address"]
    sentences += [*server.pending.values(), *snmp.pending.values()]
    if not reloader.successful:
        sentences.append("the last reload was refused, see the log")
    if alarms.is_ready:
        number = len(alarms.active_alarms)
        sentences.append(f"{number or 'no'} active alarm{'' if number == 1 else 's'}")
    return "; ".join(sentences)


def _stop_event() -> asyncio.Event:
    """Returns an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _listening_addresses(services: Services) -> ListeningAddresses:
    server = services.server
    return ListeningAddresses(scheme=server.scheme, http=server.addresses, snmp=services.snmp.addresses)


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


def _add_routes(services: Services, reloader: Reloader) -> None:
    """Adds the routes of everything that is served over HTTP besides the metrics page."""
    engine, server, alarms, config = services.engine, services.server, services.alarms, reloader.config
    api = SnapshotApi(engine, server.pages, lambda: alarms.active_alarms if alarms.is_ready else None)
    page = StatusPage(engine, server.pages, overview=alarms.overview, routes=lambda: server.routes)
    server.add_routes(*api.routes, *page.routes)
    server.add_routes(*_build_service_discovery(config, services.host, engine, server).routes)
    server.add_routes(*lifecycle_routes(reloader.reload, enabled=lambda: reloader.config.web.enable_lifecycle))


def _build_service_discovery(config: Config, host: Host, engine: Engine, server: MetricsServer) -> ServiceDiscovery:
    web = config.web

    def settings() -> TargetSettings:
        return TargetSettings(
            link=LINKS.index(web.discovery_host) if web.discovery_host in LINKS else None,
            port=web.discovery_port or Address.parse((*server.addresses, str(web.listen[0]))[0]).port,
            scheme=server.scheme,
            metrics_path=web.telemetry_path,
        )

    path = config.subsystems[corosync_conf.CONFIG]
    return ServiceDiscovery(engine, host, configuration_path=path, settings=settings)
