"""The table of conditions: what can be wrong, how it is found in a snapshot, how grave it is, what to do about it.

A condition is pure: its ``find`` looks at a view of a snapshot and yields what it is true of. ``known`` says whether
the snapshot can tell at all: where it cannot, because a tool has failed, nothing is raised and nothing is cleared.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from gateway import catalog
from gateway.alarms.notice import Severity
from gateway.alarms.view import Row, View
from gateway.samples import Metric
from gateway.status import Status


class Finding(NamedTuple):
    """What a condition is true of.

    Attributes:
        object: tells it apart from others of the condition; empty where it is the cluster or this node.
        fields: what its texts are made of, and what else is known of it.
    """

    object: str
    fields: Mapping[str, str]


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


Find = Callable[[View], Iterable[Finding]]
Known = Callable[[View], bool]


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


# --- How a view can tell ---------------------------------------------------------------------------------------------


def answered(collector: str, command: str) -> Known:
    """Returns the rule that a command was answered."""
    return lambda view: view.knows(collector, command)


def shown(metric: Metric) -> Known:
    """Returns the rule that there are samples of a metric."""
    return lambda view: view.has(metric)


_CRM_MON = answered("pacemaker", "crm_mon")
_CIBADMIN = answered("pacemaker", "cibadmin")
_QUORUMTOOL = answered("corosync", "corosync-quorumtool")
_CFGTOOL = answered("corosync", "corosync-cfgtool")
_SBD = answered("sbd", "configuration")
_DRBDSETUP = answered("drbd", "drbdsetup")


def _nodes_known(view: View) -> bool:
    """Without a designated controller crm_mon shows all nodes as offline, whatever they are."""
    return _CRM_MON(view) and bool(view.dc)


# --- How it is found -------------------------------------------------------------------------------------------------


def where(metric: Metric, test: Callable[[Row], object], *, about: str = "", many: bool = True) -> Find:
    """Returns what finds the samples of a metric that pass a test.

    Args:
        metric: whose samples.
        test: what they have to pass.
        about: the object, made of the sample's labels.
        many: whether the samples are about many objects; else the first one found is enough.
    """

    def find(view: View) -> Iterator[Finding]:
        seen: set[str] = set()
        for row in view.rows(metric):
            if test(row):
                fields = {name: str(value) for name, value in row.items() if isinstance(value, str)}
                name = about.format_map(fields)
                if name not in seen:
                    seen.add(name)
                    yield Finding(name, fields)
                if not many:
                    return

    return find


def is_number(metric: Metric, wanted: float) -> Find:
    """Returns what finds that a metric without labels has this number."""
    return where(metric, lambda row: row["value"] == wanted, many=False)


def _votes(view: View) -> Iterator[Finding]:
    votes = {str(row["type"]): float(row["value"]) for row in view.rows(catalog.COROSYNC_QUORUM_VOTES)}
    expected, total = votes.get("expected_votes"), votes.get("total_votes")
    if expected is not None and total is not None and total < expected:
        yield Finding("", {"total": f"{total:g}", "expected": f"{expected:g}"})


def _qdevice(view: View) -> Iterator[Finding]:
    local = view.node
    for row in view.rows(catalog.COROSYNC_MEMBER_QDEVICE):
        if row["node"] == local and row["registered"] and not (row["alive"] and row["vote"]):
            yield Finding("", {"what": "does not vote" if row["alive"] else "is not reached"})


def _node(state: Callable[[Row], object]) -> Find:
    """Returns what finds nodes in a state, with their ids for those who know them by these."""

    def find(view: View) -> Iterator[Finding]:
        for row in view.rows(catalog.PACEMAKER_NODES):
            if state(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.memory.members.get(name, "")})

    return find


def _no_dc(view: View) -> Iterator[Finding]:
    if view.number(catalog.PACEMAKER_UP) and not view.dc:
        yield Finding("", {})


def _fenced(view: View) -> Iterator[Finding]:
    """What has happened since the view before; what was there at the start has not happened now."""
    if view.before is None:
        return
    events = {
        str(row["target"]): row
        for row in view.rows(catalog.PACEMAKER_FENCE_EVENTS_TIMESTAMP)
        if row["status"] == "success"
    }
    for target, time in view.fenced().items():
        if time > view.before.fenced.get(target, -math.inf):
            fields = {name: str(value) for name, value in events[target].items() if isinstance(value, str)}
            yield Finding(target, {**fields, "by": fields["delegate"] or "the cluster"})


_RECENT = 3600.0
"""Seconds for which a failure to fence counts even if the node is online: the next time it has to work."""


def _fencing_failed(view: View) -> Iterator[Finding]:
    succeeded = view.fencing("success")
    for target, time in view.fencing("failed").items():
        recent = view.snapshot.time - time < _RECENT
        if time > succeeded.get(target, -math.inf) and (recent or target not in view.online):
            yield Finding(target, {"target": target})


_ON = "{resource} on {node}"


def _instance(state: str) -> Find:
    """Returns what finds instances in a state; one that is stopped is on no node."""

    def find(view: View) -> Iterator[Finding]:
        seen: set[str] = set()
        for row in view.rows(catalog.PACEMAKER_RESOURCES):
            if row[state]:
                fields = {name: str(row[name]) for name in ("resource", "node", "role", "agent")}
                name = _ON.format_map(fields) if fields["node"] else fields["resource"]
                if name not in seen:
                    seen.add(name)
                    yield Finding(name, fields)

    return find


def _stopped(view: View) -> Iterator[Finding]:
    """What is stopped and should run. Of a clone that is only true if none of its instances is active."""
    unwanted = {
        str(row["resource"])
        for row in view.rows(catalog.PACEMAKER_RESOURCE_INFO)
        if row["target_role"] == "stopped" or row["maintenance"] == "true"
    }
    active: Counter[str] = Counter()
    stopped: dict[str, Row] = {}
    for row in view.rows(catalog.PACEMAKER_RESOURCES):
        name = str(row["clone"] or row["resource"])
        active[name] += bool(row["active"])
        if row["role"] == "stopped" and row["managed"] == "true" and row["resource"] not in unwanted:
            stopped[name] = row
    for name, row in stopped.items():
        if not active[name]:
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def _moved(view: View) -> Iterator[Finding]:
    if view.before is None:
        return
    for resource, nodes in view.places().items():
        before = view.before.places.get(resource)
        if before and before != nodes:
            yield Finding(
                resource,
                {"resource": resource, "from": ", ".join(sorted(before)), "node": ", ".join(sorted(nodes))},
            )


def _at_threshold(view: View) -> Iterator[Finding]:
    thresholds = {
        (row["resource"], row["node"]): float(row["value"]) for row in view.rows(catalog.PACEMAKER_MIGRATION_THRESHOLD)
    }
    for row in view.rows(catalog.PACEMAKER_FAIL_COUNT):
        threshold, count = thresholds.get((row["resource"], row["node"]), 0.0), float(row["value"])
        if 0 < threshold <= count:
            fields = {"resource": str(row["resource"]), "node": str(row["node"]), "count": f"{count:g}"}
            yield Finding(_ON.format_map(fields), fields)


def _peers(view: View) -> Iterator[tuple[str, bool, Row]]:
    """Yields each peer that is a member of the partition on each link, and whether it is reached over that.

    A peer that is no member any longer is a lost node, not a lost link.
    """
    members = {row["node_id"] for row in view.rows(catalog.COROSYNC_MEMBER_VOTES)}
    for row in view.rows(catalog.COROSYNC_LINK_CONNECTED):
        if row["peer_node_id"] in members:
            yield str(row["number"]), bool(row["value"]), row


def _links(view: View) -> Iterator[Finding]:
    reached: defaultdict[str, list[bool]] = defaultdict(list)
    for number, connected, _ in _peers(view):
        reached[number].append(connected)
    for number, peers in reached.items():
        if not any(peers):
            yield Finding(f"link {number}", {"number": number})


def _link_peers(view: View) -> Iterator[Finding]:
    whole = {finding.fields["number"] for finding in _links(view)}
    for number, connected, row in _peers(view):
        if not connected and number not in whole:
            peer = str(row["peer"] or f"node {row['peer_node_id']}")
            fields = {
                "number": number,
                "peer": peer,
                "node_id": str(row["peer_node_id"]),
                "address": str(row["address"]),
            }
            yield Finding(f"link {number} to {peer}", fields)


def _sbd_timeouts(view: View) -> Iterator[Finding]:
    timeouts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in view.rows(catalog.SBD_TIMEOUTS):
        timeouts[str(row["device"])][str(row["type"])] = float(row["value"])
    for device, found in timeouts.items():
        msgwait, watchdog = found.get("msgwait"), found.get("watchdog")
        if msgwait is not None and watchdog is not None and msgwait < 2 * watchdog:
            yield Finding(device, {"device": device, "msgwait": f"{msgwait:g}", "watchdog": f"{watchdog:g}"})


def _disks(view: View) -> Iterator[Finding]:
    """A client is diskless on purpose; one that is not has lost its disk."""
    lost = {(row["resource"], row["volume"]): row["value"] for row in view.rows(catalog.DRBD_DISKLESS_UNINTENTIONAL)}
    for row in view.rows(catalog.DRBD_RESOURCES):
        state = row["disk_state"]
        client = state == "diskless" and lost.get((row["resource"], row["volume"])) == 0
        if state != "uptodate" and not client:
            yield Finding(f"{row['resource']}/{row['volume']}", {"state": str(state)})


def _connections(view: View) -> Iterator[Finding]:
    for row in view.rows(catalog.DRBD_CONNECTION_STATE):
        if not row["Connected"] and not row["StandAlone"]:
            states = catalog.DRBD_CONNECTION_STATE.states
            state = next((state for state in states if row[state]), "unknown")
            yield Finding(f"{row['resource']} to {row['peer']}", {"state": state})


def _split_brain(view: View) -> Iterator[Finding]:
    for row in view.rows(catalog.DRBD_CONNECTION_STATE):
        if row["StandAlone"]:
            yield Finding(f"{row['resource']} to {row['peer']}", {"why": "the connection is StandAlone"})
    for row in view.rows(catalog.DRBD_SPLIT_BRAIN):
        yield Finding(f"{row['resource']}/{row['volume']}", {"why": "the handler has recorded it"})


def _collectors(view: View) -> Iterator[Finding]:
    for name, report in view.snapshot.collectors.items():
        if report.present and report.status not in {Status.OK, Status.NOT_RUNNING}:
            failing = report.failing[0]
            yield Finding(name, {"state": report.status.value, "why": f"{failing.name}: {failing.detail}"})


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
        find=_votes,
        known=_QUORUMTOOL,
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
        find=_qdevice,
        known=_QUORUMTOOL,
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
        find=_no_dc,
        known=_CRM_MON,
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
        known=_CRM_MON,
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
        known=_CRM_MON,
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
        find=_node(lambda row: not row["online"] and not row["pending"]),
        known=_nodes_known,
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
        find=_node(lambda row: row["unclean"]),
        known=_nodes_known,
    ),
    Condition(
        name="node-pending",
        severity=Severity.WARNING,
        category=Category.NODE,
        about="the node",
        raised="{node} has been pending for a minute",
        cleared="{node} is no longer pending",
        meaning="It has joined Corosync's membership, but Pacemaker has not taken it in.",
        action="Look at Pacemaker's log on that node and on the designated controller.",
        find=_node(lambda row: row["pending"]),
        known=_nodes_known,
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
        find=_node(lambda row: row["standby"] or row["standby_onfail"]),
        known=_nodes_known,
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
        find=_node(lambda row: row["maintenance"]),
        known=_nodes_known,
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
        find=_fenced,
        known=_CRM_MON,
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
        find=_fencing_failed,
        known=_CRM_MON,
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
        find=_instance("failed"),
        known=_CRM_MON,
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
        find=_instance("blocked"),
        known=_CRM_MON,
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
        find=_stopped,
        known=_CRM_MON,
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
        find=_moved,
        known=_CRM_MON,
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
        find=_at_threshold,
        known=_CRM_MON,
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
        known=_CRM_MON,
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
        known=_CIBADMIN,
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
        find=_links,
        known=_CFGTOOL,
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
        find=_link_peers,
        known=_CFGTOOL,
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
        known=_SBD,
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
        find=_sbd_timeouts,
        known=_SBD,
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
        find=_disks,
        known=_DRBDSETUP,
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
        find=_connections,
        known=_DRBDSETUP,
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
        find=_split_brain,
        known=lambda view: _DRBDSETUP(view) and view.knows("drbd", "split brain"),
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
        known=_DRBDSETUP,
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
        known=_DRBDSETUP,
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
        find=_collectors,
        known=lambda view: bool(view.snapshot.collectors),
        hold=30.0,
        local=True,
    ),
)

BY_NAME: Mapping[str, Condition] = {condition.name: condition for condition in CONDITIONS}
