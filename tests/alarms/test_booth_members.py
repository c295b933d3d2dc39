"""The alarm about a member of booth: only messages that booth accepts show that the member is there."""

from __future__ import annotations

from dataclasses import replace

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.snapshot import Snapshot
from tests.alarms.arbitration_walks import GRANTED, HERE, LEADER, peer
from tests.alarms.mutations import Event, walk
from tests.alarms.snapshots import make_snapshot

SITE = "192.0.2.2"
ALARM = ("booth-peer-unreachable", f"booth/{SITE}")
RAISED = [Event(Change.RAISED, *ALARM, "none")]
CLEARED = [Event(Change.CLEARED, *ALARM, "recovered")]


def member(time: float, *, received: int, rejected: int, heard: float | None = None) -> Snapshot:
    """Returns what the holder of a ticket sees of another site at a time; a message has just arrived by default."""
    contact = time if heard is None else heard
    site = peer(SITE, heard=contact, received=received, rejected=rejected)
    return replace(make_snapshot(*LEADER, HERE, GRANTED, *site), time=time)


def test_a_member_whose_messages_are_all_rejected_is_unreachable() -> None:
    all_rejected, more_rejected = member(1000, received=11, rejected=11), member(2000, received=20, rejected=20)
    assert walk(all_rejected, more_rejected, member(3000, received=21, rejected=20)) == [RAISED, [], CLEARED]
    table = AlarmTable()
    table.evaluate(ClusterView(all_rejected, accumulators=ACCUMULATORS), now=0, time=0)
    (alarm,) = table.active
    assert alarm.text == f"No valid message from the site {SITE} since boothd was started, and 11 rejected"


def test_rejected_messages_are_no_contact() -> None:
    """Since its key was changed, a member is silent, although booth counts its messages and shows their times."""
    before = member(1000, received=9, rejected=2)
    rejected = member(2000, received=14, rejected=7)
    assert walk(before, rejected, member(3000, received=19, rejected=12)) == [[], RAISED, []]
    assert walk(before, rejected, member(3000, received=15, rejected=7)) == [[], RAISED, CLEARED]


def test_a_message_to_a_restarted_daemon_is_a_contact() -> None:
    """Its counters begin with 0."""
    silent = member(2000, received=9, rejected=0, heard=1000)
    assert walk(silent, member(3000, received=1, rejected=1)) == [RAISED, []]
    assert walk(silent, member(3000, received=2, rejected=1)) == [RAISED, CLEARED]
