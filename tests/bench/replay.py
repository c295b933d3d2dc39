"""Simulated clusters: flags for tools that print recorded or generated output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.bench import large_cib
from tests.bench.peers import ENVIRONMENT, tool

_CAPTURES = Path(__file__).parents[1] / "data" / "lab" / "healthy"
_COROSYNC = {
    "corosync-quorumtool-path": _CAPTURES / "corosync-quorumtool-p.stdout",
    "corosync-cfgtoolpath-path": _CAPTURES / "corosync-cfgtool-s.stdout",
}
_PACEMAKER = {
    "crm-mon-path": _CAPTURES / "crm_mon-X.stdout",
    "cibadmin-path": _CAPTURES / "cibadmin-constraints.stdout",
}


def replayed(directory: Path, instances: int, *, changing: bool) -> list[str]:
    """Returns the flags for a large cluster; its outputs can differ from scrape to scrape."""
    cib = directory / f"cib-{instances}.xml"
    cib.write_text("".join(large_cib.cib(32, instances)))
    environment = {**ENVIRONMENT, "CIB_file": str(cib)}
    commands = {
        "crm-mon-path": "crm_mon -1 -X --inactive",
        "cibadmin-path": "cibadmin --query --local --scope constraints",
    }
    outputs = {}
    for flag, command in commands.items():
        outputs[flag] = directory / f"{flag}-{instances}.xml"
        with outputs[flag].open("wb") as file:
            subprocess.run(command.split(), env=environment, stdout=file, check=True)
    suffix = f"{instances}-changing" if changing else str(instances)
    return [
        *_flags(directory, suffix, outputs, changing=changing),
        *_flags(directory, suffix, _COROSYNC),
    ]


def replayed_lab(directory: Path) -> list[str]:
    """Returns the flags for the recorded three-node cluster of the lab."""
    return _flags(directory, "lab", _PACEMAKER | _COROSYNC)


def _flags(directory: Path, suffix: str, outputs: Mapping[str, Path], *, changing: bool = False) -> list[str]:
    return [
        f"--{flag}={tool(directory / f'{flag}-{suffix}', output, changing=changing)}"
        for flag, output in outputs.items()
    ]
