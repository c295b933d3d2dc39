"""The alarms at one moment, for people: those that are active, and what has changed lately. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.notification import Change
from gateway.conditions.model import Condition, Reason, Severity

MAX_ACTIVE = 500
"""The number of active alarms that an overview describes, the most serious; it counts the others."""

MAX_CHANGES = 100
"""The number of changes that are remembered, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlarm:
    """An alarm that is active.

    Attributes:
        condition: what is wrong.
        object: what it is about.
        text: the same in one sentence.
        since: when it was first seen, in Unix seconds.
        confirmed: whether the last snapshot has shown it; otherwise it has shown neither that nor the opposite.
    """

    condition: Condition
    object: str
    text: str
    since: float
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """An alarm that was raised or cleared.

    Attributes:
        time: when, in Unix seconds.
        change: what happened to it.
        condition: what was wrong.
        text: what happened, in one sentence.
        reason: why it was cleared.
    """

    time: float
    change: Change
    condition: Condition
    text: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOverview:
    """The alarms at one moment.

    Attributes:
        node: the name of this node.
        cluster: the name of the cluster; empty if it has none or it is unknown.
        evaluated: whether a snapshot has been evaluated; before that it is unknown which alarms are active.
        active: the active alarms, the most serious first; not more than ``MAX_ACTIVE``.
        active_by_severity: the number of all active alarms by severity, the most serious first.
        changes: what has changed, the newest first.
        started: since when changes are remembered, in Unix seconds.
    """

    node: str
    cluster: str
    evaluated: bool
    active: Sequence[ActiveAlarm]
    active_by_severity: Mapping[Severity, int]
    changes: Sequence[AlarmChange]
    started: float

    @property
    def active_count(self) -> int:
        """The number of all active alarms."""
        return sum(self.active_by_severity.values())


class AlarmHistory:
    """Remembers the last changes of alarms, in memory.

    Args:
        started: the time from which on changes are recorded, in Unix seconds.

    Attributes:
        started: the same.
    """

    def __init__(self, *, started: float) -> None:
        self.started = started
        self._changes: deque[AlarmChange] = deque(maxlen=MAX_CHANGES)

    @property
    def changes(self) -> Sequence[AlarmChange]:
        """The changes, the newest first."""
        return tuple(reversed(self._changes))

    def record(self, events: Iterable[AlarmEvent], *, time: float) -> None:
        """Records changes that were noticed at a time."""
        for event in events:
            self._changes.append(
                AlarmChange(
                    time=time,
                    change=event.change,
                    condition=event.alarm.condition,
                    text=event.text,
                    reason=event.reason,
                )
            )


def describe_active(alarms: Iterable[Alarm]) -> Sequence[ActiveAlarm]:
    """Returns the first ``MAX_ACTIVE`` alarms as values that do not change."""
    return tuple(
        ActiveAlarm(
            condition=alarm.condition,
            object=alarm.object,
            text=alarm.text,
            since=alarm.since,
            confirmed=alarm.confirmed,
        )
        for alarm in islice(alarms, MAX_ACTIVE)
    )
