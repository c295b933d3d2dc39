"""The options of the subsystems and of their tools; the subsystems declare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.config.section import from_option, from_options
from gateway.engine.mode import CollectorMode
from gateway.host.host import Tool
from gateway.options.model import Option, OptionValues
from gateway.options.readers import member_of, seconds_or_zero, whole_number
from gateway.subsystems import SUBSYSTEMS

MODES: Mapping[str, Option[CollectorMode]] = {
    subsystem.name: Option(
        key=f"collectors.{subsystem.name}",
        default="auto",
        read=member_of(CollectorMode),
        help=f"Collector {subsystem.name}: auto (if its tools are installed), on (report missing tools as a failure), "
        "off.",
        flags=(f"--collector.{subsystem.name}",),
        reloadable=True,
    )
    for subsystem in SUBSYSTEMS
}
"""When each collector runs."""

TOOLS = tuple(tool for subsystem in SUBSYSTEMS for tool in subsystem.tools)
"""Every tool of every subsystem."""

SUBSYSTEM_OPTIONS: tuple[Option[Any], ...] = tuple(option for subsystem in SUBSYSTEMS for option in subsystem.options)
"""Every option of every subsystem, except those of its tools."""


def read_modes(values: OptionValues) -> Mapping[str, CollectorMode]:
    """Returns the mode of each collector, by the name of its subsystem."""
    return {name: values[option] for name, option in MODES.items()}


def read_subsystems(values: OptionValues) -> OptionValues:
    """Returns the values that the subsystems' collectors may read: those of their options and of their tools."""
    return values.select([*SUBSYSTEM_OPTIONS, *(option for tool in TOOLS for option in tool.options)])


def read_tools(values: OptionValues) -> Mapping[str, Tool]:
    """Returns how to run each tool, by its name."""
    return {
        tool.name: Tool(
            path=values[tool.path] or None,
            timeout=values[tool.timeout],
            prefix=values[tool.prefix],
            max_output=values[tool.max_output],
        )
        for tool in TOOLS
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorsConfig:
    """When the collectors run.

    Attributes:
        modes: when each collector runs, by the name of its subsystem.
        min_interval: seconds from the start of a run during which scrapes get its result again.
    """

    modes: Mapping[str, CollectorMode] = from_options(MODES.values(), read_modes)
    min_interval: float = from_option(
        Option(
            key="collectors.min_interval",
            default=0.0,
            read=seconds_or_zero,
            help="Seconds from the start of a run during which scrapes get its result again; 0 for never.",
            reloadable=True,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsConfig:
    """How the tools of the cluster are run.

    Attributes:
        nice: how much lower their priority is than the gateway's.
        by_name: each tool, by its name.
    """

    nice: int = from_option(
        Option(
            key="tools.nice",
            default=0,
            read=whole_number(0, 19),
            help="How much lower the priority of the tools is than that of the gateway: 0 for equal, up to 19.",
            reloadable=True,
        )
    )
    by_name: Mapping[str, Tool] = from_options([option for tool in TOOLS for option in tool.options], read_tools)
