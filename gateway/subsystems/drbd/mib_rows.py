"""The rows of HA-CLUSTER-MIB that show DRBD's metrics."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterDrbdVolumeEntry",
        index=("resource", "volume"),
        columns={
            "resource": "haClusterDrbdVolumeResource",
            "role": "haClusterDrbdVolumeRole",
            "disk_state": "haClusterDrbdVolumeDiskState",
        },
    ),
    MibRow(
        entry="haClusterDrbdPeerVolumeEntry",
        index=("resource", "peer_node_id", "volume"),
        columns={
            "resource": "haClusterDrbdPeerVolumeResource",
            "peer_role": "haClusterDrbdPeerVolumeRole",
            "peer_disk_state": "haClusterDrbdPeerVolumeDiskState",
        },
    ),
    MibRow(
        entry="haClusterDrbdSplitBrainEntry",
        index=("resource", "volume"),
        columns={"resource": "haClusterDrbdSplitBrainResource", "volume": "haClusterDrbdSplitBrainVolume"},
    ),
    MibRow(
        entry="haClusterDrbdPeerEntry",
        index=("resource", "peer_node_id"),
        columns={"resource": "haClusterDrbdPeerResource", "peer": "haClusterDrbdPeerName"},
    ),
    MibRow(
        entry="haClusterDrbdResourceEntry",
        index=("resource",),
        columns={"resource": "haClusterDrbdResourceName"},
    ),
    MibRow(
        entry="haClusterDrbdPathEntry",
        index=("resource", "peer_node_id"),
        numbered=True,
        columns={
            "resource": "haClusterDrbdPathResource",
            "peer": "haClusterDrbdPathPeer",
            "local_address": "haClusterDrbdPathLocalAddress",
            "peer_address": "haClusterDrbdPathPeerAddress",
        },
    ),
    MibRow(
        entry="haClusterDrbdTransportEntry",
        index=("transport",),
        columns={"transport": "haClusterDrbdTransportName"},
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
