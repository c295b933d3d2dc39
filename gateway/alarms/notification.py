"""A notification as a plain value, which knows no protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from gateway.conditions.model import Category, Reason, Severity

Details = Mapping[str, str]
"""Facts about the object of a notification, for channels that need more than its text; ``details`` lists them."""


class NotificationKind(StrEnum):
    """What a notification announces."""

    CONDITION = "condition"
    """An alarm that was raised or cleared."""
    STARTED = "started"
    """The start of the gateway."""
    HEARTBEAT = "heartbeat"
    TEST = "test"
    """A test, sent by hand. It may have the form of a condition."""
    DROPPED = "dropped"
    """Notifications to one target were dropped because its queue was full. It has no sequence number of its own."""
    REPETITION = "repetition"
    """All active alarms, for receivers that forget an alarm unless it is repeated. It has no sequence number."""
    ROUTINE_CHANGE = "routine change"
    """An ordinary change of the cluster: no alarm, without a sequence number, and of interest to some channels only."""


class Change(StrEnum):
    """What happened to a condition."""

    RAISED = "raised"
    CLEARED = "cleared"
    INFO = "info"
    """Neither: a start, a heartbeat, a test or a routine change."""


class BurstRole(StrEnum):
    """What a notification is in a burst: many alarms of one condition that are raised at once (``bursts``)."""

    NONE = "none"
    """It is in no burst."""
    SUMMARY = "summary"
    """It stands for all alarms of the burst."""
    MEMBER = "member"
    """It is about one of them, for channels that do not send the summary. It has no sequence number of its own."""


_UNCOUNTED = frozenset({NotificationKind.DROPPED, NotificationKind.REPETITION, NotificationKind.ROUTINE_CHANGE})


class Sender(NamedTuple):
    """The names under which a gateway sends a notification.

    Attributes:
        node: the name of its node.
        cluster: the name of the cluster; empty if it has none or it is unknown.
    """

    node: str
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One event that the gateway reports.

    Attributes:
        kind: what it announces.
        sequence: counts the notifications since the start of the gateway, from 1; routine changes, repetitions,
            notifications about dropped ones and the first one to a new target repeat the last number, a member of a
            burst has that of the summary, and a test has 0.
        time: when it happened, in Unix seconds.
        uptime: seconds from the start of the gateway until the notification was built.
        condition: the name of the condition, such as ``quorum-lost``.
        category: the category of the condition; None if no condition is behind it.
        severity: how serious the condition is.
        change: whether the condition was raised or cleared.
        reason: why it was cleared.
        object: what it is about, such as a node; empty for the cluster or this node.
        node: the node whose gateway sends it.
        cluster: the cluster's name; empty if it has none.
        text: what happened, in one sentence.
        details: facts about the object, once for each notification that it is in the forms of other programs.
        fields: what the condition has found out about the object; the keys depend on the condition.
        active: the notifications of the alarms that a repetition repeats.
        burst: what it is in a burst.
        raised: of a clear, the notification that raised the alarm. A target that never got it gets it first.
    """

    kind: NotificationKind
    sequence: int
    time: float
    uptime: float
    condition: str
    category: Category | None = None
    severity: Severity
    change: Change
    reason: Reason = Reason.NONE
    object: str = ""
    node: str
    cluster: str
    text: str
    details: tuple[Details, ...] = ()
    fields: Details = field(default_factory=dict)
    active: tuple[Notification, ...] = ()
    burst: BurstRole = BurstRole.NONE
    raised: Notification | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it has a sequence number of its own, and is part of the history that every target receives."""
        return self.kind not in _UNCOUNTED and self.burst is not BurstRole.MEMBER
