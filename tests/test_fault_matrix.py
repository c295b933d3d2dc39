"""Every tool misbehaves in every way: each cell of the matrix, and the table of it in the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.status import Status
from tests import goldens
from tests.conftest import open_descriptors
from tests.fault_matrix import COMMANDS, MISBEHAVIORS, Command, MatrixRun, Misbehavior, Shown, fake_cluster, misbehave
from tests.programs import ROOT

QUIET = {Status.FAILED, Status.NOT_PERMITTED, Status.NOT_INSTALLED, Status.NOT_RUNNING}
"""How an optional command may end without a failure of its collector."""


@pytest.mark.daemon
@pytest.mark.golden
@pytest.mark.no_cover  # thousands of similar inputs: four times as fast without
@pytest.mark.timeout(300)
async def test_the_fault_matrix(tmp_path: Path) -> None:
    problems: list[str] = []
    rows = [
        "| a tool that … | " + " | ".join(command.name for command in COMMANDS) + " |",
        "|---" * (len(COMMANDS) + 1) + "|",
    ]
    for misbehavior in MISBEHAVIORS:
        cells = []
        for command in COMMANDS:
            cell, found = await run_cell(tmp_path, command, misbehavior)
            cells.append(cell)
            problems += (f"{command.name} {misbehavior.kind}: {problem}" for problem in found)
        rows.append(f"| {misbehavior.kind} | " + " | ".join(cells) + " |")
    assert not problems, "\n".join(problems)
    goldens.check_part(ROOT / "docs" / "reference" / "faults.md", "fault matrix", "\n".join(rows))


async def run_cell(directory: Path, command: Command, misbehavior: Misbehavior) -> tuple[str, list[str]]:
    """Returns what the table shows of a cell, and what is wrong with it."""
    cluster = fake_cluster(directory / misbehavior.kind.replace(" ", "-"), command)
    descriptors = open_descriptors()
    run = MatrixRun(cluster)
    healthy = await run.look()
    misbehave(cluster, command, misbehavior)
    faulty = await run.look(hanging=command.tool if misbehavior.hangs else "")
    cluster.rewrite()
    mended = await run.look()
    await run.close()
    assert open_descriptors() == descriptors
    state = faulty.state(command)
    unreadable = len(faulty.unreadable(command))
    cell = f"`{state.value}`" + (f", {unreadable} unreadable" if unreadable else "")
    return cell, list(problems_of(command, misbehavior, healthy, faulty, mended))


def problems_of(
    command: Command, misbehavior: Misbehavior, healthy: Shown, faulty: Shown, mended: Shown
) -> Iterator[str]:
    """Yields what a cell shows that it should not."""
    state, present = faulty.state(command), faulty.snapshot.collectors[command.collector].present
    # a file that is missing or not executable affects the required commands of the same tool
    required = command.required or (misbehavior.affects_tool and command.collector == "sbd")
    fails = present and state is not Status.OK and (required or state not in QUIET)
    is_short = (command.name, misbehavior.kind) in SHORT
    yield from problems_of_samples(command, healthy, faulty, is_short=is_short)
    success = faulty.page.get(f'ha_cluster_scrape_success{{collector="{command.collector}"}}')
    if success != (str(int(not fails)) if present else None):
        yield f"scrape_success is {success}"
    if faulty.failures.get((command.name, state.value), 0) != int(present and state is not Status.OK):
        yield f"counted {faulty.failures}"
    yield from problems_of_log(command, faulty, fails=fails)
    yield from problems_of_alarms(command, faulty, mended, fails=fails)
    if mended.page != healthy.page or mended.mib_without("") != healthy.mib_without(""):
        yield "the page or the MIB differs afterwards"


def problems_of_samples(command: Command, healthy: Shown, faulty: Shown, *, is_short: bool) -> Iterator[str]:
    """Yields wrong samples and variables."""
    state, collector = faulty.state(command), command.collector
    if faulty.page_without(collector) != healthy.page_without(collector):
        yield "the page of other subsystems differs"
    if faulty.mib_without(collector) != healthy.mib_without(collector):
        yield "the MIB of other subsystems differs"
    complete = state is Status.OK and not faulty.unreadable(command) and not is_short
    if complete and faulty.page != healthy.page:
        yield "the page differs although the command succeeded"
    if not (is_short or faulty.unreadable(command)) and command.is_in(faulty.page) != (state is Status.OK):
        yield "the page shows what the command has not printed, or lacks what it has"
    for other in COMMANDS:
        if other.tool != command.tool and not other.is_in(faulty.page):
            yield f"the samples of {other.name} are missing"
    for line, value in faulty.page_of(collector).items():
        if healthy.page.get(line) != value and not line.startswith(PARTLY_KNOWN):
            yield f"the page shows {line} {value}"


def problems_of_log(command: Command, faulty: Shown, *, fails: bool) -> Iterator[str]:
    """Yields wrong events of the log."""
    expected = [("collector failing", faulty.state(command).value)] if fails else []
    expected += [("values unreadable", "")] if faulty.unreadable(command) else []
    if [(event["event"], event.get("state", "")) for event in faulty.log] != expected:
        yield f"the log shows {faulty.log}"
    for event in faulty.log:
        reason = str(event.get("reason", ""))
        if not reason or "\n" in reason or "internal error" in reason or event["collector"] != command.collector:
            yield f"the log explains it as {event}"


def problems_of_alarms(command: Command, faulty: Shown, mended: Shown, *, fails: bool) -> Iterator[str]:
    """Yields wrong notifications."""
    expected = [*alarms(command, faulty.state(command))] if fails else []
    if (shown := [f"{each.change} {each.condition}" for each in faulty.alarms]) != [
        f"raised {name}" for name in expected
    ]:
        yield f"notified: {shown}"
    if (shown := [f"{each.change} {each.condition}" for each in mended.alarms]) != [
        f"cleared {name}" for name in expected
    ]:
        yield f"notified afterwards: {shown}"


PARTLY_KNOWN = ("ha_cluster_corosync_rings", "ha_cluster_corosync_knet_", "ha_cluster_sbd_devices")
"""Families with labels from several commands, which are shown without those that are not known."""


SHORT = {
    ("list /dev/loop0", "exits with 0 without an answer"),  # a device without slots
    ("list /dev/loop0", "exits with 1 after its answer"),  # stopped after some of the slots
}
"""Answers of which a part counts."""


def alarms(command: Command, state: Status) -> Iterator[str]:
    """Yields the alarms that a failing command raises."""
    if command.name.startswith("dump") and state is Status.TIMED_OUT:
        yield "sbd-device"
    yield "collector-failing"
