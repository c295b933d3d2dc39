"""The configuration: one table of options, read from TOML and from flags, with all mistakes reported at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.command import DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT, Tool
from gateway.engine import Mode
from gateway.errors import ConfigError
from gateway.log import FORMATS, LEVELS

SEARCH_PATH = (Path("gateway.conf"), Path("/etc/ha-cluster-gateway/gateway.conf"))
"""Where the configuration is looked for without ``--config``; none at all is a good one, too."""

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

DEFAULT_LISTEN = ":9664"


class _MistakeError(Exception):
    """A value is not what an option takes; the message says what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        key: the dotted key in the file.
        default: its value where it is not set.
        read: turns the value of the file or the flag into the option's; raises ``_MistakeError``.
        flags: the flags that set it, the first being the one to use.
        help: one line for ``--help`` and the example.
    """

    key: str
    default: Any
    read: Callable[[Any], Any]
    help: str
    flags: tuple[str, ...] = ()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _MistakeError("a string")
    return value


def _absolute_path(value: Any) -> str:
    if not isinstance(value, str) or (value and not value.startswith("/")):
        raise _MistakeError('an absolute path, or "" to search for it')
    return value


def _url_path(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("/") or value == "/" or set(value) & set("{} ?#"):
        raise _MistakeError('a path that begins with "/" and is more than that')
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise _MistakeError("one of " + ", ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return read


def _seconds(value: Any) -> float:
    number = _numeric(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 3600:
        raise _MistakeError("seconds, more than 0 and at most 3600")
    return float(number)


def _count(value: Any) -> int:
    number = _numeric(value)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise _MistakeError("a whole number of at least 1")
    return number


def _numeric(value: Any) -> Any:
    """Flags bring numbers as text."""
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _MistakeError('a list of strings, such as ["sudo", "-n"]')
    return tuple(value)


def parse_address(text: str) -> tuple[str, int]:
    """Returns host and port of ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` (all interfaces: an empty host).

    Raises:
        ValueError: it is none of these.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text}: an IPv6 address has to stand in brackets")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text}: no port")
    return host, int(port)


def _addresses(value: Any) -> tuple[str, ...]:
    addresses = [value] if isinstance(value, str) else value
    if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
        raise _MistakeError('"HOST:PORT", "[IPv6]:PORT" or ":PORT", or a list of these')
    return tuple(addresses)


def _is_address(value: Any) -> bool:
    try:
        parse_address(_text(value))
    except (ValueError, _MistakeError):
        return False
    return True


_MODES = tuple(mode.value for mode in Mode)

OPTIONS: tuple[Option, ...] = (
    Option(
        key="web.listen",
        default=(DEFAULT_LISTEN,),
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
        default="info",
        read=_one_of(*LEVELS),
        help="Least severity to log: debug, info, warn, error.",
        flags=("--log.level", "--log-level"),
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

_BY_KEY = {option.key: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Config:
    """A complete configuration.

    Attributes:
        values: the value of every option, by its key.
        source: the file that it came from, or None.
    """

    values: Mapping[str, Any]
    source: Path | None = None

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def tools(self) -> dict[str, Tool]:
        """How each tool is to be run."""
        return {
            tool: Tool(
                path=self[f"tools.{tool}.path"] or None,
                timeout=self[f"tools.{tool}.timeout"],
                prefix=self[f"tools.{tool}.prefix"],
            )
            for tool in TOOLS
        }

    @property
    def modes(self) -> dict[str, Mode]:
        """When each collector runs."""
        return {
            key.removeprefix("collectors."): Mode(value)
            for key, value in self.values.items()
            if key.startswith("collectors.")
        }


def load(path: Path | None, flags: Mapping[str, Any], *, search: bool = True) -> Config:
    """Returns the configuration of a file and of flags, which win.

    Args:
        path: the file, or None.
        flags: values by option key, as text.
        search: whether to look along ``SEARCH_PATH`` where no file is given.

    Raises:
        ConfigError: with one line for each mistake.
    """
    source = path
    if source is None and search:
        source = next((candidate for candidate in SEARCH_PATH if candidate.is_file()), None)
    problems: list[str] = []
    values = {option.key: option.default for option in OPTIONS}
    if source is not None:
        for key, value in _flatten(_read(source)):
            _set(values, key, value, f"{source}: {key}", problems)
    for key, value in flags.items():
        _set(values, key, value, _BY_KEY[key].flags[0], problems)
    if problems:
        raise ConfigError(problems)
    return Config(values, source)


def validate(values: Mapping[str, Any], source: Path) -> None:
    """Checks values by option key that came from elsewhere.

    Raises:
        ConfigError: with one line for each mistake.
    """
    problems: list[str] = []
    for key, value in values.items():
        _set({}, key, value, f"{source}: {key}", problems)
    if problems:
        raise ConfigError(problems)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from None


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _set(values: dict[str, Any], key: str, value: Any, where: str, problems: list[str]) -> None:
    option = _BY_KEY.get(key)
    if option is None:
        near = difflib.get_close_matches(key, _BY_KEY, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        problems.append(f"{where}: unknown key{hint}")
        return
    try:
        values[key] = option.read(value)
    except _MistakeError as mistake:
        problems.append(f"{where}: expected {mistake}, found {value!r}")
