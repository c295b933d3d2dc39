"""The alarms of one condition, as snapshots follow one another."""

from __future__ import annotations

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS
from gateway.conditions.model import Reason
from gateway.conditions.view import ClusterView
from gateway.snapshot import Snapshot
from tests.alarms.snapshots import make_snapshot
from tests.alarms.walks import Walk

LONG = 1000.0
"""More seconds than any condition is held down."""


class Alarms:
    """An alarm table that evaluates one snapshot after the other, with much time between them."""

    def __init__(self, condition: str) -> None:
        self._condition = condition
        self._table = AlarmTable()
        self._view: ClusterView | None = None
        self._now = 0.0

    def evaluate(self, snapshot: Snapshot) -> list[tuple[Change, str, Reason, str]]:
        """Returns the events of the condition: their change, object, reason and text."""
        self._view = ClusterView(snapshot, self._view, accumulators=ACCUMULATORS)
        events = self._table.evaluate(self._view, now=self._now, time=self._now)
        self._now += LONG
        events += self._table.on_timer(now=self._now)
        return [
            (event.change, event.alarm.object, event.reason, event.text)
            for event in events
            if event.alarm.condition.name == self._condition
        ]


def raised(name: str, walk: Walk) -> Alarms:
    """Returns alarms in which that of a walk is active."""
    alarms = Alarms(name)
    alarms.evaluate(make_snapshot(*walk.before))
    (event,) = alarms.evaluate(make_snapshot(*walk.present))
    assert event[:3] == (Change.RAISED, walk.object, Reason.NONE)
    return alarms
