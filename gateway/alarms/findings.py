"""How conditions are found in a view of a snapshot, and how a view can tell of them at all. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from gateway import catalog
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


Find = Callable[[View], Iterable[Finding]]
Known = Callable[[View], bool]


# --- How a view can tell ---------------------------------------------------------------------------------------------


def answered(collector: str, command: str) -> Known:
    """Returns the rule that a command was answered."""
    return lambda view: view.knows(collector, command)


def shown(metric: Metric) -> Known:
    """Returns the rule that there are samples of a metric."""
    return lambda view: view.has(metric)


CRM_MON = answered("pacemaker", "crm_mon")
CIBADMIN = answered("pacemaker", "cibadmin")
QUORUMTOOL = answered("corosync", "corosync-quorumtool")
CFGTOOL = answered("corosync", "corosync-cfgtool")
SBD = answered("sbd", "configuration")
DRBDSETUP = answered("drbd", "drbdsetup")


def nodes_known(view: View) -> bool:
    """Returns whether nodes are known: without a designated controller crm_mon shows all of them as offline."""
    return CRM_MON(view) and bool(view.dc)


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


def votes(view: View) -> Iterator[Finding]:
    """Finds that votes are missing."""
    votes = {str(row["type"]): float(row["value"]) for row in view.rows(catalog.COROSYNC_QUORUM_VOTES)}
    expected, total = votes.get("expected_votes"), votes.get("total_votes")
    if expected is not None and total is not None and total < expected:
        yield Finding("", {"total": f"{total:g}", "expected": f"{expected:g}"})


def qdevice(view: View) -> Iterator[Finding]:
    """Finds that the quorum device of this node does not vote."""
    local = view.node
    for row in view.rows(catalog.COROSYNC_MEMBER_QDEVICE):
        if row["node"] == local and row["registered"] and not (row["alive"] and row["vote"]):
            yield Finding("", {"what": "does not vote" if row["alive"] else "is not reached"})


def node(state: Callable[[Row], object]) -> Find:
    """Returns what finds nodes in a state, with their ids for those who know them by these."""

    def find(view: View) -> Iterator[Finding]:
        for row in view.rows(catalog.PACEMAKER_NODES):
            if state(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.memory.members.get(name, "")})

    return find


def no_dc(view: View) -> Iterator[Finding]:
    """Finds that nobody is the designated controller, though Pacemaker runs."""
    if view.number(catalog.PACEMAKER_UP) and not view.dc:
        yield Finding("", {})


def fenced(view: View) -> Iterator[Finding]:
    """Finds nodes that were fenced since the view before; what was there at the start has not happened now."""
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


def fencing_failed(view: View) -> Iterator[Finding]:
    """Finds nodes that could not be fenced when that was last tried."""
    succeeded = view.fencing("success")
    for target, time in view.fencing("failed").items():
        recent = view.snapshot.time - time < _RECENT
        if time > succeeded.get(target, -math.inf) and (recent or target not in view.online):
            yield Finding(target, {"target": target})


_ON = "{resource} on {node}"


def instance(state: str) -> Find:
    """Returns what finds instances in a state; one that is stopped is on no node."""

    def find(view: View) -> Iterator[Finding]:
        seen: set[str] = set()
        for row in view.rows(catalog.PACEMAKER_RESOURCES, state=state):
            fields = {name: str(row[name]) for name in ("resource", "node", "role", "agent")}
            name = _ON.format_map(fields) if fields["node"] else fields["resource"]
            if name not in seen:
                seen.add(name)
                yield Finding(name, fields)

    return find


def stopped(view: View) -> Iterator[Finding]:
    """Finds what is stopped and should run. Of a clone that is only true if none of its instances is active."""
    infos = catalog.PACEMAKER_RESOURCE_INFO
    unwanted = {row["resource"] for row in view.rows(infos, target_role="stopped")}
    unwanted |= {row["resource"] for row in view.rows(infos, maintenance="true")}
    seen: set[str] = set()
    for row in view.rows(catalog.PACEMAKER_RESOURCES, role="stopped", managed="true"):
        name = str(row["clone"] or row["resource"])
        if name not in seen and name not in view.active and row["resource"] not in unwanted:
            seen.add(name)
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def moved(view: View) -> Iterator[Finding]:
    """Finds resources that are on another node than before."""
    if view.before is None:
        return
    for resource, nodes in view.places.items():
        before = view.before.places.get(resource)
        if before and before != nodes:
            yield Finding(
                resource,
                {"resource": resource, "from": ", ".join(sorted(before)), "node": ", ".join(sorted(nodes))},
            )


def at_threshold(view: View) -> Iterator[Finding]:
    """Finds resources that may not run on a node any more, because they have failed there too often."""
    families = view.snapshot.families
    thresholds = families.get(catalog.PACEMAKER_MIGRATION_THRESHOLD, {})
    for labels, count in families.get(catalog.PACEMAKER_FAIL_COUNT, {}).items():
        if not count:
            continue  # most, where there are thousands
        threshold = thresholds.get(labels, 0)  # both have the same labels
        assert not isinstance(count, tuple)
        assert not isinstance(threshold, tuple)
        if 0 < threshold <= count:
            fields = {**dict(zip(catalog.PACEMAKER_FAIL_COUNT.labels, labels, strict=True)), "count": f"{count:g}"}
            yield Finding(_ON.format_map(fields), fields)


def _peers(view: View) -> Iterator[tuple[str, bool, Row]]:
    """Yields each peer that is a member of the partition on each link, and whether it is reached over that.

    A peer that is no member any longer is a lost node, not a lost link.
    """
    members = {row["node_id"] for row in view.rows(catalog.COROSYNC_MEMBER_VOTES)}
    for row in view.rows(catalog.COROSYNC_LINK_CONNECTED):
        if row["peer_node_id"] in members:
            yield str(row["number"]), bool(row["value"]), row


def links(view: View) -> Iterator[Finding]:
    """Finds links over which no member is reached."""
    reached: defaultdict[str, list[bool]] = defaultdict(list)
    for number, connected, _ in _peers(view):
        reached[number].append(connected)
    for number, peers in reached.items():
        if not any(peers):
            yield Finding(f"link {number}", {"number": number})


def link_peers(view: View) -> Iterator[Finding]:
    """Finds members that are not reached over a link, though others are."""
    whole = {finding.fields["number"] for finding in links(view)}
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


def sbd_timeouts(view: View) -> Iterator[Finding]:
    """Finds devices after whose msgwait a node may still be alive."""
    timeouts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in view.rows(catalog.SBD_TIMEOUTS):
        timeouts[str(row["device"])][str(row["type"])] = float(row["value"])
    for device, found in timeouts.items():
        msgwait, watchdog = found.get("msgwait"), found.get("watchdog")
        if msgwait is not None and watchdog is not None and msgwait < 2 * watchdog:
            yield Finding(device, {"device": device, "msgwait": f"{msgwait:g}", "watchdog": f"{watchdog:g}"})


def disks(view: View) -> Iterator[Finding]:
    """Finds volumes that are not up to date. A client is diskless on purpose; one that is not has lost its disk."""
    lost = {(row["resource"], row["volume"]): row["value"] for row in view.rows(catalog.DRBD_DISKLESS_UNINTENTIONAL)}
    for row in view.rows(catalog.DRBD_RESOURCES):
        state = row["disk_state"]
        client = state == "diskless" and lost.get((row["resource"], row["volume"])) == 0
        if state != "uptodate" and not client:
            yield Finding(f"{row['resource']}/{row['volume']}", {"state": str(state)})


def connections(view: View) -> Iterator[Finding]:
    """Finds connections that are not there; what has split is another condition."""
    for row in view.rows(catalog.DRBD_CONNECTION_STATE):
        if not row["Connected"] and not row["StandAlone"]:
            states = catalog.DRBD_CONNECTION_STATE.states
            state = next((state for state in states if row[state]), "unknown")
            yield Finding(f"{row['resource']} to {row['peer']}", {"state": state})


def split_brain(view: View) -> Iterator[Finding]:
    """Finds what has split, by the state of a connection or by the record of the handler."""
    for row in view.rows(catalog.DRBD_CONNECTION_STATE):
        if row["StandAlone"]:
            yield Finding(f"{row['resource']} to {row['peer']}", {"why": "the connection is StandAlone"})
    for row in view.rows(catalog.DRBD_SPLIT_BRAIN):
        yield Finding(f"{row['resource']}/{row['volume']}", {"why": "the handler has recorded it"})


def collectors(view: View) -> Iterator[Finding]:
    """Finds collectors that fail; that a daemon does not run is another condition."""
    for name, report in view.snapshot.collectors.items():
        if report.present and report.status not in {Status.OK, Status.NOT_RUNNING}:
            failing = report.failing[0]
            yield Finding(name, {"state": report.status.value, "why": f"{failing.name}: {failing.detail}"})
