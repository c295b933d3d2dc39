"""Turns a configuration of ``ha_cluster_exporter`` into one of the gateway.

The exporter reads YAML, JSON or TOML. Its keys are the names of its flags, with dots (``web.listen-address``) or
nested.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gateway.config.config import OPTIONS
from gateway.config.loader import DEFAULT_WEB_FILE, OptionReader, translate_deprecated
from gateway.errors import ConfigError
from gateway.files import read_file
from gateway.options.readers import InvalidValuesError
from gateway.yaml_reader import YamlError, load

_LOADERS: Mapping[str, Callable[[str], Any]] = {
    ".yaml": load,
    ".yml": load,
    ".json": json.loads,
    ".toml": tomllib.loads,
}

_MAX_SIZE = 1024 * 1024
"""Bytes that the file may have."""

_BY_FLAG = {flag.removeprefix("--"): option for option in OPTIONS for flag in option.flags}

_WEB_CONFIG_FILE = "web.config.file"

_DEFAULT_PATHS: Mapping[str, str] = {
    "crm-mon-path": "/usr/sbin/crm_mon",
    "cibadmin-path": "/usr/sbin/cibadmin",
    "corosync-cfgtoolpath-path": "/usr/sbin/corosync-cfgtool",
    "corosync-quorumtool-path": "/usr/sbin/corosync-quorumtool",
    "sbd-path": "/usr/sbin/sbd",
    "drbdsetup-path": "/sbin/drbdsetup",
}
"""Where the exporter finds the tools by default; its sample configurations name these paths.

The gateway searches for the tools. A path that is set says more: SBD's devices are read with ``sbd``, and
``drbdsetup`` runs although DRBD's kernel module is not loaded.
"""

_DEPRECATED = ("address", "port", "log-level")
"""The settings that ``translate_deprecated`` translates."""

_WITHOUT_SUCCESSOR = {
    "enable-timestamps": "samples carry no timestamps, as Prometheus recommends",
}


class Conversion(NamedTuple):
    """A configuration of the exporter as one of the gateway.

    Attributes:
        text: the text of ``gateway.conf``.
        values: the values in it, by the keys of their options.
        remarks: the settings that were left out, and why.
    """

    text: str
    values: Mapping[str, Any]
    remarks: Sequence[str]


def convert(path: Path) -> Conversion:
    """Returns the configuration of the gateway for one of the exporter.

    Raises:
        ConfigError: the file cannot be read, or one of its values is invalid.
    """
    settings = {name.lower(): value for name, value in _flatten(_read(path)) if value is not None}
    reader = OptionReader()
    values: dict[str, Any] = {}
    remarks = []
    deprecated = {name: settings.pop(name) for name in _DEPRECATED if name in settings}
    for name, value in settings.items():
        option = _BY_FLAG.get(name)
        if option is None:
            reason = _WITHOUT_SUCCESSOR.get(name, "ha_cluster_exporter has no such option")
            if value or name not in _WITHOUT_SUCCESSOR:
                remarks.append(f"{path}: {name} was left out: {reason}")
        elif not _is_default(name, value):
            values[option.key] = [value] if option.repeatable and isinstance(value, str) else value
            reader.read(option.key, values[option.key], f"{path}: {option.key}")
    try:
        for name, key, value in translate_deprecated(deprecated):
            values[key] = value
            reader.read(key, value, f"{path}: {name}")
    except InvalidValuesError as error:
        reader.add(*(problem.within(f"{path}: ") for problem in error.problems))
    if reader.problems:
        raise ConfigError(reader.problems)
    return Conversion(_format_toml(path, values), values, remarks)


def _is_default(name: str, value: Any) -> bool:
    """Returns whether a setting says no more than its absence."""
    if name == _WEB_CONFIG_FILE:  # both programs use it if it exists; named in gateway.conf, it would have to exist
        return bool(value == str(DEFAULT_WEB_FILE))
    return bool(value == _DEFAULT_PATHS.get(name))


def _read(path: Path) -> dict[str, Any]:
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise ConfigError([f"{path}: expected a file name that ends in {', '.join(_LOADERS)}"])
    try:
        document = loader(read_file(path, max_size=_MAX_SIZE).decode("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except YamlError as error:
        raise ConfigError([f"{path}: not YAML: {error}"]) from None
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"{path}: not {path.suffix.removeprefix('.').upper()}: {reason}"]) from None
    if document is not None and not isinstance(document, dict):
        raise ConfigError([f"{path}: expected a table of keys and values"])
    return document or {}


def _flatten(document: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        # no key has more than three parts, and in YAML a table may contain itself
        if isinstance(value, dict) and prefix.count(".") < 3:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _format_toml(path: Path, values: Mapping[str, Any]) -> str:
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, []).append(f"{name} = {_literal(value)}\n")
    sections = [f"\n[{table}]\n{''.join(lines)}" for table, lines in sorted(tables.items())]
    return f"# Migrated from {str(path)!r}, a configuration of ha_cluster_exporter.\n{''.join(sections)}"


def _literal(value: Any) -> str:
    """Returns a value in TOML: JSON, except for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
