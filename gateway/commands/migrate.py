"""The command ``migrate``: the configuration of ``ha_cluster_exporter`` as one of the gateway's.

The exporter reads YAML, JSON or TOML; its keys are its flags, written with dots (``web.listen-address``) or nested.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.config.loader import read_deprecated, validate
from gateway.config.options import OPTIONS
from gateway.errors import ConfigError

_LOADERS: Mapping[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
    ".toml": tomllib.loads,
}

_BY_FLAG = {flag.removeprefix("--"): option for option in OPTIONS for flag in option.flags}

_WITHOUT_SUCCESSOR = {
    "enable-timestamps": "samples carry no timestamps, as Prometheus recommends",
    "web.config.file": "TLS and authentication are not built in yet",
}


def migrate(path: Path) -> tuple[str, list[str]]:
    """Returns the text of a ``gateway.conf``, and remarks about what could not be taken over.

    Raises:
        ConfigError: the file cannot be read, or a value of it means nothing.
    """
    given = {name.lower(): value for name, value in _flatten(_read(path)) if value is not None}
    values: dict[str, Any] = {}
    remarks = []
    deprecated: dict[str, Any] = {name: given.pop(name) for name in ("address", "port", "log-level") if name in given}
    for name, value in given.items():
        if name in _WITHOUT_SUCCESSOR:
            if value:
                remarks.append(f"{path}: {name} was left out: {_WITHOUT_SUCCESSOR[name]}")
        elif option := _BY_FLAG.get(name):
            values[option.key] = [value] if option.repeatable and isinstance(value, str) else value
        else:
            remarks.append(f"{path}: {name} was left out: ha_cluster_exporter has no such option")
    problems = validate(values, path)
    read_deprecated(values, deprecated, f"{path}: ", problems)
    if problems:
        raise ConfigError(problems)
    return _toml(path, values), remarks


def _read(path: Path) -> dict[str, Any]:
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise ConfigError([f"{path}: expected a name that ends in {', '.join(_LOADERS)}"])
    try:
        document = loader(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError([f"{path}: not {path.suffix.removeprefix('.').upper()}: {reason}"]) from None
    if document is not None and not isinstance(document, dict):
        raise ConfigError([f"{path}: expected keys and values"])
    return document or {}


def _flatten(document: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        # no key has more than three parts; in YAML a table may hold itself
        if isinstance(value, dict) and prefix.count(".") < 3:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _toml(path: Path, values: Mapping[str, Any]) -> str:
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        tables.setdefault(table, []).append(f"{name} = {_literal(value)}\n")
    sections = [f"\n[{table}]\n{''.join(lines)}" for table, lines in sorted(tables.items())]
    return f"# Migrated from {str(path)!r}, a configuration of ha_cluster_exporter.\n{''.join(sections)}"


def _literal(value: Any) -> str:
    """Strings, numbers and lists of strings look the same in JSON and TOML, except for one control character."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False).replace("\x7f", "\\u007f")
