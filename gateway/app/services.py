"""Builds the services of a gateway from its configuration; starts none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.alarms.notification import Notification
from gateway.alarms.notifier import Notifier
from gateway.alarms.service import AlarmService
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.app import builders
from gateway.app.collection import build_engine
from gateway.app.stored_identity import StoredIdentity
from gateway.clock import SystemClock
from gateway.conditions.view import REMOVAL_TIME
from gateway.config.config import Config
from gateway.config.web_options import WebConfig
from gateway.engine.engine import Engine
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.snmp.notifications.rendering import Renderer
from gateway.frontends.snmp.service import SnmpService
from gateway.host.host import Host, Tool, WatchingHost
from gateway.publication import Publication
from gateway.runtime.service import Replaceable
from gateway.snmp.engine import EngineIdentity

if TYPE_CHECKING:
    from gateway.frontends.prometheus.access_control import AccessControl


class ServingHost(Host, WatchingHost, Protocol):
    """A host that runs commands, and watches the quorum."""

    def configure(self, tools: Mapping[str, Tool], *, nice: int) -> None:
        """Replaces the settings of the tools."""
        ...


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


Publish = Callable[[Notification], None]
"""Receives a notification; returns at once."""


def build_services(
    config: Config, host: ServingHost, on_notification: Publish | None = None, removal_time: float = REMOVAL_TIME
) -> Services:
    """Returns the services for a configuration; its arguments are those of ``serve``."""
    engine = build_engine(config, host)
    publication = Publication()
    identity = StoredIdentity(config)
    renderer = builders.build_renderer(config)
    snmp = _build_snmp(config, engine, publication, identity.current)
    notifier = Notifier(builders.build_deliveries(config, renderer, identity.current, snmp))

    def publish(notification: Notification) -> None:
        notifier.publish(notification)
        if on_notification is not None:
            on_notification(notification)

    alarms = AlarmService(
        engine,
        publish,
        builders.alarm_settings(config),
        introduce=notifier.introduce,
        on_change=snmp.cache.rebuild,
        hostname=host.hostname,
        removal_time=removal_time,
    )
    return Services(
        host=host,
        engine=engine,
        publication=publication,
        identity=identity,
        renderer=renderer,
        server=_build_server(config, engine, publication),
        snmp=snmp,
        notifier=notifier,
        alarms=alarms,
        quorum_watcher=Replaceable(builders.build_quorum_watcher(config, host, engine, alarms)),
        alert_socket=Replaceable(builders.build_alert_socket(config, alarms)),
    )


def _build_server(config: Config, engine: Engine, publication: Publication) -> MetricsServer:
    return MetricsServer(
        engine,
        publication,
        addresses=config.web.listen,
        telemetry_path=config.web.telemetry_path,
        limits=builders.connection_limits(config.web),
        access_control=_build_access_control(config.web),
    )


def _build_access_control(web: WebConfig) -> AccessControl | None:
    if web.config_file is None:
        return None
    # imported here because most gateways have no such file, and cryptography takes 9 MB
    from gateway.frontends.prometheus.access_control import AccessControl  # noqa: PLC0415
    from gateway.frontends.prometheus.web_config_file import WebConfigFile  # noqa: PLC0415

    return AccessControl(WebConfigFile(web.config_file, SystemClock()), healthy_is_open=web.healthy_without_password)


def _build_snmp(config: Config, engine: Engine, publication: Publication, identity: EngineIdentity) -> SnmpService:
    return SnmpService(
        engine,
        publication,
        config.snmp.root,
        max_age=config.snmp.max_age,
        agentx=config.snmp.agentx,
        agent=builders.agent_settings(config, identity) if config.snmp.agent.listen else None,
    )
