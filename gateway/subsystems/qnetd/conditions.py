"""The conditions of the arbitrator."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import has_number, is_among, read_from
from gateway.conditions.model import QUORUM, Absent, Condition, Finding, Gone, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.qnetd import facts, metrics
from gateway.subsystems.qnetd.facts import Node

ANSWER = Source(collector=facts.COLLECTOR, requires=facts.is_answered)
LIST = read_from(facts.COLLECTOR, "list")


def find_stopped_daemon(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if corosync-qnetd does not run on an arbitrator: it was running, or its collector is on."""
    is_arbitrator = view.accumulated(facts.has_run) or view.is_required(facts.COLLECTOR)
    if view.number(metrics.UP) == 0 and is_arbitrator:
        yield Finding("", {})


def find_missing_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that connected nodes of their cluster have in their configuration, and are not connected."""
    for node, is_connected in view.fact(facts.nodes).items():
        if not is_connected:
            name = f"node {node.node_id} of {node.cluster}"
            yield Finding(name, {"cluster_name": node.cluster, "node_id": node.node_id})


def _node(finding: Finding) -> Node:
    return Node(finding.fields["cluster_name"], finding.fields["node_id"])


def is_node_connected(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is connected."""
    return view.fact(facts.nodes).get(_node(finding)) is True


def is_node_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether all nodes of a cluster are known, and a node is not one of them."""
    node = _node(finding)
    return node.cluster in view.fact(facts.cluster_sizes) and node not in view.fact(facts.nodes)


def find_last_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the clusters of which one node of several is connected."""
    for cluster, total in view.fact(facts.cluster_sizes).items():
        if view.fact(facts.connected_nodes).get(cluster) == 1 < total:
            yield Finding(cluster, {"cluster_name": cluster, "total": str(total)})


def has_more_nodes(view: ClusterView, finding: Finding) -> bool:
    """Returns whether more than one node of a cluster is connected."""
    return view.fact(facts.connected_nodes).get(finding.fields["cluster_name"], 0) > 1


def has_one_node(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a cluster consists of one node."""
    return view.fact(facts.cluster_sizes).get(finding.fields["cluster_name"]) == 1


def find_missing_clusters(view: ClusterView) -> Iterator[Finding]:
    """Yields the clusters that had connected nodes and have none."""
    if facts.has_listed_all_clusters(view):
        for cluster in sorted(view.accumulated(facts.known_clusters) - view.fact(facts.clusters)):
            yield Finding(cluster, {"cluster_name": cluster})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="qnetd-down",
        severity=Severity.MAJOR,
        category=QUORUM,
        raised="The arbitrator is down: corosync-qnetd is not running on this host",
        cleared="The arbitrator is up again: corosync-qnetd is running on this host",
        meaning="The quorum devices of all clusters that use this arbitrator cast no vote.",
        action="Run `systemctl start corosync-qnetd`, and read its log with `journalctl -u corosync-qnetd`.",
        source=ANSWER,
        find=find_stopped_daemon,
        absent=Absent("corosync-qnetd-tool gets an answer", has_number(metrics.UP)),
        hold=10.0,  # a restart
        local=True,
    ),
    Condition(
        name="qnetd-cluster-missing",
        severity=Severity.MAJOR,
        category=QUORUM,
        about="the cluster",
        raised="No node of cluster {cluster_name} is connected to this arbitrator",
        cleared="A node of cluster {cluster_name} is connected to this arbitrator",
        meaning="The cluster is down, or it cannot reach this arbitrator, so that its quorum device casts no vote.",
        action="Run `corosync-qdevice-tool -s -v` on its nodes, and check the network to them (TCP port 5403). If the "
        "cluster no longer uses this arbitrator, restart the gateway here.",
        source=LIST,
        find=find_missing_clusters,
        absent=Absent("corosync-qnetd-tool lists the cluster", is_among(facts.clusters)),
        hold=30.0,  # a restart of corosync-qnetd, to which the nodes have to connect again
        local=True,
    ),
    Condition(
        name="qnetd-last-node",
        severity=Severity.MAJOR,
        category=QUORUM,
        about="the cluster",
        raised="Only 1 of {total} nodes of cluster {cluster_name} is connected to this arbitrator",
        cleared="More than one node of cluster {cluster_name} is connected to this arbitrator",
        meaning="If this node fails as well, no node of the cluster gets the vote of the arbitrator.",
        action="Bring the other nodes back. If they run, run `corosync-qdevice-tool -s -v` on them, and check the "
        "network to them (TCP port 5403).",
        source=LIST,
        find=find_last_nodes,
        absent=Absent("corosync-qnetd-tool lists more than one node of the cluster", has_more_nodes),
        gone=Gone(
            "the configuration of the connected node has no other node",
            "The cluster {cluster_name} no longer has other nodes",
            has_one_node,
        ),
        hold=30.0,
        local=True,
    ),
    Condition(
        name="qnetd-node-missing",
        severity=Severity.MINOR,
        category=QUORUM,
        about="the node",
        raised="Node {node_id} of {cluster_name} is not connected to this arbitrator",
        cleared="Node {node_id} of {cluster_name} is connected to this arbitrator",
        meaning="The node is down, its corosync-qdevice does not run, or the network between them is interrupted.",
        action="Run `corosync-qdevice-tool -s -v` on the node, and check the network between them (TCP port 5403).",
        source=LIST,
        find=find_missing_nodes,
        absent=Absent("corosync-qnetd-tool lists the node", is_node_connected),
        gone=Gone(
            "other nodes of the cluster are connected, and their configuration no longer has the node",
            "Node {node_id} of the cluster {cluster_name} is no longer configured",
            is_node_removed,
        ),
        hold=30.0,
        local=True,
    ),
)
