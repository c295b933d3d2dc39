"""Facts that conditions and the alarm engine derive from Pacemaker's samples. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from gateway.conditions.view import ClusterView, Row
from gateway.samples import Labels
from gateway.subsystems.pacemaker import metrics

_NO_NODES: frozenset[str] = frozenset()


def dc(view: ClusterView) -> str:
    """Returns the node name of the designated controller; "" if there is none or it is unknown."""
    return next((str(row["dc"]) for row in view.rows(metrics.INFO)), "")


def node_with_id(view: ClusterView, node_id: str) -> str:
    """Returns the name of the node with an id, or "" if it is unknown; an empty id is that of no node.

    Corosync may have another name for a node, or none, but its ids are the same.
    """
    return next((name for name, known_id in view.fact(node_ids).items() if node_id and known_id == node_id), "")


def another_node_is_dc(view: ClusterView, local_id: str) -> bool:
    """Returns whether the designated controller is certainly not the node with this id."""
    local, controller = node_with_id(view, local_id), dc(view)
    return bool(local and controller and local != controller)


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return next((str(row["cluster_name"]) for row in view.rows(metrics.INFO) if row["cluster_name"]), "")


def online_nodes(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that are online."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.NODES, state="online"))


def guest_nodes(view: ClusterView) -> frozenset[str]:
    """Returns the names of the guest nodes, which are online while the resource that runs them is active."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.GUEST_NODES))


class WithoutTicket(NamedTuple):
    """The ids of resources, groups and clones that lack a ticket: those that may not run, or may not be promoted."""

    not_running: frozenset[str]
    not_promoted: frozenset[str]


_PROMOTED = frozenset({"promoted", "master"})


def without_ticket(view: ClusterView) -> WithoutTicket:
    """Returns what may not run on this site because its ticket is not granted, or in standby."""
    granted = {row["ticket"] for row in view.rows(metrics.TICKETS, state="granted") if not row["standby"]}
    lacking = [row for row in view.rows(metrics.TICKET_CONSTRAINTS) if row["ticket"] not in granted]
    return WithoutTicket(
        not_running=frozenset(str(row["resource"]) for row in lacking if row["role"] not in _PROMOTED),
        not_promoted=frozenset(str(row["resource"]) for row in lacking),
    )


def active_members(view: ClusterView) -> frozenset[str]:
    """Returns the names of the cluster nodes (no remote or guest nodes) that may run resources.

    A node of red health may not, depending on the health strategy, which is unknown.
    """
    red = {row["node"] for row in view.rows(metrics.NODE_HEALTH, state="red")}
    return frozenset(
        str(row["node"])
        for row in view.rows(metrics.NODES, state="online", type="member")
        if row["node"] not in red
        and not any(
            row[state] for state in ("standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown")
        )
    )


def option_is_set(view: ClusterView, option: str) -> bool:
    """Returns whether a cluster option is printed as true."""
    return any(row["value"] == 1 for row in view.rows(metrics.CLUSTER_OPTION, option=option))


class Activity(NamedTuple):
    """What the samples of resource instances say, from one pass over them: a cluster has thousands.

    Attributes:
        active: the clones with active instances, and the other resources that are active.
        nodes: the nodes on which each resource outside a clone is active.
        stopped: the labels of managed instances that are stopped.
        any_unmanaged: whether an instance is not managed.
        promotable: the labels of managed instances whose role shows that their clone is promotable, by clone.
    """

    active: frozenset[str]
    nodes: Mapping[str, frozenset[str]]
    stopped: Sequence[Labels]
    any_unmanaged: bool
    promotable: Mapping[str, Sequence[Labels]]


_NODE, RESOURCE, ROLE, _MANAGED, GROUP, CLONE = map(
    metrics.RESOURCES.labels.index, ("node", "resource", "role", "managed", "group", "clone")
)
"""The positions of labels in ``metrics.RESOURCES``."""

_ROLES_OF_ANY_CLONE = frozenset({"started", "stopped", "starting", "stopping"})


def activity(view: ClusterView) -> Activity:
    """Returns what the samples of resource instances say. Query it through ``ClusterView.fact``."""
    active_flag = metrics.RESOURCES.states.index("active")
    active: set[str] = set()
    nodes: dict[str, frozenset[str]] = {}
    stopped: list[Labels] = []
    any_unmanaged = False
    promotable: dict[str, list[Labels]] = {}
    for labels, flags in view.snapshot.samples_by_metric.get(metrics.RESOURCES, {}).items():
        assert isinstance(flags, tuple)
        clone = labels[CLONE]
        if flags[active_flag]:
            active.add(clone or labels[RESOURCE])
            if labels[_NODE] and not clone:
                name = labels[RESOURCE]
                nodes[name] = nodes.get(name, _NO_NODES) | {labels[_NODE]}
        if labels[_MANAGED] != "true":
            any_unmanaged = True
        elif labels[ROLE] == "stopped":
            stopped.append(labels)
        elif clone and labels[ROLE] not in _ROLES_OF_ANY_CLONE:
            promotable.setdefault(clone, []).append(labels)
    return Activity(frozenset(active), nodes, stopped, any_unmanaged, promotable)


def stopped_instances(view: ClusterView) -> Sequence[Row]:
    """Returns the labels of the instances that are stopped and should run. Query it through ``ClusterView.fact``."""
    stopped = view.fact(activity).stopped
    if not stopped or option_is_set(view, "stop-all-resources"):
        return ()
    not_meant = not_meant_to_run(view) | without_ticket(view).not_running
    return tuple(
        dict(zip(metrics.RESOURCES.labels, labels, strict=True))
        for labels in stopped
        if not_meant.isdisjoint((labels[RESOURCE], labels[GROUP], labels[CLONE]))
    )


