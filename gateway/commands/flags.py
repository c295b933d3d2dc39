"""The flags that every subcommand accepts, and the configuration that they result in."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gateway import log
from gateway.config.config import OPTIONS, Config
from gateway.config.loader import load

_OPTION, _DEPRECATED = "option ", "deprecated "
"""Prefixes of the attributes in which argparse stores the values."""

_DEPRECATED_FLAGS = {
    "address": "--web.listen-address",
    "port": "--web.listen-address",
    "log-level": "--log.level",
}
"""Flags that ha_cluster_exporter has deprecated, and their successors."""

QUIET: Mapping[str, Any] = {"log.level": "error"}
"""The values of options for subcommands that print their results: only errors are logged."""


def add_flags(parser: argparse.ArgumentParser, *, defaults: Mapping[str, Any] | None = None) -> None:
    """Adds the flags of all options, and those for compatibility with ha_cluster_exporter.

    A flag that is not used has no attribute, so that a subcommand's parser does not reset flags before the subcommand.

    Args:
        parser: the parser of the program or of a subcommand.
        defaults: values by option key that the subcommand uses instead of the options' defaults.
    """
    add_argument = partial(parser.add_argument, default=argparse.SUPPRESS)
    add_argument("--config", type=Path, metavar="FILE", help="Configuration file.")
    for option in OPTIONS:
        if option.flags:
            default = format_default((defaults or {}).get(option.key, option.default))
            add_argument(
                *option.flags,
                dest=option_attribute(option.key),
                action="append" if option.repeatable else "store",
                metavar="VALUE",
                help=f"{option.help} (default: {default})".replace("%", "%%"),
            )
    for name, successor in _DEPRECATED_FLAGS.items():
        add_argument(
            f"--{name}",
            dest=f"{_DEPRECATED}{name}",
            metavar="VALUE",
            help=f"Deprecated, but overrides its successor {successor}.",
        )
    add_argument(
        "--enable-timestamps", action="store_true", help="Deprecated and without effect: samples have no timestamps."
    )


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
