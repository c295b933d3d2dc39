"""Which sample goes where in HA-CLUSTER-MIB: one row of this table for each metric of the catalogue.

The catalogue says which objects show a metric's value (``Metric.mib``); this table adds the rest: which labels are the
row's indexes, and which columns show labels. What the MIB has beyond the metrics, such as counts for thresholds, is
derived from the same samples at the end of this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway import self_metrics
from gateway.samples import Metric, SamplesByMetric
from gateway.snapshot import Snapshot
from gateway.snmp.mib.syntax import SampleValue
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics


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
        metric=pacemaker_metrics.NODES,
        index=("node",),
        labels={"node": "haClusterNodeName", "type": "haClusterNodeType"},
    ),
    Binding(
        metric=pacemaker_metrics.NODE_ATTRIBUTES,
        index=("node", "name"),
        labels={
            "node": "haClusterNodeAttrNode",
            "name": "haClusterNodeAttrName",
            "value": "haClusterNodeAttrValue",
        },
    ),
    Binding(
        metric=pacemaker_metrics.RESOURCES,
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
    Binding(metric=pacemaker_metrics.STONITH_ENABLED),
    Binding(metric=pacemaker_metrics.MAINTENANCE_MODE_ENABLED),
    Binding(metric=pacemaker_metrics.FAIL_COUNT, index=("resource", "node"), labels=_HISTORY),
    Binding(metric=pacemaker_metrics.MIGRATION_THRESHOLD, index=("resource", "node"), labels=_HISTORY),
    Binding(metric=pacemaker_metrics.CONFIG_LAST_CHANGE),
    Binding(
        metric=pacemaker_metrics.LOCATION_CONSTRAINTS,
        index=("constraint",),
        numbered=True,
        labels={
            "constraint": "haClusterLocationConstraint",
            "node": "haClusterLocationNode",
            "resource": "haClusterLocationResource",
            "role": "haClusterLocationRole",
        },
    ),
    Binding(metric=pacemaker_metrics.UP),
    Binding(metric=pacemaker_metrics.DAEMON_STATE),
    Binding(
        metric=pacemaker_metrics.INFO,
        labels={
            "version": "haClusterPacemakerVersion",
            "dc": "haClusterDc",
            "stack": "haClusterStack",
            "cluster_name": "haClusterName",
        },
    ),
    Binding(metric=pacemaker_metrics.QUORATE),
    Binding(metric=pacemaker_metrics.MIXED_VERSION),
    Binding(metric=pacemaker_metrics.NODES_CONFIGURED),
    Binding(metric=pacemaker_metrics.RESOURCES_CONFIGURED, choice=("state", ("total", "disabled", "blocked"))),
    Binding(metric=pacemaker_metrics.RESOURCES_UNLISTED),
    Binding(metric=pacemaker_metrics.NODE_HEALTH, index=("node",), labels={"node": "haClusterNodeName"}),
    Binding(metric=pacemaker_metrics.NODE_RESOURCES_RUNNING, index=("node",), labels={"node": "haClusterNodeName"}),
    Binding(
        metric=pacemaker_metrics.NODE_INFO,
        index=("node",),
        labels={"node": "haClusterNodeName", "id": "haClusterNodeId", "feature_set": "haClusterNodeFeatureSet"},
    ),
    Binding(
        metric=pacemaker_metrics.RESOURCE_INFO,
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
        metric=pacemaker_metrics.BUNDLE_REPLICAS,
        index=("bundle",),
        labels={"bundle": "haClusterBundleId"},
        choice=("state", ("total", "running")),
    ),
    Binding(metric=pacemaker_metrics.FAILED_ACTIONS, index=("resource", "node"), numbered=True, labels=_ACTION),
    Binding(
        metric=pacemaker_metrics.FAILED_ACTIONS_TIMESTAMP, index=("resource", "node"), numbered=True, labels=_ACTION
    ),
    Binding(metric=pacemaker_metrics.FENCE_EVENTS, index=("target",), numbered=True, labels=_FENCING),
    Binding(metric=pacemaker_metrics.FENCE_EVENTS_TIMESTAMP, index=("target",), numbered=True, labels=_FENCING),
    Binding(
        metric=pacemaker_metrics.BANS,
        index=("constraint",),
        numbered=True,
        labels={
            "constraint": "haClusterBanConstraint",
            "resource": "haClusterBanResource",
            "node": "haClusterBanNode",
            "promoted_only": "haClusterBanPromotedOnly",
        },
    ),
    Binding(metric=pacemaker_metrics.TICKETS, index=("ticket",), labels={"ticket": "haClusterTicketId"}),
    Binding(metric=pacemaker_metrics.TICKETS_LAST_GRANTED, index=("ticket",), labels={"ticket": "haClusterTicketId"}),
    Binding(
        metric=pacemaker_metrics.CLUSTER_OPTION,
        choice=("option", ("stonith-enabled", "symmetric-cluster", "maintenance-mode", "stop-all-resources")),
    ),
    Binding(metric=pacemaker_metrics.NO_QUORUM_POLICY),
    Binding(
        metric=pacemaker_metrics.OPERATION_DURATION,
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
    Binding(metric=corosync_metrics.QUORATE),
    Binding(
        metric=corosync_metrics.QUORUM_VOTES,
        choice=("type", ("expected_votes", "highest_expected", "total_votes", "quorum")),
    ),
    Binding(
        metric=corosync_metrics.MEMBER_VOTES,
        index=("node_id",),
        labels={"node": "haClusterMemberName", "local": "haClusterMemberLocal"},
    ),
    Binding(
        metric=corosync_metrics.RINGS,
        index=("number",),
        labels={
            "address": "haClusterLinkAddress",
            "node_id": "haClusterLinkNodeId",
            "ring_id": "haClusterLinkRingId",
        },
    ),
    Binding(metric=corosync_metrics.RING_ERRORS),
    Binding(metric=corosync_metrics.UP),
    Binding(
        metric=corosync_metrics.INFO,
        labels={
            "cluster_name": "haClusterName",
            "transport": "haClusterCorosyncTransport",
            "version": "haClusterCorosyncVersion",
        },
    ),
    Binding(
        metric=corosync_metrics.LINK_CONNECTED,
        index=_LINK_PEER,
        labels={"peer": "haClusterLinkPeerName", "address": "haClusterLinkPeerAddress"},
    ),
    Binding(metric=corosync_metrics.QUORUM_FLAGS, index=("flag",), labels={"flag": "haClusterQuorumFlagName"}),
    Binding(metric=corosync_metrics.MEMBER_QDEVICE, index=("node_id",), labels={"node": "haClusterMemberName"}),
    Binding(
        metric=corosync_metrics.KNET_LATENCY,
        index=_LINK_PEER,
        choice=("statistic", ("average", "maximum", "minimum")),
    ),
    Binding(metric=corosync_metrics.KNET_MTU, index=_LINK_PEER),
    Binding(metric=corosync_metrics.KNET_DOWN, index=_LINK_PEER),
    Binding(metric=corosync_metrics.KNET_UP, index=_LINK_PEER),
    Binding(metric=corosync_metrics.KNET_ERRORS, index=_LINK_PEER),
    Binding(metric=corosync_metrics.KNET_RECEIVED_BYTES, index=_LINK_PEER),
    Binding(metric=corosync_metrics.KNET_SENT_BYTES, index=_LINK_PEER),
    Binding(metric=corosync_metrics.TOTEM_RETRANSMITS),
    Binding(metric=corosync_metrics.TOTEM_TOKEN_LOST),
    Binding(metric=corosync_metrics.TOTEM_TOKEN_INTERVAL),
)

SBD = (
    Binding(
        metric=sbd_metrics.DEVICES,
        index=("device",),
        labels={"device": "haClusterSbdDeviceName", "status": "haClusterSbdDeviceStatus"},
    ),
    Binding(
        metric=sbd_metrics.TIMEOUTS,
        index=("device",),
        labels={"device": "haClusterSbdDeviceName"},
        choice=("type", ("watchdog", "allocate", "loop", "msgwait")),
    ),
    Binding(metric=sbd_metrics.DEVICE_COUNT),
    Binding(
        metric=sbd_metrics.SLOTS,
        index=("device", "node"),
        labels={
            "device": "haClusterSbdSlotDevice",
            "node": "haClusterSbdSlotNode",
            "message": "haClusterSbdSlotMessage",
        },
    ),
    Binding(metric=sbd_metrics.WATCHDOG_TIMEOUT),
    Binding(
        metric=sbd_metrics.INFO,
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
        metric=drbd_metrics.RESOURCES,
        index=_VOLUME,
        labels={
            **_VOLUME_LABELS,
            "role": "haClusterDrbdVolumeRole",
            "disk_state": "haClusterDrbdVolumeDiskState",
        },
    ),
    Binding(metric=drbd_metrics.WRITTEN, index=_VOLUME, labels=_VOLUME_LABELS, factor=_KIB),
    Binding(metric=drbd_metrics.READ, index=_VOLUME, labels=_VOLUME_LABELS, factor=_KIB),
    Binding(metric=drbd_metrics.WRITTEN_BYTES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.READ_BYTES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.AL_WRITES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.BM_WRITES, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.UPPER_PENDING, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.LOWER_PENDING, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.QUORUM, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.DEVICE_SIZE, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(metric=drbd_metrics.DISKLESS_UNINTENTIONAL, index=_VOLUME, labels=_VOLUME_LABELS),
    Binding(
        metric=drbd_metrics.CONNECTIONS,
        index=_PEER_VOLUME,
        labels={
            **_PEER_VOLUME_LABELS,
            "peer_role": "haClusterDrbdPeerVolumeRole",
            "peer_disk_state": "haClusterDrbdPeerVolumeDiskState",
        },
    ),
    Binding(metric=drbd_metrics.CONNECTIONS_SYNC, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.CONNECTIONS_RECEIVED, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.CONNECTIONS_SENT, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.CONNECTIONS_PENDING, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.CONNECTIONS_UNACKED, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.REPLICATION_STATE, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(metric=drbd_metrics.OUT_OF_SYNC, index=_PEER_VOLUME, labels=_PEER_VOLUME_LABELS),
    Binding(
        metric=drbd_metrics.SPLIT_BRAIN,
        index=_VOLUME,
        labels={"resource": "haClusterDrbdSplitBrainResource", "volume": "haClusterDrbdSplitBrainVolume"},
    ),
    Binding(metric=drbd_metrics.CONNECTION_STATE, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=drbd_metrics.CONGESTED, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=drbd_metrics.AP_IN_FLIGHT, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=drbd_metrics.RS_IN_FLIGHT, index=_PEER, labels=_PEER_LABELS),
    Binding(metric=drbd_metrics.SUSPENDED, index=("resource",), labels={"resource": "haClusterDrbdResourceName"}),
    Binding(metric=drbd_metrics.VERSION_INFO, labels={"kernel": "haClusterDrbdVersion"}),
)

GATEWAY = (
    Binding(metric=self_metrics.SCRAPE_SUCCESS, index=("collector",), labels=_COLLECTOR),
    Binding(metric=self_metrics.SCRAPE_DURATION, index=("collector",), labels=_COLLECTOR),
    Binding(metric=self_metrics.COLLECTOR_STATE, index=("collector",), labels=_COLLECTOR),
    Binding(metric=self_metrics.SAMPLES_DROPPED, index=("collector",), labels=_COLLECTOR),
    Binding(metric=self_metrics.COMMAND_DURATION, index=("collector", "command"), labels=_COMMAND),
    Binding(metric=self_metrics.COMMAND_TIMEOUTS, index=("collector", "command"), labels=_COMMAND),
    Binding(
        metric=self_metrics.COMMAND_FAILURES,
        index=("collector", "command", "reason"),
        labels={"collector": "haClusterCommandFailureCollector", "command": "haClusterCommandFailureCommand"},
    ),
    Binding(
        metric=self_metrics.BUILD_INFO,
        labels={"version": "haClusterGatewayVersion", "python": "haClusterGatewayPython"},
    ),
    Binding(metric=self_metrics.AGENTX_STATE),
    Binding(metric=self_metrics.AGENTX_SESSIONS),
    Binding(metric=self_metrics.AGENTX_REQUESTS),
    Binding(metric=self_metrics.AGENTX_REJECTED),
    Binding(metric=self_metrics.AGENT_REQUESTS),
    Binding(metric=self_metrics.AGENT_MALFORMED),
    Binding(metric=self_metrics.AGENT_REFUSED),
    Binding(metric=self_metrics.SCRAPES),
    Binding(metric=self_metrics.RUNS),
)

_ALARM = {"condition": "haClusterAlarmCondition", "object": "haClusterAlarmObject"}
_TARGET = {"target": "haClusterTargetName"}

ALARMS = (
    Binding(
        metric=self_metrics.ALARMS,
        index=("condition", "object"),
        labels={**_ALARM, "severity": "haClusterAlarmSeverity"},
    ),
    Binding(metric=self_metrics.ALARMS_SINCE, index=("condition", "object"), labels=_ALARM),
    Binding(metric=self_metrics.ALARMS_ACTIVE, choice=("severity", self_metrics.SEVERITIES)),
    Binding(metric=self_metrics.ALERTS_RECEIVED),
    Binding(metric=self_metrics.ALERTS_DROPPED),
    Binding(metric=self_metrics.ALERTS_COALESCED),
    Binding(metric=self_metrics.NOTIFICATION_SEQUENCE),
    Binding(
        metric=self_metrics.TARGET_STATE,
        index=("target",),
        labels={**_TARGET, "kind": "haClusterTargetKind"},
    ),
    Binding(metric=self_metrics.NOTIFICATIONS_SENT, index=("target",), labels=_TARGET),
    Binding(metric=self_metrics.NOTIFICATIONS_ACKNOWLEDGED, index=("target",), labels=_TARGET),
    Binding(metric=self_metrics.NOTIFICATION_RETRIES, index=("target",), labels=_TARGET),
    Binding(metric=self_metrics.NOTIFICATIONS_FAILED, index=("target",), labels=_TARGET),
    Binding(metric=self_metrics.NOTIFICATIONS_DROPPED, index=("target",), labels=_TARGET),
    Binding(metric=self_metrics.NOTIFICATIONS_QUEUED, index=("target",), labels=_TARGET),
)

BINDINGS = (*PACEMAKER, *COROSYNC, *SBD, *DRBD, *GATEWAY, *ALARMS)

LIVE = {self_metrics.SNAPSHOT_AGE: "haClusterSnapshotAge"}
"""What is another number at each request, and is not in the tables therefore."""


# --- Beyond the metrics ----------------------------------------------------------------------------------------------

Derived = tuple[str, tuple[str, ...], SampleValue]
"""An object, the texts of its indexes, and its value."""


def derived(snapshot: Snapshot) -> Iterator[Derived]:
    """Yields what the MIB has beyond the metrics."""
    yield "haClusterSnapshotTime", (), snapshot.time
    yield from _counted(snapshot.samples_by_metric, pacemaker_metrics.NODES, _NODE_COUNTS)
    yield from _counted(snapshot.samples_by_metric, pacemaker_metrics.RESOURCES, _RESOURCE_COUNTS)
    timeouts: Counter[str] = Counter()
    for (collector, _), count in snapshot.samples_by_metric.get(self_metrics.COMMAND_TIMEOUTS, {}).items():
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
    samples_by_metric: SamplesByMetric, metric: Metric, counts: Mapping[str, Callable[[_Sample], object]]
) -> Iterator[Derived]:
    """Yields how many samples of a metric meet each condition; nothing where there are none: then nothing is known."""
    family = samples_by_metric.get(metric)
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
