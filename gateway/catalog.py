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
) -> Metric:
    return Metric(name=PREFIX + name, help=text, labels=labels, states=states, state_label=state_label, merge=merge)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name=PREFIX + name, help=text, labels=labels, kind=Kind.COUNTER)


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
)
PACEMAKER_NODE_ATTRIBUTES = _gauge(
    "pacemaker_node_attributes",
    "An attribute of a node; the value stands in a label, the sample is always 1.",
    "node",
    "name",
    "value",
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
)
PACEMAKER_STONITH_ENABLED = _gauge("pacemaker_stonith_enabled", "Whether fencing is enabled in the cluster.")
PACEMAKER_MAINTENANCE_MODE_ENABLED = _gauge(
    "pacemaker_maintenance_mode_enabled", "Whether the whole cluster is in maintenance mode."
)
PACEMAKER_FAIL_COUNT = _gauge(
    "pacemaker_fail_count",
    "How often a resource has failed on a node; +Inf where Pacemaker counts it as failed for good.",
    "node",
    "resource",
    merge=Merge.MAX,
)
PACEMAKER_MIGRATION_THRESHOLD = _gauge(
    "pacemaker_migration_threshold",
    "Fail count at which a resource is moved away from a node.",
    "node",
    "resource",
)
PACEMAKER_CONFIG_LAST_CHANGE = _counter(
    "pacemaker_config_last_change", "Time of the last change of the cluster's configuration, in Unix seconds."
)
PACEMAKER_LOCATION_CONSTRAINTS = _gauge(
    "pacemaker_location_constraints",
    "Score of a location constraint, or of a rule of one, for a resource.",
    "constraint",
    "node",
    "resource",
    "role",
)

# --- Pacemaker: beyond it --------------------------------------------------------------------------------------------

