"""The conditions of the quorum device."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import QUORUM, Absent, Condition, Finding, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync
from gateway.subsystems.qdevice import metrics

_COMMAND = ("qdevice", "corosync-qdevice-tool")


def is_answered(view: ClusterView) -> bool:
    """Returns whether corosync-qdevice-tool has answered; that the daemon does not run is an answer."""
    return view.status_of(*_COMMAND) in {Status.OK, Status.NOT_RUNNING}


ANSWER = Source(collector="qdevice", requires=is_answered)


def _state(view: ClusterView) -> str:
    row = next(view.rows(metrics.STATE), {})
    return next((state for state in metrics.STATE.states if row.get(state)), "")


def find_absent_vote(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if the quorum device does not run, is not connected or does not vote.

    It runs only while Corosync does. Without Corosync, this node is in no partition, and another condition says so.
    """
    if view.number(corosync.UP) == 0:
        return
    host = next((str(row["host"]) for row in view.rows(metrics.INFO)), "") or "its arbitrator"
    if view.number(metrics.UP) == 0:
        yield Finding("", {"why": "corosync-qdevice does not run, although corosync.conf configures it"})
    elif (state := _state(view)) and state != "connected":
        yield Finding("", {"why": f"it is not connected to {host} ({state.replace('_', ' ')})"})
    elif state and view.number(metrics.VOTE) == 0:
        yield Finding("", {"why": f"it is connected to {host}, which gives this partition no vote"})


def casts_vote(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether the quorum device is connected and casts its vote."""
    return view.number(metrics.UP) == 1 and _state(view) == "connected" and view.number(metrics.VOTE) == 1


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="qdevice-no-vote",
        severity=Severity.MINOR,  # qdevice-lost is about the consequence
        category=QUORUM,
        raised="The quorum device casts no vote for this node: {why}",
        cleared="The quorum device is connected and casts its vote",
        meaning="The next failure of a node can cost this partition its quorum.",
        action="Run `systemctl status corosync-qdevice` here, and start it if it does not run. Otherwise check the "
        "network to the arbitrator (TCP port 5403), and corosync-qnetd and its log there.",
        source=ANSWER,
        find=find_absent_vote,
        absent=Absent("corosync-qdevice-tool shows that it is connected and casts its vote", casts_vote),
        hold=10.0,  # corosync-qdevice starts after Corosync, and stops before it
        local=True,
    ),
)
