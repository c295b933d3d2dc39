"""Quorum devices and their arbitrators, for longer: ``make arbitration``. Not part of ``make test``.

What users see at every step, TLS with certificates that have expired, heuristics, unusual names and addresses, and
different versions of corosync-qdevice and corosync-qnetd (with ``LAB_NEXT_TREE``).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests import series
from tests.lab.arbitration import ARBITRATOR, EXPIRED, NODES, Arbitration
from tests.lab.arbitration_pages import LOST, VOTING, Device, Gateways, witnesses
from tests.lab.base import default_trees
from tests.lab.cluster import Options
from tests.lab.conftest import MakeCluster
from tests.lab.witness import Witness

pytestmark = pytest.mark.lab

THIS, OTHER = NODES
ENCRYPTED = Device(1, "connected", 1, 1)
LOST_ON_NODE = (("votes-missing", ""), ("qdevice-lost", ""), ("qdevice-no-vote", ""))
WITH_TLS = ("-s", "req", "-c", "on")


def wait_until_all_is_well(shown: Gateways[Witness], device: Device = VOTING) -> None:
    """Waits until both gateways show two nodes with votes, and no alarm."""
    shown.wait_for_device(device)
    shown.wait_for_listing(node1=1, node2=1)
    shown.node.expect()
    shown.arbitrator.expect()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("algorithm", ["ffsplit", "lms"])
def test_the_alarms_of_every_step(
    make_cluster: MakeCluster, tmp_path: Path, algorithm: str, *, encrypted: bool
) -> None:
    cluster = make_cluster(Options(nodes=3), daemons=False)
    arbitration = Arbitration(cluster, algorithm=algorithm, tls="required" if encrypted else "off")
    options = WITH_TLS if encrypted else ("-s", "off")
    if encrypted:
        arbitration.make_certificates()
    arbitration.start(*options)
    voting = ENCRYPTED if encrypted else VOTING
    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown, voting)

        arbitration.kill(ARBITRATOR, "corosync-qnetd")
        shown.node.expect(*LOST_ON_NODE)
        shown.arbitrator.expect(("qnetd-down", ""))
        assert shown.device() in LOST
        assert not arbitration.has_vote(THIS)
        arbitration.start_qnetd(*options)
        wait_until_all_is_well(shown, voting)

        cluster.cut(ARBITRATOR)
        shown.node.expect(*LOST_ON_NODE)
        shown.arbitrator.expect(("qnetd-cluster-missing", "pair"))
        assert shown.device() in LOST
        cluster.heal(ARBITRATOR)
        wait_until_all_is_well(shown, voting)

        cluster.cut(OTHER)
        shown.arbitrator.expect(("qnetd-node-missing", "node 2 of pair"), ("qnetd-last-node", "pair"))
        shown.node.expect(("votes-missing", ""))
        assert shown.device() == voting
        assert cluster.quorate(THIS)
        cluster.heal(OTHER)
        wait_until_all_is_well(shown, voting)

        arbitration.signal(ARBITRATOR, "corosync-qnetd", signal.SIGSTOP)
        shown.arbitrator.expect(("collector-failing", "qnetd"))
        shown.node.expect(*LOST_ON_NODE)
        arbitration.signal(ARBITRATOR, "corosync-qnetd", signal.SIGCONT)
        wait_until_all_is_well(shown, voting)

        arbitration.signal(THIS, "corosync-qdevice", signal.SIGTERM)
        shown.wait_for_device(Device(0, None, None, None))
        shown.node.expect(*LOST_ON_NODE)
        arbitration.start_qdevice(THIS)
        wait_until_all_is_well(shown, voting)


@pytest.mark.parametrize("expired", EXPIRED)
def test_expired_certificates(make_cluster: MakeCluster, tmp_path: Path, expired: str) -> None:
    """An arbitrator's own certificate may have expired; one of the authority or of the cluster keeps the nodes out."""
    cluster = make_cluster(Options(nodes=3), daemons=False)
    arbitration = Arbitration(cluster, tls="required")
    arbitration.make_certificates(expired=expired)
    arbitration.start(*WITH_TLS)
    cluster.wait_quorate(THIS)
    with witnesses(arbitration, tmp_path) as shown:
        if expired == "arbitrator":
            wait_until_all_is_well(shown, ENCRYPTED)
            return
        shown.node.expect(*LOST_ON_NODE)
        assert shown.device() in LOST
        assert shown.listing()[:2] == (1, 0)
        shown.arbitrator.expect()


