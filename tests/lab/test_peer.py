"""The gateway and ha_cluster_exporter side by side on a node of a real cluster."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests import series
from tests.lab.base import PATIENCE
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import with_tools
from tests.lab.resources import DEMO_RESOURCES, role
from tests.lab.scrape import get, is_listening
from tests.programs import ROOT
from tests.series import Series

pytestmark = pytest.mark.lab

DOCUMENTED = ROOT / "docs" / "replacing.md"
PEER, OURS = 9664, 9665
NODE = "node1"


def page(cluster: Cluster, port: int) -> Series:
    return series.parse(get(cluster, NODE, port))


def of_the_cluster(page_series: Series) -> Series:
    """Returns the series without those that differ in each scrape."""
    return {
        key: value
        for key, value in page_series.items()
        if key[0].startswith("ha_cluster_") and "duration_seconds" not in key[0]
    }


def both(cluster: Cluster) -> tuple[Series, Series]:
    """Returns the peer's series and ours, from a moment in which the cluster did not change."""
    deadline = time.monotonic() + 30
    while True:
        before, ours, after = (page(cluster, port) for port in (PEER, OURS, PEER))
        if of_the_cluster(before) == of_the_cluster(after):
            return of_the_cluster(after), ours
        assert time.monotonic() < deadline, "the cluster never stops changing"


def documented_differences() -> list[tuple[str, dict[str, str]]]:
    """Returns name and labels of each row of the table; the label ``value`` is the value."""
    rows = re.findall(r"^\| `(\w+)(?:\{(.*)\})?` \|", DOCUMENTED.read_text("utf-8"), re.MULTILINE)
    return [(name, dict(re.findall(r'(\w+)="([^"]*)"', labels))) for name, labels in rows]


def is_documented(key: tuple[str, frozenset[tuple[str, str]]], value: float) -> bool:
    labels = {**dict(key[1]), "value": f"{value:g}"}
    return any(key[0] == name and documented.items() <= labels.items() for name, documented in documented_differences())


def compare(cluster: Cluster) -> Series:
    """Asserts that our page has all series of the peer, and returns ours."""
    peer, ours = both(cluster)
    differing = {
        key: (value, ours.get(key))
        for key, value in peer.items()
        if ours.get(key) != value and not is_documented(key, value)
    }
    assert not differing
    return ours


@pytest.fixture
def side_by_side(make_cluster: MakeCluster, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with both daemons on one node."""
    cluster = make_cluster(Options(nodes=3, rings=2))
    cluster.load(DEMO_RESOURCES)
    cluster.wait_idle()
    devices = cluster.sbd_devices(2)
    cluster.path(NODE, "/etc/default").joinpath("sbd").write_text(f'SBD_DEVICE="{";".join(devices)}"\n')
    # flags as of other exporters are new in version 1.3
    old = cluster.system(NODE).release == "bullseye"
    flags = ("--address=127.0.0.1", f"--port={PEER}") if old else (f"--web.listen-address=127.0.0.1:{PEER}",)
    config = tmp_path / "gateway.conf"
    config.touch()
    config = with_tools(cluster, NODE, config)
    with ExitStack() as stack:
        stack.callback(cluster.popen(NODE, ["ha_cluster_exporter", *flags]).kill)
        listen = f"--web.listen-address=127.0.0.1:{OURS}"
        ours = cluster.popen_python(NODE, "-m", "gateway", "--config", config, listen)
        stack.callback(ours.kill)
        for port in (PEER, OURS):
            cluster.wait_for(partial(is_listening, cluster, NODE, port), 60, what=f"port {port}")
        yield cluster
        ours.terminate()
        assert ours.wait(PATIENCE) == 0


def value(cluster: Cluster, name: str) -> float | None:
    return page(cluster, OURS).get(series.key(name))


@pytest.mark.not_on("bullseye", reason="ha_cluster_exporter 1.2 has no page while two instances of a clone are stopped")
def test_every_series_of_the_peer_is_there_in_every_state(side_by_side: Cluster) -> None:
    cluster = side_by_side

    healthy = compare(cluster)
    assert healthy[series.key("corosync_quorate")] == 1
    assert sorted(series.named(healthy, "ha_cluster_corosync_rings").values()) == [1, 1]
    assert len(series.named(healthy, "ha_cluster_sbd_devices")) == 2
    clones = {dict(labels)["clone"] for labels in series.named(healthy, "ha_cluster_pacemaker_resources")}
    assert {"cl-ping", "db-clone", "cl-storage"} <= clones
    storage = [
        dict(labels)["group"]
        for labels in series.named(healthy, "ha_cluster_pacemaker_resources")
        if dict(labels)["clone"] == "cl-storage"
    ]
    assert set(storage) == {"g-storage"}
    promoted = role("Promoted", cluster.system(NODE).pacemaker).lower()
    constraint = series.key(
        "pacemaker_location_constraints", constraint="db-by-rule", node="node1", resource="db-clone", role=promoted
    )
    assert healthy[constraint] == 50

    cluster.cut("node3", 1)
    cluster.wait_for(lambda: value(cluster, "corosync_ring_errors") == 1, 30, what="a faulty link")
    cut = compare(cluster)
    (unreached,) = [
        dict(labels) for labels, up in series.named(cut, "ha_cluster_corosync_link_connected").items() if not up
    ]
    assert (unreached["number"], unreached["peer"], unreached["peer_node_id"]) == ("1", "node3", "3")
    cluster.heal("node3", 1)
    cluster.wait_for(lambda: value(cluster, "corosync_ring_errors") == 0, 30, what="a healthy link")

    cluster.kill("node3")
    cluster.wait_for(lambda: len(members(cluster)) == 2, 30, what="the loss of a node")
    assert compare(cluster)[series.key("corosync_quorate")] == 1

    cluster.kill("node2")
    cluster.wait_for(lambda: value(cluster, "corosync_quorate") == 0, 30, what="the loss of quorum")
    lost = compare(cluster)
    assert lost[series.key("corosync_up")] == 1
    assert lost[series.key("scrape_success", collector="corosync")] == 1

    cluster.stop_pacemaker(NODE)
    stopped = compare(cluster)
    assert stopped[series.key("pacemaker_up")] == 0
    assert stopped[series.key("pacemaker_daemon_state", state="not_connected")] == 1
    assert stopped[series.key("corosync_up")] == 1

    cluster.stop_corosync(NODE)
    gone = compare(cluster)
    assert gone[series.key("corosync_up")] == 0
    assert gone[series.key("corosync_quorate")] == 0
    assert gone[series.key("scrape_success", collector="sbd")] == 1


def members(cluster: Cluster) -> dict[frozenset[tuple[str, str]], float]:
    return series.named(page(cluster, OURS), "ha_cluster_corosync_member_votes")
