"""The configuration: read from TOML and from flags, with all mistakes reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.options import (
    ANY_ADDRESS,
    BY_KEY,
    DEFAULT_LEVEL,
    DEFAULT_PORT,
    OPTIONS,
    RULES,
    TABLES,
    TOOLS,
    MistakeError,
    MistakesError,
    numeric,
    shown,
    unknown_key,
)
from gateway.engine.mode import CollectorMode
from gateway.errors import ConfigError
from gateway.host.host import Tool
from gateway.options.model import OptionValues

SEARCH_PATH = (Path("gateway.conf"), Path("/etc/ha-cluster-gateway/gateway.conf"))
"""Where the configuration is looked for without ``--config``; none at all is a good one, too."""


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
    def option_values(self) -> OptionValues:
        """The typed values, for the subsystems."""
        return OptionValues(self.values)

    @property
    def tools(self) -> dict[str, Tool]:
        """How each tool is to be run."""
        return {
            tool.name: Tool(
                path=self.option_values[tool.path] or None,
                timeout=self.option_values[tool.timeout],
                prefix=self.option_values[tool.prefix],
            )
            for tool in TOOLS
        }

    @property
    def modes(self) -> dict[str, CollectorMode]:
        """When each collector runs."""
        return {
            key.removeprefix("collectors."): CollectorMode(value)
            for key, value in self.values.items()
            if key.startswith("collectors.")
        }


def load(
    path: Path | None,
    flags: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    deprecated: Mapping[str, Any] | None = None,
    search: bool = True,
) -> Config:
    """Returns the configuration of a file and of flags, which win.

    Args:
        path: the file, or None.
        flags: values by option key, as text.
        defaults: values by option key that stand for the options' own.
        deprecated: values of the flags that ``read_deprecated`` takes.
        search: whether to look along ``SEARCH_PATH`` where no file is given.

    Raises:
        ConfigError: with one line for each mistake.
    """
    source = path
    if source is None and search:
        source = next(filter(_exists, SEARCH_PATH), None)
    problems: list[str] = []
    given: dict[str, Any] = {}
    places: dict[str, str] = {}
    standing: dict[str, Any] = {option.key: option.read(option.default) for option in OPTIONS}
    for key, value in (defaults or {}).items():
        _set(standing, key, value, key, problems)
    if source is not None:
        for key, value in _flatten(_read(source)):
            places[key] = f"{source}: {key}"
            _set(given, key, value, places[key], problems)
    for key, value in flags.items():
        places[key] = next(iter(BY_KEY[key].flags), key)
        _set(given, key, value, places[key], problems)
    read_deprecated(given, deprecated or {}, "--", problems)
    values = standing | given
    for rule in RULES:
        if all(key in given or key not in places for key in rule.keys):
            problems += [f"{places.get(key, key)}: {text}" for key, text in rule.check(values)]
    if problems:
        raise ConfigError(problems)
    return Config(values, source)


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        # a working directory that is not ours holds nothing of ours; a configuration that we may not see is one
        return path.is_absolute()


def validate(values: Mapping[str, Any], source: Path) -> list[str]:
    """Checks values by option key that came from elsewhere; returns one line for each mistake."""
    problems: list[str] = []
    for key, value in values.items():
        _set({}, key, value, f"{source}: {key}", problems)
    return problems


def read_deprecated(values: dict[str, Any], given: Mapping[str, Any], where: str, problems: list[str]) -> None:
    """Translates what ``ha_cluster_exporter`` has deprecated, and means as it does.

    Its ``address``, ``port`` and ``log-level`` win over their successors, but not where they say what their defaults
    are.

    Args:
        values: by option key; the result goes here.
        given: what was given, by these three names.
        where: what stands before the names in messages.
        problems: messages go here.
    """
    address, port = given.get("address", ANY_ADDRESS), numeric(given.get("port", DEFAULT_PORT))
    if not isinstance(address, str):
        problems.append(f"{where}address: expected a host's name or address, found {shown(address)}")
    elif isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        problems.append(f"{where}port: expected a port, 0 to 65535, found {shown(port)}")
    elif (address, port) != (ANY_ADDRESS, DEFAULT_PORT):
        host = f"[{address}]" if ":" in address and not address.startswith("[") else address
        _set(values, "web.listen", [f"{host}:{port}"], f"{where}address", problems)
    if (level := given.get("log-level", DEFAULT_LEVEL)) != DEFAULT_LEVEL:
        _set(values, "log.level", level, f"{where}log-level", problems)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from None


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields what a table and those below it hold, by dotted keys; a table that holds nothing known as it is."""
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and key in TABLES:
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _set(values: dict[str, Any], key: str, value: Any, where: str, problems: list[str]) -> None:
    option = BY_KEY.get(key)
    if option is None and key in TABLES:
        problems.append(f"{where}: expected a table, found {shown(value)}")
        return
    if option is None:
        problems.append(f"{where}: {unknown_key(key, [*BY_KEY, *TABLES])}")
        return
    try:
        values[key] = option.read(value)
    except MistakeError as mistake:
        problems.append(f"{where}: expected {mistake}, found {shown(value)}")
    except MistakesError as mistakes:
        problems += [f"{where}{place}: {text}" for place, text in mistakes.problems]
