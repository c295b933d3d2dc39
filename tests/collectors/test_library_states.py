"""Pacemaker's library and its tools read the same in recorded states: CIBs that stand in for a cluster.

``tests/lab/test_readers.py`` compares them on a cluster, where more changes, but fewer states can be had.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.host.host import CommandResult
from gateway.host.library import CONSTRAINTS, STATUS, LibraryQuery, Stack
from gateway.host.process import run_process
from gateway.host.reader.cluster_reader import ClusterReader
from gateway.status import Status
from gateway.subsystems.pacemaker import cib, crm_mon
from gateway.subsystems.parsing.partial import Parsed
from tests.bench import large_cib
from tests.corpus import CORPUS

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(not (shutil.which("crm_mon") and shutil.which("cibadmin")), reason="needs Pacemaker's tools"),
]

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
SIZE, TIMEOUT = 1 << 24, 60.0
EVERY = 4
"""Of the recorded CIBs of other projects, every fourth and those with bundles are read: each takes a quarter second."""
NO_FENCER = "<fence_history> has the status '102'"
"""Without a cluster, the library asks the fencer and gets no answer; ``crm_mon`` does not ask."""


def recorded_states(directory: Path) -> Iterator[Path]:
    """Yields CIBs."""
    generated = directory / "generated.xml"
    generated.write_text("".join(large_cib.cib(4, 40)))
    yield generated
    yield from sorted((Path(__file__).parents[1] / "data" / "formats" / "cibadmin").glob("*whole-cib.xml"))
    if CORPUS is not None:
        recorded = sorted(CORPUS.glob("pacemaker*/*/cibadmin.xml"))
        bundles = [path for path in recorded if b"<bundle" in path.read_bytes()]
        yield from dict.fromkeys([*bundles, *recorded[::EVERY]])


async def of_tool(environment: dict[str, str], tool: str, *arguments: str) -> CommandResult:
    path = shutil.which(tool)
    assert path is not None
    return await run_process([path, *arguments], timeout=TIMEOUT, max_output=SIZE, environment=environment)


async def of_library(reader: ClusterReader, query: str) -> CommandResult:
    question = LibraryQuery(stack=Stack.PACEMAKER, name=query, untested=True)
    answer = await reader.ask(question, timeout=TIMEOUT, max_size=SIZE, tool="crm_mon", identity=None)
    if answer.result.status is Status.NOT_INSTALLED:
        pytest.skip(answer.result.detail)
    return answer.result


def state(result: CommandResult) -> tuple[Any, tuple[str, ...]]:
    """Returns what a document says, apart from what differs each time."""
    parsed = crm_mon.parse(result.stdout)
    summary = replace(parsed.value.summary, last_update=None)
    reasons = tuple(value.reason for value in parsed.unreadable if value.reason != NO_FENCER)
    return replace(parsed.value, status=None, summary=summary), reasons


def constraints(result: CommandResult) -> Parsed[cib.Constraints] | None:
    """Returns the constraints; None if there is no answer, as for a CIB that the schema forbids."""
    return cib.parse(result.stdout) if result.stdout else None


async def test_the_library_and_the_tools_read_the_same(tmp_path: Path) -> None:
    compared, different = 0, []
    for path in recorded_states(tmp_path):
        environment = {**ENVIRONMENT, "CIB_file": str(path)}
        reader = ClusterReader(environment)
        try:
            tool = await of_tool(environment, "crm_mon", "-1", "--output-as=xml", "--inactive")
            if state(tool) != state(await of_library(reader, STATUS)):
                different.append(str(path))
            tool = await of_tool(environment, "cibadmin", "--query", "--local", "--scope", "constraints")
            if constraints(tool) != constraints(await of_library(reader, CONSTRAINTS)):
                different.append(f"constraints of {path}")
        finally:
            await reader.close()
        compared += 1
    assert different == []
    assert compared >= 2
