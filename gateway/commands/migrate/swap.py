"""Plans the swap of ha_cluster_exporter for the gateway on this host."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from gateway.commands import PROGRAM
from gateway.commands.flags import add_flags, expand_boolean_flags, read_config
from gateway.commands.migrate import systemd
from gateway.commands.migrate.changes import NewFile, Plan
from gateway.commands.migrate.conversion import Conversion, convert
from gateway.commands.migrate.systemd import GATEWAY_UNIT, Unit
from gateway.config.config import Config
from gateway.config.loader import DEFAULT_FILE
from gateway.errors import GatewayError
from gateway.files import exists, read_file
from gateway.host.host import Host
from gateway.host.programs import why_untrusted

DROP_IN = "ha-cluster-gateway.conf"
"""The name of the drop-in for the unit of the exporter."""

_MAX_SIZE = 128 * 1024
"""Bytes that a file of environment variables may have."""

_ASSIGNMENT = re.compile(r"[ \t]*ARGS=(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the swap looks for files, and where it writes them.

    Attributes:
        exporter: the places of the exporter's configuration, as the exporter searches them.
        config: the configuration of the gateway.
        units: the directory of an administrator's units.
        program: this program, which a drop-in starts.
        systemd: a directory that exists while systemd is the service manager, as sd_booted(3) says.
    """

    exporter: Sequence[Path] = tuple(
        Path(directory, f"ha_cluster_exporter.{suffix}")
        for directory in ("/etc", "/usr/etc")
        for suffix in ("json", "toml", "yaml", "yml")
    )
    config: Path = DEFAULT_FILE
    units: Path = Path("/etc/systemd/system")
    program: Path = field(default_factory=lambda: _own_program(Path(sys.argv[0])))
    systemd: Path = Path("/run/systemd/system")

    @property
    def record(self) -> Path:
        """The record of what was changed: only root can write there."""
        return self.config.with_name("migration.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A planned swap.

    Attributes:
        plan: the changes.
        config: the configuration with which the gateway will run.
        unit: the name of the unit that will run it; empty if it is not started, because the exporter does not run.
        remarks: what an administrator should know.
    """

    plan: Plan
    config: Config
    unit: str
    remarks: Sequence[str]


async def plan_swap(host: Host, paths: Paths, file: Path | None, *, keep_unit: bool) -> Swap:
    """Returns the steps that replace the exporter by the gateway.

    Args:
        host: runs ``systemctl``.
        paths: where the files are.
        file: the exporter's configuration; None to search for it.
        keep_unit: whether the unit of the exporter stays, and only starts the gateway instead.

    Raises:
        GatewayError: something is missing on this host.
        ConfigError: the gateway does not accept the exporter's configuration or arguments.
    """
    exporter = await systemd.find_exporter(host)
    if exporter is None:
        names = " nor ".join(systemd.EXPORTER_UNITS)
        raise GatewayError(f"neither {names} exists: nothing to replace; systemctl enable --now {GATEWAY_UNIT}")
    source = find_configuration(paths, file)
    conversion = convert(source) if source is not None else Conversion("", {}, ())
    arguments = _arguments(exporter)
    files, remarks = _config_file(paths.config, conversion)
    config = _check(arguments, {} if exists(paths.config) else conversion.values)
    unit = await systemd.read_unit(host, GATEWAY_UNIT)
    changes = _keep_unit(exporter, unit, paths) if keep_unit else _replace_unit(exporter, unit, arguments)
    files += changes.files
    plan = Plan(directory=paths.config.parent, files=files, commands=changes.commands, units=changes.units)
    return Swap(plan=plan, config=config, unit=changes.started, remarks=remarks)


class _UnitChanges(NamedTuple):
    """How the units change.

    Attributes:
        files: the files that are written for them.
        commands: the arguments of ``systemctl``, in order.
        units: the units that the commands change.
        started: the unit that will run the gateway; empty if it is not started.
    """

    files: Sequence[NewFile]
    commands: Sequence[tuple[str, ...]]
    units: Sequence[Unit]
    started: str


def _keep_unit(exporter: Unit, unit: Unit, paths: Paths) -> _UnitChanges:
    """Returns the changes with which the unit of the exporter starts the gateway."""
    # a package may have started the gateway already: two of them would send everything twice
    others = [unit] if unit.active or unit.enabled else []
    return _UnitChanges(
        files=[_drop_in(exporter, paths)],
        commands=[
            *(("disable", "--now", other.name) for other in others),
            ("daemon-reload",),
            *([("restart", exporter.name)] if exporter.active else []),
        ],
        units=[exporter, *others],
        started=exporter.name if exporter.active else "",
    )


def _replace_unit(exporter: Unit, unit: Unit, arguments: str) -> _UnitChanges:
    """Returns the changes with which the gateway runs in its own unit, with the arguments of the exporter."""
    # a package may have started the gateway already, with another configuration: it is restarted
    return _UnitChanges(
        files=_environment_file(unit, arguments),
        commands=[("disable", "--now", exporter.name), ("enable", GATEWAY_UNIT), ("restart", GATEWAY_UNIT)],
        units=[exporter, unit],
        started=GATEWAY_UNIT,
    )


def find_configuration(paths: Paths, file: Path | None) -> Path | None:
    """Returns the exporter's configuration: the given file, or the first of those that the exporter reads."""
    return file or next((path for path in paths.exporter if exists(path)), None)


def _config_file(path: Path, conversion: Conversion) -> tuple[list[NewFile], list[str]]:
    """Returns the gateway's configuration if it is needed and does not exist, and remarks."""
    remarks = list(conversion.remarks)
    if not conversion.values:
        return [], remarks
    if exists(path):
        remarks.append(f"{path} exists and is left as it is: compare it with `{PROGRAM} migrate`")
        return [], remarks
    return [NewFile(path=path, content=conversion.text, private=True)], remarks


def _drop_in(exporter: Unit, paths: Paths) -> NewFile:
    """Returns the drop-in that starts this program in the unit of the exporter.

    Raises:
        GatewayError: it is not installed, or others than root can change it.
    """
    if not paths.program.is_file():
        raise GatewayError(f"{paths.program}: no such file: run migrate from an installed {PROGRAM}")
    if reason := why_untrusted(str(paths.program)):
        raise GatewayError(f"{paths.program} cannot be started by a unit: {reason}")
    command = f"{paths.program} {exporter.arguments}".rstrip()
    content = (
        f"# Written by `{PROGRAM} migrate --install --keep-unit`; `{PROGRAM} migrate --undo` removes it.\n"
        f"[Service]\nExecStart=\nExecStart={command}\n"
    )
    return NewFile(path=paths.units / f"{exporter.name}.d" / DROP_IN, content=content)


def _own_program(started: Path) -> Path:
    """Returns the path of this program: as it was started, or where it is installed if a module was started."""
    return started.absolute() if started.name == PROGRAM else Path(sysconfig.get_path("scripts"), PROGRAM)


# --- Arguments -------------------------------------------------------------------------------------------------------


def _arguments(exporter: Unit) -> str:
    """Returns the arguments of the exporter: those in its unit, in which ``$ARGS`` is replaced by its value."""
    values = [value for path in exporter.environment_files if (value := _read_assignment(path)) is not None]
    value = values[-1] if values else ""
    return " ".join(exporter.arguments.replace("${ARGS}", "$ARGS").replace("$ARGS", value).split())


def _read_assignment(path: Path) -> str | None:
    """Returns the value of ``ARGS`` in a file of environment variables, without its quotes; None if it is not set.

    Raises:
        GatewayError: the file exists and cannot be read.
    """
    if not exists(path):
        return None
    try:
        lines = read_file(path, max_size=_MAX_SIZE).decode("utf-8").replace("\\\n", "").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    values = [match[1].strip() for match in map(_ASSIGNMENT.match, lines) if match]
    if not values:
        return None
    quoted = re.fullmatch(r"""(["'])(.*)\1""", values[-1])
    return quoted[2] if quoted else values[-1]


def _environment_file(unit: Unit, arguments: str) -> list[NewFile]:
    """Returns the file that passes the arguments to the gateway, if there are any.

    Raises:
        GatewayError: the unit does not exist or reads no file, or the file sets other arguments already.
    """
    if not unit.loaded:
        raise GatewayError(f"{unit.name} does not exist: install it, or keep the exporter's unit with --keep-unit")
    if not arguments:
        return []
    if not unit.environment_files:
        raise GatewayError(f"{unit.name} reads no ARGS from a file, and the exporter has some: {arguments}")
    files = unit.environment_files
    path = next((path for path in files if exists(path)), None)
    path = path or next((path for path in files if exists(path.parent)), files[0])
    present = _read_assignment(path)
    if present == arguments:
        return []
    if present:
        raise GatewayError(f"{path} sets other ARGS already; those of the exporter are: {arguments}")
    before = read_file(path, max_size=_MAX_SIZE).decode("utf-8") if exists(path) else ""
    kept = "".join(line for line in before.splitlines(keepends=True) if not _ASSIGNMENT.match(line))
    quote = "'" if '"' in arguments else '"'
    return [NewFile(path=path, content=f"{kept}ARGS={quote}{arguments}{quote}\n")]


class _Parser(argparse.ArgumentParser):
    """A parser that raises an error instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise GatewayError(f"the arguments of the exporter: {message}")


def _check(arguments: str, values: Mapping[str, Any]) -> Config:
    """Returns the configuration that the gateway will have.

    Raises:
        GatewayError: it does not know an argument.
        ConfigError: a value is invalid.
    """
    parser = _Parser(prog=PROGRAM, allow_abbrev=False)
    add_flags(parser)
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise GatewayError(f"the arguments of the exporter: {error}: {arguments}") from None
    return read_config(parser.parse_args(list(expand_boolean_flags(words))), overrides=values)
