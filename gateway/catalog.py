"""The one table of metrics: every family that the gateway can show, with its name, help, type, labels and states.

The first part of each subsystem is the drop-in contract: names, labels and types are those of ``ha_cluster_exporter``
and may not change. What follows it is the gateway's own.
"""

from __future__ import annotations

from functools import cache

from gateway.samples import Kind, Merge, Metric
from gateway.status import STATUSES

PREFIX = "ha_cluster_"


def _gauge(
    name: str,
    text: str,
    *labels: str,
    states: tuple[str, ...] = (),
    state_label: str = "",
    merge: Merge = Merge.FIRST,
    mib: str,
) -> Metric:
    return Metric(
        name=PREFIX + name,
        help=text,
        labels=labels,
        states=states,
        state_label=state_label,
        merge=merge,
        mib=tuple(mib.split()),
    )


def _counter(name: str, text: str, *labels: str, mib: str) -> Metric:
    return Metric(name=PREFIX + name, help=text, labels=labels, kind=Kind.COUNTER, mib=tuple(mib.split()))


# --- Pacemaker: the drop-in contract ---------------------------------------------------------------------------------

PACEMAKER_NODES = _gauge(
    "pacemaker_nodes",
    "Whether a node is in each of the states that Pacemaker knows.",
    "node",
    "type",
    states=(
        "online",
        "standby",
        "standby_onfail",
        "maintenance",
        "pending",
        "unclean",
        "shutdown",
        "expected_up",
        "dc",
    ),
    state_label="status",
    mib="haClusterNodeOnline haClusterNodeStandby haClusterNodeStandbyOnFail "
    "haClusterNodeMaintenance haClusterNodePending haClusterNodeUnclean "
    "haClusterNodeShutdown haClusterNodeExpectedUp haClusterNodeIsDc",
)
PACEMAKER_NODE_ATTRIBUTES = _gauge(
    "pacemaker_node_attributes",
    "An attribute of a node; the value stands in a label, the sample is always 1.",
    "node",
    "name",
    "value",
    mib="haClusterNodeAttrEntry",
)
PACEMAKER_RESOURCES = _gauge(
    "pacemaker_resources",
    "Whether an instance of a resource is in each of the states that Pacemaker knows; node is empty while it is "
    "stopped.",
    "node",
    "resource",
    "role",
    "managed",
    "agent",
    "group",
    "clone",
    states=("active", "orphaned", "blocked", "failed", "failure_ignored"),
    state_label="status",
    mib="haClusterResourceActive haClusterResourceOrphaned haClusterResourceBlocked "
    "haClusterResourceFailed haClusterResourceFailureIgnored",
)
PACEMAKER_STONITH_ENABLED = _gauge(
    "pacemaker_stonith_enabled",
    "Whether fencing is enabled in the cluster.",
    mib="haClusterStonithEnabled",
)
PACEMAKER_MAINTENANCE_MODE_ENABLED = _gauge(
    "pacemaker_maintenance_mode_enabled",
    "Whether the whole cluster is in maintenance mode.",
    mib="haClusterMaintenanceMode",
)
PACEMAKER_FAIL_COUNT = _gauge(
    "pacemaker_fail_count",
    "How often a resource has failed on a node; +Inf where Pacemaker counts it as failed for good.",
    "node",
    "resource",
    merge=Merge.MAX,
    mib="haClusterHistoryFailCount",
)
PACEMAKER_MIGRATION_THRESHOLD = _gauge(
    "pacemaker_migration_threshold",
    "Fail count at which a resource is moved away from a node.",
    "node",
    "resource",
    mib="haClusterHistoryThreshold",
)
PACEMAKER_CONFIG_LAST_CHANGE = _counter(
    "pacemaker_config_last_change",
    "Time of the last change of the cluster's configuration, in Unix seconds.",
    mib="haClusterConfigLastChange",
)
PACEMAKER_LOCATION_CONSTRAINTS = _gauge(
    "pacemaker_location_constraints",
    "Score of a location constraint, or of a rule of one, for a resource.",
    "constraint",
    "node",
    "resource",
    "role",
    mib="haClusterLocationScore",
)

# --- Pacemaker: beyond it --------------------------------------------------------------------------------------------

