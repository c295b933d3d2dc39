"""DRBD's metrics."""

from __future__ import annotations

from gateway.samples import Metric, counter, gauge

_VOLUME = ("resource", "volume")
_PEER = ("resource", "peer_node_id", "volume")
_KIB = 1024

RESOURCES = gauge(
    "drbd_resources",
    "A volume of a DRBD resource on this node.",
    "resource",
    "role",
    "volume",
    "disk_state",
    drop_in=True,
    mib="haClusterDrbdVolumeRole haClusterDrbdVolumeDiskState",
)
WRITTEN = gauge(
    "drbd_written",
    "KiB written to a volume's backing device.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeWritten",
    mib_factor=_KIB,
)
READ = gauge(
    "drbd_read",
    "KiB read from a volume's backing device.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeRead",
    mib_factor=_KIB,
)
AL_WRITES = gauge(
    "drbd_al_writes",
    "Updates of a volume's activity log.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeAlWrites",
)
BM_WRITES = gauge(
    "drbd_bm_writes",
    "Updates of a volume's bitmap.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeBmWrites",
)
UPPER_PENDING = gauge(
    "drbd_upper_pending",
    "Requests to a volume that are not yet answered.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeUpperPending",
)
LOWER_PENDING = gauge(
    "drbd_lower_pending",
    "Requests to a backing device that are not yet answered.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeLowerPending",
)
QUORUM = gauge(
    "drbd_quorum",
    "Whether a volume has DRBD's own quorum.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeQuorum",
)
CONNECTIONS = gauge(
    "drbd_connections",
    "A volume on a peer, as this node sees it.",
    "resource",
    "peer_node_id",
    "peer_role",
    "volume",
    "peer_disk_state",
    drop_in=True,
    mib="haClusterDrbdPeerVolumeRole haClusterDrbdPeerVolumeDiskState",
)
CONNECTIONS_SYNC = gauge(
    "drbd_connections_sync",
    "How much of a volume is in sync with a peer, in percent.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeInSync",
)
CONNECTIONS_RECEIVED = gauge(
    "drbd_connections_received",
    "KiB received from a peer.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeReceived",
)
CONNECTIONS_SENT = gauge(
    "drbd_connections_sent",
    "KiB sent to a peer.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeSent",
)
CONNECTIONS_PENDING = gauge(
    "drbd_connections_pending",
    "Requests that a peer has not yet acknowledged.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumePending",
)
CONNECTIONS_UNACKED = gauge(
    "drbd_connections_unacked",
    "Requests of a peer that this node has not yet acknowledged.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeUnacked",
)
SPLIT_BRAIN = gauge(
    "drbd_split_brain",
    "A split brain that DRBD's handler has recorded and nobody has cleared.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdSplitBrainEntry",
)
_CONNECTION = ("resource", "peer_node_id", "peer")
CONNECTION_STATE = gauge(
    "drbd_connection_state",
    "The state of a connection to a peer.",
    *_CONNECTION,
    states=(
        "StandAlone",
        "Disconnecting",
        "Unconnected",
        "Timeout",
        "BrokenPipe",
        "NetworkFailure",
        "ProtocolError",
        "Connecting",
        "TearDown",
        "Connected",
    ),
    state_label="state",
    mib="haClusterDrbdPeerConnectionState",
)
REPLICATION_STATE = gauge(
    "drbd_replication_state",
    "The state of a volume's replication with a peer.",
    *_PEER,
    states=(
        "Off",
        "Established",
        "StartingSyncS",
        "StartingSyncT",
        "WFBitMapS",
        "WFBitMapT",
        "WFSyncUUID",
        "SyncSource",
        "SyncTarget",
        "PausedSyncS",
        "PausedSyncT",
        "VerifyS",
        "VerifyT",
        "Ahead",
        "Behind",
    ),
    state_label="state",
    mib="haClusterDrbdPeerVolumeReplState",
)
OUT_OF_SYNC = gauge(
    "drbd_out_of_sync_bytes",
    "How much of a volume differs from a peer's.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeOutOfSync",
)
SUSPENDED = gauge(
    "drbd_suspended",
    "Whether I/O of a resource is suspended.",
    "resource",
    mib="haClusterDrbdResourceSuspended",
)
CONGESTED = gauge(
    "drbd_congested",
    "Whether the connection to a peer is congested.",
    *_CONNECTION,
    mib="haClusterDrbdPeerCongested",
)
AP_IN_FLIGHT = gauge(
    "drbd_ap_in_flight",
    "Application data on its way to a peer, in sectors as DRBD counts it.",
    *_CONNECTION,
    mib="haClusterDrbdPeerApInFlight",
)
RS_IN_FLIGHT = gauge(
    "drbd_rs_in_flight",
    "Resynchronisation data on its way to a peer, in sectors as DRBD counts it.",
    *_CONNECTION,
    mib="haClusterDrbdPeerRsInFlight",
)
DEVICE_SIZE = gauge(
    "drbd_device_size_bytes",
    "Size of a volume.",
    *_VOLUME,
    mib="haClusterDrbdVolumeSize",
)
DISKLESS_UNINTENTIONAL = gauge(
    "drbd_diskless_unintentional",
    "Whether a volume has lost its disk: it is diskless, and not configured as a client.",
    *_VOLUME,
    mib="haClusterDrbdVolumeDiskLost",
)
READ_BYTES = counter(
    "drbd_read_bytes_total",
    "Bytes read from a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeRead",
)
WRITTEN_BYTES = counter(
    "drbd_written_bytes_total",
    "Bytes written to a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeWritten",
)
VERSION_INFO = gauge(
    "drbd_version_info",
    "The version of the loaded DRBD kernel module.",
    "kernel",
    mib={"kernel": "haClusterDrbdVersion"},
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
