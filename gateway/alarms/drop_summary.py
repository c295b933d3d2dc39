"""Counts the notifications that one target will not get, and condenses them into one notification."""

from __future__ import annotations

from collections import Counter

from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.alarms.summary_text import READ_TABLE
from gateway.clock import Clock, SystemClock
from gateway.conditions.model import Severity


class DropSummary:
    """Condenses the notifications to one target that were dropped because its queue was full.

    Args:
        clock: provides the time and the uptime.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._counts: Counter[Severity] = Counter()
        self._last: tuple[Notification, float] | None = None

    def observe(self, notification: Notification) -> None:
        """Remembers a notification; the summary has the sequence number, the names and the uptime of the last one."""
        if notification.kind is not NotificationKind.TEST:  # a test has no sequence number
            self._last = notification, self._clock.monotonic()

    def add(self, notification: Notification) -> None:
        """Counts a notification that was dropped."""
        self._counts[notification.severity] += 1

    def take(self) -> Notification | None:
        """Returns the summary of what was dropped since the last one; None if nothing was."""
        if not self._counts or self._last is None:
            return None
        counts, self._counts = self._counts, Counter()
        last, observed = self._last
        return Notification(
            kind=NotificationKind.DROPPED,
            sequence=last.sequence,
            time=self._clock.time(),
            uptime=last.uptime + self._clock.monotonic() - observed,
            condition=NotificationKind.DROPPED.value,
            severity=next(severity for severity in Severity if counts[severity]),
            change=Change.INFO,
            node=last.node,
            cluster=last.cluster,
            text=_text(counts),
        )


def _text(counts: Counter[Severity]) -> str:
    total = sum(counts.values())
    subject = "1 notification was dropped" if total == 1 else f"{total:,} notifications were dropped"
    by_severity = ", ".join(f"{counts[severity]:,} {severity.value}" for severity in Severity if counts[severity])
    return f"{subject}: {by_severity}{READ_TABLE}"
