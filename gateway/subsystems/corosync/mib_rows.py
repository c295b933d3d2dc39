"""The rows of HA-CLUSTER-MIB that show Corosync's metrics."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterMemberEntry",
        index=("node_id",),
        columns={"node": "haClusterMemberName", "local": "haClusterMemberLocal"},
    ),
    MibRow(
        entry="haClusterLinkEntry",
        index=("number",),
        columns={"address": "haClusterLinkAddress", "node_id": "haClusterLinkNodeId", "ring_id": "haClusterLinkRingId"},
    ),
    MibRow(
        entry="haClusterLinkPeerEntry",
        index=("number", "peer_node_id"),
        columns={
            "peer": "haClusterLinkPeerName",
            "address": "haClusterLinkPeerLocalAddress",
            "peer_address": "haClusterLinkPeerRemoteAddress",
        },
    ),
    MibRow(
        entry="haClusterQuorumFlagEntry",
        index=("flag",),
        columns={"flag": "haClusterQuorumFlagName"},
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
