"""The one table of options: key, default, meaning, flags, and what values it takes."""

from __future__ import annotations

from typing import Any

from gateway.config import alarm_options as alarms
from gateway.config import snmp_options as snmp
from gateway.engine.mode import CollectorMode
from gateway.host.host import DEFAULT_MAX_OUTPUT
from gateway.log import FORMATS, LEVELS
from gateway.options.model import Field, Option, Records, Rule
from gateway.options.readers import (
    MistakeError,
    MistakesError,
    addresses,
    count,
    numeric,
    one_of,
    parse_address,
    seconds,
    shown,
    unknown_key,
    url_path,
)
from gateway.subsystems import SUBSYSTEMS

__all__ = [
    "ANY_ADDRESS",
    "BY_KEY",
    "DEFAULT_LEVEL",
    "DEFAULT_PORT",
    "OPTIONS",
    "RULES",
    "TABLES",
    "TOOLS",
    "Field",
    "MistakeError",
    "MistakesError",
    "Option",
    "Records",
    "Rule",
    "numeric",
    "parse_address",
    "shown",
    "unknown_key",
]

TOOLS = tuple(tool for subsystem in SUBSYSTEMS for tool in subsystem.tools)
"""Every tool of every subsystem."""

DEFAULT_PORT = 9664
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the exporter's default
DEFAULT_LEVEL = "info"

_MODES = tuple(mode.value for mode in CollectorMode)

OPTIONS: tuple[Option[Any], ...] = (
    Option(
        key="web.listen",
        default=[f":{DEFAULT_PORT}"],
        read=addresses,
        help="Addresses to serve HTTP on: HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces.",
        flags=("--web.listen-address",),
    ),
    Option(
        key="web.telemetry_path",
        default="/metrics",
        read=url_path,
        help="Path of the metrics page.",
        flags=("--web.telemetry-path",),
    ),
    Option(
        key="web.max_connections",
        default=512,
        read=count,
        help="Open connections beyond which new ones are answered 503.",
    ),
    Option(
        key="web.client_timeout",
        default=15.0,
        read=seconds,
        help="Seconds that a client may take to send its request, and to take its answer.",
    ),
    Option(
        key="log.level",
        default=DEFAULT_LEVEL,
        read=one_of(*LEVELS),
        help="Least severity to log: debug, info, warn, error.",
        flags=("--log.level",),
    ),
    Option(
        key="log.format",
        default="logfmt",
        read=one_of(*FORMATS),
        help="Form of the log: logfmt or json.",
        flags=("--log.format",),
    ),
    *(
        Option(
            key=f"collectors.{subsystem.name}",
            default=CollectorMode.AUTO.value,
            read=one_of(*_MODES),
            help=f"Collector {subsystem.name}: auto (when its tools are here), on (their absence is a failure), off.",
            flags=(f"--collector.{subsystem.name}",),
        )
        for subsystem in SUBSYSTEMS
    ),
    *(option for subsystem in SUBSYSTEMS for option in subsystem.options),
    *snmp.OPTIONS,
    *alarms.OPTIONS,
    Option(
        key="tools.max_output",
        default=DEFAULT_MAX_OUTPUT,
        read=count,
        help="Bytes that one run of a tool may print before it is killed.",
    ),
    *(option for tool in TOOLS for option in tool.options),
)

BY_KEY = {option.key: option for option in OPTIONS}
"""The options by their dotted keys."""

TABLES = {key[:index] for key in BY_KEY for index, char in enumerate(key) if char == "."}
"""The dotted keys of the tables that options stand in."""

RULES: tuple[Rule, ...] = (*snmp.RULES, *alarms.RULES)
