"""The rows of HA-CLUSTER-MIB that show the metrics of the arbitrator."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterQnetdClusterEntry",
        index=("cluster_name",),
        columns={
            "cluster_name": "haClusterQnetdClusterName",
            "algorithm": "haClusterQnetdClusterAlgorithm",
            "tie_breaker": "haClusterQnetdClusterTieBreaker",
        },
    ),
    MibRow(
        entry="haClusterQnetdNodeEntry",
        index=("cluster_name", "node_id"),
        columns={"cluster_name": "haClusterQnetdNodeClusterName", "address": "haClusterQnetdNodeAddress"},
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
