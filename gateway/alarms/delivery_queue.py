"""The queue of one target: notifications in their order, and which of them are dropped if there are too many.

When the queue is full, the first of these is dropped, and of several the oldest:

1. a routine change;
2. a raise whose clear is queued behind it, with that clear: nothing of it is left to report; the least severe first;
3. any other raise or notification, the least severe first;
4. as 2, of quorum and nodes.

A clear whose raise the receiver has is never dropped, because the receiver would keep an alarm that is over. The queue
can exceed its size by these clears: by no more than the alarms that the receiver has. Other alarms of quorum and nodes,
repetitions and the summary of what was dropped are never dropped for want of room, either. They add the alarms that
quorum and nodes can have at one time. What the channel has attempted may have arrived, so it stays as well.

An event such as a failed fencing is raised again while its alarm is active. Whether or not such a raise is dropped, the
receiver has the alarm already, so its clear is kept: only together with all raises, nothing of it is left to report.

A clear is never delivered without its raise. If the raise was dropped or refused, the clear is dropped. If the target
was never to get the raise, because the alarm was not published at the start of the gateway or is older than the target,
``missing_raise`` returns it, to be enqueued before the clear.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.alarms.channel import DeliveryError, DeliveryResult
from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.conditions.model import PROTECTED_CATEGORIES

_PROTECTED_KINDS = frozenset({NotificationKind.REPETITION, NotificationKind.DROPPED})

_MAX_RAISED = 10_000
"""Alarms whose raise is remembered; of more, the oldest are forgotten, and are raised again before their clear."""

_Rank = tuple[int, int]
"""What is dropped earlier has a lower rank."""
_Key = tuple[str, str]
"""The condition and the object of an alarm."""


class _Raise(NamedTuple):
    """The last raise of an alarm.

    Attributes:
        sequence: its sequence number.
        is_dropped: whether it was dropped for want of room.
        is_refused: whether the target has refused it.
    """

    sequence: int
    is_dropped: bool = False
    is_refused: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class QueuedNotification:
    """A notification in the queue of one target.

    Attributes:
        notification: the notification to deliver.
        outcome: the future of the caller that waits for the outcome of a test, or None.
        clear: the clear that is queued behind a raise, if any.
        rank: when it may be dropped; None if it may not.
        is_again: whether a raise follows another one of the same alarm that the receiver may have got.
        successor: the next raise of the same alarm, if it was enqueued before this one was attempted.
    """

    notification: Notification
    outcome: asyncio.Future[DeliveryResult] | None = None
    clear: QueuedNotification | None = None
    rank: _Rank | None = None
    is_again: bool = False
    successor: QueuedNotification | None = None

    def complete(self, result: DeliveryResult) -> None:
        """Reports the result to the caller that waits for it, if any."""
        if self.outcome is not None and not self.outcome.done():
            self.outcome.set_result(result)

    def fail(self, error: DeliveryError) -> None:
        """Reports an error to the caller that waits for the outcome, if any."""
        if self.outcome is not None and not self.outcome.done():
            self.outcome.set_exception(error)


class DeliveryQueue:
    """The notifications that wait for one target.

    Args:
        size: how many notifications may wait, apart from those that are never dropped and from clears.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._queue: OrderedDict[QueuedNotification, None] = OrderedDict()
        self._by_rank: defaultdict[_Rank, OrderedDict[QueuedNotification, None]] = defaultdict(OrderedDict)
        self._by_alarm: defaultdict[_Key, OrderedDict[QueuedNotification, None]] = defaultdict(OrderedDict)
        self._raises: dict[_Key, QueuedNotification] = {}
        self._clears: dict[QueuedNotification, QueuedNotification] = {}
        self._single_clears: set[QueuedNotification] = set()  # their raises are not queued with them
        self._last_raises: dict[_Key, _Raise] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[QueuedNotification]:
        return iter(self._queue)

    def __contains__(self, queued: QueuedNotification) -> bool:
        return queued in self._queue

    @property
    def first(self) -> QueuedNotification:
        """The notification to deliver next."""
        return next(iter(self._queue))

    def missing_raise(self, notification: Notification) -> Notification | None:
        """Returns the raise that has to be enqueued before a clear; None if there is nothing missing."""
        last = self._last_raises.get(_key(notification))
        raised = notification.raised
        return None if raised is None or (last is not None and last.sequence == raised.sequence) else raised

    def has_refused_raise(self, notification: Notification) -> bool:
        """Returns whether a notification is the clear of a raise that the target has refused."""
        last = self._last_raises.get(_key(notification))
        return _is(notification, Change.CLEARED) and last is not None and last.is_refused

    def append(self, queued: QueuedNotification) -> Sequence[QueuedNotification]:
        """Appends a notification, and returns what was dropped for it; that may be the notification itself."""
        notification = queued.notification
        if _is(notification, Change.CLEARED):
            last = self._last_raises.pop(_key(notification), None)
            if last is not None and last.is_dropped:
                return [queued]
        elif _is(notification, Change.RAISED):
            last = self._last_raises.get(_key(notification))
            queued.is_again = last is not None and not last.is_dropped and not last.is_refused
        for raised in (notification, *notification.active):
            if _is(raised, Change.RAISED):
                self._remember(raised, _Raise(raised.sequence))
        self._queue[queued] = None
        if notification.kind is NotificationKind.CONDITION:
            self._by_alarm[_key(notification)][queued] = None
        self._set_rank(queued, _single_rank(notification))
        self._pair(queued)
        dropped: list[QueuedNotification] = []
        while len(self._queue) - len(self._single_clears) > self.size and (least := self._drop_least_important()):
            dropped += least
        return dropped

    def pin(self, queued: QueuedNotification) -> None:
        """Keeps a notification until it is removed, because the channel attempts it."""
        self._unpair(queued)
        self._set_rank(queued, None)

    def remove(self, queued: QueuedNotification) -> None:
        """Removes a notification that was delivered, or that need not be delivered."""
        self.pin(queued)
        del self._queue[queued]
        self._single_clears.discard(queued)
        if queued.notification.kind is NotificationKind.CONDITION:
            same_alarm = self._by_alarm[_key(queued.notification)]
            del same_alarm[queued]
            if not same_alarm:
                del self._by_alarm[_key(queued.notification)]

    def remove_if(self, predicate: Callable[[QueuedNotification], bool]) -> None:
        """Removes the notifications for which a predicate holds."""
        for queued in [queued for queued in self._queue if predicate(queued)]:
            self.remove(queued)

    def clear(self) -> None:
        """Removes all notifications."""
        self.remove_if(lambda _queued: True)

    def drop_refused(self, queued: QueuedNotification) -> Sequence[QueuedNotification]:
        """Removes a notification that the target has refused; returns what is dropped with it: the clear of a raise."""
        self.remove(queued)
        if not _is(queued.notification, Change.RAISED):
            return []
        if queued.is_again:
            return []
        following = next(iter(self._by_alarm.get(_key(queued.notification), ())), None)
        if following is None:
            self._remember(queued.notification, _Raise(queued.notification.sequence, is_refused=True))
        elif _is(following.notification, Change.CLEARED):
            self.remove(following)
            return [following]
        else:
            self._make_first(following)
        return []

    def _remember(self, raised: Notification, last: _Raise) -> None:
        key = _key(raised)
        self._last_raises.pop(key, None)
        self._last_raises[key] = last
        if len(self._last_raises) > _MAX_RAISED:
            del self._last_raises[next(iter(self._last_raises))]

    def _drop_least_important(self) -> Sequence[QueuedNotification]:
        """Drops a notification, or a raise and its clear, or nothing if nothing may be dropped."""
        rank = min((rank for rank, candidates in self._by_rank.items() if candidates), default=None)
        if rank is None:
            return []
        oldest = next(iter(self._by_rank[rank]))
        dropped = [oldest] if oldest.clear is None else [oldest, oldest.clear]
        for queued in dropped:
            self.remove(queued)
        if len(dropped) == 1 and _is(oldest.notification, Change.RAISED) and not oldest.is_again:
            if oldest.successor is not None:
                self._make_first(oldest.successor)
            else:
                self._remember(oldest.notification, _Raise(oldest.notification.sequence, is_dropped=True))
        return dropped

    def _make_first(self, raised: QueuedNotification) -> None:
        """Handles that the raise before another one of the same alarm will not be delivered."""
        raised.is_again = False
        following = iter(self._by_alarm[_key(raised.notification)])
        if raised in following and (clear := next(following, None)) and _is(clear.notification, Change.CLEARED):
            self._join(raised, clear)

    def _pair(self, queued: QueuedNotification) -> None:
        """Remembers a raise, or joins a clear with the raise before it."""
        key = _key(queued.notification)
        if _is(queued.notification, Change.RAISED):
            if (before := self._raises.get(key)) is not None:
                before.successor = queued
            self._raises[key] = queued
        elif _is(queued.notification, Change.CLEARED):
            raised = self._raises.pop(key, None)
            if raised is not None and not raised.is_again:
                self._join(raised, queued)
            else:
                self._single_clears.add(queued)

    def _join(self, raised: QueuedNotification, clear: QueuedNotification) -> None:
        raised.clear = clear
        self._clears[clear] = raised
        self._single_clears.discard(clear)
        self._set_rank(raised, _pair_rank(raised.notification))
        self._set_rank(clear, None)

    def _unpair(self, queued: QueuedNotification) -> None:
        """Forgets a raise, or separates a raise and its clear."""
        key = _key(queued.notification)
        if self._raises.get(key) is queued:
            del self._raises[key]
        raised = self._clears.get(queued, queued)
        if raised.clear is not None:
            del self._clears[raised.clear]
            self._single_clears.add(raised.clear)
            self._set_rank(raised, _single_rank(raised.notification))
            raised.clear = None

    def _set_rank(self, queued: QueuedNotification, rank: _Rank | None) -> None:
        if queued.rank is not None:
            del self._by_rank[queued.rank][queued]
        queued.rank = rank
        if rank is not None:
            self._by_rank[rank][queued] = None


def _key(notification: Notification) -> _Key:
    return notification.condition, notification.object


def _is(notification: Notification, change: Change) -> bool:
    """Returns whether a notification is the raise or the clear of an alarm. A test of the same form is neither."""
    return notification.kind is NotificationKind.CONDITION and notification.change is change


def _single_rank(notification: Notification) -> _Rank | None:
    if notification.kind is NotificationKind.ROUTINE_CHANGE:
        return 1, 0
    is_kept = notification.kind in _PROTECTED_KINDS or _is(notification, Change.CLEARED)
    if is_kept or _is_protected_alarm(notification):
        return None
    return 3, -notification.severity.rank


def _pair_rank(notification: Notification) -> _Rank:
    return 4 if _is_protected_alarm(notification) else 2, -notification.severity.rank


def _is_protected_alarm(notification: Notification) -> bool:
    return notification.kind is NotificationKind.CONDITION and notification.category in PROTECTED_CATEGORIES