def test_heuristics(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(Options(nodes=3), daemons=False)
    arbitration = Arbitration(cluster, heuristics=True)
    arbitration.start()

    def result(shown: Gateways[Witness]) -> tuple[set[str], dict[str, str]]:
        """Returns the result that node1 shows, and those of the nodes that the arbitrator shows."""
        own = series.named(shown.node.page(), "ha_cluster_qdevice_heuristics_result")
        seen = series.named(shown.arbitrator.page(), "ha_cluster_qnetd_node_heuristics_result")
        labels = [dict(each) for each, value in seen.items() if value]
        return (
            {dict(each)["result"] for each, value in own.items() if value},
            {each["node_id"]: each["result"] for each in labels},
        )

    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown)
        arbitration.wait(lambda: result(shown) == ({"fail"}, {"1": "fail", "2": "fail"}), what="failed heuristics")
        cluster.run(THIS, "touch", "/run/reachable")
        arbitration.wait(lambda: result(shown) == ({"pass"}, {"1": "pass", "2": "fail"}), what="passed heuristics")


def test_a_name_with_spaces_and_letters_of_all_kinds(make_cluster: MakeCluster, tmp_path: Path) -> None:
    name = 'Süd  "Cluster": Ω'
    arbitration = Arbitration(make_cluster(Options(nodes=3), daemons=False), name=name)
    arbitration.start()
    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown)
        (info,) = series.named(shown.arbitrator.page(), "ha_cluster_qnetd_cluster_info")
        assert dict(info)["cluster_name"] == name
        (info,) = series.named(shown.node.page(), "ha_cluster_qdevice_info")
        assert dict(info)["cluster_name"] == name


def test_an_arbitrator_with_an_ipv6_address(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(Options(nodes=3), daemons=False)
    for number, node in enumerate(cluster.nodes, 1):
        cluster.run(node, "ip", "addr", "add", f"fd00::{number}/64", "dev", "eth0", "nodad")
    arbitration = Arbitration(cluster, host="fd00::3")
    arbitration.start()
    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown)
        (info,) = series.named(shown.node.page(), "ha_cluster_qdevice_info")
        assert dict(info)["host"] == "fd00::3:5403"
        addresses = series.named(shown.arbitrator.page(), "ha_cluster_qnetd_node_info")
        assert {dict(labels)["address"].rpartition(":")[0] for labels in addresses} == {"fd00::1", "fd00::2"}


def test_two_clusters_with_the_same_name(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """The arbitrator refuses a second node with the same ID: the one that came later is not connected."""
    cluster = make_cluster(Options(nodes=4), daemons=False)
    arbitration = Arbitration(cluster)
    foreign = cluster.path("node4", "/etc/corosync") / "corosync.conf"
    own = (cluster.path(THIS, "/etc/corosync") / "corosync.conf").read_text(encoding="utf-8")
    alone = own.replace(cluster.address(THIS), cluster.address("node4"))
    foreign.write_text(alone, encoding="utf-8")
    arbitration.start()
    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown)
        cluster.start_corosync("node4")
        arbitration.start_qdevice("node4")
        arbitration.wait(lambda: "State:" in arbitration.device("node4"), what="the foreign node")
        arbitration.wait(lambda: "Connected" not in arbitration.device("node4"), what="its refusal")
        wait_until_all_is_well(shown)


@pytest.mark.skipif("LAB_NEXT_TREE" not in os.environ, reason="needs the trees of two releases")
@pytest.mark.parametrize("newer", ["arbitrator", "nodes"])
def test_different_versions(make_cluster: MakeCluster, tmp_path: Path, newer: str) -> None:
    (old,), new = default_trees(), os.environ["LAB_NEXT_TREE"]
    trees = (old, old, new) if newer == "arbitrator" else (new, new, old)
    arbitration = Arbitration(make_cluster(Options(nodes=3, trees=trees), daemons=False), tls="required")
    arbitration.make_certificates()
    arbitration.start(*WITH_TLS)
    with witnesses(arbitration, tmp_path) as shown:
        wait_until_all_is_well(shown, ENCRYPTED)
        arbitration.kill(ARBITRATOR, "corosync-qnetd")
        shown.wait_for_device(*LOST)
