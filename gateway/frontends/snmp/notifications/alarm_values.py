"""What HA-CLUSTER-MIB shows of alarms beyond samples: their texts, the last notification, and the last errors."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.alarms.notifier import Notifier
from gateway.alarms.service import AlarmService
from gateway.frontends.snmp.notifications.rendering import action_text, mib_objects
from gateway.frontends.snmp.rows import MibValue


def alarm_values(alarm_service: AlarmService, notifier: Notifier) -> Iterator[MibValue]:
    """Yields the name of an object, the texts of its indexes, and its value."""
    for alarm in alarm_service.active_alarms:
        indexes = alarm.condition.name, alarm.object
        yield "haClusterAlarmText", indexes, alarm.text
        yield "haClusterAlarmAction", indexes, action_text(alarm.condition)
    if (notification := alarm_service.last_notification) is not None:
        for name, value in mib_objects(notification).items():
            if name.startswith("haClusterNotice"):
                yield name, (), value
    for target, error in notifier.last_errors.items():
        yield "haClusterTargetLastError", (target,), error
