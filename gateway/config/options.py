"""The one table of options: key, default, meaning, flags, and what values it takes."""

from __future__ import annotations

from typing import Any

from gateway.config import alarm_options as alarms
from gateway.config import snmp_options as snmp
from gateway.engine.engine import Mode
from gateway.host.local import DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT
from gateway.log import FORMATS, LEVELS
from gateway.options.model import Field, Option, Records, Rule
from gateway.options.readers import (
    MistakeError,
    MistakesError,
    absolute_path,
    addresses,
    count,
    numeric,
    one_of,
    parse_address,
    seconds,
    shown,
    switch,
    unknown_key,
    url_path,
    words,
)

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

TOOLS = (
    "crm_mon",
    "cibadmin",
    "corosync-quorumtool",
    "corosync-cfgtool",
    "corosync-cmapctl",
    "corosync",
    "sbd",
    "drbdsetup",
)

DEFAULT_PORT = 9664
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the exporter's default
DEFAULT_LEVEL = "info"

_MODES = tuple(mode.value for mode in Mode)

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
            key=f"collectors.{name}",
            default=Mode.AUTO.value,
            read=one_of(*_MODES),
            help=f"Collector {name}: auto (when its tools are here), on (their absence is a failure), off.",
            flags=(f"--collector.{name}",),
        )
        for name in ("pacemaker", "corosync", "sbd", "drbd")
    ),
    Option(
        key="corosync.config",
        default="/etc/corosync/corosync.conf",
        read=absolute_path,
        help="Corosync's configuration, for the name of the cluster.",
    ),
    Option(
        key="corosync.statistics",
        default=False,
        read=switch,
        help="Whether to collect statistics of knet and Totem; Corosync is asked for each number, which takes time.",
        flags=("--corosync.statistics",),
    ),
    Option(
        key="sbd.config",
        default="",
        read=absolute_path,
        help="SBD's configuration; empty: /etc/sysconfig/sbd or /etc/default/sbd, whichever is there.",
        flags=("--sbd-config-path",),
    ),
    Option(
        key="drbd.split_brain_directory",
        default="/var/run/drbd/splitbrain",
        read=absolute_path,
        help="Where DRBD's split-brain handler leaves its files.",
        flags=("--drbdsplitbrain-path",),
    ),
    *snmp.OPTIONS,
    *alarms.OPTIONS,
    Option(
        key="tools.max_output",
        default=DEFAULT_MAX_OUTPUT,
        read=count,
        help="Bytes that one run of a tool may print before it is killed.",
    ),
    *(
        option
        for tool in TOOLS
        for option in (
            Option(
                key=f"tools.{tool}.path",
                default="",
                read=absolute_path,
                help=f"Path of {tool}; empty to search the standard directories.",
                flags=(
                    {
                        "corosync-cfgtool": "--corosync-cfgtoolpath-path",  # the name is the contract's
                        "crm_mon": "--crm-mon-path",
                    }.get(tool, f"--{tool}-path"),
                ),
            ),
            Option(
                key=f"tools.{tool}.timeout",
                default=DEFAULT_TIMEOUT,
                read=seconds,
                help=f"Seconds after which {tool} is killed.",
            ),
            Option(
                key=f"tools.{tool}.prefix",
                default=[],
                read=words,
                help=f'Words to put before {tool}, such as ["sudo", "-n"].',
            ),
        )
    ),
)

BY_KEY = {option.key: option for option in OPTIONS}
"""The options by their dotted keys."""

TABLES = {key[:index] for key in BY_KEY for index, char in enumerate(key) if char == "."}
"""The dotted keys of the tables that options stand in."""

RULES: tuple[Rule, ...] = (*snmp.RULES, *alarms.RULES)
