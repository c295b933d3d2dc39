"""Inputs from the field, which lie next to the repository and are not part of it: each a folder with outputs of tools.

A folder may have ``steps/N`` with the files that are different in the N-th state that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.host.host import CommandResult, Host
from gateway.samples import SampleSet
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.drbd.options import SPLIT_BRAIN_DIRECTORY
from gateway.subsystems.probe import Collector, Probe, Reading
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.fakes import FakeHost
from tests.subsystems import WITHOUT_MODULE, make_collectors

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "cases"

CASES: Path | None = _FOLDER if _FOLDER.is_dir() else None
"""The folder, or None where it is missing."""

needs_cases = pytest.mark.skipif(CASES is None, reason="needs the cases next to the repository")

OUTPUT_FILES = {
    "crm_mon": "crm_mon.xml",
    "cibadmin": "cib.xml",
    "corosync-quorumtool": "quorumtool.txt",
    "corosync-cfgtool": "cfgtool.txt",
    "corosync": "corosync-v.txt",
    "corosync-qdevice-tool": "qdevice.txt",
    "status": "qnetd-status.txt",
    "list": "qnetd-list.txt",
    "drbdsetup": "drbd.json",
}
"""The files of a case, by the probe that reads them. Those of SBD have the name of the device in them."""

CONFIGURATION_FILES = {CONFIG.default: "corosync.conf", CONFIGURATIONS[0]: "sbd.conf"}
"""The configuration files of a case, by the path that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state of a case.

    Attributes:
        number: 0 for the first state, N for ``steps/N``.
        readings: the readings by collector and name; a tool without a file is not installed.
        samples: the samples of all subsystems that have a file.
    """

    number: int
    readings: Mapping[tuple[str, str], Reading]
    samples: SampleSet


def names() -> tuple[str, ...]:
    """Returns the names of the cases; none if the folder is absent."""
    return tuple(sorted(path.name for path in CASES.iterdir() if path.is_dir())) if CASES else ()


def states(case: str) -> Iterator[State]:
    """Yields the states of a case in their order."""
    assert CASES is not None
    for number, folders in enumerate(state_folders(CASES / case)):
        yield _state(number, folders)


def state_folders(case: Path) -> list[list[Path]]:
    """Returns for each state of a case the folders that have its files, the newest first."""
    steps = sorted(case.glob("steps/*"), key=lambda path: int(path.name))
    return [[*reversed(steps[:count]), case] for count in range(len(steps) + 1)]


def configuration(folders: list[Path]) -> dict[str, bytes]:
    """Returns the configuration files of a state, by the path that is read."""
    return {
        path: content for path, name in CONFIGURATION_FILES.items() if (content := read_file(folders, name)) is not None
    }


def command_result(folders: list[Path], name: str) -> CommandResult | None:
    """Returns how the command ended whose output is in the file of this name; None if the state has no such file."""
    output = read_file(folders, name) if name else None
    if output is None:
        return None
    exit_status = int(read_file(folders, f"{name}.rc") or b"0")
    return series.ended(output, exit_status, read_file(folders, f"{name}.err") or b"")


def sbd_output_file(device: str, action: str) -> str:
    """Returns the name of the file with the output of ``sbd -d DEVICE ACTION``."""
    return f"sbd-{action}.{Path(device).name}.txt"


def read_file(folders: list[Path], name: str) -> bytes | None:
    """Returns the file of a state from the first folder that has it, or None."""
    return next(((folder / name).read_bytes() for folder in folders if (folder / name).is_file()), None)


def _state(number: int, folders: list[Path]) -> State:
    host = FakeHost(
        files=configuration(folders),
        directories={"/splitbrain": tuple(path.name for path in folders[-1].glob("splitbrain/*"))},
    )
    readings: dict[tuple[str, str], Reading] = {}
    samples = SampleSet()
    for collector in make_collectors(options={**WITHOUT_MODULE, SPLIT_BRAIN_DIRECTORY.key: "/splitbrain"}):
        own = _readings(collector, host, folders)
        if own:
            samples.update(collector.make_samples(own))
            readings |= {(collector.name, name): reading for name, reading in own.items()}
    return State(number=number, readings=readings, samples=samples)


def _readings(collector: Collector, host: Host, folders: list[Path]) -> dict[str, Reading]:
    """Returns the readings of a collector; none if the case has no file for it."""
    plan = collector.plan(host)
    if plan is None:
        return {}
    results = {probe.name: result for probe in plan.probes if (result := _result(probe, folders)) is not None}
    return {**plan.files, **series.readings(plan.probes, results)} if results else {}


def _result(probe: Probe, folders: list[Path]) -> CommandResult | None:
    if probe.tool == "sbd":
        _, device, action = probe.variants[0]
        return command_result(folders, sbd_output_file(device, action))
    return command_result(folders, OUTPUT_FILES.get(probe.name, ""))
