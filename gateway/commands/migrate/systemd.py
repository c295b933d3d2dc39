"""The units of the exporter and of the gateway, as ``systemctl`` shows and changes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import GatewayError
from gateway.host.host import Host, Tool
from gateway.status import Status

SYSTEMCTL = Tool(timeout=200.0)
"""How ``systemctl`` runs: it waits until a unit has stopped and started, for which systemd allows 90 s each."""

EXPORTER_UNITS = ("prometheus-ha_cluster_exporter.service", "ha_cluster_exporter.service")
"""The unit of ha_cluster_exporter: in SUSE's package, and in Debian's."""

GATEWAY_UNIT = "ha-cluster-gateway.service"
"""The gateway's own unit."""

_PROPERTIES = ("LoadState", "ActiveState", "MainPID", "UnitFileState", "ExecStart", "EnvironmentFiles")
_COMMAND_LINE = re.compile(r"argv\[\]=(?P<program>\S+) ?(?P<arguments>.*?) ; ")
_ENVIRONMENT_FILE = re.compile(r"(?P<path>/.*) \(ignore_errors=(?:yes|no)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit, as it is now.

    Attributes:
        name: its name.
        loaded: whether systemd has found it.
        active: whether it runs.
        failed: whether it has failed, and is listed by ``systemctl --failed``.
        enabled: whether it is started at boot.
        process: the ID of its main process; 0 if it has none.
        arguments: what follows the program in its command line, as it is written there.
        environment_files: the files of its environment; a later one overrides the ones before.
    """

    name: str
    loaded: bool
    active: bool
    enabled: bool
    failed: bool = False
    process: int = 0
    arguments: str = ""
    environment_files: tuple[Path, ...] = ()


async def run(host: Host, *arguments: str) -> str:
    """Runs ``systemctl``, and returns what it printed.

    Raises:
        GatewayError: it has failed.
    """
    result = await host.run("systemctl", *arguments)
    if result.status is not Status.OK:
        reason = result.detail or " ".join(result.stderr.decode(errors="replace").split())
        raise GatewayError(f"systemctl {' '.join(arguments)}: {result.status.value}: {reason or result.exit_status}")
    return result.stdout.decode(errors="replace")


async def read_unit(host: Host, name: str) -> Unit:
    """Returns a unit as it is now.

    Raises:
        GatewayError: systemd does not run on this host.
    """
    properties: dict[str, list[str]] = {}
    for line in (await run(host, "show", name, *(f"--property={name}" for name in _PROPERTIES))).splitlines():
        key, _, value = line.partition("=")
        properties.setdefault(key, []).append(value)
    command = _COMMAND_LINE.search(_last(properties.get("ExecStart", [])))
    files = map(_ENVIRONMENT_FILE.fullmatch, properties.get("EnvironmentFiles", []))
    state, process = _last(properties.get("ActiveState", [])), _last(properties.get("MainPID", []))
    return Unit(
        name=name,
        loaded=_last(properties.get("LoadState", [])) == "loaded",
        active=state in {"active", "activating", "reloading"},
        failed=state == "failed",
        process=int(process) if process.isdecimal() else 0,
        enabled=_last(properties.get("UnitFileState", [])) == "enabled",
        arguments=command["arguments"] if command else "",
        environment_files=tuple(Path(match["path"]) for match in files if match),
    )


async def find_exporter(host: Host) -> Unit | None:
    """Returns the unit of the exporter, preferably one that runs; None if there is none."""
    units = [await read_unit(host, name) for name in EXPORTER_UNITS]
    loaded = sorted((unit for unit in units if unit.loaded), key=lambda unit: not unit.active)
    return loaded[0] if loaded else None


def _last(values: Sequence[str]) -> str:
    return values[-1] if values else ""
