"""Collectors for tests, made as the program makes them: from the values of options, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.options.model import OptionValues
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.corosync.options import STATISTICS, Statistics
from gateway.subsystems.probe import Collector

WITH_STATISTICS = {STATISTICS.key: Statistics.ON}
WITHOUT_MODULE = {"tools.drbdsetup.path": "/usr/sbin/drbdsetup"}
"""Options with which drbdsetup runs on a machine without DRBD's kernel module."""


def make_collectors(*names: str, options: Mapping[str, Any] | None = None) -> tuple[Collector, ...]:
    """Returns the collectors of the named subsystems, or of all.

    Args:
        names: names of subsystems; without any, all.
        options: values of options, by key.
    """
    values = OptionValues(options)
    return tuple(subsystem.make_collector(values) for subsystem in SUBSYSTEMS if not names or subsystem.name in names)


def make_collector(name: str, *, options: Mapping[str, Any] | None = None) -> Collector:
    """Returns the collector of one subsystem."""
    (collector,) = make_collectors(name, options=options)
    return collector
