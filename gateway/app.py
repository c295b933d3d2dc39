"""Puts the parts together: a host, collectors, the engine, and the frontends that the configuration asks for."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog

import gateway
from gateway.alarms.notifier import GRACE, Master, Notifier
from gateway.alarms.service import AlarmService, Settings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.config.alarm_options import disabled
from gateway.config.loader import Config
from gateway.config.options import parse_address
from gateway.engine.engine import Engine
from gateway.engine.mode import CollectorMode
from gateway.frontends.prometheus.server import MetricsServer
from gateway.frontends.snmp import engine_identity
from gateway.frontends.snmp.service import AgentSettings, SnmpService
from gateway.frontends.snmp.subagent.address import parse_agentx
from gateway.host.host import Host, StreamingHost
from gateway.host.local import LocalHost
from gateway.publication import Publication
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import mib
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.probe import Collector

_T = TypeVar("_T")

_GRACE = 1.5
"""Seconds for scrapes under way at the end; what takes longer is cut."""
_SHUTDOWN_TIMEOUT = 2.0
"""Seconds for cutting them. Without notifications that wait to be acknowledged all is over within five."""

_GC_THRESHOLD = (1_000_000, 20, 50)
"""Allocations until a collection of the young, and collections until one of the older and the oldest.

The first is more than a scrape of 24,000 instances makes; it bounds what thousands of scrapes a minute leave behind.
"""

_SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread may keep the interpreter while the event loop waits for it.

Each system call of the event loop lets a thread in that parses or makes tables, and waits that long to go on: three
times for an SNMP request, and for each of the fifty that snmpd makes of one GETBULK. Python's default is 5 ms.
"""

_GC_INTERVAL = 60.0
"""Seconds between collections where the threshold is not reached: a scrape leaves some hundred objects in cycles."""


def local_host(config: Config) -> LocalHost:
    """Returns this machine, with the tools as configured."""
    return LocalHost(config.tools, max_output=config["tools.max_output"])


def collectors(config: Config) -> tuple[Collector, ...]:
    """Returns all collectors; the engine decides which of them run."""
    return tuple(subsystem.make_collector(config.option_values) for subsystem in SUBSYSTEMS)


def engine(config: Config, host: Host) -> Engine:
    """Returns an engine over a host."""
    return Engine(host, collectors(config), modes=config.modes)


def _server(config: Config, source: Engine, publication: Publication) -> MetricsServer:
    return MetricsServer(
        source,
        publication,
        addresses=[parse_address(address) for address in config["web.listen"]],
        telemetry_path=config["web.telemetry_path"],
        max_connections=config["web.max_connections"],
        client_timeout=config["web.client_timeout"],
    )


def _snmp(config: Config, source: Engine, publication: Publication, identity: EngineIdentity) -> SnmpService:
    return SnmpService(
        source,
        publication,
        mib(config["snmp.root"]),
        max_age=config["snmp.max_age"],
        agentx=parse_agentx(config["snmp.agentx"]),
        agent=_agent(config, identity) if config["snmp.agent.listen"] else None,
    )


def _agent(config: Config, identity: EngineIdentity) -> AgentSettings:
    return AgentSettings(
        addresses=[parse_address(address) for address in config["snmp.agent.listen"]],
        communities=config["snmp.agent.community"],
        users=config["snmp.agent.user"],
        identity=identity,
    )


def _identity(config: Config) -> EngineIdentity:
    """Returns who the gateway is over SNMP. Only SNMPv3 has to remember that, and writes it down."""
    asked = config["snmp.agent.listen"] and config["snmp.agent.user"]
    if asked or any(target.user for target in config["alarms.target"]):
        return engine_identity.begin_boot(Path(config["snmp.state_directory"]))
    return engine_identity.ephemeral()


def notifier(config: Config, identity: EngineIdentity, master: Master | None) -> Notifier:
    """Returns what delivers notifications.

    Args:
        config: the configuration.
        identity: who the gateway is to SNMPv3.
        master: the way through the host's snmpd, where there is one.
    """
    return Notifier(
        mib(config["snmp.root"]),
        targets=config["alarms.target"],
        master=master if config["alarms.agentx"] and config["snmp.agentx"] != "off" else None,
        identity=identity,
        forms=config["alarms.compat"],
        native=config["alarms.native"],
    )


