"""The simulated fleet: what a real Prometheus finds of it, with which docs/fleet.md was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fleet.__main__ import configuration, running_clusters
from tests.fleet.clusters import NODES, Cluster
from tests.fleet.measurements import read, take_snapshot
from tests.prometheus_server import get, query, running_prometheus
from tests.waiting import wait_until

CLUSTERS = 2


@pytest.mark.daemon
def test_a_real_prometheus_scrapes_every_node_of_every_cluster(tmp_path: Path) -> None:
    with (
        running_clusters(CLUSTERS, troubled=0) as gateways,
        running_prometheus(configuration(1, CLUSTERS, gateways), tmp_path, "--web.enable-admin-api") as prometheus,
    ):
        (group, *others) = json.loads(get(f"http://{Cluster(number=2).address(3)}:{gateways}/sd"))
        assert group["targets"] == [f"{Cluster(number=2).address(1)}:{gateways}"]
        assert len(others) == NODES - 1

        def scraped() -> set[tuple[str, str]]:
            results = query(prometheus, "ha_cluster_corosync_quorate == 1")
            return {(result["metric"]["cluster"], result["metric"]["instance"]) for result in results}

        expected = {
            (cluster, f"{cluster}-node{node}")
            for cluster in ("cluster001", "cluster002")
            for node in range(1, NODES + 1)
        }
        wait_until(lambda: scraped() == expected, seconds=60, what="the first scrape of every node")
        series = read(prometheus).values["prometheus_tsdb_head_series"]
        block = take_snapshot(prometheus, tmp_path / "data")
        assert series > 400 * len(expected)
        assert block.samples >= block.chunks > 400 * len(expected)
