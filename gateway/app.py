"""Puts the parts together: a host, collectors, the engine, and the frontends that the configuration asks for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import structlog

import gateway
from gateway.alarms.notifier import GRACE, Notifier
from gateway.alarms.service import AlarmService, AlarmSettings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.collection import build_engine
from gateway.config.alarm_options import SendFrom
from gateway.config.config import Config
from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.notifications.agentx_channel import MasterAgent
from gateway.frontends.snmp.notifications.alarm_values import alarm_values
from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.service import AgentSettings, SnmpService
from gateway.host.host import Host, StreamingHost
from gateway.publication import Publication
from gateway.runtime import wait_for_stop
from gateway.service import Service
from gateway.snmp.engine import EngineIdentity

_GRACE = 1.5
"""Seconds for scrapes under way at the end; what takes longer is cut."""
_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for cutting them. Without notifications that wait to be acknowledged all is over within five."""


def _server(config: Config, source: Engine, publication: Publication) -> MetricsServer:
    return MetricsServer(
        source,
        publication,
        addresses=config.web.listen,
        telemetry_path=config.web.telemetry_path,
        max_connections=config.web.max_connections,
        client_timeout=config.web.client_timeout,
    )


def _snmp(config: Config, source: Engine, publication: Publication, identity: EngineIdentity) -> SnmpService:
    return SnmpService(
        source,
        publication,
        config.snmp.root,
        max_age=config.snmp.max_age,
        agentx=config.snmp.agentx,
        agent=_agent(config, identity) if config.snmp.agent.listen else None,
    )


def _agent(config: Config, identity: EngineIdentity) -> AgentSettings:
    return AgentSettings(
        addresses=config.snmp.agent.listen,
        communities=config.snmp.agent.communities,
        users=config.snmp.agent.users,
        identity=identity,
    )


def _identity(config: Config) -> EngineIdentity:
    """Returns who the gateway is over SNMP. Only SNMPv3 has to remember that, and writes it down."""
    asked = config.snmp.agent.listen and config.snmp.agent.users
    if asked or any(target.user for target in config.alarms.targets):
        return engine_identity.begin_boot(config.snmp.state_directory)
    return engine_identity.ephemeral()


def notifier(config: Config, identity: EngineIdentity, master: MasterAgent | None, *, grace: float = GRACE) -> Notifier:
    """Returns the notifier for all configured targets.

    Args:
        config: the configuration.
        identity: the SNMP engine of the gateway.
        master: the session with the host's master agent, or None.
        grace: seconds that closing waits for queued notifications.
    """
    deliveries = snmp_deliveries(
        Renderer(config.snmp.root, native=config.alarms.native, compat=config.alarms.compat),
        targets=config.alarms.targets,
        master=master if config.alarms.agentx and config.snmp.agentx is not None else None,
        identity=identity,
    )
    return Notifier(deliveries, grace=grace)


def _alarms(config: Config, source: Engine, told: Notifier, snmp: SnmpService) -> AlarmService:
    settings = AlarmSettings(
        interval=config.alarms.interval,
        dc_only=config.alarms.send_from is SendFrom.DC,
        heartbeat=config.alarms.heartbeat,
        raise_at_start=config.alarms.raise_at_start,
        disabled=config.alarms.disabled,
        routine_changes="pacemaker" in config.alarms.compat,
    )
    alarms = AlarmService(source, told.publish, settings, on_change=snmp.cache.rebuild)
    snmp.cache.add_value_source(partial(alarm_values, alarms, told))
    return alarms


def _alarm_sources(config: Config, host: StreamingHost, alarms: AlarmService) -> Iterator[QuorumWatcher | AlertSocket]:
    """Yields the services that report events to the alarm engine."""
    if config.collectors["corosync"] is not CollectorMode.OFF:
        yield QuorumWatcher(host, alarms.on_quorum_event)
    if config.alarms.socket is not None:
        yield AlertSocket(alarms.on_alert, config.alarms.socket)


class ServingHost(Host, StreamingHost, Protocol):
    """What a service wants of a machine: commands that end, and one that does not."""


class ListeningAddresses(NamedTuple):
    """The addresses that are listened on, as ``HOST:PORT``."""

    http: tuple[str, ...]
    snmp: tuple[str, ...]


async def serve(
    config: Config, host: ServingHost, *, announce: Callable[[ListeningAddresses], None] | None = None
) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        config: the configuration.
        host: the machine, or a recording of one.
        announce: told the addresses once they are listened on.

    Raises:
        StartError: an address cannot be listened on.
    """
    log = structlog.get_logger("app")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    source = build_engine(config, host)
    identity = _identity(config)
    publication = Publication()
    server, snmp = _server(config, source, publication), _snmp(config, source, publication, identity)
    told = notifier(config, identity, snmp)
    alarms = _alarms(config, source, told, snmp)
    sources = tuple(_alarm_sources(config, host, alarms))
    for add_samples in (server.add_samples, snmp.add_samples, alarms.add_samples, told.add_samples):
        publication.add_source(add_samples)
    for event_source in sources:
        if isinstance(event_source, AlertSocket):
            publication.add_source(event_source.add_samples)
    for on_snapshot in (snmp.cache.on_snapshot, alarms.on_snapshot):
        source.subscribe(on_snapshot)
    try:
        await server.start()
        await snmp.start()
        await told.start()
        await alarms.start()
        for event_source in sources:
            await event_source.start()
        log.info(
            "started",
            version=gateway.__version__,
            listen=", ".join(server.addresses),
            **({"snmp": ", ".join(snmp.addresses)} if snmp.addresses else {}),
            config=str(config.source or "none"),
        )
        if announce is not None:
            announce(ListeningAddresses(http=server.addresses, snmp=snmp.addresses))
        await wait_for_stop(stop)
        log.info("stopping")
    finally:
        telling = asyncio.ensure_future(_tell_the_rest(sources, alarms, told, snmp))
        serving = asyncio.ensure_future(server.close())
        await asyncio.wait([serving], timeout=_GRACE)
        await source.close()
        await asyncio.wait([serving], timeout=_SHUTDOWN_TIMEOUT)
        await asyncio.wait([telling], timeout=GRACE + _SHUTDOWN_TIMEOUT)


async def _tell_the_rest(sources: Sequence[Service], alarms: AlarmService, told: Notifier, snmp: SnmpService) -> None:
    """Ends alarms and SNMP; what waits to be told has some seconds, while snmpd is there to tell it to."""
    for event_source in sources:
        await event_source.close()
    await alarms.close()
    await told.close()
    await snmp.close()
