"""What a manager should poll, and the thresholds: one table for all managers.

A scalar or a column of the MIB that is not named here is still in the MIB; it is only not part of the recipes. Numbers
of scalars are all polled, apart from those about the gateway's own servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.values import Type

CRITICAL, WARNING = "critical", "warning"


class Check(NamedTuple):
    """The values of an object that are in order; the range is in the raw integers of the MIB.

    Attributes:
        object: the name of the object.
        text: what is wrong outside of the range, after the name of the row.
        severity: ``critical`` or ``warning``.
        highest: the highest value that is in order.
        lowest: the lowest value that is in order.
        others: states beside this range that are in order.
    """

    object: str
    text: str
    severity: str
    highest: int | None = 0
    lowest: int = 0
    others: tuple[int, ...] = ()

    def is_met(self, value: int) -> bool:
        """Returns whether a value is in order."""
        in_range = self.lowest <= value and (self.highest is None or value <= self.highest)
        return in_range or value in self.others

    @property
    def range(self) -> str:
        """The range as the plugins of Nagios write it."""
        lowest = f"{self.lowest}:" if self.lowest or self.highest is None else ""
        return lowest + ("" if self.highest is None else str(self.highest))


class Range(TypedDict):
    """A range of values."""

    lowest: int
    highest: int


TRUE, FALSE = Range(lowest=1, highest=1), Range(lowest=2, highest=2)
"""The values of TruthValue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table to poll.

    Attributes:
        row: the name of its row.
        title: what a row is, for people, in the plural.
        label: the columns that name a row for people.
        checks: the thresholds of its columns.
        polled: more columns whose values are worth a graph.
    """

    row: str
    title: str
    label: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    polled: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to poll: those with thresholds, then the others."""
        return tuple(dict.fromkeys((*(check.object for check in self.checks), *self.polled)))

    def is_named(self, mib: Mib) -> bool:
        """Returns whether the columns that name a row distinguish all rows."""
        return len(mib[self.row].index) == len(self.label)


_INTERNAL = ("haClusterHttp", "haClusterAgent", "haClusterAlerts", "haClusterNotice")
"""The scalars that nobody has to graph: those about the gateway's servers, and the last notification."""

NODE_CHECKS: Sequence[Check] = (
    Check("haClusterQuorate", "the partition of this node has no quorum", CRITICAL, **TRUE),
    Check("haClusterAlarmsCritical", "critical alarms are active", CRITICAL),
    Check("haClusterAlarmsMajor", "major alarms are active", WARNING),
    Check("haClusterPacemakerUp", "Pacemaker is down", CRITICAL, **TRUE),
    Check("haClusterCorosyncUp", "Corosync is down", CRITICAL, **TRUE),
    Check("haClusterNodesOffline", "nodes are not online", WARNING),
    Check("haClusterNodesUnclean", "nodes must be fenced", CRITICAL),
    Check("haClusterResourcesFailed", "resources have failed", CRITICAL),
    Check("haClusterResourcesBlocked", "resources are blocked", CRITICAL),
    Check("haClusterLinksFaulty", "links of Corosync are faulty", WARNING),
    Check("haClusterStonithEnabled", "fencing is disabled", WARNING, **TRUE),
    Check("haClusterMaintenanceMode", "the cluster is in maintenance mode", WARNING, **FALSE),
    Check("haClusterSnapshotAge", "the values are old: the gateway hangs", WARNING, 120),
)
"""The thresholds for the nodes of a cluster."""

_EVERYWHERE = {"haClusterAlarmsCritical", "haClusterAlarmsMajor", "haClusterSnapshotAge"}

ARBITRATOR_CHECKS: Sequence[Check] = (
    Check("haClusterQnetdUp", "the arbitrator is down: corosync-qnetd does not run", CRITICAL, **TRUE),
    *(check for check in NODE_CHECKS if check.object in _EVERYWHERE),
)
"""The thresholds for hosts that run the arbitrator of other clusters."""

BOOTH_CHECKS: Sequence[Check] = tuple(check for check in NODE_CHECKS if check.object in _EVERYWHERE)
"""The thresholds for arbitrators of booth; tickets and members are rows."""

