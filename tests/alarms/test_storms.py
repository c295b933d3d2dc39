"""Storms: what a target receives when there are more notifications than its queue holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms.channel import DeliveryResult, DeliveryStats
from gateway.alarms.delivery import Delivery
from gateway.alarms.delivery_queue import DeliveryQueue, QueuedNotification
from gateway.alarms.drop_summary import DropSummary
from gateway.alarms.notification import Change, Notification, NotificationKind
from gateway.conditions import model
from gateway.conditions.model import Severity
from tests.alarms.notifications import GatedChannel, link_faulty, node_lost, routine_change
from tests.alarms.targets import QUICK
from tests.waiting import until

OTHERS = (
    ("fencing-failed", model.FENCING, Severity.CRITICAL),
    ("resource-failed", model.RESOURCE, Severity.MAJOR),
    ("link-faulty", model.LINK, Severity.MINOR),
    ("resource-unmanaged", model.RESOURCE, Severity.WARNING),
)
PROTECTED = (
    ("quorum-lost", model.QUORUM_LOSS, Severity.CRITICAL),
    ("node-lost", model.NODE, Severity.MAJOR),
    ("node-standby", model.NODE, Severity.WARNING),
)
CONDITIONS = OTHERS + PROTECTED
SIZE = 12

toggles = st.tuples(st.sampled_from(CONDITIONS), st.integers(0, 4))
"""An alarm that is raised, or cleared if it is active."""
steps = st.lists(st.one_of(toggles, st.just("deliver"), st.just("routine change")), min_size=60, max_size=200)


def alarm(
    sequence: int, condition: tuple[str, model.Category, Severity], object_: object, change: Change
) -> Notification:
    name, category, severity = condition
    changes: dict[str, Any] = {"condition": name, "category": category, "severity": severity, "change": change}
    return node_lost(sequence, object=str(object_), **changes)


def is_protected(notification: Notification) -> bool:
    return notification.category in {model.QUORUM_LOSS, model.QUORUM, model.NODE}


def replay(notifications: Sequence[Notification]) -> set[tuple[str, str]]:
    """Asserts that each clear follows its raise, and returns the alarms that are active at the end."""
    active: set[tuple[str, str]] = set()
    for notification in notifications:
        key = notification.condition, notification.object
        if notification.change is Change.RAISED:
            active.add(key)
        elif notification.change is Change.CLEARED:
            assert key in active, f"clear {notification.sequence} without its raise"
            active.remove(key)
    return active


EVENT = OTHERS[0]
"""Is raised again while it is active; every second time it is cleared."""


def queue_storm(storm: Sequence[object]) -> tuple[list[Notification], list[Notification], list[Notification]]:
    """Returns what was enqueued, what was delivered, and what was dropped."""
    queue = DeliveryQueue(SIZE)
    active: set[object] = set()
    enqueued: list[Notification] = []
    delivered: list[Notification] = []
    dropped: list[Notification] = []
    held: set[tuple[str, str]] = set()

    def deliver() -> None:
        first = queue.first
        queue.pin(first)
        queue.remove(first)
        delivered.append(first.notification)
        if first.notification.change is not Change.INFO:
            key = first.notification.condition, first.notification.object
            (held.add if first.notification.change is Change.RAISED else held.discard)(key)

    for sequence, step in enumerate(storm, 1):
        if step == "deliver":
            if queue:
                deliver()
            continue
        if isinstance(step, tuple):
            condition, object_ = step
            change = Change.CLEARED if step in active else Change.RAISED
            if condition is EVENT and change is Change.CLEARED and sequence % 2:
                change = Change.RAISED
            else:
                active ^= {step}
            notification = alarm(sequence, condition, object_, change)
        else:
            notification = routine_change(sequence)
        enqueued.append(notification)
        dropped += [queued.notification for queued in queue.append(QueuedNotification(notification=notification))]
        assert len(queue) - len(held) <= max(SIZE, 2 * len(PROTECTED) * 5), "the queue grows without a limit"
    while queue:
        deliver()
    return enqueued, delivered, dropped


@given(steps)
def test_every_notification_of_a_storm_is_delivered_in_order_or_dropped(storm: Sequence[object]) -> None:
    enqueued, delivered, dropped = queue_storm(storm)
    assert sorted(n.sequence for n in delivered + dropped) == [n.sequence for n in enqueued]
    assert [n.sequence for n in delivered] == sorted(n.sequence for n in delivered)
    assert replay(delivered) <= replay(enqueued), "the receiver keeps an alarm that is over"


@given(steps)
def test_alarms_of_quorum_and_nodes_are_dropped_only_in_pairs_and_if_nothing_else_is_left(
    storm: Sequence[object],
) -> None:
    enqueued, _delivered, dropped = queue_storm(storm)
    if sum(map(is_protected, enqueued)) <= SIZE:
        assert not any(map(is_protected, dropped))
    replay([n for n in dropped if is_protected(n)])
    counts = Counter(n.change for n in dropped if is_protected(n))
    assert counts[Change.RAISED] == counts[Change.CLEARED]


@given(steps)
def test_the_summary_counts_what_was_dropped(storm: Sequence[object]) -> None:
    enqueued, _delivered, dropped = queue_storm(storm)
    summary = DropSummary()
    for notification in enqueued:
        summary.observe(notification)
    for notification in dropped:
        summary.add(notification)
    condensed = summary.take()
    assert (condensed is None) is (not dropped)
    if condensed is not None:
        total, _, by_severity = condensed.text.partition(": ")
        numbers = {part.split()[1]: int(part.split()[0]) for part in by_severity.partition(";")[0].split(", ")}
        assert numbers == dict(Counter(n.severity.value for n in dropped))
        assert total.split()[0] == str(len(dropped))
        assert condensed.severity is next(s for s in Severity if s.value in numbers)
        assert condensed.sequence == enqueued[-1].sequence
    assert summary.take() is None


def append_all(queue: DeliveryQueue, *notifications: Notification) -> list[int]:
    """Returns the sequence numbers of what was dropped."""
    return [q.notification.sequence for n in notifications for q in queue.append(QueuedNotification(notification=n))]


def test_the_least_severe_are_dropped_first() -> None:
    queue = DeliveryQueue(2)
    critical, major, minor, warning = (alarm(index, OTHERS[index], "", Change.RAISED) for index in range(4))
    assert append_all(queue, critical, warning, minor, major) == [3, 2]


def test_an_alarm_that_is_over_is_dropped_before_one_that_is_less_severe() -> None:
    queue = DeliveryQueue(3)
    warning = alarm(1, OTHERS[3], "", Change.RAISED)
    raised, cleared = alarm(2, OTHERS[0], "", Change.RAISED), alarm(3, OTHERS[0], "", Change.CLEARED)
    assert append_all(queue, warning, raised, cleared, link_faulty(4)) == [2, 3]


def test_the_clear_of_a_dropped_raise_is_dropped_and_that_of_a_repeated_one_is_not() -> None:
    queue = DeliveryQueue(1)
    raised = [link_faulty(1, object="a"), link_faulty(2, object="b")]
    cleared = [link_faulty(5, object="a", change=Change.CLEARED), link_faulty(6, object="b", change=Change.CLEARED)]
    repetition = node_lost(4, kind=NotificationKind.REPETITION, change=Change.INFO, active=(raised[1],))
    assert append_all(queue, node_lost(3), *raised, repetition) == [1, 2]
    queue.size = 9
    assert append_all(queue, *cleared) == [5]


def again(queue: DeliveryQueue) -> tuple[Notification, Notification]:
    """Returns a second raise of an event and its clear, after the first raise was delivered."""
    append_all(queue, alarm(1, OTHERS[0], "", Change.RAISED))
    queue.remove(queue.first)
    return alarm(2, OTHERS[0], "", Change.RAISED), alarm(9, OTHERS[0], "", Change.CLEARED)


def sequences(queue: DeliveryQueue) -> list[int]:
    return [queued.notification.sequence for queued in queue]


def test_an_event_that_was_raised_again_is_cleared_though_both_would_make_room() -> None:
    queue = DeliveryQueue(1)
    raised, cleared = again(queue)
    assert append_all(queue, raised, cleared, link_faulty(10)) == [10]
    assert sequences(queue) == [2, 9]


def test_an_event_is_cleared_though_its_second_raise_was_dropped() -> None:
    queue = DeliveryQueue(1)
    raised, cleared = again(queue)
    assert append_all(queue, raised, node_lost(3)) == [2]
    queue.size = 2
    assert append_all(queue, cleared) == []
    assert sequences(queue) == [3, 9]


def test_an_event_is_cleared_though_its_second_raise_was_refused() -> None:
    queue = DeliveryQueue(9)
    raised, cleared = again(queue)
    append_all(queue, raised, cleared)
    assert not queue.drop_refused(queue.first)
    assert sequences(queue) == [9]


def test_an_event_of_which_all_raises_were_dropped_is_not_cleared() -> None:
    queue = DeliveryQueue(9)
    raises = [alarm(sequence, OTHERS[0], "", Change.RAISED) for sequence in (1, 2, 3)]
    append_all(queue, *raises, alarm(4, OTHERS[0], "", Change.CLEARED))
    queue.size = 1
    for sequence in range(5, 9):
        append_all(queue, node_lost(sequence, object=str(sequence)))
    assert sequences(queue) == [5, 6, 7, 8]


def test_an_event_of_which_all_raises_were_refused_is_not_cleared() -> None:
    queue = DeliveryQueue(9)
    append_all(queue, *(alarm(sequence, OTHERS[0], "", Change.RAISED) for sequence in (1, 2)))
    append_all(queue, alarm(3, OTHERS[0], "", Change.CLEARED))
    assert not queue.drop_refused(queue.first)
    assert [queued.notification.sequence for queued in queue.drop_refused(queue.first)] == [3]
    assert not queue


def test_no_clear_is_dropped_of_an_alarm_that_the_receiver_has() -> None:
    """Many alarms that were raised in the course of time may be over at one moment."""
    queue = DeliveryQueue(5)
    for sequence in range(1, 101):
        append_all(queue, link_faulty(sequence))
        queue.remove(queue.first)
    clears = [link_faulty(100 + number, object=str(number), change=Change.CLEARED) for number in range(1, 101)]
    assert append_all(queue, *clears, alarm(201, OTHERS[3], "", Change.RAISED)) == []
    assert sequences(queue) == list(range(101, 202))


def test_a_flapping_node_does_not_grow_the_queue() -> None:
    queue = DeliveryQueue(10)
    for sequence in range(1, 1001):
        change = Change.RAISED if sequence % 2 else Change.CLEARED
        queue.append(QueuedNotification(notification=node_lost(sequence, change=change)))
    assert len(queue) <= 10
    replay([queued.notification for queued in queue])


# --- the delivery ----------------------------------------------------------------------------------------------------


class RecordingChannel(GatedChannel):
    """A channel that keeps what it delivers."""

    def __init__(self, *, accepts_summary: bool = True) -> None:
        super().__init__()
        self.notifications: list[Notification] = []
        self._accepts_summary = accepts_summary

    def accepts(self, notification: Notification) -> bool:
        return self._accepts_summary or notification.kind is not NotificationKind.DROPPED

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        result = await super().deliver(notification, stats)
        self.notifications.append(notification)
        return result


def enqueue_storm(delivery: Delivery) -> None:
    """Enqueues 2,384 alarms, with two that matter in the middle."""
    for sequence in range(1, 2385):
        if sequence in {900, 901}:
            delivery.enqueue(alarm(sequence, PROTECTED[sequence - 900], "", Change.RAISED))
        else:
            delivery.enqueue(alarm(sequence, OTHERS[2 + sequence % 2], sequence, Change.RAISED))


@pytest.mark.parametrize("accepts_summary", [True, False])
async def test_the_summary_follows_what_was_not_dropped(*, accepts_summary: bool) -> None:
    channel = RecordingChannel(accepts_summary=accepts_summary)
    delivery = Delivery("target", "inform", channel, backoff=QUICK)
    enqueue_storm(delivery)
    channel.gate.set()
    await delivery.start()
    await until(lambda: delivery.queued == 0)
    arrived, summaries = channel.notifications[:1000], channel.notifications[1000:]
    assert len(arrived) == 1000
    assert {"quorum-lost", "node-lost"} <= {n.condition for n in arrived}
    assert Counter(n.severity for n in arrived)[Severity.MINOR] == 998
    assert len(summaries) == accepts_summary
    for summary in summaries:
        assert (summary.kind, summary.severity) == (NotificationKind.DROPPED, Severity.MINOR)
        assert summary.sequence == 2384
        text = "1,384 notifications were dropped: 193 minor, 1,191 warning (read haClusterAlarmTable)"
        assert summary.text == text
    assert delivery.stats.dropped == 1384
    await delivery.close(0)
