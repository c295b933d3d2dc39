"""The alarm engine over a recorded cluster: what is told, in which order, when, and by whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway import alert_agent as alert
from gateway.alarms.notification import Change, Notification
from gateway.alarms.service import AlarmService, Settings
from gateway.alarms.sources.alert_socket import AlertSocket
from gateway.alarms.sources.quorum_watcher import QuorumChanged, WatcherLost
from gateway.engine.engine import Engine
from gateway.frontends.snmp.cache import TableCache
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.publication import Publication
from gateway.samples import SampleSet
from gateway.snmp.mib.module import mib
from gateway.status import Status
from tests.fakes import FakeClock
from tests.snmp.walked import walked
from tests.subsystems import make_collectors
from tests.waiting import until


class Told:
    """Keeps what it is told to deliver."""

    def __init__(self) -> None:
        self.notices: list[Notification] = []

    def submit(self, told: Notification) -> None:
        self.notices.append(told)

    def samples(self, samples: SampleSet) -> None:
        pass

    def last_errors(self) -> Mapping[str, str]:
        return {"manager:162": "no answer"}

    @property
    def said(self) -> list[str]:
        return [f"{notice.change} {notice.condition} {notice.object}".strip() for notice in self.notices]


class Setting:
    """The demo's cluster, whose clock stands still until it is set, with an alarm engine."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.recording = Recording.load(DEMO)
        self.host = ReplayHost(self.recording, clock=self.clock)
        collectors = make_collectors()
        self.engine = Engine(self.host, collectors, clock=self.clock)
        self.told = Told()
        self.changes = 0
        self.alarms = AlarmService(
            self.engine,
            self.told,
            Settings(**settings),
            changed=self._changed,
            clock=self.clock,
        )
        self.engine.subscribe(self.alarms.look)

    def _changed(self) -> None:
        self.changes += 1

    async def situation(self, name: str) -> list[str]:
        """Goes to a step of the time line, collects, and returns what was told because of that."""
        before = len(self.told.notices)
        self.clock.now += 1000
        while self.host.step.situation != name:
            self.clock.now += 10
        await self.engine.collect()
        return self.told.said[before:]


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    yield made
    await made.alarms.close()
    await made.engine.close()


async def test_the_start_is_summed_up_in_one_notice(setting: Setting) -> None:
    await setting.engine.collect()
    (notice,) = setting.told.notices
    assert (notice.sequence, notice.notification, notice.change) == (1, "haClusterStarted", Change.INFO)
    assert notice.text == "The gateway has started; 1 alarms stand: fencing-disabled"
    assert (notice.node, notice.cluster) == ("node1", "demo")


async def test_what_stands_at_the_start_is_told_where_that_is_asked_for() -> None:
    setting = Setting(raise_at_start=True)
    await setting.engine.collect()
    assert setting.told.said == ["info started", "raised fencing-disabled"]
    await setting.engine.close()


async def test_a_failover_is_told_in_order_and_without_a_gap(setting: Setting) -> None:
    await setting.engine.collect()
    assert await setting.situation("node-lost") == ["raised node-lost node3"]
    lost = await setting.situation("quorum-lost")
    assert lost[0] == "raised quorum-lost"
    assert {"raised node-lost node2", "raised drbd-quorum r-nfs/0", "raised drbd-suspended r-nfs"} <= set(lost)
    back = await setting.situation("recovery")
    assert back[0] == "cleared quorum-lost"
    assert {"cleared node-lost node2", "cleared node-lost node3", "raised drbd-split-brain r-backup/0"} <= set(back)
    assert [notice.sequence for notice in setting.told.notices] == list(range(1, len(setting.told.notices) + 1))


async def test_a_notice_has_all_that_a_manager_needs(setting: Setting) -> None:
    await setting.engine.collect()
    await setting.situation("node-lost")
    notice = setting.told.notices[-1]
    assert (notice.condition, notice.object, notice.severity) == ("node-lost", "node3", "major")
    assert (notice.node, notice.cluster, notice.text) == ("node1", "demo", "node3 is not online")
    assert notice.notification == "haClusterNodeAlarm"
    assert notice.details == {
        "kind": "node",
        "node": "node3",
        "node_id": "3",
        "status": "left",
        "description": "lost",
    }
    await setting.situation("recovery")
    cleared = next(each for each in setting.told.notices if each.change is Change.CLEARED)
    assert cleared.notification == "haClusterNodeClear"
    assert cleared.details["status"] == "joined"


async def test_only_the_designated_controller_tells_of_the_cluster_where_that_is_asked_for() -> None:
    setting = Setting(dc_only=True)  # in the demo that is node2, and this is node1
    await setting.engine.collect()
    await setting.situation("node-lost")
    assert setting.told.said == ["info started"]
    assert "raised quorum-lost" in await setting.situation("quorum-lost")  # of itself each node tells
    await setting.engine.close()


async def test_what_merely_changes_is_told_where_there_is_a_form_for_it() -> None:
    made = Setting(changes=True)
    await made.engine.collect()
    await made.situation("quorum-lost")
    changes = [notice for notice in made.told.notices if notice.details.get("kind") in {"resource", "attribute"}]
    assert changes
    assert {notice.notification for notice in changes} == {""}
    assert (
        len({notice.sequence for notice in made.told.notices if notice.notification}) == made.told.notices[-1].sequence
    )
    silent = Setting()
    await silent.engine.collect()
    await silent.situation("quorum-lost")
    assert silent.told.said == [one for one in made.told.said if one.split()[1] not in {"resource", "attribute"}]
    for one in (made, silent):
        await one.alarms.close()
        await one.engine.close()


