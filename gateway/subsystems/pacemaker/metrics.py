"""Pacemaker's metrics."""

from __future__ import annotations

from gateway.samples import MILLI, Merge, Metric, ObjectByLabel, counter, gauge
from gateway.subsystems.pacemaker.cluster_status import DAEMON_STATES, HEALTH_STATES, NO_QUORUM_POLICIES
from gateway.subsystems.pacemaker.remote_nodes import CONNECTION_STATES

NODES = gauge(
    "pacemaker_nodes",
    "Whether a node has the status, for each status.",
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
    drop_in=True,
    mib="haClusterNodeOnline haClusterNodeStandby haClusterNodeStandbyOnFail "
    "haClusterNodeMaintenance haClusterNodePending haClusterNodeUnclean "
    "haClusterNodeShutdown haClusterNodeExpectedUp haClusterNodeIsDc",
)
NODE_ATTRIBUTES = gauge(
    "pacemaker_node_attributes",
    "Attributes of nodes, with their value as a label; always 1.",
    "node",
    "name",
    "value",
    drop_in=True,
    mib="haClusterNodeAttrEntry",
)
RESOURCES = gauge(
    "pacemaker_resources",
    "Whether a resource instance has the status, for each status; the node is empty while it is stopped.",
    "node",
    "resource",
    "role",
    "managed",
    "agent",
    "group",
    "clone",
    states=("active", "orphaned", "blocked", "failed", "failure_ignored"),
    state_label="status",
    drop_in=True,
    mib="haClusterResourceActive haClusterResourceOrphaned haClusterResourceBlocked "
    "haClusterResourceFailed haClusterResourceFailureIgnored",
)
STONITH_ENABLED = gauge(
    "pacemaker_stonith_enabled",
    "Whether fencing is enabled in the cluster.",
    drop_in=True,
    mib="haClusterStonithEnabled",
)
MAINTENANCE_MODE_ENABLED = gauge(
    "pacemaker_maintenance_mode_enabled",
    "Whether the cluster is in maintenance mode.",
    drop_in=True,
    mib="haClusterMaintenanceMode",
)
FAIL_COUNT = gauge(
    "pacemaker_fail_count",
    "Fail count of a resource on a node; +Inf if it is Pacemaker's INFINITY.",
    "node",
    "resource",
    merge=Merge.MAX,
    drop_in=True,
    mib="haClusterHistoryFailCount",
)
MIGRATION_THRESHOLD = gauge(
    "pacemaker_migration_threshold",
    "Fail count at which a resource is moved away from a node.",
    "node",
    "resource",
    drop_in=True,
    mib="haClusterHistoryThreshold",
)
CONFIG_LAST_CHANGE = counter(
    "pacemaker_config_last_change",
    "Unix timestamp of the last change of the cluster configuration.",
    drop_in=True,
    mib="haClusterConfigLastChange",
)
LOCATION_CONSTRAINTS = gauge(
    "pacemaker_location_constraints",
    "Score of a location constraint, or of one of its rules, for a resource.",
    "constraint",
    "node",
    "resource",
    "role",
    drop_in=True,
    mib="haClusterLocationScore",
)
LOCATION_EXPIRED = gauge(
    "pacemaker_location_constraints_expired",
    "Location constraint, or one of its rules, that has expired and is still in the configuration; always 1.",
    "constraint",
    "node",
    "resource",
    "role",
    mib="haClusterLocationExpired",
)
LOCATION_EXPIRES = gauge(
    "pacemaker_location_constraints_end_timestamp_seconds",
    "Unix timestamp of when a location constraint, or one of its rules, expires; absent if it has no end.",
    "constraint",
    "node",
    "resource",
    "role",
    mib="haClusterLocationEnd",
)
COLOCATION_CONSTRAINTS = gauge(
    "pacemaker_colocation_constraints",
    "Score of a colocation constraint for a resource; the other resource is empty for a member of a resource set.",
    "constraint",
    "resource",
    "role",
    "with_resource",
    "with_role",
    mib="haClusterColocationScore",
)
UP = gauge("pacemaker_up", "Whether Pacemaker is running on this node.", mib="haClusterPacemakerUp")
DAEMON_STATE = gauge(
    "pacemaker_daemon_state",
    "State of pacemakerd on this node, or remote if pacemaker-remoted runs in its place; 1 for the current state.",
    states=(*DAEMON_STATES, "not_connected"),
    state_label="state",
    mib="haClusterPacemakerState",
)
INFO = gauge(
    "pacemaker_info",
    "Information about Pacemaker and the cluster; always 1.",
    "version",
    "dc",
    "stack",
    "cluster_name",
    mib={
        "version": "haClusterPacemakerVersion",
        "dc": "haClusterDc",
        "stack": "haClusterStack",
        "cluster_name": "haClusterName",
    },
)
QUORATE = gauge(
    "pacemaker_quorate",
    "Whether the partition of the designated controller has quorum.",
    mib="haClusterDcQuorate",
)
MIXED_VERSION = gauge(
    "pacemaker_mixed_version",
    "Whether the nodes run different versions of Pacemaker, as during a rolling upgrade.",
    mib="haClusterMixedVersion",
)
NODES_CONFIGURED = gauge("pacemaker_nodes_configured", "Number of configured nodes.", mib="haClusterNodesConfigured")
RESOURCES_CONFIGURED = gauge(
    "pacemaker_resources_configured",
    "Number of configured resource instances: total, disabled and blocked.",
    "state",
    mib=ObjectByLabel(
        label="state",
        objects={
            "total": "haClusterResourcesConfigured",
            "disabled": "haClusterResourcesDisabled",
            "blocked": "haClusterResourcesBlocked",
        },
    ),
)
RESOURCES_UNLISTED = gauge(
    "pacemaker_resources_unlisted",
    "Number of configured resource instances that crm_mon does not list and that therefore have no metrics.",
    mib="haClusterResourcesUnlisted",
)
NODE_HEALTH = gauge(
    "pacemaker_node_health",
    "Health of a node according to its health attributes; 1 for the current health.",
    "node",
    states=HEALTH_STATES,
    state_label="health",
    mib="haClusterNodeHealth",
)
NODE_RESOURCES_RUNNING = gauge(
    "pacemaker_node_resources_running",
    "Number of resource instances that are active on a node.",
    "node",
    mib="haClusterNodeResourcesRunning",
)
NODE_INFO = gauge(
    "pacemaker_node_info",
    "ID and feature set of a node; always 1.",
    "node",
    "id",
    "feature_set",
    mib="haClusterNodeId haClusterNodeFeatureSet",
)
GUEST_NODES = gauge(
    "pacemaker_guest_nodes",
    "Guest node, with the resource that runs it, such as a container of a bundle; always 1.",
    "node",
    "container",
    mib="haClusterNodeContainer",
)
REMOTE_CONNECTION = gauge(
    "pacemaker_remote_connection",
    "State of the cluster's connection to a remote or guest node; 1 for the current state.",
    "node",
    states=CONNECTION_STATES,
    state_label="state",
    mib="haClusterNodeConnection",
)
REMOTE_CONNECTION_HOST = gauge(
    "pacemaker_remote_connection_host",
    "Cluster node that has the connection to a remote or guest node, or tries to connect to it; always 1.",
    "node",
    "host",
    mib="haClusterNodeConnectionHost",
)
REMOTE_CONNECTED = gauge(
    "pacemaker_remote_connected",
    "Whether the cluster is connected to this host, which is a remote or guest node; absent on any other host.",
    mib="haClusterRemoteConnected",
)
REMOTE_INFO = gauge(
    "pacemaker_remote_info",
    "Name of this host as a remote or guest node, empty until the cluster has connected to it; always 1.",
    "node",
    mib={"node": "haClusterRemoteName"},
)
RESOURCE_INFO = gauge(
    "pacemaker_resource_info",
    "Target role, pending operation, lock and maintenance mode of a resource instance that has any of them; always 1.",
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
RESOURCE_COPIES = gauge(
    "pacemaker_resource_copies",
    "Number of resource instances that have all these labels in common, such as stopped ones of a clone; absent if 1.",
    *RESOURCES.labels,
    mib="haClusterResourceCopies",
)
BUNDLE_REPLICAS = gauge(
    "pacemaker_bundle_replicas",
    "Number of replicas of a bundle: total and running.",
    "bundle",
    "state",
    mib=ObjectByLabel(
        label="state",
        objects={"total": "haClusterBundleReplicas", "running": "haClusterBundleReplicasRunning"},
    ),
)
FAILED_ACTIONS = gauge(
    "pacemaker_failed_actions",
    "Failed actions, with the interval in milliseconds and the result; always 1.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
    mib="haClusterFailedActionEntry",
)
FAILED_ACTIONS_TIMESTAMP = gauge(
    "pacemaker_failed_actions_timestamp_seconds",
    "Unix timestamp of the last failure of a failed action.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
    merge=Merge.MAX,
    mib="haClusterFailedActionTime",
)
FAILED_ACTION_REASONS = gauge(
    "pacemaker_failed_action_reasons",
    "How the execution of a failed action ended, and why it failed, shortened; always 1.",
    "node",
    "resource",
    "operation",
    "interval",
    "execution",
    "reason",
    mib="haClusterFailureReasonEntry",
)
FENCE_EVENTS = gauge(
    "pacemaker_fence_events",
    "Number of events in the fencing history.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
    mib="haClusterFenceEventCount",
)
FENCE_EVENTS_TIMESTAMP = gauge(
    "pacemaker_fence_events_timestamp_seconds",
    "Unix timestamp of the last completed event in the fencing history.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
    merge=Merge.MAX,
    mib="haClusterFenceEventTime",
)
FENCE_EVENT_REASONS = gauge(
    "pacemaker_fence_event_reasons",
    "Why fencing last ended with a status, shortened; always 1, or absent if no reason is known.",
    "target",
    "action",
    "status",
    "reason",
    mib="haClusterFenceReasonEntry",
)
BANS = gauge(
    "pacemaker_bans",
    "Score of a constraint that bans a resource from a node.",
    "constraint",
    "resource",
    "node",
    "promoted_only",
    mib="haClusterBanScore",
)
TICKETS = gauge(
    "pacemaker_tickets",
    "Whether a ticket is in the state, for each state.",
    "ticket",
    states=("granted", "revoked", "standby"),
    state_label="state",
    mib="haClusterTicketGranted haClusterTicketRevoked haClusterTicketStandby",
)
TICKETS_LAST_GRANTED = gauge(
    "pacemaker_tickets_last_granted_timestamp_seconds",
    "Unix timestamp of when a ticket was last granted.",
    "ticket",
    mib="haClusterTicketLastGranted",
)
TICKET_CONSTRAINTS = gauge(
    "pacemaker_ticket_constraints",
    "Resource, and its role, that depends on a ticket, directly or through a mandatory colocation; always 1.",
    "constraint",
    "resource",
    "role",
    "ticket",
    "loss_policy",
    mib="haClusterTicketUseEntry",
)
CLUSTER_OPTION = gauge(
    "pacemaker_cluster_option",
    "Whether a cluster option is enabled.",
    "option",
    mib=ObjectByLabel(
        label="option",
        objects={
            "stonith-enabled": "haClusterStonithEnabled",
            "symmetric-cluster": "haClusterSymmetricCluster",
            "maintenance-mode": "haClusterMaintenanceMode",
            "stop-all-resources": "haClusterStopAllResources",
        },
    ),
)
STONITH_TIMEOUT = gauge(
    "pacemaker_stonith_timeout_seconds",
    "Time that a fencing action may take before it counts as failed, as the cluster option stonith-timeout sets it.",
    mib="haClusterStonithTimeout",
    mib_factor=MILLI,
)
NO_QUORUM_POLICY = gauge(
    "pacemaker_no_quorum_policy",
    "Policy that applies on loss of quorum; 1 for the current policy.",
    states=NO_QUORUM_POLICIES,
    state_label="policy",
    mib="haClusterNoQuorumPolicy",
)
OPERATION_DURATION = gauge(
    "pacemaker_operation_duration_seconds",
    "Duration of the last run of an operation, with its interval in milliseconds.",
    "node",
    "resource",
    "operation",
    "interval",
    merge=Merge.LAST,
    mib="haClusterOperationDuration",
    mib_factor=MILLI,
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