def not_meant_to_run(view: ClusterView) -> frozenset[str]:
    """Returns the ids of the resources that are stopped on purpose: by their target role, or for maintenance."""
    infos = metrics.RESOURCE_INFO
    stopped = {str(row["resource"]) for row in view.rows(infos, target_role="stopped")}
    return frozenset(stopped | {str(row["resource"]) for row in view.rows(infos, maintenance="true")})


def not_meant_to_be_promoted(view: ClusterView) -> frozenset[str]:
    """Returns the ids of what may not be promoted, because of its target role or for want of a ticket."""
    roles = {"stopped", "unpromoted", "slave"}
    by_role = {str(row["resource"]) for row in view.rows(metrics.RESOURCE_INFO) if row["target_role"] in roles}
    return frozenset(by_role | without_ticket(view).not_promoted)


def resources(view: ClusterView) -> frozenset[str]:
    """Returns the ids of all resources, groups and clones that are listed. Query it through ``ClusterView.fact``."""
    names = [metrics.RESOURCES.labels.index(label) for label in ("resource", "group", "clone")]
    samples = view.snapshot.samples_by_metric.get(metrics.RESOURCES, {})
    return frozenset(labels[name] for labels in samples for name in names if labels[name])


def managed(view: ClusterView) -> frozenset[str]:
    """Returns the ids of the resources, groups and clones with managed instances."""
    rows = view.rows(metrics.RESOURCES, managed="true")
    return frozenset(str(row["clone"] or row["group"] or row["resource"]) for row in rows)


def promotable_clones(view: ClusterView) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    """Returns the roles of the active, managed instances of each promotable clone, and the ids of its resources."""
    return {
        clone: (frozenset(labels[ROLE] for labels in instances), frozenset(labels[RESOURCE] for labels in instances))
        for clone, instances in view.fact(activity).promotable.items()
    }


def bundle_replicas(view: ClusterView) -> Mapping[str, tuple[float, float]]:
    """Returns the running replicas of each bundle, and all of them."""
    counts = {(row["bundle"], row["state"]): float(row["value"]) for row in view.rows(metrics.BUNDLE_REPLICAS)}
    bundles = {str(bundle) for bundle, _ in counts}
    return {bundle: (counts.get((bundle, "running"), 0), counts.get((bundle, "total"), 0)) for bundle in bundles}


def banned_nodes(view: ClusterView, names: Collection[str]) -> frozenset[str]:
    """Returns the nodes that may not run a resource; all nodes if a rule that names no node may ban it anywhere.

    Args:
        view: provides the samples.
        names: the ids of the resource, and of its group and its clone.
    """
    bans = [
        str(row["node"])
        for row in (*view.rows(metrics.LOCATION_CONSTRAINTS), *view.rows(metrics.BANS))
        if row["resource"] in names
        and row["value"] == -math.inf
        and not row.get("role")
        and row.get("promoted_only") != "true"
    ]
    return online_nodes(view) if "" in bans else frozenset(bans)


def node_ids(view: ClusterView) -> Mapping[str, str]:
    """Returns the id of each node by its name."""
    return {str(row["node"]): str(row["id"]) for row in view.rows(metrics.NODE_INFO)}


class FencingEvent(NamedTuple):
    """The end of fencing or unfencing a node.

    Attributes:
        time: when it ended, in Unix seconds.
        fields: the labels of the event.
    """

    time: float
    fields: Mapping[str, str]

    def is_later_than(self, other: FencingEvent | None) -> bool:
        """Returns whether it is later than another event, which may not exist."""
        return other is None or self.time > other.time


_UNFENCING = "on"
"""The action that enables a node again, for example its storage when it starts; all others are fencing."""


def _newest_events(status: str, *, unfencing: bool) -> Callable[[ClusterView], Mapping[str, FencingEvent]]:
    """Returns a function that returns the newest event of each node that ended with a status."""

    def newest(view: ClusterView) -> Mapping[str, FencingEvent]:
        events: dict[str, FencingEvent] = {}
        for row in view.rows(metrics.FENCE_EVENTS_TIMESTAMP, status=status):
            event = FencingEvent(
                float(row["value"]), {name: value for name, value in row.items() if isinstance(value, str)}
            )
            target = event.fields["target"]
            if (event.fields["action"] == _UNFENCING) == unfencing and event.is_later_than(events.get(target)):
                events[target] = event
        return events

    return newest


fencing_successes = _newest_events("success", unfencing=False)
fencing_failures = _newest_events("failed", unfencing=False)
unfencing_successes = _newest_events("success", unfencing=True)
unfencing_failures = _newest_events("failed", unfencing=True)


def last_nodes(view: ClusterView, before: Mapping[str, frozenset[str]] | None) -> Mapping[str, frozenset[str]]:
    """Accumulates the nodes on which each resource outside a clone was last active."""
    return {**(before or {}), **view.fact(activity).nodes}


def last_fenced(view: ClusterView, before: Mapping[str, float] | None) -> Mapping[str, float] | None:
    """Accumulates when each node was last fenced, in Unix seconds; None until crm_mon has succeeded once."""
    if not view.has_succeeded("pacemaker", "crm_mon"):
        return before
    times = {target: event.time for target, event in view.fact(fencing_successes).items()}
    return {**(before or {}), **times}


ACCUMULATORS = (last_nodes, last_fenced)
