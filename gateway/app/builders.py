"""Builds what the start and each reload need from the configuration: settings of services, and services."""

from __future__ import annotations

from functools import partial

import structlog

from gateway.alarms.delivery import Delivery
from gateway.alarms.notifier import GRACE, Notifier
from gateway.alarms.service import AlarmService, AlarmSettings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.config.alarm_options import SendFrom
from gateway.config.config import Config
from gateway.config.web_options import WebConfig
from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.alertmanager.channel import alertmanager_deliveries
from gateway.frontends.prometheus.connection_pool import ConnectionLimits
from gateway.frontends.snmp.agent.agent import AgentSettings
from gateway.frontends.snmp.notifications.agentx_channel import MasterAgent
from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.host.host import WatchingHost
from gateway.runtime.descriptors import reserve_descriptors
from gateway.snmp.engine import EngineIdentity
from gateway.subsystems import corosync


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


def build_renderer(config: Config) -> Renderer:
    """Returns the renderer of notifications, which all channels over SNMP share."""
    alarms = config.alarms
    return Renderer(config.snmp.root, native=alarms.native, compat=alarms.compat, send_action=alarms.send_action)


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


def build_quorum_watcher(
    config: Config, host: WatchingHost, engine: Engine, alarms: AlarmService
) -> QuorumWatcher | None:
    """Returns the quorum watcher, or None if the collector of Corosync is off."""
    name = corosync.SUBSYSTEM.name
    if config.collectors.modes[name] is CollectorMode.OFF:
        return None
    return QuorumWatcher(host, alarms.on_quorum_event, is_expected=partial(engine.is_expected, name))


def build_alert_socket(config: Config, alarms: AlarmService) -> AlertSocket | None:
    """Returns the socket for alerts, or None if none is configured."""
    return AlertSocket(alarms.on_alert, config.alarms.socket) if config.alarms.socket is not None else None


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
    return Notifier(build_deliveries(config, build_renderer(config), identity, master), grace=grace)
