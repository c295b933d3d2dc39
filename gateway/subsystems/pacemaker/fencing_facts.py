"""Facts about the fencing history. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import metrics
from gateway.subsystems.pacemaker.cluster_status import FENCING

RECENT = 3600.0
"""Seconds for which a failure counts even if the node is online again, and by which an event may be reported late."""

_UNFENCING = "on"
"""The action that enables a node again, for example its storage when it starts; all others are fencing."""


class FencingEvent(NamedTuple):
    """The end of fencing or unfencing a node.

    Attributes:
        time: when it ended, in Unix seconds.
        fields: the labels of the event.
    """

    time: float
    fields: Mapping[str, str]

    def is_later_than(self, other: FencingEvent | None) -> bool:
        """Returns whether it is later than another event, which may not exist."""
        return other is None or self.time > other.time


def history_is_complete(view: ClusterView) -> bool:
    """Returns whether crm_mon shows the fencing history, and every event of it could be read."""
    return view.has_read_all("pacemaker", "crm_mon", FENCING)


def _newest_events(status: str, *, unfencing: bool) -> Callable[[ClusterView], Mapping[str, FencingEvent]]:
    """Returns a function that returns the newest event of each node that ended with a status."""

    def newest(view: ClusterView) -> Mapping[str, FencingEvent]:
        events: dict[str, FencingEvent] = {}
        for row in view.rows(metrics.FENCE_EVENTS_TIMESTAMP, status=status):
            event = FencingEvent(
                float(row["value"]), {name: value for name, value in row.items() if isinstance(value, str)}
            )
            target = event.fields["target"]
            if (event.fields["action"] == _UNFENCING) == unfencing and event.is_later_than(events.get(target)):
                events[target] = event
        return events

    return newest


fencing_successes = _newest_events("success", unfencing=False)
fencing_failures = _newest_events("failed", unfencing=False)
unfencing_successes = _newest_events("success", unfencing=True)
unfencing_failures = _newest_events("failed", unfencing=True)


class FencingBaseline(NamedTuple):
    """What is known of the past, so that only new events are reported.

    Attributes:
        times: when each node was last fenced, in Unix seconds.
        since: the time after which an event has happened if it is new. Peers merge their histories when they meet, so
            older events can appear at any time.
    """

    times: Mapping[str, float]
    since: float

    def is_new(self, event: FencingEvent) -> bool:
        """Returns whether an event has happened after everything that is known."""
        return event.time > max(self.since, self.times.get(event.fields["target"], self.since))


def fencing_baseline(view: ClusterView, before: FencingBaseline | None) -> FencingBaseline | None:
    """Accumulates when each node was last fenced; None until crm_mon has succeeded once.

    An event that a view could not read, or of a history that it lacks, has happened before that view.
    """
    if not view.has_succeeded("pacemaker", "crm_mon"):
        return before
    times = dict(before.times) if before else {}
    for target, event in view.fact(fencing_successes).items():
        times[target] = max(event.time, times.get(target, event.time))
    return FencingBaseline(times, view.snapshot.time - (RECENT if history_is_complete(view) else 0))
