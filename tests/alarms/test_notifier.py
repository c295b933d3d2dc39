"""The notifier: all targets get every notification, and none delays another."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from gateway.alarms.channel import DeliveryError, DeliveryResult, DeliveryStats
from gateway.alarms.delivery import Delivery
from gateway.alarms.notification import Notification
from gateway.alarms.notifier import Notifier, TargetOutcome
from gateway.frontends.snmp.notifications.deliveries import AGENTX
from gateway.frontends.snmp.notifications.target import TargetKind
from gateway.samples import SampleSet
from gateway.self_monitoring import self_metrics
from tests.alarms.notifications import GatedChannel, node_lost
from tests.alarms.receivers import Receiver, acknowledge
from tests.alarms.targets import QUICK, FakeMasterAgent, delivery_of, make_notifier, running_notifier, target
from tests.conftest import open_descriptors
from tests.programs import ROOT, environment
from tests.snmptrapd import HOST
from tests.waiting import until


async def test_every_target_gets_every_notification() -> None:
    channels = {"a": GatedChannel(), "b": GatedChannel()}
    notifier = Notifier([Delivery(name, "inform", channel) for name, channel in channels.items()])
    channels["a"].gate.set()
    await notifier.start()
    notifier.publish(node_lost(1))
    notifier.publish(node_lost(2))
    await until(lambda: channels["a"].delivered == [1, 2])
    assert channels["b"].attempts == [1]
    channels["b"].gate.set()
    await notifier.close()
    assert channels["b"].delivered == [1, 2]


async def test_a_bug_in_one_channel_costs_the_other_targets_nothing() -> None:
    class Broken(GatedChannel):
        def accepts(self, notification: Notification) -> bool:
            raise ZeroDivisionError

    channel = GatedChannel()
    channel.gate.set()
    notifier = Notifier([Delivery("broken", "inform", Broken()), Delivery("good", "inform", channel)])
    await notifier.start()
    with capture_logs() as logs:
        notifier.publish(node_lost(1))
    await notifier.close()
    assert channel.delivered == [1]
    assert [(log["event"], log["target"]) for log in logs] == [("notification not queued", "broken")]


async def test_only_targets_that_were_added_since_the_last_time_are_introduced() -> None:
    channels = {name: GatedChannel() for name in "abc"}
    for channel in channels.values():
        channel.gate.set()
    notifier = Notifier([Delivery("a", "inform", channels["a"])])
    await notifier.start()
    for names in ("ab", "abc"):
        async with AsyncExitStack() as rollback:
            deliveries = [Delivery(name, "inform", channels[name]) for name in names]
            commit = await notifier.prepare(deliveries, rollback)
            rollback.pop_all()
        commit()
        notifier.introduce([node_lost(len(names))])
    notifier.introduce([node_lost(9)])
    await notifier.close()
    assert {name: channel.delivered for name, channel in channels.items()} == {"a": [], "b": [2], "c": [3]}


def test_targets_must_have_different_names() -> None:
    with pytest.raises(ValueError, match=r"several targets have the same name: 127\.0\.0\.1:1$"):
        make_notifier(target(1), target(1, TargetKind.TRAP))


async def test_samples_show_what_became_of_the_notifications() -> None:
    with Receiver(acknowledge) as receiver:
        name = f"{HOST}:{receiver.port}"
        async with running_notifier(target(receiver.port), master=FakeMasterAgent(registered=False)) as notifier:
            notifier.publish(node_lost(7))
            await until(lambda: delivery_of(notifier, name).stats.acknowledged == 1)
            await until(lambda: delivery_of(notifier, AGENTX).stats.failed > 0)
            samples = SampleSet()
            notifier.add_samples(samples)
            last_errors = notifier.last_errors
    values = {(sample.metric, sample.labels): sample.value for sample in samples}
    assert values[self_metrics.NOTIFICATION_SEQUENCE, ()] == 7
    state = self_metrics.TARGET_STATE
    assert values[state, (name, "inform")] == state.flags_for("ok")
    assert values[state, (AGENTX, "agentx")] == state.flags_for("failing")
    assert values[self_metrics.NOTIFICATIONS_ACKNOWLEDGED, (name,)] == 1
    assert values[self_metrics.NOTIFICATIONS_QUEUED, (AGENTX,)] == 1
    assert {len(family) for metric, family in samples.samples_by_metric.items() if metric.labels} == {2}
    assert last_errors == {name: "", AGENTX: "no session"}


def test_each_count_of_a_target_has_its_own_metric() -> None:
    delivery = Delivery("manager:162", "inform", GatedChannel())
    delivery.stats = DeliveryStats(sent=1, acknowledged=2, retries=3, failed=4, dropped=5)
    delivery.enqueue(node_lost())
    samples = SampleSet()
    Notifier([delivery]).add_samples(samples)
    counts = {metric.name: family.get(("manager:162",)) for metric, family in samples.samples_by_metric.items()}
    assert [
        counts[metric.name]
        for metric in (
            self_metrics.NOTIFICATIONS_SENT,
            self_metrics.NOTIFICATIONS_ACKNOWLEDGED,
            self_metrics.NOTIFICATION_RETRIES,
            self_metrics.NOTIFICATIONS_FAILED,
            self_metrics.NOTIFICATIONS_DROPPED,
            self_metrics.NOTIFICATIONS_QUEUED,
        )
    ] == [1, 2, 3, 4, 5, 1]


# --- tests -----------------------------------------------------------------------------------------------------------


async def test_a_test_returns_the_outcome_of_the_first_attempt_at_each_target() -> None:
    class Unwilling(GatedChannel):
        async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
            raise DeliveryError("not now")

    channel = GatedChannel()
    channel.gate.set()
    notifier = Notifier([Delivery("good", "trap", channel), Delivery("bad", "inform", Unwilling())], grace=0)
    await notifier.start()
    outcomes = await notifier.test(node_lost())
    await notifier.close()
    assert outcomes == (
        TargetOutcome("good", "trap", DeliveryResult.SENT),
        TargetOutcome("bad", "inform", None, "not now"),
    )


@pytest.mark.parametrize(
    ("count", "error"),
    [(1, "1 notification is queued before it: no session"), (2, "2 notifications are queued before it: no session")],
)
async def test_a_test_behind_other_notifications_says_why_these_wait(count: int, error: str) -> None:
    notifier = make_notifier(master=FakeMasterAgent(registered=False), test_timeout=0.1)
    await notifier.start()
    for sequence in range(count):
        notifier.publish(node_lost(sequence))
    (outcome,) = await notifier.test(node_lost())
    await notifier.close()
    assert outcome == TargetOutcome(AGENTX, "agentx", None, error)


async def test_a_test_without_a_response_says_how_long_it_has_waited() -> None:
    notifier = Notifier([Delivery("slow", "agentx", GatedChannel())], grace=0, test_timeout=0.1)
    await notifier.start()
    (outcome,) = await notifier.test(node_lost())
    await notifier.close()
    assert outcome == TargetOutcome("slow", "agentx", None, "no response within 0.1 s")


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_no_socket_and_no_task_is_left_at_the_end() -> None:
    before = open_descriptors(), len(asyncio.all_tasks())
    with Receiver(acknowledge) as receiver:
        async with running_notifier(target(receiver.port), master=FakeMasterAgent(), backoff=QUICK) as notifier:
            await notifier.test(node_lost())
    assert (open_descriptors(), len(asyncio.all_tasks())) == before


def test_a_gateway_without_targets_does_not_import_pysnmp() -> None:
    code = (
        "import asyncio, sys\n"
        "from gateway.alarms.notifier import Notifier\n"
        "from gateway.frontends.snmp.notifications.deliveries import snmp_deliveries\n"
        "from gateway.frontends.snmp.notifications.rendering import Renderer\n"
        "from gateway.snmp.mib.module import mib\n"
        "asyncio.run(Notifier(snmp_deliveries(Renderer(mib()))).start())\n"
        "assert 'pysnmp' not in sys.modules and 'pyasn1' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), cwd=ROOT)
