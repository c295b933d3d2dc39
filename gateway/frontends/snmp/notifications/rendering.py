"""Renders notifications as SNMP notifications.

A notification becomes one notification of HA-CLUSTER-MIB, and those in the configured forms of other programs
(``compat``). Its name in HA-CLUSTER-MIB follows from the category of the condition or, without one, from the kind::

    haCluster<Category>Alarm, haCluster<Category>Clear      a condition was raised or cleared
    haClusterQuorumLost, haClusterQuorumRegained            the one exception: quorum was lost or regained
    haClusterStarted, haClusterHeartbeat, haClusterTest     no condition is behind it
    haClusterDropped                                        others were dropped

One that raises an alarm says what to do, in a variable after those of its OBJECTS clause (RFC 3416, section 4.2.6). The
clause of a published notification must not change (RFC 2578, section 10.3), and its variables must always be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.catalog import CONDITION_BY_NAME
from gateway.conditions.model import QUORUM_LOSS, Category, Condition
from gateway.frontends.snmp.notifications.compat import FORMS
from gateway.frontends.snmp.notifications.header import SnmpNotification, header
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.snmp.mib.syntax import SampleValue
from gateway.snmp.values import VarBind

_NATIVE = "ha-cluster"
_SCALAR = oids.INSTANCE
ADDITIONAL_VARIABLE = "haClusterNoticeAction"
"""The object that is in no OBJECTS clause."""

_ROOM = 1200
"""Octets of all variables up to which one of them says what to do. Receivers should accept messages of 1,472 octets
(RFC 3417, section 3.2); the header of SNMPv3 has less than the other 272."""


def notification_name(category: Category, change: Change) -> str:
    """Returns the name of the notification in HA-CLUSTER-MIB that announces a change of a condition."""
    if category is QUORUM_LOSS:
        return "haClusterQuorumLost" if change is Change.RAISED else "haClusterQuorumRegained"
    return f"haCluster{category.name}{'Alarm' if change is Change.RAISED else 'Clear'}"


def mib_notification(notification: Notification) -> str:
    """Returns the name of a notification in HA-CLUSTER-MIB."""
    if notification.category is not None:
        return notification_name(notification.category, notification.change)
    return f"haCluster{notification.kind.value.capitalize()}"


def mib_objects(notification: Notification) -> Mapping[str, SampleValue]:
    """Returns the values of the objects of HA-CLUSTER-MIB that describe a notification, by the object's name."""
    return {
        "haClusterNoticeSequence": notification.sequence,
        "haClusterNoticeTime": notification.time,
        "haClusterNoticeCondition": notification.condition,
        "haClusterNoticeSeverity": notification.severity,
        "haClusterNoticeChange": notification.change,
        "haClusterNoticeObject": notification.object,
        "haClusterNoticeNode": notification.node,
        "haClusterName": notification.cluster,
        "haClusterNoticeText": notification.text,
        "haClusterNoticeReason": notification.reason,
        ADDITIONAL_VARIABLE: _action_of(notification),
    }


def action_text(condition: Condition) -> str:
    """Returns what an operator should do, as plain text.

    Receivers may hand it to a shell, so it has no backquotes.
    """
    return condition.action.replace("`", "'")


def _action_of(notification: Notification) -> str:
    condition = CONDITION_BY_NAME.get(notification.condition) if notification.change is Change.RAISED else None
    return action_text(condition) if condition is not None else ""


class Renderer:
    """Renders notifications in the configured forms.

    All channels share a renderer. It keeps the last result, because they deliver a new notification at the same moment.

    Args:
        mib: the MIB of the native form.
        native: whether to render the native form. A test always has it, and has no other.
        compat: the names of the forms of other programs, in the order in which they are sent.
        send_action: whether the native form of a raise says what to do.
    """

    def __init__(self, mib: Mib, *, native: bool = True, compat: Sequence[str] = (), send_action: bool = True) -> None:
        self._mib = mib
        self._log = structlog.get_logger("alarms")
        self.configure(native=native, compat=compat, send_action=send_action)

    def configure(self, *, native: bool, compat: Sequence[str], send_action: bool) -> None:
        """Replaces the forms; they apply to the notifications whose delivery begins after this moment.

        Args:
            native: as for the constructor.
            compat: as for the constructor.
            send_action: as for the constructor.
        """
        self._native = native
        self._send_action = send_action
        self._compat = {name: FORMS[name] for name in compat}
        self._last: tuple[Notification, Sequence[SnmpNotification]] | None = None

    def accepts(self, notification: Notification) -> bool:
        """Returns whether a notification has any form."""
        return self._has_native_form(notification) or bool(self.render(notification))

    def render(self, notification: Notification) -> Sequence[SnmpNotification]:
        """Returns the SNMP notifications for a notification, in the order in which they are sent."""
        if self._last is None or self._last[0] is not notification:
            self._last = notification, self._render_forms(notification)
        return self._last[1]

    def _render_forms(self, notification: Notification) -> Sequence[SnmpNotification]:
        rendered = []
        if self._has_native_form(notification):
            rendered.append(self._render_form(_NATIVE, partial(self._native_form, notification)))
        for details in notification.details:
            for name, form in self._compat.items():
                rendered.append(self._render_form(name, partial(form, notification, details)))
        return tuple(varbinds for varbinds in rendered if varbinds)

    def _render_form(self, name: str, form: Callable[[], SnmpNotification]) -> SnmpNotification:
        """Renders one form; a bug costs that form only."""
        try:
            return form()
        except Exception:  # noqa: BLE001 - see above
            self._log.exception("notification not rendered", form=name)
            return ()

    def _has_native_form(self, notification: Notification) -> bool:
        if notification.kind is NotificationKind.TEST:
            return True
        return self._native and (notification.is_counted or notification.kind is NotificationKind.DROPPED)

    def _native_form(self, notification: Notification) -> SnmpNotification:
        notification_type = self._mib.notifications[mib_notification(notification)]
        values = mib_objects(notification)
        varbinds = [
            *header(notification_type.oid, notification.uptime),
            *(self._varbind(name, values[name]) for name in notification_type.objects),
        ]
        if self._send_action and values[ADDITIONAL_VARIABLE]:
            action = self._varbind(ADDITIONAL_VARIABLE, values[ADDITIONAL_VARIABLE])
            has_room = sum(len(ber.varbind(varbind)) for varbind in (*varbinds, action)) <= _ROOM
            varbinds.append(action if has_room else self._varbind(ADDITIONAL_VARIABLE, ""))
        return varbinds

    def _varbind(self, name: str, value: SampleValue) -> VarBind:
        scalar = self._mib[name]
        assert scalar.syntax is not None
        converted = scalar.syntax.convert(value)
        assert converted is not None
        return VarBind(scalar.oid + _SCALAR, scalar.syntax.type, converted)
