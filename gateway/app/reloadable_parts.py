"""The parts of a running gateway that a reload changes.

Each ``prepare_…`` function prepares one part for a configuration, as ``reloader`` describes.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from gateway import log
from gateway.app.builders import (
    agent_settings,
    alarm_settings,
    build_alert_socket,
    build_deliveries,
    build_quorum_watcher,
    connection_limits,
)
from gateway.app.collection import configure_engine
from gateway.app.reloader import Commit, Prepare
from gateway.app.services import Services
from gateway.config.config import Config


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
        alarms = config.alarms
        renderer.configure(native=alarms.native, compat=alarms.compat, send_action=alarms.send_action)
        take_over()

    return commit


async def prepare_quorum_watcher(services: Services, config: Config, rollback: AsyncExitStack) -> Commit:
    """Prepares the quorum watcher, which runs unless the collector of Corosync is off."""
    replacement = build_quorum_watcher(config, services.host, services.engine, services.alarms)
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
