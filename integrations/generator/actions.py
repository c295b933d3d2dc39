"""What to do if a value is not in order: the text of the condition that watches the same thing."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.catalog import CONDITION_BY_NAME
from gateway.frontends.snmp.notifications.rendering import action_text

_CONDITIONS: Mapping[str, str] = {
    "haClusterQuorate": "quorum-lost",
    "haClusterPacemakerUp": "pacemaker-down",
    "haClusterCorosyncUp": "corosync-down",
    "haClusterNodesOffline": "node-lost",
    "haClusterNodesUnclean": "node-unclean",
    "haClusterResourcesFailed": "resource-failed",
    "haClusterResourcesBlocked": "resource-blocked",
    "haClusterLinksFaulty": "link-down",
    "haClusterStonithEnabled": "fencing-disabled",
    "haClusterMaintenanceMode": "maintenance-mode",
    "haClusterQnetdUp": "qnetd-down",
    "haClusterQdeviceUp": "qdevice-no-vote",
    "haClusterQdeviceState": "qdevice-no-vote",
    "haClusterQdeviceVote": "qdevice-no-vote",
    "haClusterRemoteConnected": "remote-host-disconnected",
    "haClusterNodeOnline": "node-lost",
    "haClusterNodeUnclean": "node-unclean",
    "haClusterNodeConnection": "remote-unreachable",
    "haClusterResourceTotalFailed": "resource-failed",
    "haClusterResourceTotalStarted": "resource-stopped",
    "haClusterCollectiveFailed": "resource-failed",
    "haClusterCollectiveStarted": "clone-degraded",
    "haClusterLinkPeerConnected": "link-peer-down",
    "haClusterSbdDeviceStatus": "sbd-device",
    "haClusterDrbdVolumeDiskState": "drbd-disk",
    "haClusterDrbdVolumeQuorum": "drbd-quorum",
    "haClusterDrbdPeerVolumeInSync": "drbd-out-of-sync",
    "haClusterQnetdNodeConnected": "qnetd-node-missing",
    "haClusterBoothUp": "booth-down",
    "haClusterBoothTicketState": "booth-ticket-no-leader",
    "haClusterCollectorState": "collector-failing",
}
"""The condition that watches the same thing as an object."""

_OTHERS: Mapping[str, str] = {
    "haClusterAlarmsCritical": "Read haClusterAlarmTable: haClusterAlarmAction says what to do about each alarm.",
    "haClusterAlarmsMajor": "Read haClusterAlarmTable: haClusterAlarmAction says what to do about each alarm.",
    "haClusterSnapshotAge": "Run 'journalctl -u ha-cluster-gateway' on the node, and look for slow commands.",
    "haClusterListenActive": "Run 'systemctl status ha-cluster-gateway' on the node: it names the reason.",
    "haClusterTargetState": "Check the receiver and the network, then run 'ha-cluster-gateway test-notification'.",
}
"""The texts for objects that no condition watches."""


def action(name: str) -> str:
    """Returns what to do if an object has a value that is not in order.

    Raises:
        KeyError: nothing is known about the object.
    """
    return _OTHERS[name] if name in _OTHERS else action_text(CONDITION_BY_NAME[_CONDITIONS[name]])
