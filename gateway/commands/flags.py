"""The flags that every subcommand accepts, and the configuration that they result in."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gateway import log
from gateway.config.config import OPTIONS, Config
from gateway.config.loader import DEFAULT_FILE, EXPORTER_ADDRESS, load
from gateway.config.web_options import DEFAULT_PORT, LOG_LEVEL
from gateway.options.model import Option

_OPTION, _DEPRECATED = "option ", "deprecated "
"""Prefixes of the attributes in which argparse stores the values."""

_DEPRECATED_FLAGS = {
    "address": ("--web.listen-address", EXPORTER_ADDRESS),
    "port": ("--web.listen-address", DEFAULT_PORT),
    "log-level": ("--log.level", LOG_LEVEL.default),
}
"""Flags that ha_cluster_exporter has deprecated, their successors, and their defaults."""


def _negate(flag: str) -> str:
    return f"--no-{flag.removeprefix('--')}"


_BOOLEAN_FLAGS = {
    flag: {"true", "false", *filter(None, [option.third_value])}
    for option in OPTIONS
    if option.is_boolean
    for flag in option.flags
}
"""The flags that need no value, and the values that they can have."""

_CONFIGURATION_FLAGS = frozenset(
    (
        "--config",
        "--enable-timestamps",
        _negate("--enable-timestamps"),
        *map(_negate, _BOOLEAN_FLAGS),
        *(f"--{name}" for name in _DEPRECATED_FLAGS),
        *(flag for option in OPTIONS for flag in option.flags),
    )
)

QUIET: Mapping[str, Any] = {"log.level": "error"}
"""The values of options for subcommands that print their results: only errors are logged."""


def add_flags(parser: argparse.ArgumentParser, *, defaults: Mapping[str, Any] | None = None) -> None:
    """Adds the flags of all options, and those for compatibility with ha_cluster_exporter.

    A flag that is not used has no attribute, so that a subcommand's parser does not reset flags before the subcommand.

    Args:
        parser: the parser of the program or of a subcommand.
        defaults: values by option key that the subcommand uses instead of the options' defaults.
    """
    # in a group of their own, so that they do not hide what the subcommand itself accepts
    group = parser.add_argument_group("configuration", "These flags override the configuration file.")
    add_argument = partial(group.add_argument, default=argparse.SUPPRESS)
    add_argument(
        "--config", type=Path, metavar="FILE", help=f"Configuration file. (default: {DEFAULT_FILE}, if it exists)"
    )
    for option in OPTIONS:
        if option.flags:
            _add_option(add_argument, option, (defaults or {}).get(option.key, option.default))
    for name, (successor, default) in _DEPRECATED_FLAGS.items():
        add_argument(
            f"--{name}",
            dest=f"{_DEPRECATED}{name}",
            metavar="VALUE",
            help=f"Deprecated, but overrides its successor {successor}. (default: {default})",
        )
    add_argument(
        "--enable-timestamps", action="store_true", help="Deprecated and without effect: samples have no timestamps."
    )
    add_argument(_negate("--enable-timestamps"), action="store_true", help=argparse.SUPPRESS)


def _add_option(add_argument: Callable[..., object], option: Option[Any], default: Any) -> None:
    attribute, words = option_attribute(option.key), filter(None, ("true", "false", option.third_value))
    add_argument(
        *option.flags,
        dest=attribute,
        action="append" if option.repeatable else "store",
        metavar="|".join(words) if option.is_boolean else "VALUE",
        help=f"{option.help} (default: {format_default(default)})".replace("%", "%%"),
    )
    if option.is_boolean:
        negated = map(_negate, option.flags)
        add_argument(*negated, dest=attribute, action="store_const", const="false", help=argparse.SUPPRESS)


def is_configuration_flag(action: argparse.Action) -> bool:
    """Returns whether an action belongs to a flag that ``add_flags`` adds."""
    return bool(_CONFIGURATION_FLAGS.intersection(action.option_strings))


def expand_boolean_flags(arguments: Sequence[str]) -> Iterator[str]:
    """Yields the words of a command line, in which a flag that is true or false has its value.

    The exporter's command line has ``--flag`` and ``--no-flag``. ``--flag=true`` and ``--flag true`` are accepted, too.
    """
    for word, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        yield f"{word}=true" if following not in _BOOLEAN_FLAGS.get(word, (following,)) else word


def option_attribute(key: str) -> str:
    """Returns the attribute of the parsed arguments that contains the flag of an option."""
    return f"{_OPTION}{key}"


def format_default(default: Any) -> str:
    """Returns a default as ``--help`` shows it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, list):
        return ", ".join(map(str, default)) or "empty"
    return str(default) or "empty"


def load_config(
    arguments: argparse.Namespace,
    *,
    overrides: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    search: bool = True,
) -> Config:
    """Returns the configuration of the file and the flags, and configures the log.

    Args:
        arguments: the parsed command line.
        overrides: values by option key that override the file, but not the flags.
        defaults: values by option key that replace the options' defaults.
        search: whether to search for a file if none is named.

    Raises:
        ConfigError: a value is invalid.
    """
    config = read_config(arguments, overrides=overrides, defaults=defaults, search=search)
    log.configure(level=config.log.level, log_format=config.log.format)
    return config


def read_config(
    arguments: argparse.Namespace,
    current: Config | None = None,
    *,
    overrides: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    search: bool = True,
) -> Config:
    """Returns the configuration of the file and the flags.

    Args:
        arguments: as for ``load_config``, and so are the others.
        current: the configuration that was read last; if that was from a file, the file must still exist.
        overrides: values that override the file.
        defaults: values that replace the options' defaults.
        search: whether to search for a file.

    Raises:
        ConfigError: a value is invalid.
    """
    values = vars(arguments)
    return load(
        values.get("config") or (current.source if current is not None else None),
        {**(overrides or {}), **_select(values, _OPTION)},
        defaults=defaults,
        deprecated=_select(values, _DEPRECATED),
        search=search,
    )


def _select(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
