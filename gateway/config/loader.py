"""Reads the configuration from TOML and from flags, and reports all invalid values at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.config.config import BY_KEY, OPTIONS, TABLES, Config, broken_rules
from gateway.config.section import build_section
from gateway.config.web_options import DEFAULT_PORT, LISTEN, LOG_LEVEL, WEB_CONFIG_FILE
from gateway.errors import ConfigError
from gateway.files import TrustedFile, UntrustedPathError, exists, explain, read_trusted_file
from gateway.options.model import OptionValues
from gateway.options.readers import (
    InvalidValueError,
    InvalidValuesError,
    Problem,
    format_value,
    parse_number,
    unknown_key,
)

DEFAULT_FILE = Path("/etc/ha-cluster-gateway/gateway.conf")
"""The file that is read without ``--config``; it may be absent."""

DEFAULT_WEB_FILE = Path("/etc/ha_cluster_exporter.web.yaml")
"""The web configuration that is used without ``web.config_file``, as by the exporter; it may be absent."""

_MAX_SIZE = 1024 * 1024
"""Bytes that a configuration file may have."""

EXPORTER_ADDRESS = "0.0.0.0"  # noqa: S104 - the default of the exporter


class OptionReader:
    """Reads the values of options, and collects the problems.

    Attributes:
        problems: one line for each problem.
        is_denied: whether one of them is that this user may not read a file.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.is_denied = False
        self._values: dict[str, object] = {option.key: option.read(option.default) for option in OPTIONS}
        self._origins: dict[str, str] = {}
        self._invalid: set[str] = set()

    def read(self, key: str, value: Any, origin: str) -> None:
        """Reads one value, which replaces an earlier one.

        Args:
            key: the key of the option.
            value: the value as written in the file or the flag.
            origin: how messages refer to it: the file and the key, or the flag.
        """
        self._origins[key] = origin
        option = BY_KEY.get(key)
        if option is None:
            # without the value: where a table of users is expected, it may be a password
            message = "expected a table, found another value" if key in TABLES else _unknown_key(key)
            self.problems.append(f"{origin}: {message}")
            return
        try:
            self._values[key] = option.read(value)
            self._invalid.discard(key)
        except InvalidValueError as error:
            self._invalid.add(key)
            self.problems.append(f"{origin}: expected {error}, found {format_value(value)}")
        except InvalidValuesError as error:
            self._invalid.add(key)
            self.add(*(problem.within(origin) for problem in error.problems))

    def add(self, *problems: Problem) -> None:
        """Adds problems, whose paths are what messages refer to."""
        self.problems += (f"{problem.path}: {problem.message}" for problem in problems)
        self.is_denied |= any(problem.is_denied for problem in problems)

    def build(self, source: Path | None) -> Config:
        """Returns the configuration.

        Args:
            source: the file that values were read from, if any.

        Raises:
            ConfigError: with all problems, also those between options.
        """
        values = OptionValues(self._values)
        config: Config = build_section(Config, values, option_values=values, source=source)
        for problem in broken_rules(config, self._invalid):
            self.add(problem._replace(path=self._origins.get(problem.path, problem.path)))
        if self.problems:
            raise ConfigError(self.problems, is_denied=self.is_denied)
        return config


def load(
    path: Path | None,
    flags: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    deprecated: Mapping[str, Any] | None = None,
    search: bool = True,
) -> Config:
    """Returns the configuration of a file and of flags; flags override the file.

    Args:
        path: the file, or None.
        flags: values by option key, as text.
        defaults: values by option key that replace the options' defaults.
        deprecated: values of the flags that ``translate_deprecated`` translates.
        search: whether to use ``DEFAULT_FILE`` and ``DEFAULT_WEB_FILE``, if they exist and no file is named.

    Raises:
        ConfigError: with one line for each problem.
    """
    source = path
    if source is None and search and exists(DEFAULT_FILE):
        source = DEFAULT_FILE
    reader = OptionReader()
    if search and exists(DEFAULT_WEB_FILE):
        reader.read(WEB_CONFIG_FILE.key, str(DEFAULT_WEB_FILE), WEB_CONFIG_FILE.key)
    for key, value in (defaults or {}).items():
        reader.read(key, value, key)
    if source is not None:
        _read_file(source, reader)
    for key, value in flags.items():
        reader.read(key, value, next(iter(BY_KEY[key].flags), key))
    try:
        for name, key, value in translate_deprecated(deprecated or {}):
            reader.read(key, value, f"--{name}")
    except InvalidValuesError as error:
        reader.add(*(problem.within("--") for problem in error.problems))
    return reader.build(source)


def translate_deprecated(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Translates the deprecated settings of ``ha_cluster_exporter`` with the exporter's semantics.

    Its ``address``, ``port`` and ``log-level`` override their successors, unless they have their default values.

    Args:
        settings: the values, by these three names.

    Yields:
        The deprecated name, the key of the option, and its value.

    Raises:
        InvalidValuesError: a value is invalid.
    """
    level = settings.get("log-level", LOG_LEVEL.default)
    if level != LOG_LEVEL.default:
        yield "log-level", LOG_LEVEL.key, level
    address, port = settings.get("address", EXPORTER_ADDRESS), parse_number(settings.get("port", DEFAULT_PORT))
    if not isinstance(address, str):
        message = f"expected a host name or an address, found {format_value(address)}"
        raise InvalidValuesError(Problem("address", message))
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise InvalidValuesError(Problem("port", f"expected a port from 0 to 65535, found {format_value(port)}"))
    if (address, port) != (EXPORTER_ADDRESS, DEFAULT_PORT):
        host = f"[{address}]" if ":" in address and not address.startswith("[") else address
        yield "address", LISTEN.key, [f"{host}:{port}"]


def _read_file(path: Path, reader: OptionReader) -> None:
    """Reads the options of a file; a file with secrets must be private."""
    file, document = _read_toml(path)
    secret = False
    for key, value in _flatten(document):
        reader.read(key, value, f"{path}: {key}")
        secret = secret or (key in BY_KEY and BY_KEY[key].holds_secret(value))
    if secret:
        try:
            file.require_private()
        except UntrustedPathError as error:
            reader.problems.append(f"{path}: contains passwords or communities, and {error}")


def _read_toml(path: Path) -> tuple[TrustedFile, dict[str, Any]]:
    try:
        file = read_trusted_file(path, max_size=_MAX_SIZE)
        return file, tomllib.loads(file.content.decode("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {explain(error, path)}"], is_denied=isinstance(error, PermissionError)) from None
    except (ValueError, RecursionError) as error:  # also of bytes that are not UTF-8, and of thousands of digits
        raise ConfigError([f"{path}: not TOML: {error}"]) from None


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the values of a table and its subtables by their dotted keys; an unknown subtable is one value."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key in TABLES:
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _unknown_key(key: str) -> str:
    """Returns the message about an unknown key: the most similar key of its table is meant, or else any other."""
    table, _, _ = key.rpartition(".")
    keys = [*BY_KEY, *TABLES]
    siblings = [other for other in keys if other.rpartition(".")[0] == table]
    message = unknown_key(key, siblings)
    return message if message != unknown_key(key, ()) else unknown_key(key, keys)
