"""The reports of the quorum watcher's helper program, rebuilt from a recording: for the demo."""

from __future__ import annotations

from gateway.errors import ParseError
from gateway.host.host import CommandResult
from gateway.host.replay import Recording, Step
from gateway.status import Status
from gateway.subsystems.corosync import corosync_quorumtool, quorum_report
from gateway.subsystems.corosync.quorum_report import QuorumReport

_QUORUMTOOL = ("corosync-quorumtool", "-p")
"""The recorded command that shows the quorum."""


def report_line(recording: Recording, step: Step, time: float) -> bytes | CommandResult:
    """Returns the line that ``libquorum_helper.py`` prints when a step begins, or how it ends without Corosync."""
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


STREAMS = {quorum_report.PROGRAM: report_line}
"""The streamed programs of the demo, for ``ReplayHost``."""
