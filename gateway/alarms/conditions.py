"""The table of conditions: what can be wrong, how it is found in a snapshot, how grave it is, what to do about it.

A condition is pure: its ``find`` looks at a view of a snapshot and yields what it is true of. ``known`` says whether
the snapshot can tell at all: where it cannot, because a tool has failed, nothing is raised and nothing is cleared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gateway import catalog
from gateway.alarms import findings
from gateway.alarms.findings import (
    CFGTOOL,
    CIBADMIN,
    CRM_MON,
    DRBDSETUP,
    QUORUMTOOL,
    SBD,
    Find,
    Known,
    is_number,
    shown,
    where,
)
from gateway.alarms.notice import Severity


class Category(Enum):
    """The pair of notifications in HA-CLUSTER-MIB that tells of a condition: raised, cleared."""

    LOSS = ("haClusterQuorumLost", "haClusterQuorumRegained")
    QUORUM = ("haClusterQuorumAlarm", "haClusterQuorumClear")
    NODE = ("haClusterNodeAlarm", "haClusterNodeClear")
    CLUSTER = ("haClusterClusterAlarm", "haClusterClusterClear")
    FENCING = ("haClusterFencingAlarm", "haClusterFencingClear")
    RESOURCE = ("haClusterResourceAlarm", "haClusterResourceClear")
    LINK = ("haClusterLinkAlarm", "haClusterLinkClear")
    SBD = ("haClusterSbdAlarm", "haClusterSbdClear")
    DRBD = ("haClusterDrbdAlarm", "haClusterDrbdClear")
    COLLECTOR = ("haClusterCollectorAlarm", "haClusterCollectorClear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that can be wrong.

    Attributes:
        name: what it is called everywhere.
        severity: how grave it is.
        category: which notifications tell of it.
        about: what its object is, for people; empty where it is the cluster or this node.
        raised: the text when it is raised; ``{…}`` are fields of the finding.
        cleared: the text when it is cleared.
        meaning: what it means, in one sentence.
        action: what an operator does about it.
        find: yields what it is true of.
        known: whether a view can tell.
        hold: seconds for which it has to last until it is raised.
        lasts: seconds until something that has merely happened counts as over; 0 for what is a state.
        local: whether it is about this node, and no other can tell of it.
    """

    name: str
    severity: Severity
    category: Category
    about: str = ""
    raised: str
    cleared: str
    meaning: str
    action: str
    find: Find
    known: Known
    hold: float = 0.0
    lasts: float = 0.0
    local: bool = False


