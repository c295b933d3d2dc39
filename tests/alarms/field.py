"""What the cases from the field, which lie beside the repository, notify: each state of a case is one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from gateway.alarms.notification import Notification
from gateway.alarms.service import AlarmService
from gateway.conditions.model import Severity
from gateway.engine.engine import Engine
from gateway.host.host import CommandResult
from tests import cases
from tests.config_values import alarm_settings
from tests.fakes import MISSING, FakeClock, FakeHost
from tests.programs import TOOL_NAMES
from tests.subsystems import WITHOUT_MODULE, make_collectors

_FILES = {**cases.OUTPUT_FILES, "sbd": "sbd.conf"}

LONG = 1000.0
"""Seconds between two states, and after the last: more than any condition is held down."""


class CaseHost(FakeHost):
    """A host whose tools print what a folder has of them. A tool without a file is not installed.

    Args:
        folders: the folders that are searched, one after the other.
    """

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(
            results={
                tool: MISSING
                for tool in TOOL_NAMES
                if tool not in _FILES or cases.read_file(folders, _FILES[tool]) is None
            },
            files=cases.configuration(folders),
        )
        self._folders = folders

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the case has of a command."""
        is_sbd = tool == "sbd"
        name = cases.sbd_output_file(*arguments[1:3]) if is_sbd else cases.OUTPUT_FILES.get(tool, "")
        return cases.command_result(self._folders, name) or MISSING


async def notifications(case: Path, *, dc_only: bool = False) -> AsyncIterator[list[Notification]]:
    """Yields what each state of a case publishes: first its own state, with the alarms that are active at the start."""
    clock = FakeClock(epoch=1_795_805_000.0)  # shortly after the cases were made
    published: list[Notification] = []
    service: AlarmService | None = None
    for folders in cases.state_folders(case):
        engine = Engine(CaseHost(folders), make_collectors(options=WITHOUT_MODULE), clock=clock)
        if service is None:
            settings = alarm_settings(raise_at_start=Severity.INFO, dc_only=dc_only)
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