def _alarms(config: Config, source: Engine, told: Notifier, snmp: SnmpService) -> AlarmService:
    settings = Settings(
        interval=config["alarms.interval"],
        dc_only=config["alarms.send_from"] == "dc",
        heartbeat=config["alarms.heartbeat"],
        raise_at_start=config["alarms.raise_at_start"],
        disabled=disabled(config.values),
        changes="pacemaker" in config["alarms.compat"],
    )
    alarms = AlarmService(source, told, settings, changed=snmp.cache.renew)
    snmp.cache.add_extra(alarms.mib_values)
    return alarms


def _watcher(config: Config, host: StreamingHost, alarms: AlarmService) -> QuorumWatcher | None:
    """Returns what watches Corosync, where that is to be looked at."""
    return None if config.modes["corosync"] is CollectorMode.OFF else QuorumWatcher(host, alarms.hear)


def _alert_socket(config: Config) -> AlertSocket | None:
    return AlertSocket(Path(config["alarms.socket"])) if config["alarms.socket"] else None


class ServingHost(Host, StreamingHost, Protocol):
    """What a service wants of a machine: commands that end, and one that does not."""


class Listening(NamedTuple):
    """The addresses that are listened on, as ``HOST:PORT``."""

    http: tuple[str, ...]
    snmp: tuple[str, ...]


async def serve(config: Config, host: ServingHost, *, announce: Callable[[Listening], None] | None = None) -> None:
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
    source = engine(config, host)
    identity = _identity(config)
    publication = Publication()
    server, snmp = _server(config, source, publication), _snmp(config, source, publication, identity)
    told = notifier(config, identity, snmp)
    alarms = _alarms(config, source, told, snmp)
    for add_samples in (server.add_samples, snmp.add_samples, alarms.samples):
        publication.add_source(add_samples)
    for on_snapshot in (snmp.cache.on_snapshot, alarms.look):
        source.subscribe(on_snapshot)
    try:
        await server.start()
        await snmp.start()
        await told.start()
        await alarms.start(watcher=_watcher(config, host, alarms), alert_socket=_alert_socket(config))
        log.info(
            "started",
            version=gateway.__version__,
            listen=", ".join(server.addresses),
            **({"snmp": ", ".join(snmp.addresses)} if snmp.addresses else {}),
            config=str(config.source or "none"),
        )
        if announce is not None:
            announce(Listening(http=server.addresses, snmp=snmp.addresses))
        await _tidy_until(stop)
        log.info("stopping")
    finally:
        telling = asyncio.ensure_future(_tell_the_rest(alarms, told, snmp))
        serving = asyncio.ensure_future(server.close())
        await asyncio.wait([serving], timeout=_GRACE)
        await source.close()
        await asyncio.wait([serving], timeout=_SHUTDOWN_TIMEOUT)
        await asyncio.wait([telling], timeout=GRACE + _SHUTDOWN_TIMEOUT)


async def _tell_the_rest(alarms: AlarmService, told: Notifier, snmp: SnmpService) -> None:
    """Ends alarms and SNMP; what waits to be told has some seconds, while snmpd is there to tell it to."""
    await alarms.close()
    await told.close()
    await snmp.close()


async def _tidy_until(stop: asyncio.Event) -> None:
    """Waits for an event, and meanwhile frees what is left over in cycles."""
    waiting = asyncio.ensure_future(stop.wait())
    while not (await asyncio.wait([waiting], timeout=_GC_INTERVAL))[0]:
        gc.collect()


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Runs a coroutine to its end on an event loop of its own, and returns what it returns."""
    # A snapshot is tens of thousands of small tuples without a cycle among them. With Python's defaults the collector
    # of cycles goes over all of them again and again, for a fifth to a third of the processor time of a scrape.
    gc.freeze()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    gc.set_threshold(*_GC_THRESHOLD)
    if sys.version_info < (3, 12) and _has_pidfd():
        # without a thread for each process, as newer versions do by default
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    return asyncio.run(main)


def _has_pidfd() -> bool:
    """Returns whether the kernel has pidfd_open, and lets us call it: RHEL 8's and some containers' do not."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
