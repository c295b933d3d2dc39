"""Which tables a request is answered from: fresh ones in the end, and one moment for each walk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.engine.engine import Engine
from gateway.frontends.snmp.bulk import get_bulk
from gateway.frontends.snmp.cache import FOLLOW_TIME, MAX_INLINE_SAMPLES, MAX_WALKS, WALK_TIME, TableCache
from gateway.host.host import Host
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.publication import Publication
from gateway.samples import SampleSet
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type
from gateway.status import Status
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.probe import Plan, Reading
from tests.fakes import FakeClock
from tests.snmp.walked import read

MIB = mib()
END = oids.after_subtree(MIB.root)
MAX_AGE = 15.0


class Nodes:
    """A collector that finds another number of nodes each time it is asked, and lets itself be held up."""

    name = "pacemaker"
    presence_tools = ("crm_mon",)

    def __init__(self) -> None:
        self.rounds = 0
        self.size = 3

    def plan(self, host: Host) -> Plan:
        return Plan(files={"round": Reading(status=Status.OK)})

    def make_samples(self, readings: object) -> SampleSet:
        self.rounds += 1
        samples = SampleSet()
        for number in range(self.size):
            samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, self.rounds, f"node{number}")
        return samples


class Setting:
    """A cache over such a collector, with a clock that stands still until it is set."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.collector = Nodes()
        host = ReplayHost(Recording.load(DEMO), clock=self.clock)
        self.engine = Engine(host, (self.collector,), clock=self.clock)
        self.cache = TableCache(self.engine, Publication(clock=self.clock), MIB, max_age=MAX_AGE, clock=self.clock)
        self.engine.subscribe(self.cache.on_snapshot)

    async def refreshed(self) -> None:
        await self.cache.refresh()

    def running(self, node: str = "node0") -> int | bytes | None:
        name = MIB["haClusterNodeResourcesRunning"].oid + oids.encode((len(node), *node.encode()))
        (variable,) = self.cache.get([name])
        return read(variable).value

    def step(self, start: Oid) -> tuple[Oid, int | bytes | None]:
        """One GETNEXT."""
        (variable,) = self.cache.get_next([SearchRange(start, END)])
        found = read(variable)
        return found.oid, found.value


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    made = Setting()
    yield made
    await made.cache.close()
    await made.engine.close()


async def test_before_the_first_snapshot_nothing_is_there_and_nobody_waits(setting: Setting) -> None:
    assert setting.running() is None
    assert read(setting.cache.get_next([SearchRange(MIB.root, END)])[0]).type is Type.END_OF_MIB_VIEW
    await setting.cache.refresh()  # the one that the first request has started
    assert setting.running() == 1
    assert setting.collector.rounds == 1


