"""Assembles what every collection needs, from the configuration: the host and the engine."""

from __future__ import annotations

from gateway.config.config import Config
from gateway.engine.engine import Engine
from gateway.host.host import Host
from gateway.host.local import LocalHost
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.probe import Collector


def build_local_host(config: Config) -> LocalHost:
    """Returns this machine, with the tools as configured."""
    return LocalHost(config.tools.by_name, nice=config.tools.nice)


def build_engine(config: Config, host: Host) -> Engine:
    """Returns an engine with the collectors of all subsystems; their modes decide which of them run."""
    return Engine(
        host, _make_collectors(config), modes=config.collectors.modes, min_interval=config.collectors.min_interval
    )


def configure_engine(engine: Engine, config: Config) -> None:
    """Applies a configuration to an engine that exists already."""
    collectors = config.collectors
    engine.configure(_make_collectors(config), modes=collectors.modes, min_interval=collectors.min_interval)


def _make_collectors(config: Config) -> list[Collector]:
    return [subsystem.make_collector(config.subsystems) for subsystem in SUBSYSTEMS]
