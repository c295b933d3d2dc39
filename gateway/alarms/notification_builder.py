"""Builds notifications: numbers them, and adds the time and the names of the node and the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypedDict

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.details import event_details
from gateway.alarms.notification import BurstRole, Change, Details, Notification, NotificationKind, Sender
from gateway.alarms.summary_text import append_names, describe_active
from gateway.clock import Clock, SystemClock
from gateway.conditions.model import Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems import identity


class _Origin(TypedDict):
    """The fields of a notification that do not depend on what it announces."""

    sequence: int
    uptime: float
    node: str
    cluster: str


class NotificationBuilder:
    """Builds the notifications of one gateway, which starts when the builder is made.

    Args:
        hostname: the name of this node until its name in the cluster is known.
        clock: provides the times and the uptime.

    Attributes:
        sender: the names of this node and the cluster, as far as they are known.
    """

    def __init__(self, *, hostname: str = "localhost", clock: Clock | None = None) -> None:
        self.sender = Sender(node=hostname, cluster="")
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic()
        self._sequence = 0

    def update_names(self, view: ClusterView) -> None:
        """Updates the names of the node and the cluster if the view has them."""
        names = identity.names(view)
        self.sender = Sender(node=names.node or self.sender.node, cluster=names.cluster or self.sender.cluster)

    def alarm(self, event: AlarmEvent, view: ClusterView | None) -> Notification:
        """Returns the notification of an alarm that was raised or cleared.

        The notification of a clear has the one of the raise. If the raise was not published, it is numbered now. It is
        then not one of a burst, because no receiver has the alarm only as a part of a summary.
        """
        alarm = event.alarm
        if event.change is Change.RAISED:
            return self._raise(event, view)
        if not alarm.sequence:
            alarm.summary = None
        raised = self._raise(AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text), view)
        is_counted = raised.burst is not BurstRole.MEMBER
        sender = self._sender_of(alarm)
        return replace(
            raised,
            **(self._next_origin(sender) if is_counted else self._origin(self._sequence, sender)),
            time=self._clock.time(),
            change=event.change,
            reason=event.reason,
            text=event.text,
            details=event_details(event, view),
            raised=raised,
        )

    def _raise(self, event: AlarmEvent, view: ClusterView | None) -> Notification:
        alarm = event.alarm
        if not alarm.sequence:
            of_summary = alarm.summary.sequence if alarm.summary is not None else 0
            alarm.sequence = of_summary or self._next_origin()["sequence"]
        return replace(self._repeated(alarm), details=event_details(event, view))

    def repetition(self, active: Sequence[Alarm]) -> Notification:
        """Returns the notification that repeats active alarms."""
        return Notification(
            **self._origin(self._sequence),
            kind=NotificationKind.REPETITION,
            time=self._clock.time(),
            condition=NotificationKind.REPETITION.value,
            severity=Severity.INFO,
            change=Change.INFO,
            text=describe_active(len(active)),
            active=tuple(map(self._repeated, active)),
        )

    def _repeated(self, alarm: Alarm) -> Notification:
        return Notification(
            **self._origin(alarm.sequence, self._sender_of(alarm)),
            kind=NotificationKind.CONDITION,
            time=alarm.since,
            condition=alarm.condition.name,
            category=alarm.condition.category,
            severity=alarm.condition.severity,
            change=Change.RAISED,
            object=alarm.object,
            text=alarm.text,
            fields=dict(alarm.fields),
            burst=alarm.burst,
        )

    def started(self, active: Sequence[Alarm]) -> Notification:
        """Returns the notification that the gateway has started, with the active alarms, the most serious first."""
        text = _list_active("The gateway has started", active)
        return self._gateway_event(NotificationKind.STARTED, text, severity=_gravest(active))

    def introduction(
        self, active: Sequence[Alarm], raised: Iterable[Alarm], view: ClusterView | None
    ) -> list[Notification]:
        """Returns the notifications with which a target begins that was added while the gateway was running.

        They repeat sequence numbers, because no other target gets them.

        Args:
            active: the active alarms, the most serious first.
            raised: the alarms that are raised one by one.
            view: the last view.
        """
        text = _list_active("This receiver was added", active)
        origin = self._origin(self._sequence)
        summary = self._gateway_event(NotificationKind.STARTED, text, severity=_gravest(active), origin=origin)
        return [summary, *(self._raise_again(alarm, view) for alarm in raised)]

    def _raise_again(self, alarm: Alarm, view: ClusterView | None) -> Notification:
        event = AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text)
        sequence = alarm.sequence or self._sequence
        return replace(self._repeated(alarm), sequence=sequence, details=event_details(event, view))

    def heartbeat(self, active: Sequence[Alarm]) -> Notification:
        """Returns the notification that the gateway is running."""
        text = f"The gateway is running, and {describe_active(len(active))}"
        return self._gateway_event(NotificationKind.HEARTBEAT, text)

    def routine_change(self, change: Details) -> Notification:
        """Returns the notification of a routine change, which has no sequence number of its own."""
        return Notification(
            **self._origin(self._sequence),
            kind=NotificationKind.ROUTINE_CHANGE,
            time=self._clock.time(),
            condition=change["kind"],
            severity=Severity.INFO,
            change=Change.INFO,
            object=change["node"],
            text=" ".join(change.values()),
            details=(change,),
        )

    def _gateway_event(
        self,
        kind: NotificationKind,
        text: str,
        *,
        severity: Severity = Severity.INFO,
        origin: _Origin | None = None,
    ) -> Notification:
        return Notification(
            **(origin or self._next_origin()),
            kind=kind,
            time=self._clock.time(),
            condition=kind.value,
            severity=severity,
            change=Change.INFO,
            text=text,
        )

    def _sender_of(self, alarm: Alarm) -> Sender:
        """Returns the names under which an alarm was sent first, even if other names have become known since.

        Receivers such as Alertmanager identify an alert by all of its labels.
        """
        alarm.sender = alarm.sender or self.sender
        return alarm.sender

    def _next_origin(self, sender: Sender | None = None) -> _Origin:
        self._sequence += 1
        return self._origin(self._sequence, sender)

    def _origin(self, sequence: int, sender: Sender | None = None) -> _Origin:
        node, cluster = sender or self.sender
        uptime = self._clock.monotonic() - self._started
        return {"sequence": sequence, "uptime": uptime, "node": node, "cluster": cluster}


def _list_active(text: str, active: Sequence[Alarm]) -> str:
    names = [f"{alarm.condition.name} {alarm.object}".strip() for alarm in active]
    return append_names(f"{text}, and {describe_active(len(active))}", names, total=len(names))


def _gravest(active: Sequence[Alarm]) -> Severity:
    return active[0].condition.severity if active else Severity.INFO
