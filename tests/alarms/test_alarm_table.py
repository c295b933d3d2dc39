"""Alarms over time: raised and cleared once each, held down, expired, without evidence, and quorum reported twice."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.alarms.alarm_table import AlarmEvent, AlarmTable
from gateway.catalog import ACCUMULATORS
from gateway.conditions.view import ClusterView
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests.alarms.snapshots import DC, Sample, make_snapshot, node


class Cluster:
    """An alarm table over a cluster whose samples and clock a test sets."""

    def __init__(self, *, disabled: tuple[str, ...] = ()) -> None:
        self.table = AlarmTable(disabled=disabled)
        self.now = 1000.0
        self._view: ClusterView | None = None

    def evaluate(
        self,
        *samples: Sample,
        failing: Mapping[str, Status] | None = None,
        started: float | None = None,
    ) -> list[str]:
        """Evaluates a snapshot of these samples."""
        cluster = () if "crm_mon" in (failing or {}) else (DC,)
        started = self.now if started is None else started
        snapshot = make_snapshot(*cluster, *samples, failing=failing, started=started)
        self._view = ClusterView(snapshot, self._view, accumulators=ACCUMULATORS)
        return described(self.table.evaluate(self._view, now=self.now, time=self.now))

    def after(self, seconds: float) -> list[str]:
        """Advances the clock; returns what that alone raises and clears."""
        self.now += seconds
        return described(self.table.on_timer(now=self.now))

    def on_quorum_event(self, *, quorate: bool) -> list[str]:
        return described(self.table.on_quorum_event(quorate=quorate, now=self.now, time=self.now))

    @property
    def active(self) -> list[str]:
        return [f"{alarm.condition.name} {alarm.object}".strip() for alarm in self.table.active]


ONLINE = (node("n1", "online"), node("n2", "online"))


def described(events: list[AlarmEvent]) -> list[str]:
    return [f"{event.change} {event.alarm.condition.name} {event.alarm.object}".strip() for event in events]


def quorate(value: int, up: int = 1) -> tuple[Sample, ...]:
    return (corosync_metrics.QUORATE, value, ()), (corosync_metrics.UP, up, ())


def test_a_condition_is_raised_once_and_cleared_once() -> None:
    cluster = Cluster()
    assert cluster.evaluate(node("a", "online")) == []
    assert cluster.evaluate(node("a", "online", "unclean")) == ["raised node-unclean a"]
    assert cluster.evaluate(node("a", "online", "unclean")) == []
    assert cluster.active == ["node-unclean a"]
    assert cluster.evaluate(node("a", "online")) == ["cleared node-unclean a"]
    assert cluster.evaluate(node("a", "online")) == []
    assert cluster.active == []


def test_alarms_at_the_start_are_active_without_an_event_and_cleared_later() -> None:
    cluster = Cluster()
    assert cluster.evaluate(node("a", "online", "pending"), node("b")) == []
    assert cluster.active == ["node-lost b", "node-pending a"]
    assert cluster.evaluate(node("a", "online"), node("b", "online")) == [
        "cleared node-lost b",
        "cleared node-pending a",
    ]


def test_without_evidence_alarms_stay_as_they_are() -> None:
    cluster = Cluster()
    cluster.evaluate(node("a", "online"))
    cluster.evaluate(node("a", "online", "standby"))
    assert cluster.evaluate(failing={"crm_mon": Status.TIMED_OUT}) == []
    assert cluster.active == ["node-standby a"]
    cluster.now += 30
    assert cluster.after(0) == ["raised collector-failing pacemaker"]
    assert cluster.evaluate(node("a", "online")) == ["cleared node-standby a", "cleared collector-failing pacemaker"]


def test_a_held_down_alarm_is_raised_only_if_it_lasts() -> None:
    cluster = Cluster()
    cluster.evaluate(node("a", "online"))
    assert cluster.evaluate(node("a", "pending")) == []
    assert cluster.table.next_deadline() == cluster.table.next_confirmation() == cluster.now + 60
    assert cluster.after(59) == []
    assert cluster.active == []
    assert cluster.after(1) == ["raised node-pending a"]
    assert cluster.evaluate(node("a", "online")) == ["cleared node-pending a"]
    assert cluster.evaluate(node("a", "pending")) == []
    assert cluster.after(30) == []
    assert cluster.evaluate(node("a", "online")) == []
    assert cluster.after(100) == []
    assert cluster.table.next_deadline() is None
    assert cluster.table.next_confirmation() is None


def test_a_held_down_alarm_is_not_raised_while_it_is_unknown_and_keeps_its_start() -> None:
    cluster = Cluster()
    cluster.evaluate(node("a", "online"))
    assert cluster.evaluate(node("a", "pending")) == []
    cluster.now += 30
    assert cluster.evaluate(failing={"crm_mon": Status.TIMED_OUT}) == []
    assert "node-pending a" not in " ".join(cluster.after(30))
    assert "raised node-pending a" in cluster.evaluate(node("a", "pending"))


def test_a_held_down_alarm_that_is_unknown_for_long_is_held_down_anew() -> None:
    cluster = Cluster()
    cluster.evaluate(node("a", "online"))
    assert cluster.evaluate(node("a", "pending")) == []
    cluster.now += 30
    assert cluster.evaluate(failing={"crm_mon": Status.TIMED_OUT}) == []
    cluster.after(31)
    assert "raised node-pending a" not in cluster.evaluate(node("a", "pending"))
    assert cluster.after(59) == []
    assert cluster.after(1) == ["raised node-pending a"]


def test_an_event_expires_and_is_raised_again_when_it_happens_again() -> None:
    def vip(place: str) -> Sample:
        flags = (True, False, False, False, False)
        return pacemaker_metrics.RESOURCES, flags, (place, "vip", "started", "true", "a", "", "")

    cluster = Cluster()
    cluster.evaluate(vip("n1"), *ONLINE)
    assert cluster.evaluate(vip("n2"), *ONLINE) == ["raised resource-moved vip"]
    assert cluster.evaluate(vip("n2"), *ONLINE) == []
    cluster.after(100)
    assert cluster.evaluate(vip("n1"), *ONLINE) == ["raised resource-moved vip"]
    assert cluster.after(299) == []
    assert cluster.after(1) == ["cleared resource-moved vip"]


def test_a_move_is_recognized_across_a_stop_and_across_a_failed_tool() -> None:
    def vip(place: str, role: str = "started") -> Sample:
        flags = (role == "started", False, False, False, False)
        return pacemaker_metrics.RESOURCES, flags, (place, "vip", role, "true", "a", "", "")

    cluster = Cluster()
    cluster.evaluate(vip("n1"), *ONLINE)
    cluster.evaluate(vip("", "stopped"), *ONLINE)
    cluster.evaluate(failing={"crm_mon": Status.TIMED_OUT})
    assert cluster.evaluate(vip("n2"), *ONLINE) == ["raised resource-moved vip"]


def test_a_failure_that_was_cleaned_from_the_history_is_cleared_by_a_later_success() -> None:
    def ended(status: str, time: float) -> Sample:
        labels = {"target": "n3", "action": "reboot", "status": status}
        metric = pacemaker_metrics.FENCE_EVENTS_TIMESTAMP
        return metric, time, tuple(labels.get(name, "") for name in metric.labels)

    cluster = Cluster(disabled=("fencing-performed", "node-lost"))
    offline = node("n3")
    cluster.evaluate(offline, ended("success", 10))
    assert cluster.evaluate(offline, ended("success", 10), ended("failed", 20)) == ["raised fencing-failed n3"]
    assert cluster.evaluate(offline, ended("success", 10)) == []
    assert cluster.evaluate(offline) == []
    assert cluster.evaluate(offline, ended("success", 20)) == ["cleared fencing-failed n3"]


def test_fencing_is_raised_when_it_happens_and_not_at_the_start() -> None:
    def fenced(target: str, time: float) -> Sample:
        labels = (target, "reboot", "success", "n1", "n2")
        return pacemaker_metrics.FENCE_EVENTS_TIMESTAMP, time, labels

    cluster = Cluster()
    assert cluster.evaluate(fenced("n3", 100)) == []
    assert cluster.active == []
    assert cluster.evaluate(fenced("n3", 100)) == []
    assert cluster.evaluate(fenced("n3", 200)) == ["raised fencing-performed n3"]
    assert cluster.table.active[0].text == "n3 was fenced (reboot) by n1"
    assert cluster.evaluate(fenced("n3", 200)) == []
    assert cluster.after(300) == ["cleared fencing-performed n3"]


def test_a_quorum_event_counts_more_than_an_older_collection() -> None:
    cluster = Cluster()
    cluster.evaluate(*quorate(1))
    began = cluster.now
    cluster.now += 0.05
    assert cluster.on_quorum_event(quorate=False) == ["raised quorum-lost"]
    assert cluster.evaluate(*quorate(1), started=began) == []
    cluster.now += 1
    assert cluster.evaluate(*quorate(0)) == []
    assert cluster.on_quorum_event(quorate=True) == ["cleared quorum-lost"]
    assert cluster.evaluate(*quorate(0), started=cluster.now - 0.1) == []
    assert cluster.active == []


def test_a_collection_finds_a_change_of_quorum_without_an_event() -> None:
    cluster = Cluster()
    cluster.evaluate(*quorate(1))
    cluster.now += 15
    assert cluster.evaluate(*quorate(0)) == ["raised quorum-lost"]
    cluster.now += 15
    assert cluster.evaluate(*quorate(1)) == ["cleared quorum-lost"]


def test_quorum_is_not_regained_when_corosync_ends() -> None:
    cluster = Cluster()
    cluster.evaluate(*quorate(1))
    cluster.now += 1
    cluster.on_quorum_event(quorate=False)
    cluster.now += 1
    assert cluster.evaluate(*quorate(0, up=0)) == ["raised corosync-down"]
    assert cluster.active == ["quorum-lost", "corosync-down"]
    cluster.now += 1
    assert cluster.evaluate(*quorate(0)) == ["cleared corosync-down"]
    cluster.now += 1
    assert cluster.evaluate(*quorate(1)) == ["cleared quorum-lost"]


def test_a_disabled_condition_is_not_evaluated() -> None:
    cluster = Cluster(disabled=("quorum-lost", "node-lost"))
    cluster.evaluate(node("a", "online"), *quorate(1))
    assert cluster.evaluate(node("a"), *quorate(0)) == []
    assert cluster.on_quorum_event(quorate=False) == []
    assert cluster.active == []


def test_the_most_serious_alarms_come_first() -> None:
    cluster = Cluster()
    cluster.evaluate(node("b", "standby", "online"), node("a"), node("c", "unclean"), *quorate(0))
    assert cluster.active == ["quorum-lost", "node-unclean c", "node-lost a", "node-lost c", "node-standby b"]


def test_one_alarm_for_two_findings_about_one_object_with_the_text_of_the_first() -> None:
    cluster = Cluster()
    cluster.evaluate(*ONLINE)
    failures = [
        (pacemaker_metrics.FAILED_ACTIONS, 1, ("n1", "db", "monitor", interval, status))
        for interval, status in (("10000ms", "not running"), ("60000ms", "timed out"))
    ]
    assert cluster.evaluate(*ONLINE, *failures) == ["raised failed-action monitor of db on n1"]
    (alarm,) = cluster.table.active
    assert alarm.text.endswith("not running")
