"""The rows of HA-CLUSTER-MIB that show Pacemaker's metrics, and the scalars that count them."""

from __future__ import annotations

from gateway.samples import MibCounts, MibRow
from gateway.subsystems.pacemaker.metrics import NODES, RESOURCES, RESOURCES_CONFIGURED

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterNodeEntry",
        index=("node",),
        columns={
            "node": "haClusterNodeName",
            "type": "haClusterNodeType",
            "id": "haClusterNodeId",
            "feature_set": "haClusterNodeFeatureSet",
            "container": "haClusterNodeContainer",
            "host": "haClusterNodeConnectionHost",
        },
    ),
    MibRow(
        entry="haClusterNodeAttrEntry",
        index=("node", "name"),
        columns={"node": "haClusterNodeAttrNode", "name": "haClusterNodeAttrName", "value": "haClusterNodeAttrValue"},
    ),
    MibRow(
        entry="haClusterResourceEntry",
        index=("resource", "node"),
        numbered=True,
        columns={
            "resource": "haClusterResourceId",
            "node": "haClusterResourceNode",
            "role": "haClusterResourceRole",
            "managed": "haClusterResourceManaged",
            "agent": "haClusterResourceAgent",
            "group": "haClusterResourceGroup",
            "clone": "haClusterResourceClone",
        },
    ),
    MibRow(
        entry="haClusterResourceInfoEntry",
        index=("resource", "node"),
        numbered=True,
        columns={
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
    MibRow(
        entry="haClusterResourceTotalEntry",
        index=("resource",),
        columns={"resource": "haClusterResourceTotalId"},
    ),
    MibRow(
        entry="haClusterCollectiveEntry",
        index=("collective",),
        columns={"collective": "haClusterCollectiveId"},
    ),
    MibRow(
        entry="haClusterHistoryEntry",
        index=("resource", "node"),
        columns={"resource": "haClusterHistoryResource", "node": "haClusterHistoryNode"},
    ),
    MibRow(
        entry="haClusterLocationEntry",
        index=("constraint",),
        numbered=True,
        columns={
            "constraint": "haClusterLocationConstraint",
            "node": "haClusterLocationNode",
            "resource": "haClusterLocationResource",
            "role": "haClusterLocationRole",
        },
    ),
    MibRow(
        entry="haClusterColocationEntry",
        index=("constraint",),
        numbered=True,
        columns={
            "constraint": "haClusterColocationConstraint",
            "resource": "haClusterColocationResource",
            "role": "haClusterColocationRole",
            "with_resource": "haClusterColocationWithResource",
            "with_role": "haClusterColocationWithRole",
        },
    ),
    MibRow(
        entry="haClusterBundleEntry",
        index=("bundle",),
        columns={"bundle": "haClusterBundleId"},
    ),
    MibRow(
        entry="haClusterFailedActionEntry",
        index=("resource", "node"),
        numbered=True,
        columns={
            "resource": "haClusterFailedActionResource",
            "node": "haClusterFailedActionNode",
            "operation": "haClusterFailedActionOperation",
            "interval": "haClusterFailedActionInterval",
            "status": "haClusterFailedActionStatus",
        },
    ),
    MibRow(
        entry="haClusterFenceEventEntry",
        index=("target",),
        numbered=True,
        columns={
            "target": "haClusterFenceEventTarget",
            "action": "haClusterFenceEventAction",
            "status": "haClusterFenceEventStatus",
            "delegate": "haClusterFenceEventDelegate",
            "origin": "haClusterFenceEventOrigin",
        },
    ),
    MibRow(
        entry="haClusterBanEntry",
        index=("constraint",),
        numbered=True,
        columns={
            "constraint": "haClusterBanConstraint",
            "resource": "haClusterBanResource",
            "node": "haClusterBanNode",
            "promoted_only": "haClusterBanPromotedOnly",
        },
    ),
    MibRow(
        entry="haClusterTicketEntry",
        index=("ticket",),
        columns={"ticket": "haClusterTicketId"},
    ),
    MibRow(
        entry="haClusterTicketUseEntry",
        index=("constraint",),
        numbered=True,
        columns={
            "constraint": "haClusterTicketUseId",
            "resource": "haClusterTicketUseResource",
            "role": "haClusterTicketUseRole",
            "ticket": "haClusterTicketUseTicket",
            "loss_policy": "haClusterTicketUseLossPolicy",
        },
    ),
    MibRow(
        entry="haClusterFailureReasonEntry",
        index=("resource", "node"),
        numbered=True,
        columns={
            "resource": "haClusterFailureReasonResource",
            "node": "haClusterFailureReasonNode",
            "operation": "haClusterFailureReasonOperation",
            "interval": "haClusterFailureReasonInterval",
            "execution": "haClusterFailureReasonExecution",
            "reason": "haClusterFailureReasonText",
        },
    ),
    MibRow(
        entry="haClusterFenceReasonEntry",
        index=("target",),
        numbered=True,
        columns={
            "target": "haClusterFenceReasonTarget",
            "action": "haClusterFenceReasonAction",
            "status": "haClusterFenceReasonStatus",
            "reason": "haClusterFenceReasonText",
        },
    ),
    MibRow(
        entry="haClusterOperationEntry",
        index=("resource", "node", "operation", "interval"),
        columns={
            "resource": "haClusterOperationResource",
            "node": "haClusterOperationNode",
            "operation": "haClusterOperationName",
            "interval": "haClusterOperationInterval",
        },
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""

MIB_COUNTS: tuple[MibCounts, ...] = (
    MibCounts(
        metric=NODES,
        objects={
            "haClusterNodesOnline": lambda node: node["online"],
            "haClusterNodesOffline": lambda node: node["online"] is False,
            "haClusterNodesStandby": lambda node: node["standby"] or node["standby_onfail"],
            "haClusterNodesMaintenance": lambda node: node["maintenance"],
            "haClusterNodesPending": lambda node: node["pending"],
            "haClusterNodesUnclean": lambda node: node["unclean"],
        },
    ),
    MibCounts(
        metric=RESOURCES,
        objects={
            "haClusterResourcesStarted": lambda resource: resource["active"],
            "haClusterResourcesStopped": lambda resource: resource["role"] == "stopped",
            "haClusterResourcesFailed": lambda resource: resource["failed"],
            "haClusterResourcesUnmanaged": lambda resource: resource["managed"] == "false",
        },
        total=(RESOURCES_CONFIGURED, ("total",)),
    ),
)
"""The scalars of HA-CLUSTER-MIB that count nodes and resources."""
