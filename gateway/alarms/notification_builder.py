"""Builds notifications: numbers them, and adds the time and the names of the node and the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from gateway.alarms.alarm_table import Alarm, AlarmEvent
from gateway.alarms.details import event_details
from gateway.alarms.notification import Change, Details, Notification, NotificationKind, Sender
from gateway.clock import Clock, SystemClock
from gateway.conditions.model import Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import facts as corosync_facts
from gateway.subsystems.pacemaker import facts as pacemaker_facts

_MAX_TEXT = 255
"""Octets of a text that SNMP shows (``haClusterNoticeText``)."""


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
        """Updates the names of the node and the cluster if the view has them.

        corosync.conf has the name by which Pacemaker knows this node, whether or not the daemons run.
        """
        nodes = (
            pacemaker_facts.node_with_id(view, corosync_facts.local_node_id(view)),
            corosync_facts.configured_node(view),
            corosync_facts.local_node(view),
            self.sender.node,
        )
        cluster = pacemaker_facts.cluster_name(view) or corosync_facts.cluster_name(view) or self.sender.cluster
        self.sender = Sender(node=next(filter(None, nodes), ""), cluster=cluster)

    def alarm(self, event: AlarmEvent, view: ClusterView | None) -> Notification:
        """Returns the notification of an alarm that was raised or cleared.

        The notification of a clear has the one of the raise. If the raise was not published, it is numbered now.
        """
        if event.change is Change.RAISED:
            return self._raise(event, view)
        alarm = event.alarm
        raised = self._raise(AlarmEvent(alarm=alarm, change=Change.RAISED, text=alarm.text), view)
        return replace(
            raised,
            **self._next_origin(self._sender_of(alarm)),
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
            alarm.sequence = self._next_origin()["sequence"]
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
            text=_count(active),
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
        )

    def started(self, active: Sequence[Alarm]) -> Notification:
        """Returns the notification that the gateway has started, with the active alarms, the most serious first."""
        names = [f"{alarm.condition.name} {alarm.object}".strip() for alarm in active]
        text = _append_names(f"The gateway has started; {_count(active)}", names)
        severity = active[0].condition.severity if active else Severity.INFO
        return self._gateway_event(NotificationKind.STARTED, text, severity=severity)

    def heartbeat(self, active: Sequence[Alarm]) -> Notification:
        """Returns the notification that the gateway is running."""
        return self._gateway_event(NotificationKind.HEARTBEAT, f"The gateway is running; {_count(active)}")

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

    def _gateway_event(self, kind: NotificationKind, text: str, *, severity: Severity = Severity.INFO) -> Notification:
        return Notification(
            **self._next_origin(),
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


def _count(active: Sequence[Alarm]) -> str:
    if len(active) == 1:
        return "1 alarm is active"
    return f"{len(active) or 'no'} alarms are active"


def _append_names(text: str, names: Sequence[str]) -> str:
    """Returns a text followed by the names that fit, in their order, and by the number of the others."""
    if not names:
        return text
    for shown in range(min(len(names), _MAX_TEXT), 0, -1):
        more = f" and {len(names) - shown} more" if shown < len(names) else ""
        complete = f"{text}: {', '.join(names[:shown])}{more}"
        if len(complete.encode(errors="surrogatepass")) <= _MAX_TEXT:
            return complete
    return text
