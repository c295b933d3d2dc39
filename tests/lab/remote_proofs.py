"""Pacemaker Remote on a real cluster: ``make remote``. Not part of ``make test``.

A remote node that is stopped on purpose and cut off, gateways on it, and a guest node that is cut off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import series
from tests.lab.base import Options
from tests.lab.cluster import Cluster
from tests.lab.gateways import PORT, NodeGateway, configuration
from tests.lab.remote import GUEST, HOST, REMOTE, RemoteCluster
from tests.lab.scrape import get
from tests.series import Series

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

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


def gateway(
    nodes: RemoteCluster, node: str, directory: Path, *, alarms: str = "interval = 0.5", source: str = "auto"
) -> NodeGateway:
    directory.mkdir()
    port = PORT if source == "auto" else PORT + 1
    targets = f'[pacemaker]\nsource = "{source}"'
    config = configuration(directory, alarms=alarms, targets=targets, port=port)
    return NodeGateway(nodes.cluster, node, config, port=port)


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


def is_well(gateway: NodeGateway) -> bool:
    return gateway.alarms() == {("fencing-disabled", "")}


def source(gateway: NodeGateway) -> str:
    """Returns where the gateway has read the state of the cluster."""
    sources = series.named(gateway.page(), "ha_cluster_gateway_command_source")
    states = [dict(labels)["source"] for labels, value in sources.items() if value and ("command", "crm_mon") in labels]
    return next(iter(states), "tool")


def warnings(gateway: NodeGateway) -> list[str]:
    """Returns what has been logged as a warning, without the times."""
    return [
        json.dumps({name: value for name, value in entry.items() if name != "ts"}, sort_keys=True)
        for entry in gateway.log
        if entry["level"] not in {"debug", "info"}
    ]


def test_gateways_on_a_remote_node_that_is_cut_off_claim_nothing_and_are_not_quiet(
    nodes: RemoteCluster, tmp_path: Path
) -> None:
    cluster, alarms = nodes.cluster, 'interval = 2\nsocket = ""'
    with (
        gateway(nodes, REMOTE, tmp_path / "auto", alarms=alarms) as auto,
        gateway(nodes, REMOTE, tmp_path / "tools", alarms=alarms, source="tools") as tools,
    ):
        nodes.run("crm_standby", "-N", HOST, "-v", "on")
        for there in (auto, tools):
            cluster.wait_for(partial(reports, there, "node-standby", HOST), what="the alarm")
        assert (source(auto), source(tools)) == ("library", "tool")
        cluster.wait_idle(HOST)

        cluster.cut(REMOTE)
        nodes.run("crm_standby", "-N", HOST, "-D")
        logged = [warnings(there) for there in (auto, tools)]
        for there in (auto, tools):
            cluster.wait_for(
                partial(reports, there, "collector-failing", "pacemaker"), timeout=NOTICED, what="the alarm"
            )
            page = there.page()
            assert page[series.key("gateway_collector_state", collector="pacemaker", state="timed_out")] == 1
            assert not series.named(page, "ha_cluster_pacemaker_nodes")
            assert series.key("pacemaker_remote_connected") not in page
            assert series.key("corosync_up") not in page
            assert there.alarms() == {
                ("collector-failing", "pacemaker"),
                ("node-standby", HOST),
                ("fencing-disabled", ""),
            }
            assert "as seen by edge1" in get(cluster, REMOTE, there.port, "/")
        for there, before in zip((auto, tools), logged, strict=True):
            news = warnings(there)[len(before) :]
            assert len(set(news)) == len(news)

        cluster.heal(REMOTE)
        nodes.wait_connected("edge1")
        for there in (auto, tools):
            cluster.wait_for(partial(is_well, there), timeout=120, what="all to be well")
            assert there.page()[series.key("pacemaker_remote_connected")] == 1
        cluster.wait_for(lambda: source(auto) == "library", timeout=120, what="the library")
        assert source(tools) == "tool"


def test_a_guest_node_is_cut_off(nodes: RemoteCluster, tmp_path: Path) -> None:
    cluster = nodes.cluster
    with gateway(nodes, HOST, tmp_path / "host") as host:
        cluster.wait_for(lambda: state(host.page(), "guest1") == "connected", timeout=120, what="the connection")
        cluster.wait_for(partial(is_well, host), timeout=120, what="all to be well")

        cluster.cut(GUEST)
        cluster.wait_for(lambda: reports(host, "remote-unreachable", "guest1"), timeout=NOTICED, what="the alarm")
        assert state(host.page(), "guest1") != "connected"
        cluster.heal(GUEST)
        nodes.wait_connected("guest1")
        cluster.wait_for(lambda: not reports(host, "remote-unreachable", "guest1"), what="its end")
        assert state(host.page(), "guest1") == "connected"
