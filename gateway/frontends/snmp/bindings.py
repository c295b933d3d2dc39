"""Which sample goes where in HA-CLUSTER-MIB: one row of this table for each metric of the catalogue.

The catalogue says which objects show a metric's value (``Metric.mib``); this table adds the rest: which labels are the
row's indexes, and which columns show labels. What the MIB has beyond the metrics, such as counts for thresholds, is
derived from the same samples at the end of this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway import catalog
from gateway.mib.syntax import Raw
from gateway.samples import Families, Metric
from gateway.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """How a metric is shown.

    Attributes:
        metric: the metric.
        index: the labels that are the row's indexes, in the order of the MIB; none for scalars.
        numbered: whether the row has one more index, which tells samples with equal indexes apart.
        labels: the objects that show labels, by the label.
        choice: the label whose value chooses among the metric's objects, and the values in the order of these.
        factor: from the metric's unit to the object's.
    """

    metric: Metric
    index: tuple[str, ...] = ()
    numbered: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    choice: tuple[str, tuple[str, ...]] | None = None
    factor: int = 1


_ACTION = {
    "resource": "haClusterFailedActionResource",
    "node": "haClusterFailedActionNode",
    "operation": "haClusterFailedActionOperation",
    "interval": "haClusterFailedActionInterval",
    "status": "haClusterFailedActionStatus",
}
_FENCING = {
    "target": "haClusterFenceEventTarget",
    "action": "haClusterFenceEventAction",
    "status": "haClusterFenceEventStatus",
    "delegate": "haClusterFenceEventDelegate",
    "origin": "haClusterFenceEventOrigin",
}
_HISTORY = {"resource": "haClusterHistoryResource", "node": "haClusterHistoryNode"}
_LINK_PEER = ("number", "peer_node_id")
_VOLUME = ("resource", "volume")
_VOLUME_LABELS = {"resource": "haClusterDrbdVolumeResource"}
_PEER = ("resource", "peer_node_id")
_PEER_LABELS = {"resource": "haClusterDrbdPeerResource", "peer": "haClusterDrbdPeerName"}
_PEER_VOLUME = ("resource", "peer_node_id", "volume")
_PEER_VOLUME_LABELS = {"resource": "haClusterDrbdPeerVolumeResource"}
_COLLECTOR = {"collector": "haClusterCollectorName"}
_COMMAND = {"collector": "haClusterCommandCollector", "command": "haClusterCommandName"}
_KIB = 1024

PACEMAKER = (
    Binding(
        metric=catalog.PACEMAKER_NODES,
        index=("node",),
        labels={"node": "haClusterNodeName", "type": "haClusterNodeType"},
    ),
    Binding(
        metric=catalog.PACEMAKER_NODE_ATTRIBUTES,
        index=("node", "name"),
        labels={
            "node": "haClusterNodeAttrNode",
            "name": "haClusterNodeAttrName",
            "value": "haClusterNodeAttrValue",
        },
    ),
    Binding(
        metric=catalog.PACEMAKER_RESOURCES,
        index=("resource", "node"),
        numbered=True,
        labels={
            "resource": "haClusterResourceId",
            "node": "haClusterResourceNode",
            "role": "haClusterResourceRole",
            "managed": "haClusterResourceManaged",
            "agent": "haClusterResourceAgent",
            "group": "haClusterResourceGroup",
            "clone": "haClusterResourceClone",
        },
    ),
    Binding(metric=catalog.PACEMAKER_STONITH_ENABLED),
    Binding(metric=catalog.PACEMAKER_MAINTENANCE_MODE_ENABLED),
    Binding(metric=catalog.PACEMAKER_FAIL_COUNT, index=("resource", "node"), labels=_HISTORY),
    Binding(metric=catalog.PACEMAKER_MIGRATION_THRESHOLD, index=("resource", "node"), labels=_HISTORY),
    Binding(metric=catalog.PACEMAKER_CONFIG_LAST_CHANGE),
    Binding(
        metric=catalog.PACEMAKER_LOCATION_CONSTRAINTS,
        index=("constraint",),
        numbered=True,
        labels={
            "constraint": "haClusterLocationConstraint",
            "node": "haClusterLocationNode",
            "resource": "haClusterLocationResource",
            "role": "haClusterLocationRole",
        },
    ),
    Binding(metric=catalog.PACEMAKER_UP),
    Binding(metric=catalog.PACEMAKER_DAEMON_STATE),
    Binding(
        metric=catalog.PACEMAKER_INFO,
        labels={
            "version": "haClusterPacemakerVersion",
            "dc": "haClusterDc",
            "stack": "haClusterStack",
            "cluster_name": "haClusterName",
        },
    ),
    Binding(metric=catalog.PACEMAKER_QUORATE),
    Binding(metric=catalog.PACEMAKER_MIXED_VERSION),
    Binding(metric=catalog.PACEMAKER_NODES_CONFIGURED),
    Binding(metric=catalog.PACEMAKER_RESOURCES_CONFIGURED, choice=("state", ("total", "disabled", "blocked"))),
    Binding(metric=catalog.PACEMAKER_RESOURCES_UNLISTED),
    Binding(metric=catalog.PACEMAKER_NODE_HEALTH, index=("node",), labels={"node": "haClusterNodeName"}),
    Binding(metric=catalog.PACEMAKER_NODE_RESOURCES_RUNNING, index=("node",), labels={"node": "haClusterNodeName"}),
    Binding(
        metric=catalog.PACEMAKER_NODE_INFO,
        index=("node",),
        labels={"node": "haClusterNodeName", "id": "haClusterNodeId", "feature_set": "haClusterNodeFeatureSet"},
    ),
    Binding(
        metric=catalog.PACEMAKER_RESOURCE_INFO,
        index=("resource", "node"),
        numbered=True,
        labels={
            "resource": "haClusterResourceInfoId",
            "node": "haClusterResourceInfoNode",
            "group": "haClusterResourceInfoGroup",
            "clone": "haClusterResourceInfoClone",
            "target_role": "haClusterResourceInfoTargetRole",
            "pending": "haClusterResourceInfoPending",
            "locked_to": "haClusterResourceInfoLockedTo",
            "maintenance": "haClusterResourceInfoMaintenance",
        },
    ),
    Binding(
        metric=catalog.PACEMAKER_BUNDLE_REPLICAS,
        index=("bundle",),
        labels={"bundle": "haClusterBundleId"},
        choice=("state", ("total", "running")),
    ),
    Binding(metric=catalog.PACEMAKER_FAILED_ACTIONS, index=("resource", "node"), numbered=True, labels=_ACTION),
    Binding(
        metric=catalog.PACEMAKER_FAILED_ACTIONS_TIMESTAMP, index=("resource", "node"), numbered=True, labels=_ACTION
    ),
    Binding(metric=catalog.PACEMAKER_FENCE_EVENTS, index=("target",), numbered=True, labels=_FENCING),
    Binding(metric=catalog.PACEMAKER_FENCE_EVENTS_TIMESTAMP, index=("target",), numbered=True, labels=_FENCING),
    Binding(
        metric=catalog.PACEMAKER_BANS,
        index=("constraint",),
        numbered=True,
        labels={
            "constraint": "haClusterBanConstraint",
            "resource": "haClusterBanResource",
            "node": "haClusterBanNode",
            "promoted_only": "haClusterBanPromotedOnly",
        },
    ),
    Binding(metric=catalog.PACEMAKER_TICKETS, index=("ticket",), labels={"ticket": "haClusterTicketId"}),
    Binding(metric=catalog.PACEMAKER_TICKETS_LAST_GRANTED, index=("ticket",), labels={"ticket": "haClusterTicketId"}),
    Binding(
        metric=catalog.PACEMAKER_CLUSTER_OPTION,
        choice=("option", ("stonith-enabled", "symmetric-cluster", "maintenance-mode", "stop-all-resources")),
    ),
    Binding(metric=catalog.PACEMAKER_NO_QUORUM_POLICY),
    Binding(
        metric=catalog.PACEMAKER_OPERATION_DURATION,
        index=("resource", "node", "operation", "interval"),
        labels={
            "resource": "haClusterOperationResource",
            "node": "haClusterOperationNode",
            "operation": "haClusterOperationName",
            "interval": "haClusterOperationInterval",
        },
    ),
)

COROSYNC = (
    Binding(metric=catalog.COROSYNC_QUORATE),
    Binding(
        metric=catalog.COROSYNC_QUORUM_VOTES,
        choice=("type", ("expected_votes", "highest_expected", "total_votes", "quorum")),
    ),
    Binding(
        metric=catalog.COROSYNC_MEMBER_VOTES,
        index=("node_id",),
        labels={"node": "haClusterMemberName", "local": "haClusterMemberLocal"},
    ),
    Binding(
        metric=catalog.COROSYNC_RINGS,
        index=("number",),
        labels={
            "address": "haClusterLinkAddress",
            "node_id": "haClusterLinkNodeId",
            "ring_id": "haClusterLinkRingId",
        },
    ),
    Binding(metric=catalog.COROSYNC_RING_ERRORS),
    Binding(metric=catalog.COROSYNC_UP),
    Binding(
        metric=catalog.COROSYNC_INFO,
        labels={
            "cluster_name": "haClusterName",
            "transport": "haClusterCorosyncTransport",
            "version": "haClusterCorosyncVersion",
        },
    ),
    Binding(
        metric=catalog.COROSYNC_LINK_CONNECTED,
        index=_LINK_PEER,
        labels={"peer": "haClusterLinkPeerName", "address": "haClusterLinkPeerAddress"},
    ),
    Binding(metric=catalog.COROSYNC_QUORUM_FLAGS, index=("flag",), labels={"flag": "haClusterQuorumFlagName"}),
    Binding(metric=catalog.COROSYNC_MEMBER_QDEVICE, index=("node_id",), labels={"node": "haClusterMemberName"}),
    Binding(
        metric=catalog.COROSYNC_KNET_LATENCY,
        index=_LINK_PEER,
        choice=("statistic", ("average", "maximum", "minimum")),
    ),
    Binding(metric=catalog.COROSYNC_KNET_MTU, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_KNET_DOWN, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_KNET_UP, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_KNET_ERRORS, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_KNET_RECEIVED_BYTES, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_KNET_SENT_BYTES, index=_LINK_PEER),
    Binding(metric=catalog.COROSYNC_TOTEM_RETRANSMITS),
    Binding(metric=catalog.COROSYNC_TOTEM_TOKEN_LOST),
    Binding(metric=catalog.COROSYNC_TOTEM_TOKEN_INTERVAL),
)

SBD = (
    Binding(
        metric=catalog.SBD_DEVICES,
        index=("device",),
        labels={"device": "haClusterSbdDeviceName", "status": "haClusterSbdDeviceStatus"},
    ),
    Binding(
        metric=catalog.SBD_TIMEOUTS,
        index=("device",),
        labels={"device": "haClusterSbdDeviceName"},
        choice=("type", ("watchdog", "allocate", "loop", "msgwait")),
    ),
    Binding(metric=catalog.SBD_DEVICE_COUNT),
    Binding(
        metric=catalog.SBD_SLOTS,
        index=("device", "node"),
        labels={
            "device": "haClusterSbdSlotDevice",
            "node": "haClusterSbdSlotNode",
            "message": "haClusterSbdSlotMessage",
        },
    ),
    Binding(metric=catalog.SBD_WATCHDOG_TIMEOUT),
    Binding(
        metric=catalog.SBD_INFO,
        labels={
            "watchdog_device": "haClusterSbdWatchdogDevice",
            "pacemaker": "haClusterSbdPacemaker",
            "startmode": "haClusterSbdStartMode",
            "delay_start": "haClusterSbdDelayStart",
        },
    ),
)

DRBD = (
    Binding(
        metric=catalog.DRBD_RESOURCES,
        index=_VOLUME,
        labels={
            **_VOLUME_LABELS,
            "role": "haClusterDrbdVolumeRole",
            "disk_state": "haClusterDrbdVolumeDiskState",
        },
    ),
    Binding(metric=catalog.DRBD_WRITTEN, index=_VOLUME, labels=_VOLUME_LABELS, factor=_KIB),
    Binding(metric=catalog.DRBD_READ, index=_VOLUME, labels=_VOLUME_LABELS, factor=_KIB),
    Binding(metric=catalog.DRBD_WRITTEN_BYTES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_READ_BYTES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_AL_WRITES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_BM_WRITES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_UPPER_PENDING, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_LOWER_PENDING, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_QUORUM, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_DEVICE_SIZE, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_DISKLESS_UNINTENTIONAL, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(
        metric=catalog.DRBD_CONNECTIONS,
        index=_PEER_VOLUME,
        labels={
            **_PEER_VOLUME_LABELS,
            "peer_role": "haClusterDrbdPeerVolumeRole",
            "peer_disk_state": "haClusterDrbdPeerVolumeDiskState",
        },
    ),
    Binding(metric=catalog.DRBD_CONNECTIONS_SYNC, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_CONNECTIONS_RECEIVED, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_CONNECTIONS_SENT, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_CONNECTIONS_PENDING, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_CONNECTIONS_UNACKED, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_REPLICATION_STATE, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=catalog.DRBD_OUT_OF_SYNC, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(
        metric=catalog.DRBD_SPLIT_BRAIN,
        index=_VOLUME,
        labels={"resource": "haClusterDrbdSplitBrainResource", "volume": "haClusterDrbdSplitBrainVolume"},
    ),
    Binding(metric=catalog.DRBD_CONNECTION_STATE, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=catalog.DRBD_CONGESTED, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=catalog.DRBD_AP_IN_FLIGHT, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=catalog.DRBD_RS_IN_FLIGHT, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=catalog.DRBD_SUSPENDED, index=("resource",), labels={"resource": "haClusterDrbdResourceName"}),
    Binding(metric=catalog.DRBD_VERSION_INFO, labels={"kernel": "haClusterDrbdVersion"}),
)

GATEWAY = (
    Binding(metric=catalog.SCRAPE_SUCCESS, index=("collector",), labels=_COLLECTOR),
    Binding(metric=catalog.SCRAPE_DURATION, index=("collector",), labels=_COLLECTOR),
    Binding(metric=catalog.GATEWAY_COLLECTOR_STATE, index=("collector",), labels=_COLLECTOR),
    Binding(metric=catalog.GATEWAY_SAMPLES_DROPPED, index=("collector",), labels=_COLLECTOR),
    Binding(metric=catalog.GATEWAY_COMMAND_DURATION, index=("collector", "command"), labels=_COMMAND),
    Binding(metric=catalog.GATEWAY_COMMAND_TIMEOUTS, index=("collector", "command"), labels=_COMMAND),
    Binding(
        metric=catalog.GATEWAY_COMMAND_FAILURES,
        index=("collector", "command", "reason"),
        labels={"collector": "haClusterCommandFailureCollector", "command": "haClusterCommandFailureCommand"},
    ),
    Binding(
        metric=catalog.GATEWAY_BUILD_INFO,
        labels={"version": "haClusterGatewayVersion", "python": "haClusterGatewayPython"},
    ),
    Binding(metric=catalog.GATEWAY_AGENTX_STATE),
    Binding(metric=catalog.GATEWAY_AGENTX_SESSIONS),
    Binding(metric=catalog.GATEWAY_AGENTX_REQUESTS),
    Binding(metric=catalog.GATEWAY_AGENTX_REJECTED),
    Binding(metric=catalog.GATEWAY_AGENT_REQUESTS),
    Binding(metric=catalog.GATEWAY_AGENT_MALFORMED),
    Binding(metric=catalog.GATEWAY_AGENT_REFUSED),
    Binding(metric=catalog.GATEWAY_SCRAPES),
    Binding(metric=catalog.GATEWAY_RUNS),
)

_ALARM = {"condition": "haClusterAlarmCondition", "object": "haClusterAlarmObject"}
_TARGET = {"target": "haClusterTargetName"}

ALARMS = (
    Binding(
        metric=catalog.GATEWAY_ALARMS,
        index=("condition", "object"),
        labels={**_ALARM, "severity": "haClusterAlarmSeverity"},
    ),
    Binding(metric=catalog.GATEWAY_ALARMS_SINCE, index=("condition", "object"), labels=_ALARM),
    Binding(metric=catalog.GATEWAY_ALARMS_ACTIVE, choice=("severity", catalog.SEVERITIES)),
    Binding(metric=catalog.GATEWAY_ALERTS_RECEIVED),
    Binding(metric=catalog.GATEWAY_ALERTS_DROPPED),
    Binding(metric=catalog.GATEWAY_ALERTS_COALESCED),
    Binding(metric=catalog.GATEWAY_NOTIFICATION_SEQUENCE),
    Binding(
        metric=catalog.GATEWAY_TARGET_STATE,
        index=("target",),
        labels={**_TARGET, "kind": "haClusterTargetKind"},
    ),
    Binding(metric=catalog.GATEWAY_NOTIFICATIONS_SENT, index=("target",), labels=_TARGET),
    Binding(metric=catalog.GATEWAY_NOTIFICATIONS_ACKNOWLEDGED, index=("target",), labels=_TARGET),
    Binding(metric=catalog.GATEWAY_NOTIFICATION_RETRIES, index=("target",), labels=_TARGET),
    Binding(metric=catalog.GATEWAY_NOTIFICATIONS_FAILED, index=("target",), labels=_TARGET),
    Binding(metric=catalog.GATEWAY_NOTIFICATIONS_DROPPED, index=("target",), labels=_TARGET),
    Binding(metric=catalog.GATEWAY_NOTIFICATIONS_QUEUED, index=("target",), labels=_TARGET),
)

BINDINGS = (*PACEMAKER, *COROSYNC, *SBD, *DRBD, *GATEWAY, *ALARMS)

LIVE = {catalog.GATEWAY_SNAPSHOT_AGE: "haClusterSnapshotAge"}
"""What is another number at each request, and is not in the tables therefore."""


# --- Beyond the metrics ----------------------------------------------------------------------------------------------

Derived = tuple[str, tuple[str, ...], Raw]
"""An object, the texts of its indexes, and its value."""


def derived(snapshot: Snapshot) -> Iterator[Derived]:
    """Yields what the MIB has beyond the metrics."""
    yield "haClusterSnapshotTime", (), snapshot.time
    yield from _counted(snapshot.families, catalog.PACEMAKER_NODES, _NODE_COUNTS)
    yield from _counted(snapshot.families, catalog.PACEMAKER_RESOURCES, _RESOURCE_COUNTS)
    timeouts: Counter[str] = Counter()
    for (collector, _), count in snapshot.families.get(catalog.GATEWAY_COMMAND_TIMEOUTS, {}).items():
        assert isinstance(count, int)
        timeouts[collector] += count
    for name, report in snapshot.collectors.items():
        failing = next(iter(report.failing), None)
        error = f"{failing.name}: {failing.status.value}: {failing.detail}" if failing else ""
        yield "haClusterCollectorLastError", (name,), error
        yield "haClusterCollectorTimeouts", (name,), timeouts[name]


_Sample = Mapping[str, str | bool]
"""A sample's labels and flags by their names."""

