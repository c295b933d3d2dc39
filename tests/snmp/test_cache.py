"""The tables that requests are answered from: refreshed when they are old, and one moment for each walk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from gateway.engine.engine import Engine
from gateway.frontends.snmp.bulk import get_bulk
from gateway.frontends.snmp.cache import FOLLOW_TIME, MAX_INLINE_SAMPLES, TableCache
from gateway.frontends.snmp.service import SnmpService
from gateway.frontends.snmp.subagent.address import UnixAddress
from gateway.frontends.snmp.subagent.subagent import SubagentState
from gateway.frontends.snmp.walks import MAX_WALKS, WALK_TIME
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
    """A collector whose samples have the number of its run as their value."""

    name = "pacemaker"
    presence_tools = ("crm_mon",)
    configurations = ()

    def __init__(self) -> None:
        self.rounds = 0
        self.size = 3
        self.timeout: float | None = None

    def plan(self, host: Host) -> Plan:
        return Plan(files={"round": Reading(status=Status.OK)})

    def make_samples(self, readings: object) -> SampleSet:
        self.rounds += 1
        samples = SampleSet()
        for number in range(self.size):
            samples.add(pacemaker_metrics.NODE_RESOURCES_RUNNING, self.rounds, f"node{number}")
        if self.timeout is not None:
            samples.add(pacemaker_metrics.STONITH_TIMEOUT, self.timeout)
        return samples


class Setting:
    """A cache with such a collector and a clock that stands still until it is set."""

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


async def test_requests_before_the_first_snapshot_are_answered_at_once(setting: Setting) -> None:
    assert setting.running() is None
    assert read(setting.cache.get_next([SearchRange(MIB.root, END)])[0]).type is Type.END_OF_MIB_VIEW
    await setting.cache.refresh()  # the one that the first request has started
    assert setting.running() == 1
    assert setting.collector.rounds == 1


async def test_a_request_to_old_tables_is_answered_from_them_and_starts_a_refresh(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE + 1
    assert [setting.running() for _ in range(3)] == [1, 1, 1]
    await setting.cache.refresh()
    assert setting.running() == 2
    assert setting.collector.rounds == 2


async def test_a_request_to_recent_tables_starts_no_refresh(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE
    setting.running()
    await asyncio.sleep(0)
    assert setting.collector.rounds == 1


async def test_a_snapshot_of_a_scrape_is_used_instead_of_a_new_run(setting: Setting) -> None:
    await setting.refreshed()
    setting.clock.now += MAX_AGE + 1
    await setting.engine.collect()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_a_large_snapshot_of_a_scrape_is_used_once_its_tables_are_built(setting: Setting) -> None:
    setting.collector.size = 2 * MAX_INLINE_SAMPLES
    await setting.refreshed()
    setting.clock.now += FOLLOW_TIME + 1
    await setting.engine.collect()
    assert setting.running() == 1
    await setting.cache.refresh()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_while_requests_arrive_the_tables_follow_each_snapshot(setting: Setting) -> None:
    await setting.refreshed()
    setting.running()
    await setting.engine.collect()
    await setting.cache.refresh()
    assert (setting.running(), setting.collector.rounds) == (2, 2)


async def test_rebuilding_updates_the_values_of_the_gateway_itself(setting: Setting) -> None:
    texts = ["before"]
    setting.cache.add_value_source(lambda: [("haClusterNoticeText", (), texts[0])])
    name = MIB["haClusterNoticeText"].oid + oids.encode((0,))
    await setting.refreshed()
    assert read(setting.cache.get([name])[0]).value == b"before"
    texts[0] = "after"
    setting.cache.rebuild()
    await setting.cache.refresh()
    assert read(setting.cache.get([name])[0]).value == b"after"
    assert setting.collector.rounds == 1


async def test_a_walk_sees_one_moment_while_other_requests_see_the_latest(setting: Setting) -> None:
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


async def test_two_walks_each_see_their_own_moment(setting: Setting) -> None:
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


async def test_a_walk_that_takes_too_long_continues_in_the_latest_tables(setting: Setting) -> None:
    await setting.refreshed()
    position, _ = setting.step(MIB["haClusterNodeResourcesRunning"].oid)
    setting.clock.now += WALK_TIME + 1
    await setting.refreshed()
    following, value = setting.step(position)
    assert following > position
    assert value == 2


@pytest.mark.parametrize("inline", [True, False])
async def test_abandoned_walks_expire(setting: Setting, *, inline: bool) -> None:
    """Also if tables are only ever built within requests, as those of a small cluster may be."""
    setting.collector.size = 2 * MAX_WALKS
    await setting.refreshed()
    start = MIB["haClusterNodeResourcesRunning"].oid
    for number in reversed(range(2 * MAX_WALKS)):
        name = f"node{number}".encode()
        setting.step(start + oids.encode((len(name), *name)))
    assert len(setting.cache._walks) == MAX_WALKS
    if inline:
        setting.clock.now += FOLLOW_TIME + 1
        await setting.engine.collect()
        setting.cache.get([start])
    else:
        setting.clock.now += WALK_TIME + 1
        await setting.refreshed()
    assert len(setting.cache._walks) == 0


async def test_getbulk_returns_rows_of_all_columns_until_all_have_ended(setting: Setting) -> None:
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


async def test_a_getbulk_walk_sees_one_moment(setting: Setting) -> None:
    await setting.refreshed()
    start = SearchRange(MIB["haClusterNodeResourcesRunning"].oid, END)
    (first,) = get_bulk(setting.cache.rows([start], non_repeaters=0), max_repetitions=1)
    setting.clock.now += MAX_AGE + 1
    await setting.refreshed()
    rest = get_bulk(setting.cache.rows([SearchRange(first.oid, END)], non_repeaters=0), max_repetitions=2)
    assert [read(each).value for each in (first, *rest)] == [1, 1, 1]


async def test_values_that_do_not_fit_are_counted_and_logged_once(setting: Setting) -> None:
    setting.collector.timeout = 10**400
    with capture_logs() as logs:
        for runs in (1, 2):
            await setting.engine.collect()
            await setting.refreshed()
            assert setting.cache.omitted == runs
            setting.clock.now += 2 * MAX_AGE
    assert setting.running() == 2
    assert [event["name"] for event in logs if event["event"] == "value or row omitted"] == ["haClusterStonithTimeout"]


async def test_the_state_of_the_session_is_that_of_the_moment_of_the_request(setting: Setting) -> None:
    publication = Publication(clock=setting.clock)
    service = SnmpService(setting.engine, publication, MIB, max_age=MAX_AGE, agentx=UnixAddress("/nowhere"))
    publication.add_source(service.add_samples)
    name = MIB["haClusterAgentxState"].oid
    try:
        await service.cache.refresh()
        assert service._subagent is not None
        for state, number in ((SubagentState.OPENING, 5), (SubagentState.REGISTERED, 7)):
            service._subagent.state = state
            assert read(service.cache.get([name + oids.encode((0,))])[0]).value == number
            assert read(service.cache.get_next([SearchRange(name, END)])[0]).value == number
    finally:
        await service.close()
