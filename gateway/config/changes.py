"""Compares two configurations: what a running gateway takes over, and what needs a restart."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.config import OPTIONS, Config, broken_rules
from gateway.config.section import build_section
from gateway.errors import ConfigError
from gateway.options.model import OptionValues


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What differs between the configuration of a running gateway and a new one.

    Attributes:
        config: the configuration to run from now on: the new one, except for what needs a restart.
        applied: the keys of the options that it changes.
        pending: the keys of the options that keep their values until the gateway is restarted.
    """

    config: Config
    applied: tuple[str, ...]
    pending: tuple[str, ...]


def compare(current: Config, new: Config) -> Changes:
    """Compares a new configuration with the one that is in effect.

    Raises:
        ConfigError: without the values that need a restart, the new configuration is invalid.
    """
    changed = [option for option in OPTIONS if current.option_values[option] != new.option_values[option]]
    pending = tuple(option.key for option in changed if not option.reloadable)
    values = OptionValues(
        {option.key: (current if option.key in pending else new).option_values[option] for option in OPTIONS}
    )
    config: Config = build_section(Config, values, option_values=values, source=new.source)
    problems = [
        f"{problem.path}: {problem.message}, until a restart applies {', '.join(pending)}"
        for problem in broken_rules(config)
    ]
    if pending and problems:
        raise ConfigError(problems)
    applied = tuple(option.key for option in changed if option.reloadable)
    return Changes(config=config, applied=applied, pending=pending)
