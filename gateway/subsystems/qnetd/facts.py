"""Facts about the clusters of an arbitrator, from one snapshot and those before it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from gateway.conditions.view import Accumulator, ClusterView
from gateway.status import Status
from gateway.subsystems.qnetd import metrics
from gateway.subsystems.qnetd.corosync_qnetd_tool import NODES

COLLECTOR = "qnetd"
MAX_CLUSTERS = 1000
"""The number of clusters that are remembered: without TLS, anyone who reaches the arbitrator can make up names."""


class Node(NamedTuple):
    """A node of a cluster.

    Attributes:
        cluster: the name of its cluster.
        node_id: its ID.
    """

    cluster: str
    node_id: str


def is_answered(view: ClusterView) -> bool:
    """Returns whether corosync-qnetd-tool has answered; that the daemon does not run is an answer."""
    return view.status_of(COLLECTOR, "status") in {Status.OK, Status.NOT_RUNNING}


def nodes(view: ClusterView) -> Mapping[Node, bool]:
    """Returns whether each node of the listed clusters is connected."""
    return {Node(row["cluster_name"], row["node_id"]): bool(row["value"]) for row in view.rows(metrics.NODE_CONNECTED)}


def connected_nodes(view: ClusterView) -> Mapping[str, int]:
    """Returns how many nodes of each listed cluster are connected."""
    return Counter(node.cluster for node, is_connected in view.fact(nodes).items() if is_connected)


def cluster_sizes(view: ClusterView) -> Mapping[str, int]:
    """Returns how many nodes the listed clusters have, except for those of which that is unknown."""
    return {row["cluster_name"]: int(row["value"]) for row in view.rows(metrics.CLUSTER_NODES)}


def clusters(view: ClusterView) -> frozenset[str]:
    """Returns the names of the listed clusters."""
    return frozenset(row["cluster_name"] for row in view.rows(metrics.CLUSTER_INFO))


def has_listed_all_clusters(view: ClusterView) -> bool:
    """Returns whether a cluster that is not listed has no node that is connected.

    The tool prints an empty list if it could not read it, so the number of clusters must be that of the daemon's state.
    """
    number = view.number(metrics.CLUSTERS)
    return view.has_read_all(COLLECTOR, "list", NODES) and number == len(view.fact(clusters))


def known_clusters(view: ClusterView, previous: frozenset[str] | None) -> frozenset[str]:
    """Accumulates the names of the clusters that were ever listed: corosync-qnetd forgets a cluster without nodes."""
    known, listed = previous or frozenset(), view.fact(clusters)
    return known | frozenset(sorted(listed - known)[: MAX_CLUSTERS - len(known)])


def has_run(view: ClusterView, previous: bool | None) -> bool:  # noqa: FBT001 - as accumulators are called
    """Accumulates whether corosync-qnetd was ever running: a host with an unused package is not an arbitrator."""
    return bool(previous) or view.number(metrics.UP) == 1


ACCUMULATORS: tuple[Accumulator, ...] = (known_clusters, has_run)