# --- The table -------------------------------------------------------------------------------------------------------

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="quorum-lost",
        severity=Severity.CRITICAL,
        category=Category.LOSS,
        raised="This node's partition has lost quorum",
        cleared="This node's partition has quorum again",
        meaning="The node cannot reach a majority. Its resources are stopped, and it may be fenced within seconds.",
        action="Look for the network first: `corosync-cfgtool -s`, the other nodes' `corosync-quorumtool`.",
        find=is_number(catalog.COROSYNC_QUORATE, 0),
        known=lambda view: view.number(catalog.COROSYNC_UP) == 1 and view.has(catalog.COROSYNC_QUORATE),
        local=True,
    ),
    Condition(
        name="votes-missing",
        severity=Severity.MAJOR,
        category=Category.QUORUM,
        raised="{total} of {expected} expected votes are present",
        cleared="All expected votes are present",
        meaning="A node or the quorum device is gone: one more may cost quorum.",
        action="Bring the missing node back, or lower the expected votes if it is gone for good.",
        find=findings.votes,
        known=QUORUMTOOL,
        hold=5.0,
        local=True,
    ),
    Condition(
        name="qdevice-lost",
        severity=Severity.MAJOR,
        category=Category.QUORUM,
        raised="The quorum device {what}",
        cleared="The quorum device votes again",
        meaning="Quorum depends on the nodes alone.",
        action="Look at `corosync-qdevice-tool -s` here, and at `corosync-qnetd-tool -s` on the server.",
        find=findings.qdevice,
        known=QUORUMTOOL,
        hold=5.0,
        local=True,
    ),
    Condition(
        name="corosync-down",
        severity=Severity.CRITICAL,
        category=Category.CLUSTER,
        raised="Corosync does not run on this node",
        cleared="Corosync runs on this node again",
        meaning="The node is not part of the cluster.",
        action="`systemctl status corosync`, its log, then start the cluster on this node.",
        find=is_number(catalog.COROSYNC_UP, 0),
        known=shown(catalog.COROSYNC_UP),
        local=True,
    ),
    Condition(
        name="pacemaker-down",
        severity=Severity.CRITICAL,
        category=Category.CLUSTER,
        raised="Pacemaker does not run on this node",
        cleared="Pacemaker runs on this node again",
        meaning="The node runs no resources of the cluster, or nobody watches over those that it runs.",
        action="`systemctl status pacemaker`, its log, then start it.",
        find=is_number(catalog.PACEMAKER_UP, 0),
        known=shown(catalog.PACEMAKER_UP),
        local=True,
    ),
    Condition(
        name="dc-missing",
        severity=Severity.MAJOR,
        category=Category.CLUSTER,
        raised="The cluster has no designated controller",
        cleared="The cluster has a designated controller again",
        meaning="Nobody decides what runs where: nothing is recovered.",
        action="An election takes seconds; if it does not end, look at Pacemaker's log on all nodes.",
        find=findings.no_dc,
        known=CRM_MON,
        hold=30.0,
    ),
    Condition(
        name="maintenance-mode",
        severity=Severity.MINOR,
        category=Category.CLUSTER,
        raised="The cluster is in maintenance mode",
        cleared="The cluster is no longer in maintenance mode",
        meaning="Resources are left alone, whatever happens to them.",
        action="End it when the work is done: `crm configure property maintenance-mode=false`, or `pcs property`.",
        find=is_number(catalog.PACEMAKER_MAINTENANCE_MODE_ENABLED, 1),
        known=CRM_MON,
    ),
    Condition(
        name="fencing-disabled",
        severity=Severity.WARNING,
        category=Category.CLUSTER,
        raised="Fencing is disabled",
        cleared="Fencing is enabled",
        meaning="A node that does not answer cannot be recovered from safely: data may be damaged.",
        action="Configure fencing, and set `stonith-enabled=true`.",
        find=is_number(catalog.PACEMAKER_STONITH_ENABLED, 0),
        known=CRM_MON,
    ),
    Condition(
        name="node-lost",
        severity=Severity.MAJOR,
        category=Category.NODE,
        about="the node",
        raised="{node} is not online",
        cleared="{node} is online again",
        meaning="The node is down, cut off, or its cluster stack is stopped.",
        action="Find out whether it was fenced or shut down; look at its console and at the network.",
        find=findings.node(lambda row: not row["online"] and not row["pending"]),
        known=findings.nodes_known,
    ),
    Condition(
        name="node-unclean",
        severity=Severity.CRITICAL,
        category=Category.NODE,
        about="the node",
        raised="{node} is unclean and has to be fenced",
        cleared="{node} is no longer unclean",
        meaning="Its resources cannot run elsewhere until it is fenced.",
        action="If fencing does not succeed: make sure that it is off, then `stonith_admin --confirm NODE`.",
        find=findings.node(lambda row: row["unclean"]),
        known=findings.nodes_known,
    ),
    Condition(
        name="node-pending",
        severity=Severity.WARNING,
        category=Category.NODE,
        about="the node",
        raised="{node} is pending, and does not come online",
        cleared="{node} is no longer pending",
        meaning="It has joined Corosync's membership, but Pacemaker has not taken it in.",
        action="Look at Pacemaker's log on that node and on the designated controller.",
        find=findings.node(lambda row: row["pending"]),
        known=findings.nodes_known,
        hold=60.0,
    ),
    Condition(
        name="node-standby",
        severity=Severity.WARNING,
        category=Category.NODE,
        about="the node",
        raised="{node} is in standby",
        cleared="{node} is no longer in standby",
        meaning="It runs no resources: there is one node less to fail over to.",
        action="`crm node online NODE` or `pcs node unstandby NODE` when the work is done.",
        find=findings.node(lambda row: row["standby"] or row["standby_onfail"]),
        known=findings.nodes_known,
    ),
    Condition(
        name="node-maintenance",
        severity=Severity.WARNING,
        category=Category.NODE,
        about="the node",
        raised="{node} is in maintenance",
        cleared="{node} is no longer in maintenance",
        meaning="Its resources are left alone, whatever happens to them.",
        action="`crm node ready NODE` or `pcs node unmaintenance NODE` when the work is done.",
        find=findings.node(lambda row: row["maintenance"]),
        known=findings.nodes_known,
    ),
    Condition(
        name="fencing-performed",
        severity=Severity.MAJOR,
        category=Category.FENCING,
        about="the node",
        raised="{target} was fenced ({action}) by {by}",
        cleared="Nothing more was fenced: {target}",
        meaning="The cluster has cut a node off, usually by a reboot.",
        action="Look at `stonith_admin --history NODE` and at the logs before that time for the reason.",
        find=findings.fenced,
        known=CRM_MON,
        lasts=300.0,
    ),
    Condition(
        name="fencing-failed",
        severity=Severity.CRITICAL,
        category=Category.FENCING,
        about="the node",
        raised="{target} could not be fenced",
        cleared="{target} is fenced, or has been online for long enough",
        meaning="Its resources cannot run elsewhere.",
        action="Check the fencing device; if the node is surely off: `stonith_admin --confirm NODE`.",
        find=findings.fencing_failed,
        known=CRM_MON,
    ),
    Condition(
        name="resource-failed",
        severity=Severity.MAJOR,
        category=Category.RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed on {node}",
        cleared="{resource} is no longer failed on {node}",
        meaning="An instance is in a failed state, and the cluster tries to recover it.",
        action="Look at `crm_mon -1 -r -f` and at the agent's log.",
        find=findings.instance("failed"),
        known=CRM_MON,
    ),
    Condition(
        name="resource-blocked",
        severity=Severity.CRITICAL,
        category=Category.RESOURCE,
        about="the resource and the node",
        raised="{resource} is blocked",
        cleared="{resource} is no longer blocked",
        meaning="The cluster can do nothing more: usually a stop has failed, and there is no fencing.",
        action="Mend it by hand, then `crm_resource --cleanup --resource RESOURCE`.",
        find=findings.instance("blocked"),
        known=CRM_MON,
    ),
    Condition(
        name="resource-stopped",
        severity=Severity.MAJOR,
        category=Category.RESOURCE,
        about="the resource or the clone",
        raised="{resource} is stopped, and should run",
        cleared="{resource} runs, or need not",
        meaning="The service is not there: there is no node for it, or it has failed everywhere.",
        action="`crm_simulate -sL` tells the scores; look for failures, constraints and missing nodes.",
        find=findings.stopped,
        known=CRM_MON,
        hold=30.0,
    ),
    Condition(
        name="resource-moved",
        severity=Severity.WARNING,
        category=Category.RESOURCE,
        about="the resource",
        raised="{resource} has moved from {from} to {node}",
        cleared="{resource} has stayed where it is",
        meaning="A failover, or somebody's move.",
        action="Look for the reason in failed actions and in the fencing history.",
        find=findings.moved,
        known=CRM_MON,
        lasts=300.0,
    ),
    Condition(
        name="fail-count",
        severity=Severity.MINOR,
        category=Category.RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed {count} times on {node} and may not run there any more",
        cleared="{resource} may run on {node} again",
        meaning="The migration threshold is reached.",
        action="Find out why it fails, then `crm_resource --cleanup --resource RESOURCE --node NODE`.",
        find=findings.at_threshold,
        known=CRM_MON,
    ),
    Condition(
        name="failed-action",
        severity=Severity.MINOR,
        category=Category.RESOURCE,
        about="the operation, the resource and the node",
        raised="{operation} of {resource} has failed on {node}: {status}",
        cleared="The failure of {operation} of {resource} on {node} is cleaned up",
        meaning="An operation is in the list of failed actions.",
        action="Find out why, then `crm_resource --cleanup --resource RESOURCE`.",
        find=where(catalog.PACEMAKER_FAILED_ACTIONS, lambda _: True, about="{operation} of {resource} on {node}"),
        known=CRM_MON,
    ),
    Condition(
        name="move-left-behind",
        severity=Severity.WARNING,
        category=Category.RESOURCE,
        about="the constraint",
        raised="{resource} is kept away from {node} by {constraint}, left over from a move",
        cleared="{constraint} is gone",
        meaning="A manual move has left a constraint that forbids a node, until somebody removes it.",
        action="`crm_resource --clear --resource RESOURCE`.",
        find=where(
            catalog.PACEMAKER_LOCATION_CONSTRAINTS,
            lambda row: str(row["constraint"]).startswith("cli-ban-") and float(row["value"]) < 0,
            about="{constraint}",
        ),
        known=CIBADMIN,
    ),
    Condition(
        name="link-down",
        severity=Severity.MAJOR,
        category=Category.LINK,
        about="the link",
        raised="Nobody is reached over link {number}",
        cleared="Link {number} is up again",
        meaning="A network of the cluster is lost for this node; the others carry on.",
        action="Look at the interface, the cable and the switch of that network.",
        find=findings.links,
        known=CFGTOOL,
        hold=2.0,
        local=True,
    ),
    Condition(
        name="link-peer-down",
        severity=Severity.MINOR,
        category=Category.LINK,
        about="the link and the node",
        raised="{peer} is not reached over link {number}",
        cleared="{peer} is reached over link {number} again, or is gone",
        meaning="One link to one peer is lost; the node is a member still.",
        action="Look at that node's interface on the network of the link.",
        find=findings.link_peers,
        known=CFGTOOL,
        hold=2.0,
        local=True,
    ),
    Condition(
        name="sbd-device",
        severity=Severity.MAJOR,
        category=Category.SBD,
        about="the device",
        raised="SBD's device {device} cannot be read",
        cleared="SBD's device {device} can be read again",
        meaning="Fencing over this disk does not work from here; with too few devices the node fences itself.",
        action="`sbd -d DEVICE dump`, then look at the disk and its path.",
        find=where(catalog.SBD_DEVICES, lambda row: row["status"] == "unhealthy", about="{device}"),
        known=SBD,
        local=True,
    ),
    Condition(
        name="sbd-timeouts",
        severity=Severity.WARNING,
        category=Category.SBD,
        about="the device",
        raised="SBD's device {device}: msgwait of {msgwait} s is less than twice the watchdog timeout of {watchdog} s",
        cleared="The timeouts of SBD's device {device} fit together",
        meaning="A node may count as fenced before its watchdog has ended it.",
        action="Create the device anew with fitting timeouts (`sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT create`).",
        find=findings.sbd_timeouts,
        known=SBD,
        local=True,
    ),
    Condition(
        name="drbd-disk",
        severity=Severity.MAJOR,
        category=Category.DRBD,
        about="the resource and the volume",
        raised="DRBD volume {object} is {state}",
        cleared="DRBD volume {object} is up to date again",
        meaning="This node's copy of the data is missing or old.",
        action="`drbdadm status`; look at the disk, or wait for the resynchronisation.",
        find=findings.disks,
        known=DRBDSETUP,
        local=True,
    ),
    Condition(
        name="drbd-connection",
        severity=Severity.MAJOR,
        category=Category.DRBD,
        about="the resource and the peer",
        raised="DRBD connection {object} is {state}",
        cleared="DRBD connection {object} is there again",
        meaning="Data is not replicated to that peer.",
        action="Look at the peer and at the network of the replication.",
        find=findings.connections,
        known=DRBDSETUP,
        hold=5.0,
        local=True,
    ),
    Condition(
        name="drbd-split-brain",
        severity=Severity.CRITICAL,
        category=Category.DRBD,
        about="the resource, and the volume or the peer",
        raised="DRBD split brain of {object}: {why}",
        cleared="DRBD split brain of {object} is resolved",
        meaning="Both sides have written: the copies differ, and one has to be given up.",
        action="Decide which copy to keep; `drbdadm connect --discard-my-data RESOURCE` on the other node.",
        find=findings.split_brain,
        known=lambda view: DRBDSETUP(view) and view.knows("drbd", "split brain"),
        local=True,
    ),
    Condition(
        name="drbd-quorum",
        severity=Severity.CRITICAL,
        category=Category.DRBD,
        about="the resource and the volume",
        raised="DRBD volume {resource}/{volume} has no quorum",
        cleared="DRBD volume {resource}/{volume} has quorum again",
        meaning="I/O is suspended or fails until enough peers are back.",
        action="Bring the peers back; look at the network of the replication.",
        find=where(catalog.DRBD_QUORUM, lambda row: row["value"] == 0, about="{resource}/{volume}"),
        known=DRBDSETUP,
        local=True,
    ),
    Condition(
        name="drbd-suspended",
        severity=Severity.CRITICAL,
        category=Category.DRBD,
        about="the resource",
        raised="I/O of DRBD resource {resource} is suspended",
        cleared="I/O of DRBD resource {resource} goes on",
        meaning="Whatever uses the resource hangs.",
        action="`drbdsetup status` tells why: quorum, fencing, no data, or by hand (`drbdadm resume-io RESOURCE`).",
        find=where(catalog.DRBD_SUSPENDED, lambda row: row["value"] == 1, about="{resource}"),
        known=DRBDSETUP,
        local=True,
    ),
    Condition(
        name="collector-failing",
        severity=Severity.MINOR,
        category=Category.COLLECTOR,
        about="the collector",
        raised="The collector {object} fails ({state}): {why}",
        cleared="The collector {object} works again",
        meaning="Part of the state is not known, and conditions that depend on it are neither raised nor cleared.",
        action="`ha-cluster-gateway check` says what is missing, and what to do.",
        find=findings.collectors,
        known=lambda view: bool(view.snapshot.collectors),
        hold=30.0,
        local=True,
    ),
)

BY_NAME: Mapping[str, Condition] = {condition.name: condition for condition in CONDITIONS}
