"""The alarm about a manual ticket without a leader: a daemon that was restarted does not know the leader at first."""

from __future__ import annotations

from gateway.alarms.notification import Change
from gateway.snapshot import Snapshot
from tests.alarms.arbitration_walks import ticket
from tests.alarms.mutations import Event, walk
from tests.alarms.snapshots import make_snapshot

RETRY = 55
"""Seconds for which booth tries to reach members about the ticket."""


def leaderless(started: float, *, mode: str = "manual") -> Snapshot:
    """Returns a snapshot in which nobody holds the ticket."""
    return make_snapshot(*ticket("no_leader", mode=mode), started=started)


def granted(started: float) -> Snapshot:
    """Returns a snapshot in which a site holds the ticket."""
    return make_snapshot(*ticket("granted", "192.0.2.2", mode="manual"), started=started)


def test_a_manual_ticket_has_no_leader_once_a_message_about_it_should_have_arrived() -> None:
    alarm = ("booth-ticket-no-leader", "booth/db")
    late = 60 + RETRY + 1
    assert walk(granted(0), leaderless(10), leaderless(60), granted(70)) == [[], [], [], []]
    assert walk(granted(0), leaderless(10), leaderless(10 + late)) == [[], [], [Event(Change.RAISED, *alarm, "none")]]
    assert walk(leaderless(10), granted(60), leaderless(10 + late)) == [[], [], []]
    assert walk(leaderless(10, mode="automatic")) == [[Event(Change.RAISED, *alarm, "none")]]
