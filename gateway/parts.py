"""What is built from the configuration at the start and again at each reload: settings of services, and their parts.

Each ``prepare_…`` function prepares one part of the running gateway for a configuration, as ``reload`` describes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from gateway import log
from gateway.alarms.delivery import Delivery
from gateway.alarms.notifier import Notifier
from gateway.alarms.service import AlarmService, AlarmSettings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.assembly import configure_engine
from gateway.config.alarm_options import SendFrom
from gateway.config.config import Config
from gateway.config.web_options import WebConfig
from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.alertmanager.channel import alertmanager_deliveries
from gateway.frontends.prometheus.connection_pool import ConnectionLimits
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.notifications.agentx_channel import MasterAgent
from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.service import AgentSettings, SnmpService
from gateway.host.host import Host, Tool, WatchingHost
from gateway.publication import Publication
from gateway.reload import Commit, Prepare
from gateway.runtime.descriptors import reserve_descriptors
from gateway.runtime.service import Replaceable
from gateway.samples import SampleSet
from gateway.snmp.engine import EngineIdentity


class ServingHost(Host, WatchingHost, Protocol):
    """A host that runs commands, and watches the quorum."""

    def configure(self, tools: Mapping[str, Tool], *, nice: int) -> None:
        """Replaces the settings of the tools."""
        ...


def connection_limits(web: WebConfig) -> ConnectionLimits:
    """Returns what HTTP clients may use; fewer connections than configured if there are too few descriptors."""
    total = reserve_descriptors(web.max_connections)
    if total < web.max_connections:
        structlog.get_logger("app").warning(
            "connections limited", reason="limit on open files", connections=total, configured=web.max_connections
        )
    return ConnectionLimits(total=total, per_source=web.max_connections_per_source, client_timeout=web.client_timeout)


def agent_settings(config: Config, identity: EngineIdentity) -> AgentSettings:
    """Returns the settings of the built-in agent."""
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


class StoredIdentity:
    """The identity of the SNMP engine: it is stored as soon as the configuration needs that, and then stays.

    Attributes:
        current: the identity.
    """

    def __init__(self, config: Config) -> None:
        self.current = engine_identity.ephemeral()
        self._stored = False
        self._store_if_needed(config)

    async def update(self, config: Config) -> EngineIdentity:
        """Returns the identity for a configuration.

        Raises:
            StartError: it cannot be stored.
        """
        await asyncio.to_thread(self._store_if_needed, config)
        return self.current

    def _store_if_needed(self, config: Config) -> None:
        if needs_stored_identity(config) and not self._stored:
            self.current = engine_identity.begin_boot(config.snmp.state_directory)
            self._stored = True


def build_renderer(config: Config) -> Renderer:
    """Returns the renderer of notifications, which all channels over SNMP share."""
    return Renderer(config.snmp.root, native=config.alarms.native, compat=config.alarms.compat)


def build_deliveries(
    config: Config, renderer: Renderer, identity: EngineIdentity, master: MasterAgent | None
) -> list[Delivery]:
    """Returns one delivery for each configured target, and none of them is started."""
    over_snmp = snmp_deliveries(
        renderer,
        targets=config.alarms.snmp_targets,
        master=master if config.alarms.agentx and config.snmp.agentx is not None else None,
        identity=identity,
    )
    to_alertmanager = alertmanager_deliveries(
        config.alarms.alertmanagers, repeat_interval=config.alarms.repeat_interval
    )
    return [*over_snmp, *to_alertmanager]


def alarm_settings(config: Config) -> AlarmSettings:
    """Returns how alarms are evaluated and published."""
    return AlarmSettings(
        interval=config.alarms.interval,
        dc_only=config.alarms.send_from is SendFrom.DC,
        heartbeat=config.alarms.heartbeat,
        raise_at_start=config.alarms.raise_at_start,
        disabled=config.alarms.disabled,
        burst=config.alarms.burst,
        routine_changes="pacemaker" in config.alarms.compat,
        repeat_interval=config.alarms.repeat_interval if config.alarms.alertmanagers else 0.0,
        collectors_off=[name for name, mode in config.collectors.modes.items() if mode is CollectorMode.OFF],
    )


def build_quorum_watcher(config: Config, host: WatchingHost, alarms: AlarmService) -> QuorumWatcher | None:
    """Returns the quorum watcher, or None if the collector of Corosync is off."""
    if config.collectors.modes["corosync"] is CollectorMode.OFF:
        return None
    return QuorumWatcher(host, alarms.on_quorum_event)


def build_alert_socket(config: Config, alarms: AlarmService) -> AlertSocket | None:
    """Returns the socket for alerts, or None if there is to be none."""
    return AlertSocket(alarms.on_alert, config.alarms.socket) if config.alarms.socket is not None else None


def add_alert_samples(alert_socket: Replaceable[AlertSocket], samples: SampleSet) -> None:
    """Adds the samples of the socket for alerts, if there is one."""
    if alert_socket.current is not None:
        alert_socket.current.add_samples(samples)


# --- Reload -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of a running gateway, which stay the same objects for as long as it runs."""

    host: ServingHost
    engine: Engine
    publication: Publication
    identity: StoredIdentity
    renderer: Renderer
    server: MetricsServer
    snmp: SnmpService
    notifier: Notifier
    alarms: AlarmService
    quorum_watcher: Replaceable[QuorumWatcher]
    alert_socket: Replaceable[AlertSocket]


