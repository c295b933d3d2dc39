"""The reports of the quorum in the demo."""

from __future__ import annotations

import time
from dataclasses import replace

from gateway.alarms.sources.recorded_quorum import quorum_of_step
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.status import Status
from gateway.subsystems.corosync import quorum_report


async def test_the_demo_reports_the_quorum_of_each_situation() -> None:
    reports: list[quorum_report.QuorumReport] = []
    recording = Recording.load(DEMO)
    host = ReplayHost(recording, quorum=quorum_of_step, scale=0.005)
    started = time.time()
    result = await host.watch_quorum(lambda report: reports.append(quorum_report.parse(report)))
    assert result.status is Status.NOT_RUNNING
    assert host.step.situation == recording.steps[len(reports)].situation == "arbitrator-one-left"  # without Corosync
    quorate_by_situation = {
        step.situation: report.quorate for step, report in zip(recording.steps, reports, strict=False)
    }
    assert [situation for situation, quorate in quorate_by_situation.items() if not quorate] == ["quorum-lost"]
    assert reports[0].members == (1, 2, 3)
    assert reports[3].members == (1,)
    assert all(started - 1 < report.time < time.time() + 1 for report in reports)


async def test_without_corosync_there_are_no_reports() -> None:
    recording = replace(Recording.load(DEMO), commands={})
    assert (await ReplayHost(recording).watch_quorum(print)).status is Status.NOT_INSTALLED
    assert (await ReplayHost(recording, quorum=quorum_of_step).watch_quorum(print)).status is Status.NOT_RUNNING
