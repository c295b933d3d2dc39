"""Pacemaker Remote on a real cluster: ``make remote``. Not part of ``make test``.

A remote node that is stopped on purpose and cut off, a gateway on it, and a guest node that is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import series
from tests.lab.base import Options
from tests.lab.cluster import Cluster
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.remote import GUEST, HOST, REMOTE, RemoteCluster
from tests.series import Series

pytestmark = pytest.mark.lab

NOTICED = 150
"""Seconds until a cluster certainly reports that a node is cut off.

If that happens while a message is on its way, Pacemaker's controller waits for the rest of it, for up to a minute.
"""


@pytest.fixture(scope="module")
def nodes(lab: None) -> Iterator[RemoteCluster]:
    """Yields a cluster that is connected to its remote node and its guest node; a test restores that."""
    cluster = Cluster(Options(nodes=4, cluster_name="edge"))
    try:
        cluster.start(daemons=False)
        nodes = RemoteCluster(cluster)
        nodes.start()
        yield nodes
    finally:
        cluster.stop()


def gateway(nodes: RemoteCluster, node: str, directory: Path) -> NodeGateway:
    directory.mkdir()
    return NodeGateway(nodes.cluster, node, configuration(directory, alarms="interval = 0.5"))


def state(page: Series, node: str) -> str:
    """Returns the state of the connection to a node on a page."""
    states = series.named(page, "ha_cluster_pacemaker_remote_connection")
    return next((dict(labels)["state"] for labels, value in states.items() if value and ("node", node) in labels), "")


def reports(gateway: NodeGateway, condition: str, node: str) -> bool:
    return (condition, node) in gateway.alarms()


def test_a_remote_node_is_stopped_on_purpose_and_cut_off(nodes: RemoteCluster, tmp_path: Path) -> None:
    cluster = nodes.cluster
    with gateway(nodes, HOST, tmp_path / "host") as host, gateway(nodes, REMOTE, tmp_path / "remote") as there:
        assert {name: state(host.page(), name) for name in ("edge1", "guest1")} == dict.fromkeys(
            ("edge1", "guest1"), "connected"
        )
        assert host.alarms() == {("fencing-disabled", "")}
        page = there.page()
        assert page[series.key("pacemaker_remote_connected")] == 1
        assert series.key("pacemaker_remote_info", node="edge1") in page
        assert series.key("corosync_up") not in page
        assert there.alarms() == {("fencing-disabled", "")}

        nodes.set_target_role("edge1", "Stopped")
        cluster.wait_for(lambda: reports(host, "remote-disconnected", "edge1"), what="the warning")
        assert state(host.page(), "edge1") == "stopped"
        cluster.wait_for(lambda: there.page()[series.key("pacemaker_remote_connected")] == 0, what="the remote node")
        assert series.key("corosync_up") not in there.page()
        nodes.set_target_role("edge1", "Started")
        cluster.wait_for(lambda: not reports(host, "remote-disconnected", "edge1"), what="the end of the warning")
        cluster.wait_for(lambda: state(host.page(), "edge1") == "connected", what="the connection")
        cluster.wait_idle(HOST)

        cluster.cut(REMOTE)
        cluster.wait_for(lambda: reports(host, "remote-unreachable", "edge1"), timeout=NOTICED, what="the alarm")
        assert not {name for name, about in host.alarms() if about == "edge1"} - {"remote-unreachable"}
        cluster.heal(REMOTE)
        nodes.wait_connected("edge1")
        cluster.wait_for(lambda: not reports(host, "remote-unreachable", "edge1"), what="its end")
        assert state(host.page(), "edge1") == "connected"


def test_a_guest_node_is_cut_off(nodes: RemoteCluster, tmp_path: Path) -> None:
    cluster = nodes.cluster
    with gateway(nodes, HOST, tmp_path / "host") as host:
        cluster.wait_for(lambda: state(host.page(), "guest1") == "connected", timeout=120, what="the connection")
        cluster.wait_for(lambda: host.alarms() == {("fencing-disabled", "")}, timeout=120, what="all to be well")

        cluster.cut(GUEST)
        cluster.wait_for(lambda: reports(host, "remote-unreachable", "guest1"), timeout=NOTICED, what="the alarm")
        assert state(host.page(), "guest1") != "connected"
        cluster.heal(GUEST)
        nodes.wait_connected("guest1")
        cluster.wait_for(lambda: not reports(host, "remote-unreachable", "guest1"), what="its end")
        assert state(host.page(), "guest1") == "connected"
