"""The metrics of the arbitrator."""

from __future__ import annotations

from gateway.samples import Metric, gauge
from gateway.subsystems.parsing.quorum_device import RESULTS
from gateway.subsystems.qnetd.corosync_qnetd_tool import VOTES

UP = gauge("qnetd_up", "Whether corosync-qnetd runs on this host.", mib="haClusterQnetdUp")
INFO = gauge(
    "qnetd_info",
    "Information about corosync-qnetd on this host; always 1.",
    "address",
    "tls",
    mib={"address": "haClusterQnetdAddress", "tls": "haClusterQnetdTls"},
)
CLIENTS = gauge(
    "qnetd_clients", "Number of connections that this arbitrator has from nodes.", mib="haClusterQnetdClients"
)
CLUSTERS = gauge(
    "qnetd_clusters",
    "Number of clusters of which a node is connected to this arbitrator.",
    mib="haClusterQnetdClusters",
)
CLUSTER_INFO = gauge(
    "qnetd_cluster_info",
    "Clusters of which a node is connected to this arbitrator, with their settings; always 1.",
    "cluster_name",
    "algorithm",
    "tie_breaker",
    mib="haClusterQnetdClusterEntry",
)
CLUSTER_NODES = gauge(
    "qnetd_cluster_nodes",
    "Number of nodes of a cluster, from the configuration of those that are connected to this arbitrator.",
    "cluster_name",
    mib="haClusterQnetdClusterNodes",
)
NODE_CONNECTED = gauge(
    "qnetd_node_connected",
    "Whether a node is connected to this arbitrator; 0 if only the configuration of connected nodes has it.",
    "cluster_name",
    "node_id",
    mib="haClusterQnetdNodeConnected",
)
NODE_INFO = gauge(
    "qnetd_node_info",
    "Addresses of the nodes that are connected to this arbitrator; always 1.",
    "cluster_name",
    "node_id",
    "address",
    mib="haClusterQnetdNodeAddress",
)
NODE_VOTE = gauge(
    "qnetd_node_vote",
    "Vote of this arbitrator that counts for a node; 1 for the current vote.",
    "cluster_name",
    "node_id",
    states=VOTES,
    state_label="vote",
    mib="haClusterQnetdNodeVote",
)
NODE_TLS_ACTIVE = gauge(
    "qnetd_node_tls_active",
    "Whether the connection of a node is encrypted.",
    "cluster_name",
    "node_id",
    mib="haClusterQnetdNodeTlsActive",
)
NODE_HEURISTICS = gauge(
    "qnetd_node_heuristics_result",
    "Result of the heuristics of a node; 1 for the current result.",
    "cluster_name",
    "node_id",
    states=RESULTS,
    state_label="result",
    mib="haClusterQnetdNodeHeuristics",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
