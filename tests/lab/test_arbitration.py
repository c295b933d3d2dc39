"""A quorum device and its arbitrator: what node and arbitrator show while daemons are killed and links are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.arbitration import ARBITRATOR, NODES, Arbitration
from tests.lab.arbitration_pages import LOST, VOTING, Device, gateways
from tests.lab.cluster import Options
from tests.lab.conftest import MakeCluster

pytestmark = pytest.mark.lab


def test_a_quorum_device_loses_its_arbitrator_and_the_arbitrator_a_node(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    cluster = make_cluster(Options(nodes=3), daemons=False)
    arbitration = Arbitration(cluster)
    arbitration.start()
    with gateways(arbitration, tmp_path) as shown:
        shown.wait_for_device(VOTING)
        shown.wait_for_listing(node1=1, node2=1)
        arbitration.kill(ARBITRATOR, "corosync-qnetd")
        shown.wait_for_device(*LOST)
        assert not arbitration.has_vote(NODES[0])
        shown.wait_for_listing(up=0, clusters=None)
        arbitration.start_qnetd()
        shown.wait_for_device(VOTING)
        shown.wait_for_listing(node1=1, node2=1)
        cluster.cut(NODES[1])
        shown.wait_for_listing(node1=1, node2=0)
        shown.wait_for_device(VOTING)
        arbitration.kill(NODES[0], "corosync-qdevice")
        shown.wait_for_device(Device(0, None, None, None))
        shown.wait_for_listing(clusters=0)