QDEVICE_CHECKS: Sequence[Check] = (
    Check("haClusterQdeviceUp", "the quorum device is down: corosync-qdevice does not run", WARNING, **TRUE),
    Check("haClusterQdeviceState", "the quorum device is not connected to its arbitrator", WARNING, 2, 2),
    Check("haClusterQdeviceVote", "the quorum device casts no vote", WARNING, **TRUE),
)
"""The thresholds for nodes of a cluster with a quorum device, in addition to those for all nodes."""

REMOTE_CHECKS: Sequence[Check] = (
    Check("haClusterRemoteConnected", "the cluster is not connected to this remote node", WARNING, **TRUE),
    *(check for check in NODE_CHECKS if check.object in _EVERYWHERE),
)
"""The thresholds for remote and guest nodes, which run Pacemaker Remote."""

SCALAR_CHECKS: Sequence[Check] = tuple(
    dict.fromkeys((*NODE_CHECKS, *QDEVICE_CHECKS, *ARBITRATOR_CHECKS, *REMOTE_CHECKS))
)
"""All thresholds of scalars, for managers that ignore the objects that a host does not have."""

TABLES: Sequence[Table] = (
    Table(
        row="haClusterNodeEntry",
        title="Nodes",
        label=("haClusterNodeName",),
        checks=(
            Check("haClusterNodeOnline", "is not online", WARNING, **TRUE),
            Check("haClusterNodeUnclean", "must be fenced", CRITICAL, **FALSE),
            Check("haClusterNodeConnection", "is a remote node that the cluster does not reach", WARNING, 2, 2),
        ),
        polled=(
            "haClusterNodeStandby",
            "haClusterNodeMaintenance",
            "haClusterNodeHealth",
            "haClusterNodeResourcesRunning",
            "haClusterNodeConnection",
        ),
    ),
    Table(
        row="haClusterResourceTotalEntry",
        title="Resources",
        label=("haClusterResourceTotalId",),
        checks=(Check("haClusterResourceTotalFailed", "has failed", CRITICAL),),
        polled=(
            "haClusterResourceTotalExpected",
            "haClusterResourceTotalStarted",
            "haClusterResourceTotalPromoted",
            "haClusterResourceTotalUnmanaged",
        ),
    ),
    Table(
        row="haClusterCollectiveEntry",
        title="Groups and clones",
        label=("haClusterCollectiveId",),
        checks=(Check("haClusterCollectiveFailed", "has failed instances", CRITICAL),),
        polled=("haClusterCollectiveExpected", "haClusterCollectiveStarted", "haClusterCollectivePromoted"),
    ),
    Table(
        row="haClusterLinkPeerEntry",
        title="Links of Corosync",
        label=("haClusterLinkPeerName",),
        checks=(Check("haClusterLinkPeerConnected", "is not connected", WARNING, **TRUE),),
        polled=("haClusterLinkPeerLatencyAverage", "haClusterLinkPeerDowns"),
    ),
    Table(
        row="haClusterTicketEntry",
        title="Tickets of Pacemaker",
        label=("haClusterTicketId",),
        polled=("haClusterTicketGranted", "haClusterTicketStandby"),
    ),
    Table(
        row="haClusterSbdDeviceEntry",
        title="SBD devices",
        label=("haClusterSbdDeviceName",),
        checks=(Check("haClusterSbdDeviceStatus", "cannot be read", CRITICAL, 2, 2),),
    ),
    Table(
        row="haClusterDrbdVolumeEntry",
        title="DRBD volumes",
        label=("haClusterDrbdVolumeResource",),
        checks=(
            Check("haClusterDrbdVolumeDiskState", "is not up to date", WARNING, 11, 11),
            Check("haClusterDrbdVolumeQuorum", "has no quorum", CRITICAL, **TRUE),
        ),
        polled=("haClusterDrbdVolumeRole", "haClusterDrbdVolumeWritten", "haClusterDrbdVolumeRead"),
    ),
    Table(
        row="haClusterDrbdPeerEntry",
        title="DRBD connections",
        label=("haClusterDrbdPeerResource", "haClusterDrbdPeerName"),
        polled=("haClusterDrbdPeerConnectionState",),
    ),
    Table(
        row="haClusterDrbdPeerVolumeEntry",
        title="DRBD volumes of peers",
        label=("haClusterDrbdPeerVolumeResource",),
        checks=(Check("haClusterDrbdPeerVolumeInSync", "is not in sync", WARNING, None, 10000),),
        polled=("haClusterDrbdPeerVolumeOutOfSync", "haClusterDrbdPeerVolumeDiskState"),
    ),
    Table(
        row="haClusterQnetdClusterEntry",
        title="Clusters of the arbitrator",
        label=("haClusterQnetdClusterName",),
        polled=("haClusterQnetdClusterNodes",),
    ),
    Table(
        row="haClusterQnetdNodeEntry",
        title="Nodes that use the arbitrator",
        label=("haClusterQnetdNodeClusterName",),
        checks=(Check("haClusterQnetdNodeConnected", "is not connected to the arbitrator", WARNING, **TRUE),),
        polled=("haClusterQnetdNodeVote", "haClusterQnetdNodeTlsActive", "haClusterQnetdNodeHeuristics"),
    ),
    Table(
        row="haClusterBoothDaemonEntry",
        title="Configurations of booth",
        label=("haClusterBoothConfiguration",),
        checks=(Check("haClusterBoothUp", "has no booth daemon that answers", CRITICAL, **TRUE),),
        polled=("haClusterBoothRunning",),
    ),
    Table(
        row="haClusterBoothTicketEntry",
        title="Tickets of booth",
        label=("haClusterBoothTicketName",),
        checks=(Check("haClusterBoothTicketState", "is held by no site", WARNING, 4, 2),),
        polled=("haClusterBoothTicketHere",),
    ),
    Table(
        row="haClusterBoothPeerEntry",
        title="Members of booth",
        label=("haClusterBoothPeerAddress",),
        polled=(
            "haClusterBoothPeerReceived",
            "haClusterBoothPeerResends",
            "haClusterBoothPeerSendErrors",
            "haClusterBoothPeerReceiveErrors",
            "haClusterBoothPeerAuthFailures",
            "haClusterBoothPeerInvalid",
        ),
    ),
    Table(
        row="haClusterCollectorEntry",
        title="Collectors of the gateway",
        label=("haClusterCollectorName",),
        checks=(
            # not installed and not running are no failures
            Check("haClusterCollectorState", "fails: a part of the cluster is not known", WARNING, 2, 2, others=(4, 7)),
        ),
        polled=("haClusterCollectorSuccess", "haClusterCollectorDuration"),
    ),
    Table(
        row="haClusterListenEntry",
        title="Addresses that the gateway listens on",
        label=("haClusterListenAddress",),
        checks=(Check("haClusterListenActive", "is not listened on", WARNING, **TRUE),),
    ),
    Table(
        row="haClusterTargetEntry",
        title="Receivers of notifications",
        label=("haClusterTargetName",),
        checks=(Check("haClusterTargetState", "cannot be reached", WARNING, 3, 2),),
        polled=("haClusterTargetQueued", "haClusterTargetDropped"),
    ),
)


def is_number(entry: Object) -> bool:
    """Returns whether an object is a number or an enumeration."""
    return entry.readable and entry.syntax is not None and entry.syntax.type is not Type.OCTET_STRING


def scalars(mib: Mib) -> tuple[Object, ...]:
    """Returns the scalars to poll."""
    return tuple(
        entry
        for entry in mib.objects.values()
        if is_number(entry) and not entry.row and (not entry.name.startswith(_INTERNAL) or "AgentxState" in entry.name)
    )


def branch_of(mib: Mib, entry: Object) -> int:
    """Returns the number of the branch of ``haClusterObjects`` that an object is in."""
    return int.from_bytes(entry.oid.removeprefix(mib.root)[4:8])


def words(name: str, row: str = "") -> str:
    """Returns the name of an object in words, without the prefix of its row or of the module: ``Resources failed``."""
    prefix = row.removesuffix("Entry")
    rest = name.removeprefix(prefix if prefix and name.startswith(prefix) else "haCluster")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in rest).strip().capitalize()
