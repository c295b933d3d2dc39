"""Pacemaker's metrics."""

from __future__ import annotations

from gateway.samples import Merge, Metric, ObjectByLabel, counter, gauge

NODES = gauge(
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
    drop_in=True,
    mib="haClusterNodeOnline haClusterNodeStandby haClusterNodeStandbyOnFail "
    "haClusterNodeMaintenance haClusterNodePending haClusterNodeUnclean "
    "haClusterNodeShutdown haClusterNodeExpectedUp haClusterNodeIsDc",
)
NODE_ATTRIBUTES = gauge(
    "pacemaker_node_attributes",
    "An attribute of a node; the value stands in a label, the sample is always 1.",
    "node",
    "name",
    "value",
    drop_in=True,
    mib="haClusterNodeAttrEntry",
)
RESOURCES = gauge(
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
    "Whether the whole cluster is in maintenance mode.",
    drop_in=True,
    mib="haClusterMaintenanceMode",
)
FAIL_COUNT = gauge(
    "pacemaker_fail_count",
    "How often a resource has failed on a node; +Inf where Pacemaker counts it as failed for good.",
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
    "Time of the last change of the cluster's configuration, in Unix seconds.",
    drop_in=True,
    mib="haClusterConfigLastChange",
)
LOCATION_CONSTRAINTS = gauge(
    "pacemaker_location_constraints",
    "Score of a location constraint, or of a rule of one, for a resource.",
    "constraint",
    "node",
    "resource",
    "role",
    drop_in=True,
    mib="haClusterLocationScore",
)
UP = gauge(
    "pacemaker_up",
    "Whether Pacemaker runs on this node and answers.",
    mib="haClusterPacemakerUp",
)
DAEMON_STATE = gauge(
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
INFO = gauge(
    "pacemaker_info",
    "Pacemaker's version and the cluster as this node sees it.",
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
    "Whether nodes run different versions of Pacemaker, as during a rolling upgrade.",
    mib="haClusterMixedVersion",
)
NODES_CONFIGURED = gauge(
    "pacemaker_nodes_configured",
    "How many nodes the configuration has.",
    mib="haClusterNodesConfigured",
)
RESOURCES_CONFIGURED = gauge(
    "pacemaker_resources_configured",
    "How many instances of resources the configuration makes.",
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
    "How many configured instances crm_mon left out of its list, and the resource metrics therefore lack.",
    mib="haClusterResourcesUnlisted",
)
NODE_HEALTH = gauge(
    "pacemaker_node_health",
    "The health of a node by its health attributes.",
    "node",
    states=("green", "yellow", "red"),
    state_label="health",
    mib="haClusterNodeHealth",
)
NODE_RESOURCES_RUNNING = gauge(
    "pacemaker_node_resources_running",
    "How many instances of resources are active on a node.",
    "node",
    mib="haClusterNodeResourcesRunning",
)
NODE_INFO = gauge(
    "pacemaker_node_info",
    "A node's id and feature set.",
    "node",
    "id",
    "feature_set",
    mib="haClusterNodeId haClusterNodeFeatureSet",
)
RESOURCE_INFO = gauge(
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
BUNDLE_REPLICAS = gauge(
    "pacemaker_bundle_replicas",
    "How many replicas a bundle has, and how many of them are active.",
    "bundle",
    "state",
    mib=ObjectByLabel(
        label="state",
        objects={"total": "haClusterBundleReplicas", "running": "haClusterBundleReplicasRunning"},
    ),
)
FAILED_ACTIONS = gauge(
    "pacemaker_failed_actions",
    "An operation in the list of failed actions; interval in milliseconds, status as the agent returned it.",
    "node",
    "resource",
    "operation",
    "interval",
    "status",
    mib="haClusterFailedActionEntry",
)
FAILED_ACTIONS_TIMESTAMP = gauge(
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
FENCE_EVENTS = gauge(
    "pacemaker_fence_events",
    "How many such events the fencing history holds.",
    "target",
    "action",
    "status",
    "delegate",
    "origin",
    mib="haClusterFenceEventCount",
)
FENCE_EVENTS_TIMESTAMP = gauge(
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
BANS = gauge(
    "pacemaker_bans",
    "Score of a constraint that keeps a resource away from a node.",
    "constraint",
    "resource",
    "node",
    "promoted_only",
    mib="haClusterBanScore",
)
TICKETS = gauge(
    "pacemaker_tickets",
    "Whether a ticket is in each of its states.",
    "ticket",
    states=("granted", "revoked", "standby"),
    state_label="state",
    mib="haClusterTicketGranted haClusterTicketRevoked haClusterTicketStandby",
)
TICKETS_LAST_GRANTED = gauge(
    "pacemaker_tickets_last_granted_timestamp_seconds",
    "When a ticket was last granted.",
    "ticket",
    mib="haClusterTicketLastGranted",
)
CLUSTER_OPTION = gauge(
    "pacemaker_cluster_option",
    "Whether a cluster option is on.",
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
NO_QUORUM_POLICY = gauge(
    "pacemaker_no_quorum_policy",
    "What the cluster does on loss of quorum.",
    states=("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    state_label="policy",
    mib="haClusterNoQuorumPolicy",
)
OPERATION_DURATION = gauge(
    "pacemaker_operation_duration_seconds",
    "How long the last run of an operation took; interval in milliseconds, as Pacemaker names operations.",
    "node",
    "resource",
    "operation",
    "interval",
    merge=Merge.LAST,
    mib="haClusterOperationDuration",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
