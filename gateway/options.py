"""The one table of options: key, default, meaning, flags, and what values it takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.command import DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT
from gateway.engine import Mode
from gateway.errors import GatewayError
from gateway.log import FORMATS, LEVELS

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


class MistakeError(GatewayError):
    """A value is not what an option takes; the message says what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        key: the dotted key in the file.
        default: its value where it is not set.
        read: turns the value of the file or the flag into the option's; raises ``MistakeError``.
        flags: the flags that set it, the first being the one to use.
        help: one line for ``--help`` and the example.
    """

    key: str
    default: Any
    read: Callable[[Any], Any]
    help: str
    flags: tuple[str, ...] = ()


def _absolute_path(value: Any) -> str:
    if not isinstance(value, str) or (value and not value.startswith("/")) or not value.isprintable():
        raise MistakeError('an absolute path, or "" to search for it')
    return value


_URL_PATH = re.compile(r"(?:/[\w.~+:@,=-]+)+/?", re.ASCII)
_TAKEN_PATHS = ("/-/healthy", "/-/ready")


def _url_path(value: Any) -> str:
    if not isinstance(value, str) or not _URL_PATH.fullmatch(value) or value in _TAKEN_PATHS:
        raise MistakeError(
            'a path such as "/metrics", of letters, digits and ._~+:@,=-, other than /-/healthy, /-/ready'
        )
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise MistakeError("one of " + ", ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return read


def _seconds(value: Any) -> float:
    number = numeric(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 3600:
        raise MistakeError("seconds, more than 0 and at most 3600")
    return float(number)


def _count(value: Any) -> int:
    number = numeric(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise MistakeError("a whole number of at least 1")
    return number


def numeric(value: Any) -> Any:
    """Flags bring numbers as text."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _switch(value: Any) -> bool:
    switch = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(switch, bool):
        raise MistakeError("true or false")
    return switch


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word and word.isprintable() for word in value):
        raise MistakeError('a list of words, such as ["sudo", "-n"]')
    return tuple(value)


def parse_address(text: str) -> tuple[str, int]:
    """Returns host and port of ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` (all interfaces: an empty host).

    Raises:
        ValueError: it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]") and ":" in host:
        host = host[1:-1]
    elif set(host) & set("[]:"):
        raise ValueError(f"{text}: an IPv6 address has to stand in brackets")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text}: no port")
    return host, int(port)


def _addresses(value: Any) -> tuple[str, ...]:
    addresses = [value] if isinstance(value, str) else value
    if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
        raise MistakeError('"HOST:PORT", "[IPv6]:PORT" or ":PORT", or a list of these')
    return tuple(addresses)


def _is_address(value: Any) -> bool:
    try:
        parse_address(value)
    except (ValueError, AttributeError):
        return False
    return bool(value.isprintable())


_MODES = tuple(mode.value for mode in Mode)

OPTIONS: tuple[Option, ...] = (
    Option(
        key="web.listen",
        default=(f":{DEFAULT_PORT}",),
        read=_addresses,
        help="Addresses to serve HTTP on: HOST:PORT, [IPv6]:PORT, or :PORT for all interfaces.",
        flags=("--web.listen-address",),
    ),
    Option(
        key="web.telemetry_path",
        default="/metrics",
        read=_url_path,
        help="Path of the metrics page.",
        flags=("--web.telemetry-path",),
    ),
    Option(
        key="web.max_connections",
        default=512,
        read=_count,
        help="Open connections beyond which new ones are answered 503.",
    ),
    Option(
        key="web.client_timeout",
        default=15.0,
        read=_seconds,
        help="Seconds that a client may take to send its request, and to take its answer.",
    ),
    Option(
        key="log.level",
        default=DEFAULT_LEVEL,
        read=_one_of(*LEVELS),
        help="Least severity to log: debug, info, warn, error.",
        flags=("--log.level",),
    ),
    Option(
        key="log.format",
        default="logfmt",
        read=_one_of(*FORMATS),
        help="Form of the log: logfmt or json.",
        flags=("--log.format",),
    ),
    *(
        Option(
            key=f"collectors.{name}",
            default=Mode.AUTO.value,
            read=_one_of(*_MODES),
            help=f"Collector {name}: auto (when its tools are here), on (their absence is a failure), off.",
            flags=(f"--collector.{name}",),
        )
        for name in ("pacemaker", "corosync", "sbd", "drbd")
    ),
    Option(
        key="corosync.config",
        default="/etc/corosync/corosync.conf",
        read=_absolute_path,
        help="Corosync's configuration, for the name of the cluster.",
    ),
    Option(
        key="corosync.statistics",
        default=False,
        read=_switch,
        help="Whether to collect statistics of knet and Totem; Corosync is asked for each number, which takes time.",
        flags=("--corosync.statistics",),
    ),
    Option(
        key="sbd.config",
        default="",
        read=_absolute_path,
        help="SBD's configuration; empty: /etc/sysconfig/sbd or /etc/default/sbd, whichever is there.",
        flags=("--sbd-config-path",),
    ),
    Option(
        key="drbd.split_brain_directory",
        default="/var/run/drbd/splitbrain",
        read=_absolute_path,
        help="Where DRBD's split-brain handler leaves its files.",
        flags=("--drbdsplitbrain-path",),
    ),
    Option(
        key="tools.max_output",
        default=DEFAULT_MAX_OUTPUT,
        read=_count,
        help="Bytes that one run of a tool may print before it is killed.",
    ),
    *(
        option
        for tool in TOOLS
        for option in (
            Option(
                key=f"tools.{tool}.path",
                default="",
                read=_absolute_path,
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
                read=_seconds,
                help=f"Seconds after which {tool} is killed.",
            ),
            Option(
                key=f"tools.{tool}.prefix",
                default=(),
                read=_words,
                help=f'Words to put before {tool}, such as ["sudo", "-n"].',
            ),
        )
    ),
)

BY_KEY = {option.key: option for option in OPTIONS}
"""The options by their dotted keys."""

TABLES = {key[:index] for key in BY_KEY for index, char in enumerate(key) if char == "."}
"""The dotted keys of the tables that options stand in."""