PACEMAKER_UP = _gauge(
    "pacemaker_up",
    "Whether Pacemaker runs on this node and answers.",
    mib="haClusterPacemakerUp",
)
PACEMAKER_DAEMON_STATE = _gauge(
    "pacemaker_daemon_state",
    "What pacemakerd on this node says of itself.",
    states=(
        "init",
        "starting_daemons",
        "wait_for_ping",
        "running",
        "shutting_down",
        "shutdown_complete",
        "remote",
        "invalid",
        "not_connected",
    ),
    state_label="state",
    mib="haClusterPacemakerState",
)
PACEMAKER_INFO = _gauge(
    "pacemaker_info",
    "Pacemaker's version and the cluster as this node sees it.",
    "version",
    "dc",
    "stack",
    "cluster_name",
    mib="haClusterPacemakerVersion haClusterDc haClusterStack haClusterName",
)
PACEMAKER_QUORATE = _gauge(
    "pacemaker_quorate",
    "Whether the partition of the designated controller has quorum.",
    mib="haClusterDcQuorate",
)
PACEMAKER_MIXED_VERSION = _gauge(
    "pacemaker_mixed_version",
    "Whether nodes run different versions of Pacemaker, as during a rolling upgrade.",
    mib="haClusterMixedVersion",
)
PACEMAKER_NODES_CONFIGURED = _gauge(
    "pacemaker_nodes_configured",
    "How many nodes the configuration has.",
    mib="haClusterNodesConfigured",
)
PACEMAKER_RESOURCES_CONFIGURED = _gauge(
    "pacemaker_resources_configured",
    "How many instances of resources the configuration makes.",
    "state",
    mib="haClusterResourcesConfigured haClusterResourcesDisabled haClusterResourcesBlocked",
)
PACEMAKER_RESOURCES_UNLISTED = _gauge(
    "pacemaker_resources_unlisted",
    "How many configured instances crm_mon left out of its list, and the resource metrics therefore lack.",
    mib="haClusterResourcesUnlisted",
)
PACEMAKER_NODE_HEALTH = _gauge(
    "pacemaker_node_health",
    "The health of a node by its health attributes.",
    "node",
    states=("green", "yellow", "red"),
    state_label="health",
    mib="haClusterNodeHealth",
)
PACEMAKER_NODE_RESOURCES_RUNNING = _gauge(
    "pacemaker_node_resources_running",
    "How many instances of resources are active on a node.",
    "node",
    mib="haClusterNodeResourcesRunning",
)
PACEMAKER_NODE_INFO = _gauge(
    "pacemaker_node_info",
    "A node's id and feature set.",
    "node",
    "id",
    "feature_set",
    mib="haClusterNodeId haClusterNodeFeatureSet",
)
PACEMAKER_RESOURCE_INFO = _gauge(
    "pacemaker_resource_info",
    "What is asked of an instance of a resource, and what it is waiting for; only where there is anything to say.",
    "resource",
    "node",
    "group",
    "clone",
    "target_role",
    "pending",
    "locked_to",
    "maintenance",
    mib="haClusterResourceInfoEntry",
)
PACEMAKER_BUNDLE_REPLICAS = _gauge(
    "pacemaker_bundle_replicas",
    "How many replicas a bundle has, and how many of them are active.",
    "bundle",
    "state",
    mib="haClusterBundleReplicas haClusterBundleReplicasRunning",
)
PACEMAKER_FAILED_ACTIONS = _gauge(
    "pacemaker_failed_actions",
    "An operation in the list of failed actions; interval in milliseconds, status as the agent returned it.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
    mib="haClusterFailedActionEntry",
)
PACEMAKER_FAILED_ACTIONS_TIMESTAMP = _gauge(
    "pacemaker_failed_actions_timestamp_seconds",
    "When an operation in the list of failed actions failed last.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
    merge=Merge.MAX,
    mib="haClusterFailedActionTime",
)
PACEMAKER_FENCE_EVENTS = _gauge(
    "pacemaker_fence_events",
    "How many such events the fencing history holds.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
    mib="haClusterFenceEventCount",
)
PACEMAKER_FENCE_EVENTS_TIMESTAMP = _gauge(
    "pacemaker_fence_events_timestamp_seconds",
    "When the last such event of the fencing history was completed.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
    merge=Merge.MAX,
    mib="haClusterFenceEventTime",
)
PACEMAKER_BANS = _gauge(
    "pacemaker_bans",
    "Score of a constraint that keeps a resource away from a node.",
    "constraint",
    "resource",
    "node",
    "promoted_only",
    mib="haClusterBanScore",
)
PACEMAKER_TICKETS = _gauge(
    "pacemaker_tickets",
    "Whether a ticket is in each of its states.",
    "ticket",
    states=("granted", "revoked", "standby"),
    state_label="state",
    mib="haClusterTicketGranted haClusterTicketRevoked haClusterTicketStandby",
)
PACEMAKER_TICKETS_LAST_GRANTED = _gauge(
    "pacemaker_tickets_last_granted_timestamp_seconds",
    "When a ticket was last granted.",
    "ticket",
    mib="haClusterTicketLastGranted",
)
PACEMAKER_CLUSTER_OPTION = _gauge(
    "pacemaker_cluster_option",
    "Whether a cluster option is on.",
    "option",
    mib="haClusterStonithEnabled haClusterSymmetricCluster haClusterMaintenanceMode haClusterStopAllResources",
)
PACEMAKER_NO_QUORUM_POLICY = _gauge(
    "pacemaker_no_quorum_policy",
    "What the cluster does on loss of quorum.",
    states=("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    state_label="policy",
    mib="haClusterNoQuorumPolicy",
)
PACEMAKER_OPERATION_DURATION = _gauge(
    "pacemaker_operation_duration_seconds",
    "How long the last run of an operation took; interval in milliseconds, as Pacemaker names operations.",
    "node",
    "resource",
    "operation",
    "interval",
    merge=Merge.LAST,
    mib="haClusterOperationDuration",
)

# --- Corosync: the drop-in contract ----------------------------------------------------------------------------------

COROSYNC_QUORATE = _gauge(
    "corosync_quorate",
    "Whether this node's partition has quorum.",
    mib="haClusterQuorate",
)
COROSYNC_QUORUM_VOTES = _gauge(
    "corosync_quorum_votes",
    "Votes: expected, highest expected, present, and needed for quorum.",
    "type",
    mib="haClusterVotesExpected haClusterVotesHighestExpected haClusterVotesTotal haClusterVotesQuorum",
)
COROSYNC_MEMBER_VOTES = _gauge(
    "corosync_member_votes",
    "Votes that a member, or the quorum device under node id 0, brings.",
    "node_id",
    "node",
    "local",
    mib="haClusterMemberVotes",
)
COROSYNC_RINGS = _gauge(
    "corosync_rings",
    "Whether all peers are reached over a link (a ring, before Corosync 3).",
    "ring_id",
    "node_id",
    "number",
    "address",
    mib="haClusterLinkHealthy",
)
COROSYNC_RING_ERRORS = _gauge(
    "corosync_ring_errors",
    "How many links of this node are faulty.",
    mib="haClusterLinksFaulty",
)

# --- Corosync: beyond it ---------------------------------------------------------------------------------------------

COROSYNC_UP = _gauge(
    "corosync_up",
    "Whether Corosync runs on this node and answers.",
    mib="haClusterCorosyncUp",
)
COROSYNC_INFO = _gauge(
    "corosync_info",
    "Corosync's version and how it is configured.",
    "cluster_name",
    "transport",
    "version",
    mib="haClusterName haClusterCorosyncTransport haClusterCorosyncVersion",
)
COROSYNC_LINK_CONNECTED = _gauge(
    "corosync_link_connected",
    "Whether one peer is reached over one link.",
    "number",
    "address",
    "peer_node_id",
    "peer",
    mib="haClusterLinkPeerConnected",
)
COROSYNC_QUORUM_FLAGS = _gauge(
    "corosync_quorum_flags",
    "A flag that votequorum shows.",
    "flag",
    mib="haClusterQuorumFlagSet",
)
COROSYNC_MEMBER_QDEVICE = _gauge(
    "corosync_member_qdevice",
    "How a member stands with its quorum device.",
    "node_id",
    "node",
    states=("registered", "alive", "vote", "master_wins"),
    state_label="flag",
    mib="haClusterMemberQdeviceRegistered haClusterMemberQdeviceAlive "
    "haClusterMemberQdeviceVote haClusterMemberQdeviceMasterWins",
)
COROSYNC_KNET_LATENCY = _gauge(
    "corosync_knet_link_latency_seconds",
    "Round trip to a peer over a link, as knet measures it.",
    "number",
    "peer_node_id",
    "statistic",
    mib="haClusterLinkPeerLatencyAverage haClusterLinkPeerLatencyMaximum haClusterLinkPeerLatencyMinimum",
)
COROSYNC_KNET_MTU = _gauge(
    "corosync_knet_link_mtu_bytes",
    "Usable size of a packet on a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerMtu",
)
COROSYNC_KNET_DOWN = _counter(
    "corosync_knet_link_down_total",
    "How often a link to a peer went down.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerDowns",
)
COROSYNC_KNET_UP = _counter(
    "corosync_knet_link_up_total",
    "How often a link to a peer came up.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerUps",
)
COROSYNC_KNET_ERRORS = _counter(
    "corosync_knet_link_transmit_errors_total",
    "Packets that could not be sent on a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerTransmitErrors",
)
COROSYNC_KNET_RECEIVED_BYTES = _counter(
    "corosync_knet_link_received_bytes_total",
    "Bytes received from a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerReceived",
)
COROSYNC_KNET_SENT_BYTES = _counter(
    "corosync_knet_link_sent_bytes_total",
    "Bytes sent to a peer over a link.",
    "number",
    "peer_node_id",
    mib="haClusterLinkPeerSent",
)
COROSYNC_TOTEM_RETRANSMITS = _counter(
    "corosync_totem_retransmits_total",
    "Messages that Totem had to send again.",
    mib="haClusterTotemRetransmits",
)
COROSYNC_TOTEM_TOKEN_LOST = _counter(
    "corosync_totem_token_losses_total",
    "How often the token was lost.",
    mib="haClusterTotemTokenLosses",
)
COROSYNC_TOTEM_TOKEN_INTERVAL = _gauge(
    "corosync_totem_token_interval_seconds",
    "Mean time between two arrivals of the token.",
    mib="haClusterTotemTokenInterval",
)

# --- SBD: the drop-in contract ---------------------------------------------------------------------------------------

SBD_DEVICES = _gauge(
    "sbd_devices",
    "An SBD device, and whether its header can be read.",
    "device",
    "status",
    mib="haClusterSbdDeviceStatus",
)
SBD_TIMEOUTS = _gauge(
    "sbd_timeouts",
    "Timeouts in the header of an SBD device, in seconds.",
    "device",
    "type",
    mib="haClusterSbdDeviceWatchdog haClusterSbdDeviceAllocate haClusterSbdDeviceLoop haClusterSbdDeviceMsgwait",
)

# --- SBD: beyond it --------------------------------------------------------------------------------------------------

SBD_DEVICE_COUNT = _gauge(
    "sbd_device_count",
    "How many devices SBD is configured with; 0 is diskless SBD.",
    mib="haClusterSbdDeviceCount",
)
SBD_SLOTS = _gauge(
    "sbd_slots",
    "A node's slot on an SBD device, and the message in it.",
    "device",
    "node",
    "message",
    mib="haClusterSbdSlotMessage",
)
SBD_WATCHDOG_TIMEOUT = _gauge(
    "sbd_watchdog_timeout_seconds",
    "Watchdog timeout in SBD's configuration, which counts where there is no device.",
    mib="haClusterSbdWatchdogTimeout",
)
SBD_INFO = _gauge(
    "sbd_info",
    "How SBD is configured.",
    "watchdog_device",
    "pacemaker",
    "startmode",
    "delay_start",
    mib="haClusterSbdWatchdogDevice haClusterSbdPacemaker haClusterSbdStartMode haClusterSbdDelayStart",
)

# --- DRBD: the drop-in contract --------------------------------------------------------------------------------------

_VOLUME = ("resource", "volume")
_PEER = ("resource", "peer_node_id", "volume")

DRBD_RESOURCES = _gauge(
    "drbd_resources",
    "A volume of a DRBD resource on this node.",
    "resource",
    "role",
    "volume",
    "disk_state",
    mib="haClusterDrbdVolumeRole haClusterDrbdVolumeDiskState",
)
DRBD_WRITTEN = _gauge(
    "drbd_written",
    "KiB written to a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeWritten",
)
DRBD_READ = _gauge(
    "drbd_read",
    "KiB read from a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeRead",
)
DRBD_AL_WRITES = _gauge(
    "drbd_al_writes",
    "Updates of a volume's activity log.",
    *_VOLUME,
    mib="haClusterDrbdVolumeAlWrites",
)
DRBD_BM_WRITES = _gauge(
    "drbd_bm_writes",
    "Updates of a volume's bitmap.",
    *_VOLUME,
    mib="haClusterDrbdVolumeBmWrites",
)
DRBD_UPPER_PENDING = _gauge(
    "drbd_upper_pending",
    "Requests to a volume that are not yet answered.",
    *_VOLUME,
    mib="haClusterDrbdVolumeUpperPending",
)
DRBD_LOWER_PENDING = _gauge(
    "drbd_lower_pending",
    "Requests to a backing device that are not yet answered.",
    *_VOLUME,
    mib="haClusterDrbdVolumeLowerPending",
)
DRBD_QUORUM = _gauge(
    "drbd_quorum",
    "Whether a volume has DRBD's own quorum.",
    *_VOLUME,
    mib="haClusterDrbdVolumeQuorum",
)
DRBD_CONNECTIONS = _gauge(
    "drbd_connections",
    "A volume on a peer, as this node sees it.",
    "resource",
    "peer_node_id",
    "peer_role",
    "volume",
    "peer_disk_state",
    mib="haClusterDrbdPeerVolumeRole haClusterDrbdPeerVolumeDiskState",
)
DRBD_CONNECTIONS_SYNC = _gauge(
    "drbd_connections_sync",
    "How much of a volume is in sync with a peer, in percent.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeInSync",
)
DRBD_CONNECTIONS_RECEIVED = _gauge(
    "drbd_connections_received",
    "KiB received from a peer.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeReceived",
)
DRBD_CONNECTIONS_SENT = _gauge(
    "drbd_connections_sent",
    "KiB sent to a peer.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeSent",
)
DRBD_CONNECTIONS_PENDING = _gauge(
    "drbd_connections_pending",
    "Requests that a peer has not yet acknowledged.",
    *_PEER,
    mib="haClusterDrbdPeerVolumePending",
)
DRBD_CONNECTIONS_UNACKED = _gauge(
    "drbd_connections_unacked",
    "Requests of a peer that this node has not yet acknowledged.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeUnacked",
)
DRBD_SPLIT_BRAIN = _gauge(
    "drbd_split_brain",
    "A split brain that DRBD's handler has recorded and nobody has cleared.",
    *_VOLUME,
    mib="haClusterDrbdSplitBrainEntry",
)

# --- DRBD: beyond it -------------------------------------------------------------------------------------------------

_CONNECTION = ("resource", "peer_node_id", "peer")

DRBD_CONNECTION_STATE = _gauge(
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
DRBD_REPLICATION_STATE = _gauge(
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
DRBD_OUT_OF_SYNC = _gauge(
    "drbd_out_of_sync_bytes",
    "How much of a volume differs from a peer's.",
    *_PEER,
    mib="haClusterDrbdPeerVolumeOutOfSync",
)
DRBD_SUSPENDED = _gauge(
    "drbd_suspended",
    "Whether I/O of a resource is suspended.",
    "resource",
    mib="haClusterDrbdResourceSuspended",
)
DRBD_CONGESTED = _gauge(
    "drbd_congested",
    "Whether the connection to a peer is congested.",
    *_CONNECTION,
    mib="haClusterDrbdPeerCongested",
)
DRBD_AP_IN_FLIGHT = _gauge(
    "drbd_ap_in_flight",
    "Application data on its way to a peer, in sectors as DRBD counts it.",
    *_CONNECTION,
    mib="haClusterDrbdPeerApInFlight",
)
DRBD_RS_IN_FLIGHT = _gauge(
    "drbd_rs_in_flight",
    "Resynchronisation data on its way to a peer, in sectors as DRBD counts it.",
    *_CONNECTION,
    mib="haClusterDrbdPeerRsInFlight",
)
DRBD_DEVICE_SIZE = _gauge(
    "drbd_device_size_bytes",
    "Size of a volume.",
    *_VOLUME,
    mib="haClusterDrbdVolumeSize",
)
DRBD_DISKLESS_UNINTENTIONAL = _gauge(
    "drbd_diskless_unintentional",
    "Whether a volume has lost its disk: it is diskless, and not configured as a client.",
    *_VOLUME,
    mib="haClusterDrbdVolumeDiskLost",
)
DRBD_READ_BYTES = _counter(
    "drbd_read_bytes_total",
    "Bytes read from a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeRead",
)
DRBD_WRITTEN_BYTES = _counter(
    "drbd_written_bytes_total",
    "Bytes written to a volume's backing device.",
    *_VOLUME,
    mib="haClusterDrbdVolumeWritten",
)
DRBD_VERSION_INFO = _gauge(
    "drbd_version_info",
    "The version of the loaded DRBD kernel module.",
    "kernel",
    mib="haClusterDrbdVersion",
)

# --- Collectors: the drop-in contract --------------------------------------------------------------------------------

SCRAPE_SUCCESS = _gauge(
    "scrape_success",
    "Whether a collector learned all that it should.",
    "collector",
    mib="haClusterCollectorSuccess",
)
SCRAPE_DURATION = _gauge(
    "scrape_duration_seconds",
    "How long a collector took.",
    "collector",
    mib="haClusterCollectorDuration",
)

# --- The gateway itself ----------------------------------------------------------------------------------------------

GATEWAY_BUILD_INFO = _gauge(
    "gateway_build_info",
    "The version of the gateway and of Python.",
    "version",
    "python",
    mib="haClusterGatewayVersion haClusterGatewayPython",
)
GATEWAY_COLLECTOR_STATE = _gauge(
    "gateway_collector_state",
    "How a collector's last run ended.",
    "collector",
    states=tuple(STATUSES),
    state_label="state",
    mib="haClusterCollectorState",
)
GATEWAY_COMMAND_DURATION = _gauge(
    "gateway_command_duration_seconds",
    "How long the last run of a command took.",
    "collector",
    "command",
    mib="haClusterCommandDuration",
)
GATEWAY_COMMAND_FAILURES = _counter(
    "gateway_command_failures_total",
    "Runs of a command that did not end well, by reason.",
    "collector",
    "command",
    "reason",
    mib="haClusterCommandFailureCount",
)
GATEWAY_COMMAND_TIMEOUTS = _counter(
    "gateway_command_timeouts_total",
    "Runs of a command that were killed at their deadline or not awaited any longer.",
    "collector",
    "command",
    mib="haClusterCommandTimeouts",
)
GATEWAY_SAMPLES_DROPPED = _counter(
    "gateway_samples_dropped_total",
    "Samples that were dropped: no number, or a second one for the same labels.",
    "collector",
    mib="haClusterCollectorSamplesDropped",
)
GATEWAY_SNAPSHOT_AGE = _gauge(
    "gateway_snapshot_age_seconds",
    "Age of the oldest thing on this page.",
    mib="haClusterSnapshotAge",
)
GATEWAY_SCRAPES = _counter(
    "gateway_scrapes_total",
    "Scrapes answered.",
    mib="haClusterHttpScrapes",
)
GATEWAY_RUNS = _counter(
    "gateway_runs_total",
    "Runs of the collectors; scrapes that arrive together share one.",
    mib="haClusterCollectorRuns",
)

GATEWAY_AGENTX_STATE = _gauge(
    "gateway_agentx_state",
    "The state of the session with the SNMP master agent.",
    states=("off", "waiting", "connecting", "opening", "registering", "registered"),
    state_label="state",
    mib="haClusterAgentxState",
)
GATEWAY_AGENTX_SESSIONS = _counter(
    "gateway_agentx_sessions_total",
    "Sessions that were registered with the SNMP master agent.",
    mib="haClusterAgentxSessions",
)
GATEWAY_AGENTX_REQUESTS = _counter(
    "gateway_agentx_requests_total",
    "Requests of the SNMP master agent that were answered.",
    mib="haClusterAgentxRequests",
)
GATEWAY_AGENTX_REJECTED = _counter(
    "gateway_agentx_rejected_total",
    "Messages of the SNMP master agent that did not keep to the protocol.",
    mib="haClusterAgentxRejected",
)

GATEWAY_AGENT_REQUESTS = _counter(
    "gateway_snmp_agent_requests_total",
    "Requests to the built-in SNMP agent that were answered.",
    mib="haClusterAgentRequests",
)
GATEWAY_AGENT_MALFORMED = _counter(
    "gateway_snmp_agent_malformed_total",
    "Datagrams to the built-in SNMP agent that were dropped: they were no messages for an agent.",
    mib="haClusterAgentMalformed",
)
GATEWAY_AGENT_REFUSED = _counter(
    "gateway_snmp_agent_refused_total",
    "Messages to the built-in SNMP agent whose sender may not ask: unknown, with a wrong password, or by SNMPv1.",
    mib="haClusterAgentRefused",
)

# --- Alarms and notifications ----------------------------------------------------------------------------------------

SEVERITIES = ("critical", "major", "minor", "warning")

GATEWAY_ALARMS = _gauge(
    "gateway_alarms",
    "An alarm condition that is raised; what it is about is empty where it is the cluster or this node.",
    "condition",
    "object",
    "severity",
    mib="haClusterAlarmEntry",
)
GATEWAY_ALARMS_SINCE = _gauge(
    "gateway_alarms_since_timestamp_seconds",
    "When an alarm condition was raised.",
    "condition",
    "object",
    mib="haClusterAlarmSince",
)
GATEWAY_ALARMS_ACTIVE = _gauge(
    "gateway_alarms_active",
    "How many alarm conditions of a severity are raised.",
    "severity",
    mib="haClusterAlarmsCritical haClusterAlarmsMajor haClusterAlarmsMinor haClusterAlarmsWarning",
)
GATEWAY_ALERTS_RECEIVED = _counter(
    "gateway_alerts_received_total",
    "Alerts of Pacemaker's that the alert agent has handed over.",
    mib="haClusterAlertsReceived",
)
GATEWAY_ALERTS_DROPPED = _counter(
    "gateway_alerts_dropped_total",
    "Alerts that were dropped: malformed, or too many at once.",
    mib="haClusterAlertsDropped",
)
GATEWAY_ALERTS_COALESCED = _counter(
    "gateway_alerts_coalesced_total",
    "Alerts that a later one about the same object has replaced.",
    mib="haClusterAlertsCoalesced",
)
GATEWAY_NOTIFICATION_SEQUENCE = _gauge(
    "gateway_notification_sequence",
    "The sequence number of the last notification since the start of the gateway.",
    mib="haClusterNoticeSequence",
)
GATEWAY_TARGET_STATE = _gauge(
    "gateway_notification_target_state",
    "How the last delivery of a notification to a target went.",
    "target",
    "kind",
    states=("idle", "ok", "failing"),
    state_label="state",
    mib="haClusterTargetState",
)
GATEWAY_NOTIFICATIONS_SENT = _counter(
    "gateway_notifications_sent_total",
    "Notifications sent to a target; those through the master agent that it has accepted.",
    "target",
    mib="haClusterTargetSent",
)
GATEWAY_NOTIFICATIONS_ACKNOWLEDGED = _counter(
    "gateway_notifications_acknowledged_total",
    "Notifications that a target has acknowledged; a trap is never acknowledged.",
    "target",
    mib="haClusterTargetAcknowledged",
)
GATEWAY_NOTIFICATION_RETRIES = _counter(
    "gateway_notification_retries_total",
    "How often a notification was sent to a target again.",
    "target",
    mib="haClusterTargetRetries",
)
GATEWAY_NOTIFICATIONS_FAILED = _counter(
    "gateway_notifications_failed_total",
    "Deliveries to a target that were given up for the time being.",
    "target",
    mib="haClusterTargetFailed",
)
GATEWAY_NOTIFICATIONS_DROPPED = _counter(
    "gateway_notifications_dropped_total",
    "Notifications to a target that were dropped: too many were waiting, or the gateway ended.",
    "target",
    mib="haClusterTargetDropped",
)
GATEWAY_NOTIFICATIONS_QUEUED = _gauge(
    "gateway_notifications_queued",
    "Notifications that wait to be sent to a target, or to be acknowledged by it.",
    "target",
    mib="haClusterTargetQueued",
)

# --- The process, as every Prometheus client shows it ----------------------------------------------------------------


@cache
def process_metric(name: str, text: str, kind: Kind) -> Metric:
    """Returns a ``process_*`` metric, whose names are not the gateway's to choose."""
    return Metric(name=name, help=text, kind=kind)


METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