PACEMAKER_UP = _gauge("pacemaker_up", "Whether Pacemaker runs on this node and answers.")
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
)
PACEMAKER_INFO = _gauge(
    "pacemaker_info",
    "Pacemaker's version and the cluster as this node sees it.",
    "version",
    "dc",
    "stack",
    "cluster_name",
)
PACEMAKER_QUORATE = _gauge("pacemaker_quorate", "Whether the partition of the designated controller has quorum.")
PACEMAKER_MIXED_VERSION = _gauge(
    "pacemaker_mixed_version", "Whether nodes run different versions of Pacemaker, as during a rolling upgrade."
)
PACEMAKER_NODES_CONFIGURED = _gauge("pacemaker_nodes_configured", "How many nodes the configuration has.")
PACEMAKER_RESOURCES_CONFIGURED = _gauge(
    "pacemaker_resources_configured", "How many instances of resources the configuration makes.", "state"
)
PACEMAKER_RESOURCES_UNLISTED = _gauge(
    "pacemaker_resources_unlisted",
    "How many configured instances crm_mon left out of its list, and the resource metrics therefore lack.",
)
PACEMAKER_NODE_HEALTH = _gauge(
    "pacemaker_node_health",
    "The health of a node by its health attributes.",
    "node",
    states=("green", "yellow", "red"),
    state_label="health",
)
PACEMAKER_NODE_RESOURCES_RUNNING = _gauge(
    "pacemaker_node_resources_running", "How many instances of resources are active on a node.", "node"
)
PACEMAKER_NODE_INFO = _gauge("pacemaker_node_info", "A node's id and feature set.", "node", "id", "feature_set")
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
)
PACEMAKER_BUNDLE_REPLICAS = _gauge(
    "pacemaker_bundle_replicas", "How many replicas a bundle has, and how many of them are active.", "bundle", "state"
)
PACEMAKER_FAILED_ACTIONS = _gauge(
    "pacemaker_failed_actions",
    "An operation in the list of failed actions; interval in milliseconds, status as the agent returned it.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
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
)
PACEMAKER_FENCE_EVENTS = _gauge(
    "pacemaker_fence_events",
    "How many such events the fencing history holds.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
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
)
PACEMAKER_BANS = _gauge(
    "pacemaker_bans",
    "Score of a constraint that keeps a resource away from a node.",
    "constraint",
    "resource",
    "node",
    "promoted_only",
)
PACEMAKER_TICKETS = _gauge(
    "pacemaker_tickets",
    "Whether a ticket is in each of its states.",
    "ticket",
    states=("granted", "revoked", "standby"),
    state_label="state",
)
PACEMAKER_TICKETS_LAST_GRANTED = _gauge(
    "pacemaker_tickets_last_granted_timestamp_seconds", "When a ticket was last granted.", "ticket"
)
PACEMAKER_CLUSTER_OPTION = _gauge("pacemaker_cluster_option", "Whether a cluster option is on.", "option")
PACEMAKER_NO_QUORUM_POLICY = _gauge(
    "pacemaker_no_quorum_policy",
    "What the cluster does on loss of quorum.",
    states=("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    state_label="policy",
)
PACEMAKER_OPERATION_DURATION = _gauge(
    "pacemaker_operation_duration_seconds",
    "How long the last run of an operation took; interval in milliseconds, as Pacemaker names operations.",
    "node",
    "resource",
    "operation",
    "interval",
    merge=Merge.LAST,
)

# --- Corosync: the drop-in contract ----------------------------------------------------------------------------------

COROSYNC_QUORATE = _gauge("corosync_quorate", "Whether this node's partition has quorum.")
COROSYNC_QUORUM_VOTES = _gauge(
    "corosync_quorum_votes", "Votes: expected, highest expected, present, and needed for quorum.", "type"
)
COROSYNC_MEMBER_VOTES = _gauge(
    "corosync_member_votes",
    "Votes that a member, or the quorum device under node id 0, brings.",
    "node_id",
    "node",
    "local",
)
COROSYNC_RINGS = _gauge(
    "corosync_rings",
    "Whether all peers are reached over a link (a ring, before Corosync 3).",
    "ring_id",
    "node_id",
    "number",
    "address",
)
COROSYNC_RING_ERRORS = _gauge("corosync_ring_errors", "How many links of this node are faulty.")

# --- Corosync: beyond it ---------------------------------------------------------------------------------------------

COROSYNC_UP = _gauge("corosync_up", "Whether Corosync runs on this node and answers.")
COROSYNC_INFO = _gauge(
    "corosync_info", "Corosync's version and how it is configured.", "cluster_name", "transport", "version"
)
COROSYNC_LINK_CONNECTED = _gauge(
    "corosync_link_connected",
    "Whether one peer is reached over one link.",
    "number",
    "address",
    "peer_node_id",
    "peer",
)
COROSYNC_QUORUM_FLAGS = _gauge("corosync_quorum_flags", "A flag that votequorum shows.", "flag")
COROSYNC_MEMBER_QDEVICE = _gauge(
    "corosync_member_qdevice",
    "How a member stands with its quorum device.",
    "node_id",
    "node",
    states=("registered", "alive", "vote", "master_wins"),
    state_label="flag",
)
COROSYNC_KNET_LATENCY = _gauge(
    "corosync_knet_link_latency_seconds",
    "Round trip to a peer over a link, as knet measures it.",
    "number",
    "peer_node_id",
    "statistic",
)
COROSYNC_KNET_MTU = _gauge(
    "corosync_knet_link_mtu_bytes", "Usable size of a packet on a link.", "number", "peer_node_id"
)
COROSYNC_KNET_DOWN = _counter(
    "corosync_knet_link_down_total", "How often a link to a peer went down.", "number", "peer_node_id"
)
COROSYNC_KNET_UP = _counter(
    "corosync_knet_link_up_total", "How often a link to a peer came up.", "number", "peer_node_id"
)
COROSYNC_KNET_ERRORS = _counter(
    "corosync_knet_link_transmit_errors_total", "Packets that could not be sent on a link.", "number", "peer_node_id"
)
COROSYNC_KNET_RECEIVED_BYTES = _counter(
    "corosync_knet_link_received_bytes_total", "Bytes received from a peer over a link.", "number", "peer_node_id"
)
COROSYNC_KNET_SENT_BYTES = _counter(
    "corosync_knet_link_sent_bytes_total", "Bytes sent to a peer over a link.", "number", "peer_node_id"
)
COROSYNC_TOTEM_RETRANSMITS = _counter("corosync_totem_retransmits_total", "Messages that Totem had to send again.")
COROSYNC_TOTEM_TOKEN_LOST = _counter("corosync_totem_token_losses_total", "How often the token was lost.")
COROSYNC_TOTEM_TOKEN_INTERVAL = _gauge(
    "corosync_totem_token_interval_seconds", "Mean time between two arrivals of the token."
)

# --- SBD: the drop-in contract ---------------------------------------------------------------------------------------

SBD_DEVICES = _gauge("sbd_devices", "An SBD device, and whether its header can be read.", "device", "status")
SBD_TIMEOUTS = _gauge("sbd_timeouts", "Timeouts in the header of an SBD device, in seconds.", "device", "type")

# --- SBD: beyond it --------------------------------------------------------------------------------------------------

SBD_DEVICE_COUNT = _gauge("sbd_device_count", "How many devices SBD is configured with; 0 is diskless SBD.")
SBD_SLOTS = _gauge("sbd_slots", "A node's slot on an SBD device, and the message in it.", "device", "node", "message")
SBD_WATCHDOG_TIMEOUT = _gauge(
    "sbd_watchdog_timeout_seconds", "Watchdog timeout in SBD's configuration, which counts where there is no device."
)
SBD_INFO = _gauge("sbd_info", "How SBD is configured.", "watchdog_device", "pacemaker", "startmode", "delay_start")

# --- DRBD: the drop-in contract --------------------------------------------------------------------------------------

_VOLUME = ("resource", "volume")
_PEER = ("resource", "peer_node_id", "volume")

DRBD_RESOURCES = _gauge(
    "drbd_resources", "A volume of a DRBD resource on this node.", "resource", "role", "volume", "disk_state"
)
DRBD_WRITTEN = _gauge("drbd_written", "KiB written to a volume's backing device.", *_VOLUME)
DRBD_READ = _gauge("drbd_read", "KiB read from a volume's backing device.", *_VOLUME)
DRBD_AL_WRITES = _gauge("drbd_al_writes", "Updates of a volume's activity log.", *_VOLUME)
DRBD_BM_WRITES = _gauge("drbd_bm_writes", "Updates of a volume's bitmap.", *_VOLUME)
DRBD_UPPER_PENDING = _gauge("drbd_upper_pending", "Requests to a volume that are not yet answered.", *_VOLUME)
DRBD_LOWER_PENDING = _gauge("drbd_lower_pending", "Requests to a backing device that are not yet answered.", *_VOLUME)
DRBD_QUORUM = _gauge("drbd_quorum", "Whether a volume has DRBD's own quorum.", *_VOLUME)
DRBD_CONNECTIONS = _gauge(
    "drbd_connections",
    "A volume on a peer, as this node sees it.",
    "resource",
    "peer_node_id",
    "peer_role",
    "volume",
    "peer_disk_state",
)
DRBD_CONNECTIONS_SYNC = _gauge(
    "drbd_connections_sync", "How much of a volume is in sync with a peer, in percent.", *_PEER
)
DRBD_CONNECTIONS_RECEIVED = _gauge("drbd_connections_received", "KiB received from a peer.", *_PEER)
DRBD_CONNECTIONS_SENT = _gauge("drbd_connections_sent", "KiB sent to a peer.", *_PEER)
DRBD_CONNECTIONS_PENDING = _gauge("drbd_connections_pending", "Requests that a peer has not yet acknowledged.", *_PEER)
DRBD_CONNECTIONS_UNACKED = _gauge(
    "drbd_connections_unacked", "Requests of a peer that this node has not yet acknowledged.", *_PEER
)
DRBD_SPLIT_BRAIN = _gauge(
    "drbd_split_brain", "A split brain that DRBD's handler has recorded and nobody has cleared.", *_VOLUME
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
)
DRBD_OUT_OF_SYNC = _gauge("drbd_out_of_sync_bytes", "How much of a volume differs from a peer's.", *_PEER)
DRBD_SUSPENDED = _gauge("drbd_suspended", "Whether I/O of a resource is suspended.", "resource")
DRBD_CONGESTED = _gauge("drbd_congested", "Whether the connection to a peer is congested.", *_CONNECTION)
DRBD_AP_IN_FLIGHT = _gauge(
    "drbd_ap_in_flight", "Application data on its way to a peer, in sectors as DRBD counts it.", *_CONNECTION
)
DRBD_RS_IN_FLIGHT = _gauge(
    "drbd_rs_in_flight", "Resynchronisation data on its way to a peer, in sectors as DRBD counts it.", *_CONNECTION
)
DRBD_DEVICE_SIZE = _gauge("drbd_device_size_bytes", "Size of a volume.", *_VOLUME)
DRBD_DISKLESS_UNINTENTIONAL = _gauge(
    "drbd_diskless_unintentional",
    "Whether a volume has lost its disk: it is diskless, and not configured as a client.",
    *_VOLUME,
)
DRBD_READ_BYTES = _counter("drbd_read_bytes_total", "Bytes read from a volume's backing device.", *_VOLUME)
DRBD_WRITTEN_BYTES = _counter("drbd_written_bytes_total", "Bytes written to a volume's backing device.", *_VOLUME)
DRBD_VERSION_INFO = _gauge("drbd_version_info", "The version of the loaded DRBD kernel module.", "kernel")

# --- Collectors: the drop-in contract --------------------------------------------------------------------------------

SCRAPE_SUCCESS = _gauge("scrape_success", "Whether a collector learned all that it should.", "collector")
SCRAPE_DURATION = _gauge("scrape_duration_seconds", "How long a collector took.", "collector")

# --- The gateway itself ----------------------------------------------------------------------------------------------

GATEWAY_BUILD_INFO = _gauge("gateway_build_info", "The version of the gateway and of Python.", "version", "python")
GATEWAY_COLLECTOR_STATE = _gauge(
    "gateway_collector_state",
    "How a collector's last run ended.",
    "collector",
    states=tuple(STATUSES),
    state_label="state",
)
GATEWAY_COMMAND_DURATION = _gauge(
    "gateway_command_duration_seconds", "How long the last run of a command took.", "collector", "command"
)
GATEWAY_COMMAND_FAILURES = _counter(
    "gateway_command_failures_total",
    "Runs of a command that did not end well, by reason.",
    "collector",
    "command",
    "reason",
)
GATEWAY_COMMAND_TIMEOUTS = _counter(
    "gateway_command_timeouts_total",
    "Runs of a command that were killed at their deadline or not awaited any longer.",
    "collector",
    "command",
)
GATEWAY_SAMPLES_DROPPED = _counter(
    "gateway_samples_dropped_total",
    "Samples that were dropped: no number, or a second one for the same labels.",
    "collector",
)
GATEWAY_SNAPSHOT_AGE = _gauge("gateway_snapshot_age_seconds", "Age of the oldest thing on this page.")
GATEWAY_SCRAPES = _counter("gateway_scrapes_total", "Scrapes answered.")
GATEWAY_RUNS = _counter("gateway_runs_total", "Runs of the collectors; scrapes that arrive together share one.")

# --- The process, as every Prometheus client shows it ----------------------------------------------------------------


@cache
def process_metric(name: str, text: str, kind: Kind) -> Metric:
    """Returns a ``process_*`` metric, whose names are not the gateway's to choose."""
    return Metric(name=name, help=text, kind=kind)


METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
