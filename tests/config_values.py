"""The values of a configuration by the keys of their options, and settings of services with the options' defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from gateway.alarms.service import AlarmSettings
from gateway.config.alarm_options import AlarmsConfig
from gateway.config.config import OPTIONS, Config
from gateway.config.web_options import WebConfig
from gateway.frontends.prometheus.connection_pool import ConnectionLimits
from gateway.frontends.snmp.subagent.address import TcpAddress, UnixAddress
from gateway.network import Address
from gateway.options.model import Option, OptionValues
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib


def config_values(config: Config) -> dict[str, Any]:
    """Returns the value of every option, as the sections of the configuration hold it."""
    return dict(_section_values(config))


def _section_values(section: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        options: tuple[Option[Any], ...] = field.metadata.get("options", ())
        if dataclasses.is_dataclass(value) and len(options) > 1:
            yield from _section_values(value)
        elif isinstance(value, OptionValues | Mapping | frozenset):
            for option in options:
                yield option.key, _entry(value, option)
        else:
            for option in options:
                yield option.key, value


def _entry(value: Any, option: Option[Any]) -> Any:
    if isinstance(value, OptionValues):
        return value[option]
    _, name, *attribute = option.key.split(".", 2)
    if isinstance(value, frozenset):
        return attribute[0] in value
    return getattr(value[name], attribute[0]) if attribute else value[name]


def plain_values(config: Config) -> dict[str, Any]:
    """Returns the value of every option as it is written in the file, except that lists are tuples."""
    return {key: _plain(key, value) for key, value in config_values(config).items()}


def plain_defaults() -> dict[str, Any]:
    """Returns the defaults as ``plain_values`` returns values."""
    return {
        option.key: tuple(option.default) if isinstance(option.default, list) else option.default for option in OPTIONS
    }


def _plain(key: str, value: Any) -> Any:
    if value is None:
        return "off" if key == "snmp.agentx" else ""
    if isinstance(value, Address | UnixAddress | TcpAddress | Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mib):
        return oids.dotted(value.root)
    return tuple(_plain(key, item) for item in value) if isinstance(value, tuple) else value


def server_settings(**changes: Any) -> dict[str, Any]:
    """Returns the settings of ``MetricsServer`` with the defaults of their options, except for some changes."""
    web = WebConfig()
    limits = ConnectionLimits(
        total=changes.pop("max_connections", web.max_connections),
        per_source=changes.pop("max_connections_per_source", web.max_connections_per_source),
        client_timeout=changes.pop("client_timeout", web.client_timeout),
    )
    defaults = {"addresses": [Address("127.0.0.1", 0)], "telemetry_path": web.telemetry_path, "limits": limits}
    return {**defaults, **changes}


def alarm_settings(**changes: Any) -> AlarmSettings:
    """Returns the settings of ``AlarmService`` with the defaults of their options, except for some changes."""
    alarms = AlarmsConfig()
    defaults = {name: getattr(alarms, name) for name in ("interval", "heartbeat", "raise_at_start", "disabled")}
    return AlarmSettings(**{"dc_only": False, "routine_changes": False, **defaults, **changes})
