"""Assembles what every collection needs, from the configuration: the host and the engine."""

from __future__ import annotations

from gateway.config.config import Config
from gateway.engine.engine import Engine
from gateway.host.host import Host
from gateway.host.local import LocalHost
from gateway.subsystems import SUBSYSTEMS


def build_local_host(config: Config) -> LocalHost:
    """Returns this machine, with the tools as configured."""
    return LocalHost(config.tools.by_name, nice=config.tools.nice)


def build_engine(config: Config, host: Host) -> Engine:
    """Returns an engine with the collectors of all subsystems; their modes decide which of them run."""
    collectors = [subsystem.make_collector(config.subsystems) for subsystem in SUBSYSTEMS]
    return Engine(host, collectors, modes=config.collectors.modes, min_interval=config.collectors.min_interval)
