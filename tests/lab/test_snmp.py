"""SNMP on a node of a real cluster: the gateway behind a real snmpd."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests import series
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.receivers import inside
from tests.programs import ROOT, installed
from tests.snmpd import Snmpd

pytestmark = pytest.mark.lab

NODE = "node1"
MAX_AGE = 2.0
MIBS = f"{ROOT / 'mibs'}:{ROOT / 'mibs' / 'stubs'}"


def gateway(cluster: Cluster, snmpd: Snmpd, directory: Path, *, user: str | None = None) -> NodeGateway:
    snmp = f'agentx = "unix:{snmpd.agentx}"\nmax_age = {MAX_AGE}'
    # with a long interval, the alarm engine does not refresh the snapshot
    config = configuration(directory, snmp=snmp, alarms='interval = 3600\nsocket = ""')
    return NodeGateway(cluster, NODE, config, user=user)


def ask(cluster: Cluster, snmpd: Snmpd, tool: str, *names: str) -> str:
    """Returns what one of Net-SNMP's tools prints inside the node, with the MIB loaded."""
    whom = ("-v2c", "-c", "public", "-Ln", "-Oq", "-M", MIBS, "-m", "HA-CLUSTER-MIB", "-t5")
    argv = [installed(tool), *whom, f"127.0.0.1:{snmpd.port}", *(f"HA-CLUSTER-MIB::{name}" for name in names)]
    return cluster.run(NODE, *argv, check=False).stdout


def seconds_until(cluster: Cluster, snmpd: Snmpd, name: str, value: str) -> float:
    """Polls a variable, as a manager would, and returns the seconds until it has the value."""
    began = time.monotonic()
    cluster.wait_for(lambda: f" {value}\n" in ask(cluster, snmpd, "snmpget", name), 60, what=f"{name} {value}")
    return time.monotonic() - began


def test_the_death_of_nodes_is_seen_within_the_age(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster(Options(nodes=3))
    with Snmpd(tmp_path, **inside(cluster, NODE)) as snmpd, gateway(cluster, snmpd, tmp_path):
        seconds_until(cluster, snmpd, "haClusterNodesOnline.0", "3 nodes")
        cluster.kill("node3")
        cluster.wait_for(lambda: cluster.crm_mon(NODE).find("nodes/node[@name='node3'][@online='false']") is not None)
        # the age at which a request starts a collection, and the time of the collection
        late = seconds_until(cluster, snmpd, "haClusterNodesOnline.0", "2 nodes")
        assert late < MAX_AGE + 1
        assert " false\n" in ask(cluster, snmpd, "snmpget", 'haClusterNodeOnline."node3"')
        cluster.kill("node2")
        cluster.wait_for(lambda: not cluster.quorate(NODE))
        late = seconds_until(cluster, snmpd, "haClusterQuorate.0", "false")
        assert late < MAX_AGE + 1
        assert " 1 votes\n" in ask(cluster, snmpd, "snmpget", "haClusterVotesTotal.0")
        age = re.search(r" (\d+) seconds", ask(cluster, snmpd, "snmpget", "haClusterSnapshotAge.0"))
        assert age is not None
        assert int(age[1]) <= MAX_AGE + 1


def test_a_walk_and_a_scrape_see_the_same(cluster: Cluster, tmp_path: Path) -> None:
    with Snmpd(tmp_path, **inside(cluster, NODE)) as snmpd, gateway(cluster, snmpd, tmp_path) as running:
        seconds_until(cluster, snmpd, "haClusterNodesOnline.0", "3 nodes")
        page = running.page()
        walked = ask(cluster, snmpd, "snmpbulkwalk", "haClusterMIB")
        resources = re.findall(r'haClusterResourceActive\."(.+?)"\."(.+?)"\.\d+ (true|false)$', walked, re.MULTILINE)
        assert len(set(resources)) == len(resources) > 5
        scraped = {
            (labels["resource"], labels["node"] or "-", "true" if value else "false")
            for pairs, value in series.named(page, "ha_cluster_pacemaker_resources").items()
            if (labels := dict(pairs))["status"] == "active"
        }
        assert set(resources) == scraped
        votes = dict(re.findall(r"haClusterMemberVotes\.(\d+) (\d+) votes$", walked, re.MULTILINE))
        members = series.named(page, "ha_cluster_corosync_member_votes")
        assert votes == {dict(labels)["node_id"]: f"{value:g}" for labels, value in members.items()}
        links = re.findall(r"haClusterLinkPeerConnected\.(\d+)\.(\d+) true$", walked, re.MULTILINE)
        connected = series.named(page, "ha_cluster_corosync_link_connected")
        assert set(links) == {
            (dict(labels)["number"], dict(labels)["peer_node_id"]) for labels, value in connected.items() if value
        }


@pytest.mark.not_on("bullseye", reason="the gateway runs on the machine, and only root may run tools with chroot")
def test_the_group_of_the_clusters_daemons_may_serve(cluster: Cluster, public_path: Path) -> None:
    """A gateway that does not run as root: snmpd and Pacemaker accept the group."""
    extra = ("agentXPerms 0660 0755 root haclient",)
    with (
        Snmpd(public_path, extra=extra, **inside(cluster, NODE)) as snmpd,
        gateway(cluster, snmpd, public_path, user="hacluster") as running,
    ):
        running.once("agentx registered")
        seconds_until(cluster, snmpd, "haClusterNodesOnline.0", "3 nodes")
