"""Bursts: one summary stands for many alarms of one condition, and no receiver keeps an alarm that is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.alarms.channel import Channel, DeliveryResult, DeliveryStats
from gateway.alarms.delivery import QUEUE_SIZE, Delivery
from gateway.alarms.notification import Change, Notification
from gateway.alarms.service import AlarmService
from gateway.catalog import CONDITION_BY_NAME
from gateway.conditions.model import Reason, Severity
from gateway.frontends.prometheus.alertmanager.channel import AlertmanagerChannel
from gateway.frontends.snmp.notifications.rendering import Renderer, mib_notification
from gateway.snmp.mib.module import mib
from gateway.subsystems.pacemaker import metrics
from tests.alarms.snapshots import DC, Sample, make_snapshot, node
from tests.alarms.walks import LISTED, N1, N2, NORMAL, UP, resource
from tests.config_values import alarm_settings
from tests.fakes import FakeClock

EXAMPLES = 12
"""Some thousand take minutes, and have found no more than these."""

LIMIT = 2
RESOURCES, NODES = 6, 4
CONDITIONS = frozenset({"resource-failed", "resource-moved", "node-standby"})
NATIVE, BOTH = Renderer(mib()), Renderer(mib(), compat=("corosync", "pacemaker"))


@dataclass
class Cluster:
    """A cluster whose resources fail and move, and whose nodes are in standby.

    Attributes:
        failed: whether each resource has failed.
        places: the node on which each resource runs.
        standby: whether each of some nodes is in standby.
        others: further samples.
    """

    failed: Sequence[bool] = (False,) * RESOURCES
    places: Sequence[str] = ("n1",) * RESOURCES
    standby: Sequence[bool] = (False,) * NODES
    others: Sequence[Sample] = ()

    def samples(self) -> list[Sample]:
        instances = [
            resource(f"r{number}", "started", place, *(("failed",) if failed else ()))
            for number, (place, failed) in enumerate(zip(self.places, self.failed, strict=True))
        ]
        nodes = [
            node(f"s{number}", "online", *(("standby",) if standby else ()))
            for number, standby in enumerate(self.standby)
        ]
        return [DC, UP, NORMAL, LISTED, N1, N2, *nodes, *instances, *self.others]


clusters = st.builds(
    Cluster,
    failed=st.lists(st.booleans(), min_size=RESOURCES, max_size=RESOURCES),
    places=st.lists(st.sampled_from(("n1", "n2")), min_size=RESOURCES, max_size=RESOURCES),
    standby=st.lists(st.booleans(), min_size=NODES, max_size=NODES),
)


class PassiveChannel(Channel):
    """A channel that accepts what a channel of the program accepts, and delivers nothing itself."""

    def __init__(self, accepts: Callable[[Notification], bool]) -> None:
        self._accepts = accepts

    def accepts(self, notification: Notification) -> bool:
        return self._accepts(notification)

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        raise NotImplementedError


class Receiver:
    """A target, and the alarms that its manager has.

    Attributes:
        received: all that it got.
        alarms: the conditions and the objects of the alarms that it has.
    """

    def __init__(self, accepts: Callable[[Notification], bool], *, size: int = QUEUE_SIZE) -> None:
        self.received: list[Notification] = []
        self.alarms: set[tuple[str, str]] = set()
        self._channel = PassiveChannel(accepts)
        self._size = size
        self.connect()

    def connect(self) -> None:
        """Begins anew, as with a gateway that starts."""
        self.delivery = Delivery("target", "trap", self._channel, queue_size=self._size)

    def receive(self) -> None:
        """Delivers all that is queued."""
        queue = self.delivery._queue
        while queue:
            first = queue.first
            queue.pin(first)
            queue.remove(first)
            self._on_notification(first.notification)

    def _on_notification(self, notification: Notification) -> None:
        self.received.append(notification)
        key = notification.condition, notification.object
        if notification.change is Change.RAISED:
            self.alarms.add(key)
        elif notification.change is Change.CLEARED:
            assert key in self.alarms, f"clear of {key} without its raise"
            self.alarms.remove(key)


class Gateway:
    """The alarm service of one gateway, which evaluates clusters."""

    def __init__(self, clock: FakeClock, receivers: Sequence[Receiver], **settings: Any) -> None:
        self.clock = clock
        self.receivers = list(receivers)
        self.added: list[Receiver] = []
        defaults = {"burst": LIMIT, "raise_at_start": Severity.INFO, "disabled": CONDITION_BY_NAME.keys() - CONDITIONS}
        self.settings = alarm_settings(**{**defaults, **settings})
        self.is_publisher = True
        self.published: list[Notification] = []
        self.service = AlarmService(
            None,  # type: ignore[arg-type]
            self._publish,
            self.settings,
            introduce=self._introduce,
            clock=clock,
        )
        self.service._publishes_for_cluster = lambda: self.is_publisher  # type: ignore[method-assign]

    def _publish(self, notification: Notification) -> None:
        self.published.append(notification)
        for receiver in self.receivers:
            receiver.delivery.enqueue(notification)

    def _introduce(self, notifications: Sequence[Notification]) -> None:
        for receiver in self.added:
            for notification in notifications:
                receiver.delivery.enqueue(notification)
        self.added = []

    def add(self, receiver: Receiver) -> None:
        """Adds a target, as a reload does."""
        self.receivers.append(receiver)
        self.added.append(receiver)
        self.service.configure(self.settings)

    def evaluate(self, cluster: Cluster, seconds: float = 15.0) -> None:
        self.clock.advance(seconds)
        self.service._on_timer(self.clock.monotonic())
        self.service.on_snapshot(make_snapshot(*cluster.samples(), started=self.clock.monotonic()))

    @property
    def active(self) -> set[tuple[str, str]]:
        return {(alarm.condition.name, alarm.object) for alarm in self.service.active_alarms}


def assert_has_what_is_active(receiver: Receiver, active: set[tuple[str, str]]) -> None:
    """Asserts that a manager has each active alarm, by itself or in a summary, and nothing else."""
    summaries = {condition for condition, object_ in receiver.alarms if not object_}
    by_themselves = {key for key in receiver.alarms if key[1]}
    assert by_themselves <= active, "an alarm that is over"
    assert summaries <= {condition for condition, _ in active}, "a summary that is over"
    assert {key for key in active if key[0] not in summaries} <= by_themselves, "an alarm is missing"
    assert "node-standby" not in summaries


# --- histories -------------------------------------------------------------------------------------------------------

seconds = st.sampled_from((15.0, 15.0, 400.0))
"""Between two evaluations; the longer time lets events expire."""


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(clusters, seconds, st.sampled_from(("", "", "add", "restart"))), min_size=4, max_size=14))
def test_every_receiver_has_the_active_alarms_by_themselves_or_in_a_summary(
    history: Sequence[tuple[Cluster, float, str]],
) -> None:
    async def run() -> None:
        clock = FakeClock()
        receivers = [Receiver(NATIVE.accepts), Receiver(BOTH.accepts)]
        alertmanager = Receiver(accepted_by_alertmanager)
        gateway = Gateway(clock, [*receivers, alertmanager])
        for cluster, pause, action in history:
            if action == "add":
                receivers.append(Receiver(NATIVE.accepts))
                gateway.add(receivers[-1])
            elif action == "restart":
                for receiver in (*receivers, alertmanager):
                    receiver.connect()
                gateway = Gateway(clock, [*receivers, alertmanager])
            gateway.evaluate(cluster, pause)
            for receiver in (*receivers, alertmanager):
                if action == "restart":
                    receiver.alarms &= gateway.active  # the manager compares its alarms with the table
                receiver.receive()
            for receiver in receivers:
                assert_has_what_is_active(receiver, gateway.active)
            assert alertmanager.alarms == gateway.active

    with capture_logs():
        asyncio.run(run())


@settings(max_examples=EXAMPLES)
@given(st.lists(clusters, min_size=4, max_size=14))
def test_sequence_numbers_have_no_gap(history: Sequence[Cluster]) -> None:
    async def run() -> None:
        receiver = Receiver(NATIVE.accepts)
        gateway = Gateway(FakeClock(), [receiver], raise_at_start=None)
        for cluster in history:
            gateway.evaluate(cluster)
        receiver.receive()
        numbers = [notification.sequence for notification in receiver.received]
        assert numbers == list(range(1, len(numbers) + 1))

    with capture_logs():
        asyncio.run(run())


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(clusters, seconds, st.booleans(), st.booleans()), min_size=4, max_size=20))
def test_no_clear_without_a_raise_if_notifications_are_dropped(
    history: Sequence[tuple[Cluster, float, bool, bool]],
) -> None:
    async def run() -> None:
        receivers = [Receiver(accepts, size=5) for accepts in (NATIVE.accepts, BOTH.accepts)]

        def receive_all() -> None:
            for receiver in receivers:
                receiver.receive()

        gateway = Gateway(FakeClock(), receivers)
        for cluster, pause, is_reachable, is_added in history:
            if is_added:
                receivers.append(Receiver(NATIVE.accepts, size=5))
                gateway.add(receivers[-1])
            gateway.evaluate(cluster, pause)
            if is_reachable:
                receive_all()
        receive_all()
        for receiver in receivers:
            assert {key for key in receiver.alarms if key[1]} <= gateway.active, "an alarm that is over"
            assert {key[0] for key in receiver.alarms} <= {key[0] for key in gateway.active}, "a summary that is over"

    with capture_logs():
        asyncio.run(run())


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(clusters, seconds, st.booleans()), min_size=4, max_size=14))
def test_nothing_stays_if_another_node_takes_over(history: Sequence[tuple[Cluster, float, bool]]) -> None:
    """Two gateways with ``alarms.send_from = "dc"``, of which one publishes."""

    async def run() -> None:
        clock = FakeClock()
        receiver = Receiver(NATIVE.accepts)
        gateways = [Gateway(clock, [receiver]) for _ in range(2)]
        for cluster, pause, is_first in history:
            for number, gateway in enumerate(gateways):
                gateway.is_publisher = is_first is (number == 0)
                gateway.evaluate(cluster, 0.0 if number else pause)
            receiver.receive()
            assert {key for key in receiver.alarms if key[1]} <= gateways[0].active
            assert {key[0] for key in receiver.alarms} <= {key[0] for key in gateways[0].active}

    with capture_logs():
        asyncio.run(run())


def accepted_by_alertmanager(notification: Notification) -> bool:
    return AlertmanagerChannel.accepts(None, notification)  # type: ignore[arg-type]


# --- single cases ----------------------------------------------------------------------------------------------------


def failing(*numbers: int) -> Cluster:
    return Cluster(failed=[number in numbers for number in range(RESOURCES)])


def summarize(notification: Notification) -> str:
    """Returns what a notification is about, as SNMP shows it."""
    return f"{notification.sequence} {notification.change} {notification.condition} {notification.object}".strip()


async def received(*history: Cluster, **changes: Any) -> list[Notification]:
    """Returns what a receiver of SNMP notifications gets."""
    receiver = Receiver(NATIVE.accepts)
    gateway = Gateway(FakeClock(), [receiver], **changes)
    for cluster in history:
        gateway.evaluate(cluster)
    receiver.receive()
    return receiver.received


async def test_a_summary_names_the_condition_the_number_the_first_objects_and_where_to_read_the_rest() -> None:
    _, raised, cleared = await received(failing(), failing(0, 1, 2, 3, 4), failing())
    assert mib_notification(raised) == "haClusterResourceAlarm"
    assert (raised.condition, raised.object, raised.severity) == ("resource-failed", "", Severity.MAJOR)
    assert raised.text == (
        "5 alarms of resource-failed: r0 on n1, r1 on n1, r2 on n1 and 2 more (read haClusterAlarmTable)"
    )
    assert mib_notification(cleared) == "haClusterResourceClear"
    assert (cleared.condition, cleared.object, cleared.reason) == ("resource-failed", "", Reason.RECOVERED)
    assert cleared.text == "The 5 alarms of resource-failed are over"
    assert cleared.raised is not None
    assert (raised.sequence, cleared.raised.sequence, cleared.sequence) == (2, 2, 3)


async def test_alarms_up_to_the_limit_are_raised_by_themselves() -> None:
    assert list(map(summarize, await received(failing(), failing(0, 1), failing(0, 1, 2)))) == [
        "1 info started",
        "2 raised resource-failed r0 on n1",
        "3 raised resource-failed r1 on n1",
        "4 raised resource-failed r2 on n1",
    ]


async def test_there_is_no_burst_by_default() -> None:
    notifications = await received(failing(), failing(0, 1, 2, 3, 4, 5), burst=alarm_settings().burst)
    assert [notification.object for notification in notifications[1:]] == [f"r{number} on n1" for number in range(6)]


async def test_an_alarm_that_comes_back_is_raised_and_cleared_by_itself() -> None:
    history = [failing(), failing(0, 1, 2), failing(1, 2), failing(0, 1, 2), failing(2), failing()]
    assert list(map(summarize, await received(*history))) == [
        "1 info started",
        "2 raised resource-failed",
        "3 raised resource-failed r0 on n1",
        "4 cleared resource-failed r0 on n1",
        "5 cleared resource-failed",
    ]


async def test_another_burst_raises_the_summary_again_for_the_members_of_both() -> None:
    notifications = await received(failing(), failing(0, 1, 2), failing(2, 3, 4, 5), failing(5), failing())
    assert list(map(summarize, notifications)) == [
        "1 info started",
        "2 raised resource-failed",
        "3 raised resource-failed",
        "4 cleared resource-failed",
    ]
    assert notifications[2].text.startswith("4 alarms of resource-failed: r3 on n1, r4 on n1, r5 on n1 and 1 more")


async def test_alarms_of_nodes_are_always_raised_by_themselves() -> None:
    notifications = await received(Cluster(), Cluster(standby=(True,) * NODES))
    assert [notification.object for notification in notifications[1:]] == ["s0", "s1", "s2", "s3"]


async def test_at_the_start_a_summary_is_raised_but_each_clear_is_sent_with_its_raise() -> None:
    """The receiver may have the alarms by themselves, from before the start."""
    assert list(map(summarize, await received(failing(0, 1, 2), failing(1, 2)))) == [
        "1 info started",
        "2 raised resource-failed",
        "3 raised resource-failed r0 on n1",
        "4 cleared resource-failed r0 on n1",
    ]


async def test_alertmanager_and_the_forms_of_other_programs_have_every_alarm() -> None:
    receivers = [Receiver(accepts) for accepts in (NATIVE.accepts, BOTH.accepts, accepted_by_alertmanager)]
    gateway = Gateway(FakeClock(), receivers, disabled=CONDITION_BY_NAME.keys() - {"failed-action"})
    actions = [(metrics.FAILED_ACTIONS, 1, ("n1", f"r{number}", "monitor", "0", "error")) for number in range(3)]
    for cluster in (Cluster(), Cluster(others=actions), Cluster()):
        gateway.evaluate(cluster)
    for receiver in receivers:
        receiver.receive()
    native, both, alertmanager = (receiver.received for receiver in receivers)
    names = [f"monitor of r{number} on n1" for number in range(3)]
    summary = ["2 raised failed-action", "3 cleared failed-action"]
    assert list(map(summarize, native)) == ["1 info started", *summary]
    assert list(map(summarize, both)) == [
        "1 info started",
        summary[0],
        *(f"2 raised failed-action {name}" for name in names),
        summary[1],
    ]
    assert [len(BOTH.render(notification)) for notification in both] == [1, 1, 1, 1, 1, 1]
    assert [(each.change, each.object) for each in alertmanager] == [
        *((Change.RAISED, name) for name in names),
        *((Change.CLEARED, name) for name in names),
    ]


# --- targets that a reload adds --------------------------------------------------------------------------------------


async def test_a_target_that_a_reload_adds_gets_the_summary_and_what_is_raised_at_the_start() -> None:
    first, second = Receiver(NATIVE.accepts), Receiver(NATIVE.accepts)
    gateway = Gateway(FakeClock(), [first], raise_at_start=Severity.MAJOR)
    for cluster in (failing(), failing(0), replace(failing(0, 1, 2, 3), standby=(True, False, False, False))):
        gateway.evaluate(cluster)
    gateway.add(second)
    for receiver in (first, second):
        receiver.receive()
    assert list(map(summarize, first.received)) == [
        "1 info started",
        "2 raised resource-failed r0 on n1",
        "3 raised node-standby s0",
        "4 raised resource-failed",
    ]
    assert list(map(summarize, second.received)) == [
        "4 info started",
        "4 raised resource-failed",
        "2 raised resource-failed r0 on n1",
    ]
    assert second.received[0].severity is Severity.MAJOR
    assert second.received[0].text == (
        "This receiver was added, and 5 alarms are active: resource-failed r0 on n1, resource-failed r1 on n1, "
        "resource-failed r2 on n1, resource-failed r3 on n1, node-standby s0"
    )
    gateway.evaluate(failing())
    for receiver in (first, second):
        receiver.receive()
        assert not receiver.alarms


async def test_a_target_that_is_added_before_the_first_evaluation_gets_the_start() -> None:
    receiver = Receiver(NATIVE.accepts)
    gateway = Gateway(FakeClock(), [])
    gateway.add(receiver)
    gateway.evaluate(failing(0))
    receiver.receive()
    assert list(map(summarize, receiver.received)) == ["1 info started", "2 raised resource-failed r0 on n1"]