_NODE_COUNTS: Mapping[str, Callable[[_Sample], object]] = {
    "haClusterNodesOnline": lambda node: node["online"],
    "haClusterNodesOffline": lambda node: not node["online"],
    "haClusterNodesStandby": lambda node: node["standby"] or node["standby_onfail"],
    "haClusterNodesMaintenance": lambda node: node["maintenance"],
    "haClusterNodesPending": lambda node: node["pending"],
    "haClusterNodesUnclean": lambda node: node["unclean"],
}
_RESOURCE_COUNTS: Mapping[str, Callable[[_Sample], object]] = {
    "haClusterResourcesStarted": lambda resource: resource["active"],
    "haClusterResourcesStopped": lambda resource: resource["role"] == "stopped",
    "haClusterResourcesFailed": lambda resource: resource["failed"],
    "haClusterResourcesUnmanaged": lambda resource: resource["managed"] == "false",
}


def _counted(
    families: Families, metric: Metric, counts: Mapping[str, Callable[[_Sample], object]]
) -> Iterator[Derived]:
    """Yields how many samples of a metric meet each condition; nothing where there are none: then nothing is known."""
    family = families.get(metric)
    if not family:
        return
    names = (*metric.labels, *metric.states)
    totals: Counter[str] = Counter()
    for labels, flags in family.items():
        assert isinstance(flags, tuple)
        sample: _Sample = dict(zip(names, (*labels, *flags), strict=True))
        totals.update(name for name, meets in counts.items() if meets(sample))
    for name in counts:
        yield name, (), totals[name]


NOTICES = frozenset(
    {
        "haClusterAlarmText",
        "haClusterNoticeTime",
        "haClusterNoticeCondition",
        "haClusterNoticeSeverity",
        "haClusterNoticeChange",
        "haClusterNoticeObject",
        "haClusterNoticeNode",
        "haClusterNoticeText",
        "haClusterTargetLastError",
    }
)
"""The objects that the alarm engine fills: texts, which are no metrics."""

DERIVED = frozenset(
    {
        *NOTICES,
        "haClusterSnapshotTime",
        "haClusterCollectorLastError",
        "haClusterCollectorTimeouts",
        *_NODE_COUNTS,
        *_RESOURCE_COUNTS,
    }
)
"""The objects that no metric has."""