async def test_quorum_is_told_from_within_the_event(setting: Setting) -> None:
    await setting.engine.collect()
    event = QuorumChanged(time=7.0, quorate=False, members=(1,), ring=9, initial=False, flipped=True)
    setting.clock.now += 1
    setting.alarms.hear(event)
    assert setting.told.said[1:] == ["raised quorum-lost"]
    assert setting.told.notices[-1].time == 7.0
    assert setting.changes == 1
    setting.alarms.hear(event)
    assert len(setting.told.notices) == 2


async def test_the_loss_of_the_watcher_is_no_loss_of_quorum(setting: Setting) -> None:
    await setting.engine.collect()
    setting.alarms.hear(WatcherLost(time=1.0, status=Status.NOT_RUNNING, detail="gone"))
    assert setting.told.said == ["info started"]


async def test_before_the_first_look_nothing_is_told(setting: Setting) -> None:
    setting.alarms.hear(QuorumChanged(time=1.0, quorate=False, members=(), ring=1, initial=True, flipped=False))
    assert setting.told.notices == []


async def test_a_bug_in_a_form_does_not_end_what_watches(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    await setting.engine.collect()
    monkeypatch.setattr(setting.told, "submit", lambda told: 1 / 0)
    setting.clock.now += 1
    setting.alarms.hear(QuorumChanged(time=1.0, quorate=False, members=(), ring=1, initial=False, flipped=True))
    await setting.engine.collect()


# --- what is to be seen ----------------------------------------------------------------------------------------------


async def test_alarms_are_in_the_metrics_and_in_the_mib(setting: Setting) -> None:
    publication = Publication(clock=setting.clock)
    publication.add_source(setting.alarms.samples)
    cache = TableCache(setting.engine, publication, mib(), max_age=15, clock=setting.clock)
    cache.add_value_source(setting.alarms.mib_values)
    setting.engine.subscribe(cache.on_snapshot)
    await setting.engine.collect()
    await setting.situation("quorum-lost")
    await cache.refresh()
    found = walked(cache._table, mib())
    condition, about = (len("node-lost"), *b"node-lost"), (len("node3"), *b"node3")
    assert found["haClusterAlarmText"][condition + about] == b"node3 is not online"
    assert found["haClusterAlarmSeverity"][condition + about] == 3
    assert found["haClusterAlarmsCritical"][0,] == 3
    assert found["haClusterNoticeSequence"][0,] == setting.told.notices[-1].sequence
    assert found["haClusterNoticeNode"][0,] == b"node1"
    assert set(found["haClusterTargetLastError"].values()) == {b"no answer"}
    await cache.close()


# --- in time ---------------------------------------------------------------------------------------------------------


class Live:
    """The demo in a hurry, on the clock of the wall."""

    def __init__(self, **settings: Any) -> None:
        self.host = ReplayHost(Recording.load(DEMO), scale=1000)  # healthy for hours
        self.engine = Engine(self.host, make_collectors("pacemaker", "corosync"))
        self.told = Told()
        self.alarms = AlarmService(self.engine, self.told, Settings(**settings))
        self.collections = 0
        self.engine.subscribe(self.alarms.look)
        self.engine.subscribe(self._count)

    def _count(self, snapshot: object) -> None:
        self.collections += 1

    async def close(self) -> None:
        await self.alarms.close()
        await self.engine.close()


async def test_it_collects_at_the_start_and_then_in_its_interval() -> None:
    live = Live(interval=0.4)
    await live.alarms.start()
    await until(lambda: live.collections >= 3)
    await live.close()


async def test_a_heartbeat_beats() -> None:
    live = Live(interval=60, heartbeat=0.1)
    await live.alarms.start()
    await until(lambda: live.told.said.count("info heartbeat") >= 2)
    assert live.told.notices[-1].notification == "haClusterHeartbeat"
    await live.close()


async def test_a_hint_of_pacemakers_makes_it_look_at_once(tmp_path: Path) -> None:
    live = Live(interval=600)
    path = tmp_path / "alert.sock"
    await live.alarms.start(alert_socket=AlertSocket(path))
    await until(lambda: live.collections == 1)
    message = alert.message({"CRM_alert_kind": "node", "CRM_alert_node": "n1", "CRM_alert_desc": "lost"})
    alert.send(message, str(path))
    await until(lambda: live.collections == 2)
    samples = SampleSet()
    live.alarms.samples(samples)
    counts = {
        metric.name: family[()] for metric, family in samples.samples_by_metric.items() if "alerts" in metric.name
    }
    assert counts == {
        "ha_cluster_gateway_alerts_received_total": 1,
        "ha_cluster_gateway_alerts_dropped_total": 0,
        "ha_cluster_gateway_alerts_coalesced_total": 0,
    }
    await live.close()
    assert not path.exists()


async def test_a_socket_that_cannot_be_had_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "alert.sock").write_text("somebody else's")
    live = Live(interval=600)
    await live.alarms.start(alert_socket=AlertSocket(tmp_path / "alert.sock"))
    await until(lambda: live.collections == 1)
    await live.close()
