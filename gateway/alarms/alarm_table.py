"""Raises and clears alarms: compares the findings of each view with those before. Pure; the time is an argument.

An alarm is one condition about one object::

    absent ──present──▶ pending ──present for `hold` seconds──▶ active ──absent or gone──▶ absent
               (without `hold`, active at once)                    │
                               an event expires after `expires_after` seconds

Where a view does not prove that an alarm is over, it stays as it is: an active alarm stays active, and a pending one
is raised only after a view has shown the condition again. Quorum is reported twice: at once by the quorum watcher, and
by each view. A view whose collection began before the last quorum event is out of date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.alarms.notification import BurstRole, Change, Sender
from gateway.catalog import CONDITION_BY_NAME, CONDITIONS
from gateway.conditions.model import Clearance, Condition, Finding, Reason
from gateway.conditions.view import ClusterView
from gateway.self_monitoring.self_conditions import CONDITIONS as SELF_CONDITIONS

QUORUM_LOST = CONDITION_BY_NAME["quorum-lost"]

_ORDER = {condition.name: index for index, condition in enumerate(CONDITIONS)}

_Key = tuple[str, str]
"""The names of a condition and of an object."""


@dataclass(slots=True, kw_only=True)
class Alarm:
    """One condition about one object, pending or active.

    Attributes:
        condition: what is wrong.
        object: what it is about.
        fields: what the last finding said about the object.
        first_seen: time of the first finding, on the monotonic clock.
        since: the same in Unix seconds.
        last_seen: time of the last finding, on the monotonic clock.
        confirmed: whether the last view has shown the condition.
        active: whether it was raised; before that it is pending.
        sequence: the sequence number of the notification that raised it; 0 if there is none.
        sender: the names under which it was sent first, which receivers identify it by; None before that.
        is_summary: whether it stands for a burst of alarms, and is in no table.
        summary: the alarm that stands for the burst in which it was raised; None if it was raised by itself.
    """

    condition: Condition
    object: str
    fields: Mapping[str, str]
    first_seen: float
    since: float
    last_seen: float
    confirmed: bool = True
    active: bool = False
    sequence: int = 0
    sender: Sender | None = None
    is_summary: bool = False
    summary: Alarm | None = None

    @property
    def burst(self) -> BurstRole:
        """What its notifications are in a burst; nothing if this node does not publish the summary."""
        if self.is_summary:
            return BurstRole.SUMMARY
        return BurstRole.MEMBER if self.summary is not None and self.summary.sequence else BurstRole.NONE

    @property
    def text(self) -> str:
        """What is wrong, in one sentence."""
        return self.format(self.condition.raised)

    def format(self, template: str) -> str:
        """Fills in a template with the fields of the last finding."""
        return template.format_map({**self.fields, "object": self.object})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvent:
    """The moment at which an alarm is raised or cleared.

    Attributes:
        alarm: the alarm that changed.
        change: what happened to it.
        text: the text of the notification.
        reason: why it was cleared.
    """

    alarm: Alarm
    change: Change
    text: str
    reason: Reason = Reason.NONE


class AlarmTable:
    """Keeps pending and active alarms.

    Args:
        disabled: the names of conditions that are not evaluated.
        collectors_off: the names of collectors that do not run.

    Attributes:
        view: the last view, or None before the first.
    """

    def __init__(self, *, disabled: Collection[str] = (), collectors_off: Collection[str] = ()) -> None:
        self.view: ClusterView | None = None
        self._alarms: dict[_Key, Alarm] = {}
        self._last_quorum_event = float("-inf")
        self.configure(disabled=disabled, collectors_off=collectors_off)

    def configure(self, *, disabled: Collection[str], collectors_off: Collection[str] = ()) -> list[AlarmEvent]:
        """Replaces the conditions that are not evaluated.

        Args:
            disabled: the names of these conditions.
            collectors_off: the names of collectors that do not run; what is read from them is not evaluated, either.

        Returns:
            The alarms that are cleared because nothing watches their objects any longer.
        """
        self._conditions = [
            condition
            for condition in CONDITIONS
            if condition.name not in disabled and condition.source.collector not in collectors_off
        ]
        unwatched = [
            alarm
            for alarm in self._alarms.values()
            if alarm.condition not in self._conditions
            or (alarm.condition in SELF_CONDITIONS and alarm.object in collectors_off)
        ]
        return [event for alarm in unwatched if (event := self._stop_watching(alarm)) is not None]

    def _stop_watching(self, alarm: Alarm) -> AlarmEvent | None:
        if alarm.active:
            text = f"{alarm.condition.raised}: no longer monitored, as the configuration of the gateway has changed"
            return self._clear(alarm, Clearance(Reason.GONE, text))
        del self._alarms[alarm.condition.name, alarm.object]
        return None

    @property
    def active(self) -> list[Alarm]:
        """The active alarms, the most serious first."""

        def rank(alarm: Alarm) -> tuple[int, int, str]:
            condition = alarm.condition
            return condition.severity.rank, _ORDER[condition.name], alarm.object

        return sorted((alarm for alarm in self._alarms.values() if alarm.active), key=rank)

    def evaluate(self, view: ClusterView, *, now: float, time: float) -> list[AlarmEvent]:
        """Evaluates all conditions on a view.

        Args:
            view: the snapshot to evaluate.
            now: the time on the monotonic clock.
            time: the time in Unix seconds.

        Returns:
            The alarms that are raised and cleared by it. The first view raises what is wrong already, without events.
        """
        is_first = self.view is None
        self.view = view
        events: list[AlarmEvent] = []
        for condition in self._conditions:
            if condition is QUORUM_LOST and view.snapshot.started <= self._last_quorum_event:
                continue
            findings = condition.find(view) if condition.source.is_available(view) else ()
            events += self._on_findings(condition, findings, now=now, time=time)
        if is_first:
            for alarm in self._alarms.values():
                alarm.active = True
            return []
        return events

    def on_quorum_event(self, *, quorate: bool, now: float, time: float) -> list[AlarmEvent]:
        """Evaluates a quorum event; returns the alarms that are raised and cleared by it."""
        self._last_quorum_event = now
        if QUORUM_LOST not in self._conditions:
            return []
        if not quorate:
            return list(self._on_finding(QUORUM_LOST, Finding("", {}), now=now, time=time))
        alarm = self._alarms.get((QUORUM_LOST.name, ""))
        return [] if alarm is None else [self._clear(alarm, Clearance(Reason.RECOVERED, QUORUM_LOST.cleared))]

    def on_timer(self, *, now: float) -> list[AlarmEvent]:
        """Returns the alarms that are raised and cleared by the passing of time alone."""
        alarms = list(self._alarms.values())
        raised = [event for alarm in alarms if (event := self._raise_if_due(alarm, now))]
        return [*raised, *(self._clear(alarm, _expiry(alarm)) for alarm in alarms if self._has_expired(alarm, now))]

    def next_deadline(self) -> float | None:
        """Returns when ``on_timer`` has something to do next, on the monotonic clock, or None."""
        return min(self._deadlines(), default=None)

    def next_confirmation(self) -> float | None:
        """Returns when a view has to confirm a pending alarm next, on the monotonic clock, or None.

        The state at the end of the hold-down time counts, not one that may be as old as the hold-down time.
        """
        pending = (alarm for alarm in self._alarms.values() if not alarm.active and alarm.confirmed)
        return min((alarm.first_seen + alarm.condition.hold for alarm in pending), default=None)

    def _deadlines(self) -> Iterator[float]:
        for alarm in self._alarms.values():
            if not alarm.active:
                if alarm.confirmed:
                    yield alarm.first_seen + alarm.condition.hold
            elif alarm.condition.expires_after:
                yield alarm.first_seen + alarm.condition.expires_after

    # --- one condition -----------------------------------------------------------------------------------------------

    def _on_findings(
        self, condition: Condition, findings: Iterable[Finding], *, now: float, time: float
    ) -> Iterator[AlarmEvent]:
        by_object: dict[str, Finding] = {}
        for finding in findings:
            by_object.setdefault(finding.object, finding)
        for finding in by_object.values():
            yield from self._on_finding(condition, finding, now=now, time=time)
        if condition.expires_after:
            return
        for alarm in list(self._alarms.values()):
            if alarm.condition is condition and alarm.object not in by_object:
                yield from self._on_missing_finding(alarm)

    def _on_missing_finding(self, alarm: Alarm) -> Iterator[AlarmEvent]:
        """Clears an alarm whose object was not found if the view proves that it is over or gone."""
        assert self.view is not None
        clearance = alarm.condition.clearance(self.view, Finding(alarm.object, alarm.fields))
        if clearance is None:
            alarm.confirmed = False
        elif alarm.active:
            yield self._clear(alarm, clearance)
        else:
            del self._alarms[alarm.condition.name, alarm.object]

    def _on_finding(self, condition: Condition, finding: Finding, *, now: float, time: float) -> Iterator[AlarmEvent]:
        key = (condition.name, finding.object)
        alarm = self._alarms.get(key)
        if alarm is None or condition.expires_after or _is_stale(alarm, now):  # an event is raised each time
            alarm = self._alarms[key] = Alarm(
                condition=condition,
                object=finding.object,
                fields=finding.fields,
                first_seen=now,
                since=time,
                last_seen=now,
                sender=alarm.sender if alarm is not None else None,
            )
        else:
            alarm.fields, alarm.last_seen, alarm.confirmed = finding.fields, now, True
        if event := self._raise_if_due(alarm, now):
            yield event

    def _raise_if_due(self, alarm: Alarm, now: float) -> AlarmEvent | None:
        if alarm.active or not alarm.confirmed or now < alarm.first_seen + alarm.condition.hold:
            return None
        alarm.active = True
        return AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text)

    def _has_expired(self, alarm: Alarm, now: float) -> bool:
        condition = alarm.condition
        return alarm.active and condition.expires_after > 0 and now >= alarm.first_seen + condition.expires_after

    def _clear(self, alarm: Alarm, clearance: Clearance) -> AlarmEvent:
        del self._alarms[alarm.condition.name, alarm.object]
        text = alarm.format(clearance.text)
        return AlarmEvent(alarm=alarm, change=Change.CLEARED, text=text, reason=clearance.reason)


def _expiry(alarm: Alarm) -> Clearance:
    return Clearance(Reason.EXPIRED, alarm.condition.cleared)


def _is_stale(alarm: Alarm, now: float) -> bool:
    """Returns whether a pending alarm was not seen for so long that its hold-down begins anew."""
    return not alarm.active and not alarm.confirmed and now > alarm.last_seen + alarm.condition.hold
