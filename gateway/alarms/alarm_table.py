"""Finds out what has begun and what is over: conditions, compared from one view to the next. Pure; time is given.

An alarm is one condition about one object::

    absent ──found──▶ pending ──found for `hold` seconds──▶ raised ──not found──▶ absent
              (without `hold` at once)                        │
                                    what merely happens is over after `expires_after` seconds

Where a view cannot tell of a condition, its alarms stay as they are. Quorum is told twice: at once by whoever watches
Corosync, and by each view; one whose collection has begun before the last such event is out of date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.alarms.conditions import BY_NAME, CONDITIONS
from gateway.alarms.notification import Change
from gateway.conditions.model import Condition, Finding
from gateway.conditions.view import ClusterView

QUORUM = BY_NAME["quorum-lost"]

_Key = tuple[str, str]
"""A condition and an object."""


@dataclass(slots=True, kw_only=True)
class Alarm:
    """One condition about one object, while it is found.

    Attributes:
        condition: which.
        object: what it is about.
        fields: what is known of it.
        found: when it was found first, on the monotonic clock.
        since: the same in Unix seconds.
        raised: whether it is raised; before that it is pending.
    """

    condition: Condition
    object: str
    fields: Mapping[str, str]
    found: float
    since: float
    raised: bool = False

    @property
    def text(self) -> str:
        """What is wrong, in one sentence."""
        return _text(self.condition.raised, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvent:
    """An alarm that was raised or cleared, and what there is to say of it."""

    alarm: Alarm
    change: Change
    text: str


def _text(template: str, alarm: Alarm) -> str:
    return template.format_map({**alarm.fields, "object": alarm.object})


class AlarmTable:
    """Keeps the alarms.

    Args:
        disabled: the names of conditions that are not looked at.

    Attributes:
        view: the last view, or None before the first.
    """

    def __init__(self, *, disabled: Collection[str] = ()) -> None:
        self.view: ClusterView | None = None
        self._conditions = [condition for condition in CONDITIONS if condition.name not in disabled]
        self._alarms: dict[_Key, Alarm] = {}
        self._quorum_time = float("-inf")

    @property
    def raised(self) -> list[Alarm]:
        """The alarms that are raised, the gravest first."""
        order = {condition.name: place for place, condition in enumerate(CONDITIONS)}
        severities = list(type(QUORUM.severity))
        found = (alarm for alarm in self._alarms.values() if alarm.raised)
        return sorted(
            found,
            key=lambda alarm: (severities.index(alarm.condition.severity), order[alarm.condition.name], alarm.object),
        )

    def look(self, view: ClusterView, *, now: float, time: float) -> list[AlarmEvent]:
        """Takes a view in.

        Args:
            view: the view.
            now: the time on the monotonic clock.
            time: the time in Unix seconds.

        Returns:
            What was raised and what was cleared by it; nothing for the first one, which shows what stands already.
        """
        first = self.view is None
        self.view = view
        events: list[AlarmEvent] = []
        for condition in self._conditions:
            if condition is QUORUM and view.snapshot.started <= self._quorum_time:
                continue
            if condition.has_evidence(view):
                events += self._compare(condition, condition.find(view), now=now, time=time)
        if first:
            for alarm in self._alarms.values():
                alarm.raised = True
            return []
        return events

    def quorum(self, *, quorate: bool, now: float, time: float) -> list[AlarmEvent]:
        """Takes in what Corosync has just decided; returns what was raised or cleared by it."""
        self._quorum_time = now
        if QUORUM not in self._conditions:
            return []
        return list(self._compare(QUORUM, [] if quorate else [Finding("", {})], now=now, time=time))

    def tick(self, *, now: float) -> list[AlarmEvent]:
        """Returns what time alone has raised or cleared."""
        alarms = list(self._alarms.values())
        raised = [event for alarm in alarms if (event := self._raise_if_due(alarm, now))]
        return [*raised, *(self._clear(alarm) for alarm in alarms if self._is_over(alarm, now))]

    def due(self) -> float | None:
        """Returns when ``tick`` will have something to do, on the monotonic clock, or None."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[float]:
        for alarm in self._alarms.values():
            if not alarm.raised:
                yield alarm.found + alarm.condition.hold
            elif alarm.condition.expires_after:
                yield alarm.found + alarm.condition.expires_after

    # --- one condition -----------------------------------------------------------------------------------------------

    def _compare(
        self, condition: Condition, findings: Iterable[Finding], *, now: float, time: float
    ) -> Iterator[AlarmEvent]:
        found = {finding.object: finding for finding in findings}
        for finding in found.values():
            yield from self._found(condition, finding, now=now, time=time)
        for (name, about), alarm in list(self._alarms.items()):
            if name == condition.name and about not in found and not condition.expires_after:
                if alarm.raised:
                    yield self._clear(alarm)
                else:
                    del self._alarms[name, about]

    def _found(self, condition: Condition, finding: Finding, *, now: float, time: float) -> Iterator[AlarmEvent]:
        key = (condition.name, finding.object)
        alarm = self._alarms.get(key)
        if alarm is None or condition.expires_after:  # what happens again is told again
            alarm = self._alarms[key] = Alarm(
                condition=condition, object=finding.object, fields=finding.fields, found=now, since=time
            )
        else:
            alarm.fields = finding.fields
        if event := self._raise_if_due(alarm, now):
            yield event

    def _raise_if_due(self, alarm: Alarm, now: float) -> AlarmEvent | None:
        if alarm.raised or now < alarm.found + alarm.condition.hold:
            return None
        alarm.raised = True
        return AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text)

    def _is_over(self, alarm: Alarm, now: float) -> bool:
        return alarm.raised and alarm.condition.expires_after > 0 and now >= alarm.found + alarm.condition.expires_after

    def _clear(self, alarm: Alarm) -> AlarmEvent:
        del self._alarms[alarm.condition.name, alarm.object]
        return AlarmEvent(alarm=alarm, change=Change.CLEARED, text=_text(alarm.condition.cleared, alarm))
