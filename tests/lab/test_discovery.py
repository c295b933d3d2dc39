"""A real Prometheus that knows two nodes of a real cluster, and finds the third."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.prometheus import HOME, api, prometheus
from tests.programs import ROOT

pytestmark = pytest.mark.lab

ONLINE = "__meta_ha_cluster_node_online"
UP, DOWN = "up", "down"


def example(cluster: Cluster) -> str:
    """Returns the configuration in the documentation, with addresses, as the lab has no DNS, and in a hurry."""
    page = (ROOT / "docs" / "prometheus.md").read_text()
    (block,) = re.findall(r"```yaml\n(# prometheus\.yml with service discovery\n[^`]+)```", page)
    with_addresses = re.sub(r"//(node\d):", lambda match: f"//{cluster.address(match[1])}:", block)
    return "global: {scrape_interval: 1s}\n" + re.sub(r"refresh_interval: \w+", "refresh_interval: 1s", with_addresses)


def active_targets(cluster: Cluster) -> list[dict[str, Any]]:
    active: list[dict[str, Any]] = api(cluster, "targets", state="active")["activeTargets"]
    return active


def targets(cluster: Cluster) -> list[tuple[str, str, str]]:
    """Returns node, cluster and health of all targets; each is there once, although two nodes name it."""
    active = active_targets(cluster)
    return sorted((each["labels"]["instance"], each["labels"]["cluster"], each["health"]) for each in active)


def discovered(cluster: Cluster) -> list[dict[str, str]]:
    """Returns the labels of all targets before relabeling."""
    return [each["discoveredLabels"] for each in active_targets(cluster)]


def wait_for_targets(cluster: Cluster, **health: str) -> None:
    name = re.search(r"cluster_name: (\S+)", (cluster.path(HOME, "/etc/corosync") / "corosync.conf").read_text())
    assert name is not None
    expected = [(node, name[1], state) for node, state in sorted(health.items())]
    cluster.wait_for(lambda: targets(cluster) == expected, 60, what=f"{expected}, not {targets(cluster)}")


@pytest.mark.not_on("bullseye", reason="Prometheus 2.24 has no http_sd_configs, which are new in 2.28")
def test_targets_follow_the_cluster(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(Options(nodes=3))
    config = configuration(tmp_path, web='discovery_host = "link0"', host="0.0.0.0", alarms='socket = ""')
    with ExitStack() as stack:
        for node in cluster.nodes:
            stack.enter_context(NodeGateway(cluster, node, config))
        stack.enter_context(prometheus(cluster, tmp_path, example(cluster)))
        wait_for_targets(cluster, node1=UP, node2=UP, node3=UP)

        cluster.kill("node3")  # a node that is lost stays: Prometheus has to see that it is down
        wait_for_targets(cluster, node1=UP, node2=UP, node3=DOWN)

        # Prometheus may notice first; Pacemaker adds a member that is removed again
        lost = "nodes/node[@name='node3'][@online='false']"
        cluster.wait_for(lambda: cluster.crm_mon(HOME).find(lost) is not None, what="the loss of node3")
        cluster.run(HOME, "crm_node", "--force", "--remove", "node3")
        wait_for_targets(cluster, node1=UP, node2=UP)

        cluster.start_node("node3")  # it joins again, as a new one does
        stack.enter_context(NodeGateway(cluster, "node3", config))
        wait_for_targets(cluster, node1=UP, node2=UP, node3=UP)

        for node in (HOME, "node2"):
            cluster.stop_pacemaker(node, kill=True)
        # nobody lists nodes now, and none was deleted: those that were known stay, without their states
        cluster.wait_for(
            lambda: not any(ONLINE in labels for labels in discovered(cluster)), what="lists without states"
        )
        wait_for_targets(cluster, node1=UP, node2=UP, node3=UP)
