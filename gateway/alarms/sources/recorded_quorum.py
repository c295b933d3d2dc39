"""Corosync's reports of the quorum, rebuilt from a recording: for the demo."""

from __future__ import annotations

from gateway.errors import ParseError
from gateway.host.host import CommandResult
from gateway.host.replay import Recording, Step
from gateway.status import Status
from gateway.subsystems.corosync import corosync_quorumtool, quorum_report
from gateway.subsystems.corosync.quorum_report import QuorumReport

_QUORUMTOOL = ("corosync-quorumtool", "-p")
"""The recorded command that shows the quorum."""


def quorum_of_step(recording: Recording, step: Step, time: float) -> bytes | CommandResult:
    """Returns the report of the quorum when a step begins, or why there is none without Corosync."""
    try:
        status = corosync_quorumtool.parse(recording.stdout(step, *_QUORUMTOOL)).value
    except ParseError as error:
        return CommandResult(status=Status.NOT_RUNNING, detail=str(error))
    _, _, sequence = status.ring_id.rpartition(".")
    report = QuorumReport(
        time=time,
        quorate=bool(status.quorate),
        ring=int(sequence, 16),
        members=tuple(member.node_id for member in status.members),
    )
    return quorum_report.render(report)