async def test_a_request_that_finds_old_tables_is_answered_from_them_and_starts_a_refresh(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE + 1
    assert [setting.running() for _ in range(3)] == [1, 1, 1]
    await setting.cache.refresh()
    assert setting.running() == 2
    assert setting.collector.rounds == 2


async def test_young_tables_are_good_enough(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE
    setting.running()
    await asyncio.sleep(0)
    assert setting.collector.rounds == 1


async def test_what_a_scrape_has_brought_is_used_instead_of_a_run(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE + 1
    await setting.engine.collect()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_what_a_scrape_of_a_large_cluster_has_brought_is_there_when_it_has_been_made(setting: Setting) -> None:
    setting.collector.size = 2 * MAX_INLINE_SAMPLES
    await setting.refreshed()
    setting.clock.now += FOLLOW_TIME + 1
    await setting.engine.collect()
    assert setting.running() == 1
    await setting.cache.refresh()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_while_somebody_asks_the_tables_follow_each_snapshot(setting: Setting) -> None:
    await setting.refreshed()
    setting.running()
    await setting.engine.collect()
    await setting.cache.refresh()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_what_the_gateway_says_of_itself_is_renewed(setting: Setting) -> None:
    said = ["before"]
    setting.cache.add_value_source(lambda: [("haClusterNoticeText", (), said[0])])
    name = MIB["haClusterNoticeText"].oid + oids.encode((0,))
    await setting.refreshed()
    assert read(setting.cache.get([name])[0]).value == b"before"
    said[0] = "after"
    setting.cache.rebuild()
    await setting.cache.refresh()
    assert read(setting.cache.get([name])[0]).value == b"after"
    assert setting.collector.rounds == 1


async def test_a_walk_sees_one_moment_while_others_see_the_newest(setting: Setting) -> None:
    await setting.refreshed()
    start = MIB["haClusterNodeResourcesRunning"].oid
    position, first = setting.step(start)
    setting.clock.now += MAX_AGE + 1
    await setting.refreshed()
    assert setting.running() == 2
    position, second = setting.step(position)
    position, third = setting.step(position)
    assert (first, second, third) == (1, 1, 1)
    assert setting.step(start)[1] == 2


async def test_two_walks_see_each_their_own_moment(setting: Setting) -> None:
    await setting.refreshed()
    start = MIB["haClusterNodeResourcesRunning"].oid
    old, _ = setting.step(start)
    old, _ = setting.step(old)
    setting.clock.now += MAX_AGE + 1
    await setting.refreshed()
    new, value = setting.step(start)
    assert value == 2
    assert setting.step(old)[1] == 1
    assert setting.step(new)[1] == 2


async def test_a_walk_that_lasts_too_long_goes_on_in_the_newest(setting: Setting) -> None:
    await setting.refreshed()
    position, _ = setting.step(MIB["haClusterNodeResourcesRunning"].oid)
    setting.clock.now += WALK_TIME + 1
    await setting.refreshed()
    following, value = setting.step(position)
    assert following > position
    assert value == 2


async def test_walks_that_nobody_goes_on_with_are_forgotten(setting: Setting) -> None:
    setting.collector.size = 2 * MAX_WALKS
    await setting.refreshed()
    start = MIB["haClusterNodeResourcesRunning"].oid
    for number in reversed(range(2 * MAX_WALKS)):
        name = f"node{number}".encode()
        setting.step(start + oids.encode((len(name), *name)))
    assert len(setting.cache._walks) == MAX_WALKS
    setting.clock.now += WALK_TIME + 1
    await setting.refreshed()
    assert len(setting.cache._walks) == 0


async def test_bulk_brings_rows_of_all_columns_and_stops_where_nothing_is_left(setting: Setting) -> None:
    await setting.refreshed()
    names, running, age = (
        MIB[name].oid for name in ("haClusterNodeName", "haClusterNodeResourcesRunning", "haClusterSnapshotAge")
    )
    ranges = [SearchRange(age), SearchRange(names, MIB["haClusterNodeType"].oid), SearchRange(running, END)]
    found = [read(each) for each in get_bulk(setting.cache.rows(ranges, non_repeaters=1), max_repetitions=10**9)]
    assert found[0].oid.startswith(age)
    assert [each.value for each in found[1:9:2]] == [b"node0", b"node1", b"node2", None]
    assert found[7].type is Type.END_OF_MIB_VIEW
    assert [each.value for each in found[2:8:2]] == [1, 1, 1]
    assert [each.type for each in found[-2:]] == [Type.END_OF_MIB_VIEW, Type.END_OF_MIB_VIEW]


async def test_a_bulk_walk_sees_one_moment(setting: Setting) -> None:
    await setting.refreshed()
    start = SearchRange(MIB["haClusterNodeResourcesRunning"].oid, END)
    (first,) = get_bulk(setting.cache.rows([start], non_repeaters=0), max_repetitions=1)
    setting.clock.now += MAX_AGE + 1
    await setting.refreshed()
    rest = get_bulk(setting.cache.rows([SearchRange(first.oid, END)], non_repeaters=0), max_repetitions=2)
    assert [read(each).value for each in (first, *rest)] == [1, 1, 1]
