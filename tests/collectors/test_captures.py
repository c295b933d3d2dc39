"""Every situation that was recorded in the lab, as a whole page each, and the demo's time line."""

from __future__ import annotations

import re

import pytest

from gateway.catalog import METRICS
from gateway.engine.engine import Engine
from gateway.frontends.prometheus import exposition
from gateway.host import replay
from gateway.host.replay import ReplayHost
from gateway.snapshot import Snapshot
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from tests import goldens
from tests.fakes import FakeClock
from tests.situations import ARBITRATION, LAB, recorded, recorded_arbitration
from tests.subsystems import WITH_STATISTICS, make_collectors

SITUATIONS = sorted(path.parent.name for path in LAB.glob("*/corosync-quorumtool-p.rc"))

pytestmark = pytest.mark.usefixtures("utc")

# differs in each run, or does not concern the cluster
VOLATILE = ("ha_cluster_scrape_duration_seconds", "ha_cluster_gateway_command_duration_seconds")


OF_THE_SERVICE = {
    metric
    for metric in METRICS
    if re.match(
        r"ha_cluster_gateway_(?:build_info|scrapes|http|web|publication|snapshot_age|agentx|snmp|alarms|alerts|config"
        r"|listening|log|notification)_?",
        metric.name,
    )
}
"""Metrics of the server and the notifier, which a collection alone does not have."""


NOT_RECORDED = {
    corosync_metrics.LINK_PEER_ADDRESS,
    pacemaker_metrics.FENCE_EVENT_REASONS,
    pacemaker_metrics.LOCATION_EXPIRED,
}
"""What the lab's cluster does not have; ``data/formats`` has it."""


def page(snapshot: Snapshot) -> str:
    samples_by_metric = {
        metric: samples for metric, samples in snapshot.samples_by_metric.items() if metric.name not in VOLATILE
    }
    return exposition.encode_text(samples_by_metric).decode()


@pytest.mark.golden
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_the_page_of_a_recorded_situation(situation: str) -> None:
    engine = Engine(ReplayHost(recorded(situation)), make_collectors("pacemaker", "corosync", options=WITH_STATISTICS))
    snapshot = await engine.collect()
    await engine.close()
    goldens.check(f"lab/{situation}.prom", page(snapshot))


@pytest.mark.golden
@pytest.mark.parametrize("situation", ARBITRATION)
async def test_the_page_of_a_recorded_arbitration(situation: str) -> None:
    engine = Engine(ReplayHost(recorded_arbitration(situation)), make_collectors())
    snapshot = await engine.collect()
    await engine.close()
    goldens.check(f"lab/{situation}.prom", page(snapshot))


@pytest.mark.golden
async def test_the_demo_shows_every_metric() -> None:
    recording = replay.Recording.load(replay.DEMO)
    clock = FakeClock()
    host = ReplayHost(recording, clock=clock)
    collectors = make_collectors(options=WITH_STATISTICS)
    engine = Engine(host, collectors)
    seen: set[str] = set()
    for step in recording.steps:
        assert host.step is step
        snapshot = await engine.collect()
        seen |= {metric.name for metric, samples in snapshot.samples_by_metric.items() if samples}
        goldens.check(f"demo/{step.situation}.prom", page(snapshot))
        clock.now += step.seconds
    assert host.step is recording.steps[0]
    await engine.close()
    assert {metric for metric in METRICS if metric.name not in seen} == OF_THE_SERVICE | NOT_RECORDED


async def test_a_command_that_was_not_recorded_is_not_installed() -> None:
    host = ReplayHost(recorded("healthy"))
    result = await host.run("crm_mon", "--version")
    assert result.status == "not_installed"
    assert host.find("sbd") is None
    assert host.find("crm_mon") == "/usr/sbin/crm_mon"
