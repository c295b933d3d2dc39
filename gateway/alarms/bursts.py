"""Bursts: one summary stands for many alarms of one condition that are raised at once. Pure.

A burst begins if one evaluation raises more than ``limit`` alarms of a condition. Its summary is an alarm of the same
condition about the cluster as a whole, with an object that is empty. It is in no table: ``AlarmTable`` has the alarms
themselves, which are now members of the burst::

    raised         when the burst begins
    raised again   when another burst of the condition begins; the summary then stands for the members of both
    cleared        when none of its members is active any longer

Every node keeps its bursts, whether or not it publishes them. What becomes of the members:

- Channels that do not send the summary get the raise and the clear of each member; the others get neither.
- If it comes back, it is another alarm. It is raised and cleared by itself, unless it is in another burst.
- An event that happens again while its alarm is active is raised again, by itself or as a member of the burst that
  begins then. If it was raised by itself before, it does not become a member: its receivers wait for its clear.

Alarms of quorum and nodes are never members of bursts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.notification import Change
from gateway.alarms.summary_text import READ_TABLE, append_names
from gateway.conditions.model import PROTECTED_CATEGORIES

_SHOWN = 3
"""Objects that a summary names, at most."""

_ROOM = 126
"""Octets of a summary's text and of the condition's name. With usual names, the message then fits into 484 octets."""

_Key = tuple[str, str]
"""The names of a condition and of an object."""


@dataclass(slots=True, kw_only=True)
class _Burst:
    """A burst.

    Attributes:
        summary: the alarm that stands for it.
        objects: the objects of its members that are active.
    """

    summary: Alarm
    objects: set[str] = field(default_factory=set)


class Bursts:
    """Adds the summaries of bursts to the events of an evaluation.

    Args:
        limit: the number of alarms of one condition that an evaluation may raise without a burst; 0 for any number.

    Attributes:
        limit: the same.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bursts: dict[str, _Burst] = {}
        self._single: set[_Key] = set()  # the active alarms that were raised by themselves

    @property
    def summaries(self) -> Sequence[Alarm]:
        """The alarms that stand for bursts."""
        return [burst.summary for burst in self._bursts.values()]

    def condense(self, events: Sequence[AlarmEvent]) -> list[AlarmEvent]:
        """Returns the events of one evaluation and, among them, those of summaries.

        The raise of a summary comes before those of its members, and its clear after theirs.
        """
        beginning = self._find_bursts(events)
        cleared = {_key(event.alarm) for event in events if event.change is Change.CLEARED}
        condensed = []
        for event in events:
            alarm = event.alarm
            if event.change is Change.RAISED:
                if members := beginning.pop(alarm.condition.name, None):
                    condensed.append(self._raise_summary(members, cleared))
                if alarm.summary is None:
                    self._single.add(_key(alarm))
                condensed.append(event)
            else:
                condensed += [event, *self._on_clear(event)]
        return condensed

    def _find_bursts(self, events: Iterable[AlarmEvent]) -> dict[str, Sequence[Alarm]]:
        """Returns the members of the bursts that begin, by the name of the condition."""
        raised: Mapping[str, list[Alarm]] = defaultdict(list)
        for event in events:
            alarm = event.alarm
            is_protected = alarm.condition.category in PROTECTED_CATEGORIES
            if event.change is Change.RAISED and not is_protected and _key(alarm) not in self._single:
                raised[alarm.condition.name].append(alarm)
        return {name: alarms for name, alarms in raised.items() if self.limit and len(alarms) > self.limit}

    def _raise_summary(self, members: Sequence[Alarm], cleared: AbstractSet[_Key]) -> AlarmEvent:
        """Returns the raise of the summary of some alarms and of the members of an earlier burst that stay active."""
        name = members[0].condition.name
        before = self._bursts.get(name)
        objects = {alarm.object for alarm in members}
        if before is not None:
            objects |= {object_ for object_ in before.objects if (name, object_) not in cleared}
        summary = _summarize(members, total=len(objects))
        if before is not None:
            summary.sender = before.summary.sender
        self._bursts[name] = _Burst(summary=summary, objects=objects)
        for alarm in members:
            alarm.summary = summary
        return AlarmEvent(alarm=summary, change=Change.RAISED, text=summary.text)

    def _on_clear(self, event: AlarmEvent) -> Iterable[AlarmEvent]:
        """Yields the clear of the summary, with the reason of the last member."""
        alarm = event.alarm
        self._single.discard(_key(alarm))
        burst = self._bursts.get(alarm.condition.name)
        if burst is None or alarm.object not in burst.objects:
            return
        burst.objects.remove(alarm.object)
        if not burst.objects:
            del self._bursts[alarm.condition.name]
            text = burst.summary.format(burst.summary.condition.cleared)
            yield AlarmEvent(alarm=burst.summary, change=Change.CLEARED, text=text, reason=event.reason)


def _summarize(members: Sequence[Alarm], *, total: int) -> Alarm:
    """Returns the alarm that stands for a burst.

    Args:
        members: the alarms that are raised now.
        total: the number of these and of the earlier ones that are still active.
    """
    first = members[0]
    name = first.condition.name
    objects = [alarm.object for alarm in members[:_SHOWN]]
    text = f"{total:,} alarms of {name}"
    raised = append_names(text, objects, total=total, end=READ_TABLE, most=_ROOM - len(name))
    return Alarm(
        condition=replace(first.condition, raised="{raised}", cleared="{cleared}"),
        object="",
        fields={"raised": raised, "cleared": f"The {total:,} alarms of {name} are over"},
        first_seen=first.first_seen,
        since=first.since,
        last_seen=first.last_seen,
        active=True,
        is_summary=True,
    )


def _key(alarm: Alarm) -> _Key:
    return alarm.condition.name, alarm.object
