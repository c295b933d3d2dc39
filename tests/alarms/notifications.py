"""Notifications, and a channel, for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.alarms.channel import Channel, DeliveryResult, DeliveryStats
from gateway.alarms.notification import Change, Details, Notification, NotificationKind
from gateway.conditions import model
from gateway.conditions.model import Severity


def node_lost(sequence: int = 1, **changes: Any) -> Notification:
    """Returns the notification that a node is lost, with some fields replaced."""
    fields: dict[str, Any] = {
        "kind": NotificationKind.CONDITION,
        "sequence": sequence,
        "time": 1_700_000_000.0,
        "uptime": 0.0,
        "condition": "node-lost",
        "category": model.NODE,
        "severity": Severity.MAJOR,
        "change": Change.RAISED,
        "object": "node2",
        "node": "node1",
        "cluster": "demo",
        "text": "Node node2 is offline",
    }
    return Notification(**{**fields, **changes})


def link_faulty(sequence: int = 1, **changes: Any) -> Notification:
    """Returns the notification that a link is faulty, with some fields replaced."""
    fields = {"condition": "link-faulty", "category": model.LINK, "severity": Severity.MINOR, "object": str(sequence)}
    return node_lost(sequence, **{**fields, **changes})


def routine_change(sequence: int = 1, *details: Details) -> Notification:
    """Returns the notification of a routine change with these details."""
    kind = NotificationKind.ROUTINE_CHANGE
    return node_lost(sequence, kind=kind, category=None, change=Change.INFO, details=details)


class GatedChannel(Channel):
    """A channel that delivers once its gate is open.

    Attributes:
        gate: lets deliveries pass.
        attempts: the sequence numbers of all attempts.
        delivered: the sequence numbers of the notifications that were delivered.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.attempts: list[int] = []
        self.delivered: list[int] = []

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        """Waits for the gate."""
        self.attempts.append(notification.sequence)
        await self.gate.wait()
        self.delivered.append(notification.sequence)
        stats.sent += 1
        return DeliveryResult.SENT