def reloadable_parts(services: Services) -> list[Prepare]:
    """Returns the functions that prepare a reload, in the order in which their changes take effect."""
    return [
        partial(prepare_collectors, services),
        partial(prepare_server, services),
        partial(prepare_snmp, services),
        partial(prepare_notifier, services),
        partial(prepare_quorum_watcher, services),
        partial(prepare_alert_socket, services),
        partial(prepare_alarms, services),  # after the targets, which get what it publishes
        prepare_log,
    ]


async def prepare_collectors(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the collectors, and how tools are run."""
    del rollback

    def commit() -> None:
        services.host.configure(config.tools.by_name, nice=config.tools.nice)
        configure_engine(services.engine, config)

    return commit


async def prepare_server(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the listeners and the limits of the HTTP server."""
    limits = connection_limits(config.web)
    return await services.server.prepare(addresses=config.web.listen, limits=limits, rollback=rollback)


async def prepare_snmp(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the built-in agent, and the age of the tables."""
    identity = await services.identity.update(config)
    agent = agent_settings(config, identity) if config.snmp.agent.listen else None
    return await services.snmp.prepare(max_age=config.snmp.max_age, agent=agent, rollback=rollback)


async def prepare_notifier(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the targets of notifications, and the forms."""
    renderer, identity = services.renderer, await services.identity.update(config)
    deliveries = build_deliveries(config, renderer, identity, services.snmp)
    take_over = await services.notifier.prepare(deliveries, rollback)

    def commit() -> None:
        renderer.configure(native=config.alarms.native, compat=config.alarms.compat)
        take_over()

    return commit


async def prepare_quorum_watcher(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the quorum watcher, which runs unless the collector of Corosync is off."""
    replacement = build_quorum_watcher(config, services.host, services.alarms)
    if (replacement is None) == (services.quorum_watcher.current is None):
        return _change_nothing
    return await services.quorum_watcher.prepare(replacement, rollback)


async def prepare_alert_socket(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the socket for alerts."""
    current = services.alert_socket.current
    if config.alarms.socket == (current.path if current is not None else None):
        return _change_nothing
    return await services.alert_socket.prepare(build_alert_socket(config, services.alarms), rollback)


async def prepare_alarms(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares how alarms are evaluated and published."""
    del rollback
    return partial(services.alarms.configure, alarm_settings(config))


async def prepare_log(config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the level and the format of the log."""
    del rollback
    return partial(log.reconfigure, level=config.log.level, log_format=config.log.format)


def _change_nothing() -> None:
    """Takes over nothing: nothing has changed."""
