"""What the cases from the field, which lie beside the repository, notify: each state of a case is one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from gateway.alarms.notification import Notification
from gateway.alarms.service import AlarmService
from gateway.engine.engine import Engine
from gateway.host.host import CommandResult
from gateway.subsystems.corosync.options import CONFIG
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from tests import series
from tests.config_values import alarm_settings
from tests.fakes import MISSING, FakeClock, FakeHost
from tests.subsystems import WITHOUT_MODULE, make_collectors

_OUTPUTS = {
    "crm_mon": "crm_mon.xml",
    "cibadmin": "cib.xml",
    "corosync-quorumtool": "quorumtool.txt",
    "corosync-cfgtool": "cfgtool.txt",
    "corosync": "corosync-v.txt",
    "drbdsetup": "drbd.json",
}
_FILES = {CONFIG.default: "corosync.conf", CONFIGURATIONS[0]: "sbd.conf"}
_TOOLS = (*_OUTPUTS, "corosync-cmapctl", "sbd")

LONG = 1000.0
"""Seconds between two states, and after the last: more than any condition is held down."""


class CaseHost(FakeHost):
    """A host whose tools print what a folder has of them. A tool without a file is not installed.

    Args:
        folders: the folders that are searched, one after the other.
    """

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(
            results={tool: MISSING for tool in _TOOLS if not self._exists(folders, _OUTPUTS.get(tool, "sbd.conf"))},
            files={path: content for path, name in _FILES.items() if (content := _read(folders, name)) is not None},
        )
        self._folders = folders

    @staticmethod
    def _exists(folders: list[Path], name: str) -> bool:
        return _read(folders, name) is not None

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the case has of a command."""
        name = _OUTPUTS.get(tool, "")
        if tool == "sbd":
            name = f"sbd-{arguments[2]}.{Path(arguments[1]).name}.txt"
        output = _read(self._folders, name) if name else None
        if output is None:
            return MISSING
        exit_status = int(_read(self._folders, f"{name}.rc") or b"0")
        return series.ended(output, exit_status, _read(self._folders, f"{name}.err") or b"")


def _read(folders: list[Path], name: str) -> bytes | None:
    return next(((folder / name).read_bytes() for folder in folders if (folder / name).is_file()), None)


def states(case: Path) -> list[list[Path]]:
    """Returns for each state of a case the folders that have its files, the newest first."""
    steps = sorted(case.glob("steps/*"), key=lambda path: int(path.name))
    return [[*reversed(steps[:count]), case] for count in range(len(steps) + 1)]


async def notifications(case: Path, *, dc_only: bool = False) -> AsyncIterator[list[Notification]]:
    """Yields what each state of a case publishes: first its own state, with the alarms that are active at the start."""
    clock = FakeClock(epoch=1_795_805_000.0)  # shortly after the cases were made
    published: list[Notification] = []
    service: AlarmService | None = None
    for folders in states(case):
        engine = Engine(CaseHost(folders), make_collectors(options=WITHOUT_MODULE), clock=clock)
        if service is None:
            settings = alarm_settings(raise_at_start=True, dc_only=dc_only)
            service = AlarmService(engine, published.append, settings, clock=clock)
        published.clear()
        service.on_snapshot(await engine.collect())
        await engine.close()
        clock.advance(LONG)
        service._on_timer(clock.monotonic())
        yield list(published)


def summaries(published: list[Notification]) -> list[str]:
    """Returns the notifications of conditions as lines, with the reason for which an alarm was cleared."""
    return [
        " ".join(filter(None, (each.change, each.condition, each.object, f"({each.reason})" * (each.reason != "none"))))
        for each in published
        if each.category is not None
    ]
