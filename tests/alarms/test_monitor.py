"""Conditions over time: raised and cleared once each, held down, momentary, unknown, and quorum told twice."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.alarms.alarm_table import AlarmEvent, AlarmTable
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.samples import Metric, SampleSet, Value
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.alarms.snapshots import node, reports


class Cluster:
    """A monitor of a cluster that is told what is the case, second by second."""

    def __init__(self, *, disabled: tuple[str, ...] = ()) -> None:
        self.monitor = AlarmTable(disabled=disabled)
        self.now = 1000.0
        self._view: ClusterView | None = None

    def look(
        self,
        *samples: tuple[Metric, Value, tuple[str, ...]],
        failing: Mapping[str, Status] | None = None,
        started: float | None = None,
    ) -> list[str]:
        """Takes in a snapshot of these samples."""
        found = SampleSet()
        if "crm_mon" not in (failing or {}):
            found.add(pacemaker_metrics.INFO, 1, "2.1.5", "n1", "corosync", "demo")
        for metric, value, labels in samples:
            found.add(metric, value, *labels)
        snapshot = Snapshot(
            samples_by_metric=found.samples_by_metric,
            collectors=reports(failing or {}),
            started=self.now if started is None else started,
        )
        self._view = ClusterView(snapshot, self._view, accumulators=ACCUMULATORS)
        return said(self.monitor.look(self._view, now=self.now, time=self.now))

    def after(self, seconds: float) -> list[str]:
        """Lets time pass; returns what that alone has raised or cleared."""
        self.now += seconds
        return said(self.monitor.tick(now=self.now))

    def quorum(self, *, quorate: bool) -> list[str]:
        return said(self.monitor.quorum(quorate=quorate, now=self.now, time=self.now))

    @property
    def raised(self) -> list[str]:
        return [f"{alarm.condition.name} {alarm.object}".strip() for alarm in self.monitor.raised]


def said(events: list[AlarmEvent]) -> list[str]:
    return [f"{event.change} {event.alarm.condition.name} {event.alarm.object}".strip() for event in events]


def quorate(value: int, up: int = 1) -> tuple[tuple[Metric, Value, tuple[str, ...]], ...]:
    return (corosync_metrics.QUORATE, value, ()), (corosync_metrics.UP, up, ())


def test_a_condition_is_raised_once_and_cleared_once() -> None:
    cluster = Cluster()
    assert cluster.look(node("a", "online")) == []
    assert cluster.look(node("a", "online", "unclean")) == ["raised node-unclean a"]
    assert cluster.look(node("a", "online", "unclean")) == []
    assert cluster.raised == ["node-unclean a"]
    assert cluster.look(node("a", "online")) == ["cleared node-unclean a"]
    assert cluster.look(node("a", "online")) == []
    assert cluster.raised == []


def test_what_stands_at_the_start_is_taken_as_it_is_and_cleared_when_it_ends() -> None:
    cluster = Cluster()
    assert cluster.look(node("a", "online", "pending"), node("b")) == []
    assert cluster.raised == ["node-lost b", "node-pending a"]
    assert cluster.look(node("a", "online"), node("b", "online")) == ["cleared node-lost b", "cleared node-pending a"]


def test_what_cannot_be_told_stays_as_it_is() -> None:
    cluster = Cluster()
    cluster.look(node("a", "online"))
    cluster.look(node("a"))
    assert cluster.look(failing={"crm_mon": Status.TIMED_OUT}) == []
    assert cluster.raised == ["node-lost a"]
    cluster.now += 30
    assert cluster.after(0) == ["raised collector-failing pacemaker"]
    assert cluster.look(node("a", "online")) == ["cleared node-lost a", "cleared collector-failing pacemaker"]


def test_what_is_held_down_is_raised_when_it_has_lasted_and_never_if_it_has_not() -> None:
    cluster = Cluster()
    cluster.look(node("a", "online"))
    assert cluster.look(node("a", "pending")) == []
    assert cluster.monitor.due() == cluster.now + 60
    assert cluster.after(59) == []
    assert cluster.raised == []
    assert cluster.after(1) == ["raised node-pending a"]
    assert cluster.look(node("a", "online")) == ["cleared node-pending a"]
    assert cluster.look(node("a", "pending")) == []
    assert cluster.after(30) == []
    assert cluster.look(node("a", "online")) == []
    assert cluster.after(100) == []
    assert cluster.monitor.due() is None


def test_what_has_happened_is_over_after_a_while_and_told_again_when_it_happens_again() -> None:
    def vip(place: str) -> tuple[Metric, Value, tuple[str, ...]]:
        flags = (True, False, False, False, False)
        return pacemaker_metrics.RESOURCES, flags, (place, "vip", "started", "true", "a", "", "")

    cluster = Cluster()
    cluster.look(vip("n1"))
    assert cluster.look(vip("n2")) == ["raised resource-moved vip"]
    assert cluster.look(vip("n2")) == []
    cluster.after(100)
    assert cluster.look(vip("n1")) == ["raised resource-moved vip"]
    assert cluster.after(299) == []
    assert cluster.after(1) == ["cleared resource-moved vip"]


def test_a_move_is_seen_across_a_stop_and_across_a_failed_tool() -> None:
    def vip(place: str, role: str = "started") -> tuple[Metric, Value, tuple[str, ...]]:
        flags = (role == "started", False, False, False, False)
        return pacemaker_metrics.RESOURCES, flags, (place, "vip", role, "true", "a", "", "")

    cluster = Cluster()
    cluster.look(vip("n1"))
    cluster.look(vip("", "stopped"))
    cluster.look(failing={"crm_mon": Status.TIMED_OUT})
    assert cluster.look(vip("n2")) == ["raised resource-moved vip"]


def test_fencing_is_told_of_when_it_happens_and_not_at_the_start() -> None:
    def fenced(target: str, time: float) -> tuple[Metric, Value, tuple[str, ...]]:
        labels = (target, "reboot", "success", "n1", "n2")
        return pacemaker_metrics.FENCE_EVENTS_TIMESTAMP, time, labels

    cluster = Cluster()
    assert cluster.look(fenced("n3", 100)) == []
    assert cluster.raised == []
    assert cluster.look(fenced("n3", 100)) == []
    assert cluster.look(fenced("n3", 200)) == ["raised fencing-performed n3"]
    assert cluster.monitor.raised[0].text == "n3 was fenced (reboot) by n1"
    assert cluster.look(fenced("n3", 200)) == []
    assert cluster.after(300) == ["cleared fencing-performed n3"]


def test_quorum_is_lost_when_corosync_says_so_and_an_older_collection_does_not_bring_it_back() -> None:
    cluster = Cluster()
    cluster.look(*quorate(1))
    began = cluster.now
    cluster.now += 0.05
    assert cluster.quorum(quorate=False) == ["raised quorum-lost"]
    assert cluster.look(*quorate(1), started=began) == []
    cluster.now += 1
    assert cluster.look(*quorate(0)) == []
    assert cluster.quorum(quorate=True) == ["cleared quorum-lost"]
    assert cluster.look(*quorate(0), started=cluster.now - 0.1) == []
    assert cluster.raised == []


def test_what_no_event_told_the_next_collection_finds() -> None:
    cluster = Cluster()
    cluster.look(*quorate(1))
    cluster.now += 15
    assert cluster.look(*quorate(0)) == ["raised quorum-lost"]
    cluster.now += 15
    assert cluster.look(*quorate(1)) == ["cleared quorum-lost"]


def test_quorum_is_not_regained_by_the_death_of_corosync() -> None:
    cluster = Cluster()
    cluster.look(*quorate(1))
    cluster.now += 1
    cluster.quorum(quorate=False)
    cluster.now += 1
    assert cluster.look(*quorate(0, up=0)) == ["raised corosync-down"]
    assert cluster.raised == ["quorum-lost", "corosync-down"]
    cluster.now += 1
    assert cluster.look(*quorate(0)) == ["cleared corosync-down"]
    cluster.now += 1
    assert cluster.look(*quorate(1)) == ["cleared quorum-lost"]


def test_a_condition_that_is_disabled_is_not_looked_at() -> None:
    cluster = Cluster(disabled=("quorum-lost", "node-lost"))
    cluster.look(node("a", "online"), *quorate(1))
    assert cluster.look(node("a"), *quorate(0)) == []
    assert cluster.quorum(quorate=False) == []
    assert cluster.raised == []


def test_the_gravest_come_first() -> None:
    cluster = Cluster()
    cluster.look(node("b", "standby", "online"), node("a"), node("c", "unclean"), *quorate(0))
    assert cluster.raised == ["quorum-lost", "node-unclean c", "node-lost a", "node-lost c", "node-standby b"]
