"""The configuration as a whole: every section, every option and every rule between options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.alarm_options import AlarmsConfig
from gateway.config.section import from_options, from_section, section_options
from gateway.config.snmp_options import SnmpConfig
from gateway.config.subsystem_options import SUBSYSTEM_OPTIONS, TOOLS, CollectorsConfig, ToolsConfig, read_subsystems
from gateway.config.web_options import LogConfig, WebConfig
from gateway.options.model import Option, OptionValues
from gateway.options.readers import Problem
from gateway.snmp.credentials import is_insecure, is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A complete configuration.

    Attributes:
        web: where and how metrics are served over HTTP.
        log: what is logged, and in which format.
        collectors: when the collectors run.
        subsystems: the values of the options of all subsystems and tools, for the subsystems' collectors.
        snmp: the subagent and the built-in agent.
        alarms: conditions and notifications.
        tools: how the tools of the cluster are run.
        option_values: the values of all options, which the sections are made of.
        source: the file that the configuration was read from, if any.
    """

    web: WebConfig = from_section(WebConfig)
    log: LogConfig = from_section(LogConfig)
    collectors: CollectorsConfig = from_section(CollectorsConfig)
    subsystems: OptionValues = from_options(SUBSYSTEM_OPTIONS, read_subsystems)
    snmp: SnmpConfig = from_section(SnmpConfig)
    alarms: AlarmsConfig = from_section(AlarmsConfig)
    tools: ToolsConfig = from_section(ToolsConfig)
    option_values: OptionValues = field(default_factory=OptionValues, repr=False, compare=False)
    source: Path | None = None


OPTIONS: tuple[Option[Any], ...] = section_options(Config)
"""Every option, in the order of the example configuration."""

BY_KEY: Mapping[str, Option[Any]] = {option.key: option for option in OPTIONS}
"""The options by their dotted keys."""

TABLES = {key[:index] for key in BY_KEY for index, character in enumerate(key) if character == "."}
"""The dotted keys of the tables that contain options."""


# --- Rules -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition between options.

    Attributes:
        keys: the options that the rule compares; it is skipped if one of them has an invalid value.
        check: yields the key of an option that has to change, and why.
    """

    keys: tuple[str, ...]
    check: Callable[[Config], Iterator[Problem]]


def _check_readers(config: Config) -> Iterator[Problem]:
    agent = config.snmp.agent
    if agent.listen and not (agent.communities or agent.users):
        yield Problem(
            "snmp.agent.listen",
            "no one can query the built-in agent: add a [[snmp.agent.user]] or a [[snmp.agent.community]]",
        )


def _check_exposure(config: Config) -> Iterator[Problem]:
    agent = config.snmp.agent
    if agent.allow_insecure_off_loopback or not is_insecure(agent.communities, agent.users):
        return
    for address in agent.listen:
        if not is_loopback(address.host):
            yield Problem(
                "snmp.agent.listen",
                f"{address} is not a loopback address: anyone who can listen on the network can learn a community "
                "or pose as a user without auth; configure only users with auth, or set "
                "snmp.agent.allow_insecure_off_loopback = true",
            )


def _check_targets(config: Config) -> Iterator[Problem]:
    numbers: dict[str, int] = {}
    for number, target in enumerate(config.alarms.targets, 1):
        for name in target.names:
            first = numbers.setdefault(name.lower(), number)
            if first != number:
                yield Problem("alarms.target", f"[{number}] is the same receiver as [{first}], {name}")


def _check_forms(config: Config) -> Iterator[Problem]:
    if not config.alarms.native and not config.alarms.compat and not config.alarms.alertmanagers:
        yield Problem("alarms.native", "no notification would be sent, because alarms.compat is empty, too")


_AGENT = ("snmp.agent.listen", "snmp.agent.community", "snmp.agent.user", "snmp.agent.allow_insecure_off_loopback")

RULES: tuple[Rule, ...] = (
    Rule(keys=_AGENT, check=_check_readers),
    Rule(keys=_AGENT, check=_check_exposure),
    Rule(keys=("alarms.target",), check=_check_targets),
    Rule(keys=("alarms.native", "alarms.compat", "alarms.target"), check=_check_forms),
)


def broken_rules(config: Config, invalid: Collection[str] = ()) -> Iterator[Problem]:
    """Yields the options that do not fit together.

    Args:
        config: the configuration to check.
        invalid: the keys of options with invalid values, about which nothing is said.
    """
    for rule in RULES:
        if not set(invalid).intersection(rule.keys):
            yield from rule.check(config)


__all__ = ["BY_KEY", "OPTIONS", "RULES", "TABLES", "TOOLS", "Config", "Rule", "broken_rules"]
