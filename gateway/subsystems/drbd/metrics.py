"""DRBD's metrics."""

from __future__ import annotations

from gateway.samples import HUNDREDTHS, Metric, counter, gauge
from gateway.subsystems.drbd.drbdsetup import (
    CONNECTION_STATES,
    REPLICATION_STATES,
    RESYNC_SUSPENSION_REASONS,
    SUSPENSION_REASONS,
)

_VOLUME = ("resource", "volume")
_PEER = ("resource", "peer_node_id", "volume")
_KIB = 1024

RESOURCES = gauge(
    "drbd_resources",
    "Volumes of DRBD resources on this node, with role and disk state; always 1.",
    "resource",
    "role",
    "volume",
    "disk_state",
    drop_in=True,
    mib="haClusterDrbdVolumeRole haClusterDrbdVolumeDiskState",
)
WRITTEN = gauge(
    "drbd_written",
    "Amount of data written to the backing device of a volume, in KiB.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeWritten",
    mib_factor=_KIB,
)
READ = gauge(
    "drbd_read",
    "Amount of data read from the backing device of a volume, in KiB.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeRead",
    mib_factor=_KIB,
)
AL_WRITES = gauge(
    "drbd_al_writes",
    "Number of updates of the activity log of a volume.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeAlWrites",
)
BM_WRITES = gauge(
    "drbd_bm_writes",
    "Number of updates of the bitmap of a volume.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeBmWrites",
)
UPPER_PENDING = gauge(
    "drbd_upper_pending",
    "Number of requests to a volume that have not been completed.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeUpperPending",
)
LOWER_PENDING = gauge(
    "drbd_lower_pending",
    "Number of requests to the backing device of a volume that have not been completed.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeLowerPending",
)
QUORUM = gauge(
    "drbd_quorum",
    "Whether a volume has DRBD quorum.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdVolumeQuorum",
)
CONNECTIONS = gauge(
    "drbd_connections",
    "Volumes on DRBD peers, with role and disk state as seen by this node; always 1.",
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
    "Percentage of a volume that is in sync with a peer.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeInSync",
    mib_factor=HUNDREDTHS,
)
CONNECTIONS_RECEIVED = gauge(
    "drbd_connections_received",
    "Amount of data received from a peer for a volume, in KiB.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeReceived",
)
CONNECTIONS_SENT = gauge(
    "drbd_connections_sent",
    "Amount of data sent to a peer for a volume, in KiB.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeSent",
)
CONNECTIONS_PENDING = gauge(
    "drbd_connections_pending",
    "Number of requests to a peer that it has not acknowledged.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumePending",
)
CONNECTIONS_UNACKED = gauge(
    "drbd_connections_unacked",
    "Number of requests of a peer that this node has not acknowledged.",
    *_PEER,
    drop_in=True,
    mib="haClusterDrbdPeerVolumeUnacked",
)
SPLIT_BRAIN = gauge(
    "drbd_split_brain",
    "Split brains that the handler of DRBD has recorded and nobody has cleared; always 1.",
    *_VOLUME,
    drop_in=True,
    mib="haClusterDrbdSplitBrainEntry",
)
_CONNECTION = ("resource", "peer_node_id", "peer")
CONNECTION_STATE = gauge(
    "drbd_connection_state",
    "State of the connection to a peer; 1 for the current state.",
    *_CONNECTION,
    states=CONNECTION_STATES,
    state_label="state",
    mib="haClusterDrbdPeerConnectionState",
)
REPLICATION_STATE = gauge(
    "drbd_replication_state",
    "State of the replication of a volume with a peer; 1 for the current state.",
    *_PEER,
    states=REPLICATION_STATES,
    state_label="state",
    mib="haClusterDrbdPeerVolumeReplState",
)
OUT_OF_SYNC = gauge(
    "drbd_out_of_sync_bytes",
    "Amount of data of a volume that is out of sync with a peer.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeOutOfSync",
)
SUSPENDED = gauge(
    "drbd_suspended",
    "Whether I/O of a resource is suspended.",
    "resource",
    mib="haClusterDrbdResourceSuspended",
)
SUSPENDED_REASON = gauge(
    "drbd_suspended_reason",
    "Why I/O of a resource is suspended; 1 for each reason that applies.",
    "resource",
    states=SUSPENSION_REASONS,
    state_label="reason",
    mib="haClusterDrbdResourceSuspUser haClusterDrbdResourceSuspNoData "
    "haClusterDrbdResourceSuspFencing haClusterDrbdResourceSuspQuorum",
)
FORCE_IO_FAILURES = gauge(
    "drbd_force_io_failures",
    "Whether all I/O of a resource fails because it was forced to become secondary.",
    "resource",
    mib="haClusterDrbdResourceForceIoFail",
)
CONGESTED = gauge(
    "drbd_congested",
    "Whether the connection to a peer is congested.",
    *_CONNECTION,
    mib="haClusterDrbdPeerCongested",
)
AP_IN_FLIGHT = gauge(
    "drbd_ap_in_flight",
    "Amount of application data in flight to a peer, in sectors of 512 bytes.",
    *_CONNECTION,
    mib="haClusterDrbdPeerApInFlight",
)
RS_IN_FLIGHT = gauge(
    "drbd_rs_in_flight",
    "Amount of resynchronization data in flight to a peer, in sectors of 512 bytes.",
    *_CONNECTION,
    mib="haClusterDrbdPeerRsInFlight",
)
RESYNC_SUSPENDED = gauge(
    "drbd_resync_suspended",
    "Why the resynchronization of a volume with a peer is suspended; 1 for each reason that applies.",
    *_PEER,
    states=RESYNC_SUSPENSION_REASONS,
    state_label="reason",
    mib="haClusterDrbdPeerVolSuspUser haClusterDrbdPeerVolSuspPeer "
    "haClusterDrbdPeerVolSuspDepend haClusterDrbdPeerVolSuspParallel",
)
PATH_ESTABLISHED = gauge(
    "drbd_path_established",
    "Whether a path of the connection to a peer is in use. The TCP transport uses one path at a time.",
    *_CONNECTION,
    "local_address",
    "peer_address",
    mib="haClusterDrbdPathEstablished",
)
TRANSPORT_LOADED = gauge(
    "drbd_transport_loaded",
    "Transports of DRBD whose kernel module is loaded; always 1.",
    "transport",
    mib="haClusterDrbdTransportEntry",
)
DEVICE_SIZE = gauge(
    "drbd_device_size_bytes",
    "Size of a volume.",
    *_VOLUME,
    mib="haClusterDrbdVolumeSize",
)
DISKLESS_UNINTENTIONAL = gauge(
    "drbd_diskless_unintentional",
    "Whether a volume is diskless without being configured as a diskless client.",
    *_VOLUME,
    mib="haClusterDrbdVolumeDiskLost",
)
READ_BYTES = counter(
    "drbd_read_bytes_total",
    "Number of bytes read from the backing device of a volume.",
    *_VOLUME,
    mib="haClusterDrbdVolumeRead",
)
WRITTEN_BYTES = counter(
    "drbd_written_bytes_total",
    "Number of bytes written to the backing device of a volume.",
    *_VOLUME,
    mib="haClusterDrbdVolumeWritten",
)
VERSION_INFO = gauge(
    "drbd_version_info",
    "Version of the loaded DRBD kernel module; always 1.",
    "kernel",
    mib={"kernel": "haClusterDrbdVersion"},
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
