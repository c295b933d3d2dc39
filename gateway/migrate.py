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

from gateway.config import OPTIONS, validate
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
    given = {name.lower(): value for name, value in _flatten(_read(path))}
    values: dict[str, Any] = {}
    remarks = []
    address, port = given.pop("address", None), given.pop("port", None)
    if (address or port) and "web.listen-address" not in given:
        host = f"[{address}]" if address and ":" in str(address) else address or ""
        given["web.listen-address"] = f"{host}:{port or 9664}"
    for name, value in given.items():
        if name in _WITHOUT_SUCCESSOR:
            if value:
                remarks.append(f"{path}: {name} was left out: {_WITHOUT_SUCCESSOR[name]}")
        elif option := _BY_FLAG.get(name):
            values[option.key] = [value] if isinstance(option.default, tuple) and isinstance(value, str) else value
        else:
            remarks.append(f"{path}: {name} was left out: ha_cluster_exporter has no such option")
    validate(values, path)
    return _toml(path, values), remarks


def _read(path: Path) -> dict[str, Any]:
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise ConfigError([f"{path}: expected a name that ends in {', '.join(_LOADERS)}"])
    try:
        document = loader(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError([f"{path}: not {path.suffix.removeprefix('.').upper()}: {error}"]) from None
    if document is not None and not isinstance(document, dict):
        raise ConfigError([f"{path}: expected keys and values"])
    return document or {}


def _flatten(document: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _toml(path: Path, values: Mapping[str, Any]) -> str:
    tables: dict[str, list[str]] = {}
    for key, value in values.items():
        table, _, name = key.rpartition(".")
        # strings, numbers and lists of strings look the same in JSON and TOML
        tables.setdefault(table, []).append(f"{name} = {json.dumps(value, ensure_ascii=False)}\n")
    sections = [f"\n[{table}]\n{''.join(lines)}" for table, lines in sorted(tables.items())]
    return f"# Migrated from {path}, a configuration of ha_cluster_exporter.\n{''.join(sections)}"
