"""Facts about resource instances, and about what they may do. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gateway.conditions.view import ClusterView, Row
from gateway.samples import Labels
from gateway.subsystems.pacemaker import metrics
from gateway.subsystems.pacemaker.cluster_status import RESOURCES as RESOURCE_LIST

_NO_NODES: frozenset[str] = frozenset()


class Activity(NamedTuple):
    """What the samples of resource instances say, from one pass over them: a cluster has thousands.

    Attributes:
        active: the clones with active instances, and the other resources that are active.
        nodes: the nodes on which each resource outside a clone is active.
        stopped: the labels of managed instances that are stopped.
        any_unmanaged: whether an instance is not managed.
        promotable: the labels of instances whose role shows that their clone is promotable, by clone.
        unclear: the clones with an instance of which it is unknown whether it is active, managed, or in which role.
        services_run: whether a resource is active that is not a fencing device.
    """

    active: frozenset[str]
    nodes: Mapping[str, frozenset[str]]
    stopped: Sequence[Labels]
    any_unmanaged: bool
    promotable: Mapping[str, Sequence[Labels]]
    unclear: frozenset[str]
    services_run: bool


NODE, RESOURCE, ROLE, MANAGED, AGENT, GROUP, CLONE = map(
    metrics.RESOURCES.labels.index, ("node", "resource", "role", "managed", "agent", "group", "clone")
)
"""The positions of labels in ``metrics.RESOURCES``."""

_ROLES_OF_ANY_CLONE = frozenset({"started", "stopped", "starting", "stopping", ""})


def activity(view: ClusterView) -> Activity:
    """Returns what the samples of resource instances say. Query it through ``ClusterView.fact``."""
    active_flag = metrics.RESOURCES.states.index("active")
    active: set[str] = set()
    nodes: dict[str, frozenset[str]] = {}
    stopped: list[Labels] = []
    any_unmanaged = services_run = False
    promotable: dict[str, list[Labels]] = {}
    unclear: set[str] = set()
    for labels, flags in view.snapshot.samples_by_metric.get(metrics.RESOURCES, {}).items():
        assert isinstance(flags, tuple)
        clone, role, managed, is_active = labels[CLONE], labels[ROLE], labels[MANAGED], flags[active_flag]
        if is_active:
            active.add(clone or labels[RESOURCE])
            services_run = services_run or not labels[AGENT].startswith("stonith:")
            if labels[NODE] and not clone:
                name = labels[RESOURCE]
                nodes[name] = nodes.get(name, _NO_NODES) | {labels[NODE]}
        if managed == "false":
            any_unmanaged = True
        elif role == "stopped" and managed and is_active is False:
            stopped.append(labels)
        if clone and role not in _ROLES_OF_ANY_CLONE:
            promotable.setdefault(clone, []).append(labels)
        if is_active is None or not role or not managed:
            unclear.add(clone)
    return Activity(
        frozenset(active), nodes, stopped, any_unmanaged, promotable, frozenset(unclear - {""}), services_run
    )


def resources(view: ClusterView) -> frozenset[str]:
    """Returns the ids of all resources, groups and clones that are listed. Query it through ``ClusterView.fact``."""
    names = (RESOURCE, GROUP, CLONE)
    samples = view.snapshot.samples_by_metric.get(metrics.RESOURCES, {})
    return frozenset(labels[name] for labels in samples for name in names if labels[name])


def all_are_listed(view: ClusterView) -> bool:
    """Returns whether crm_mon lists all configured instances, and all of them could be identified."""
    return view.number(metrics.RESOURCES_UNLISTED) == 0 and view.has_read_all("pacemaker", "crm_mon", RESOURCE_LIST)


def is_fully_known(view: ClusterView, clone: str) -> bool:
    """Returns whether all instances of a clone are listed, and it is known of each what it does."""
    return clone not in view.fact(activity).unclear and all_are_listed(view)


def instances(view: ClusterView) -> Mapping[str, Sequence[Row]]:
    """Returns the instances of each resource, group and clone, by its id.

    Query it through ``ClusterView.fact``, and only for an object that has an alarm: nearly always there is none.
    """
    by_name: dict[str, list[Row]] = {}
    for row in view.rows(metrics.RESOURCES):
        for name in {row["resource"], row["group"], row["clone"]}:
            by_name.setdefault(name, []).append(row)
    return by_name


def promotable_clones(view: ClusterView) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    """Returns the roles of the instances of each promotable clone, and the ids of its resources.

    A clone without managed instances is left out: the cluster promotes none of them.
    """
    return {
        clone: (frozenset(labels[ROLE] for labels in instances), frozenset(labels[RESOURCE] for labels in instances))
        for clone, instances in view.fact(activity).promotable.items()
        if any(labels[MANAGED] == "true" for labels in instances)
    }


def bundle_replicas(view: ClusterView) -> Mapping[str, tuple[float, float]]:
    """Returns the running replicas of each bundle, and all of them."""
    counts = {(row["bundle"], row["state"]): float(row["value"]) for row in view.rows(metrics.BUNDLE_REPLICAS)}
    bundles = {str(bundle) for bundle, state in counts if state == "running"}
    return {bundle: (counts[bundle, "running"], counts[bundle, "total"]) for bundle in bundles}


PROMOTED_ROLES = frozenset({"promoted", "master"})
"""The roles of a promoted instance, by the names that Pacemaker has had for them."""


def _locations(view: ClusterView) -> Sequence[tuple[str, str]]:
    """Returns the resource and the node of each location that may keep the one off the other."""
    return [
        (str(row["resource"]), str(row["node"]))
        for row in (*view.rows(metrics.LOCATION_CONSTRAINTS), *view.rows(metrics.BANS))
        if float(row["value"]) < 0 and row.get("role") not in PROMOTED_ROLES and row.get("promoted_only") != "true"
    ]


def _colocations(view: ClusterView) -> Sequence[Row]:
    """Returns the colocations that may keep a resource off nodes."""
    rows = view.rows(metrics.COLOCATION_CONSTRAINTS)
    return [row for row in rows if row["role"] not in PROMOTED_ROLES and not 0 <= float(row["value"]) < math.inf]


class _Places(NamedTuple):
    """The nodes on which a resource, group or clone is active, certainly and possibly."""

    certain: set[str]
    possible: set[str]


def _places(view: ClusterView) -> Mapping[str, _Places]:
    places: dict[str, _Places] = {}
    active_flag = metrics.RESOURCES.states.index("active")
    for labels, flags in view.snapshot.samples_by_metric.get(metrics.RESOURCES, {}).items():
        assert isinstance(flags, tuple)
        for name in {labels[RESOURCE], labels[GROUP], labels[CLONE]} if flags[active_flag] is not False else ():
            place = places.setdefault(name, _Places(set(), set()))
            place.possible.add(labels[NODE])
            if flags[active_flag]:
                place.certain.add(labels[NODE])
    return places


def without_kept_off(view: ClusterView, nodes: frozenset[str], names: Collection[str]) -> frozenset[str]:
    """Returns nodes without those that constraints may keep a resource off.

    Any negative score can, as scores are added up. A constraint with a resource that is not listed may be one of a tag
    or of a pattern, so it may be about this resource.

    Args:
        view: provides the samples.
        nodes: the names of nodes; nearly always there is none.
        names: the ids of the resource, and of its group and its clone.
    """
    if not nodes:
        return nodes
    listed = view.fact(resources)
    bans = {node for resource, node in view.fact(_locations) if resource in names or resource not in listed}
    if "" in bans:
        return _NO_NODES  # a rule that names no node
    colocations = [row for row in view.fact(_colocations) if row["resource"] in names or row["resource"] not in listed]
    return frozenset(node for node in nodes - bans if not any(_may_keep_off(view, row, node) for row in colocations))


def _may_keep_off(view: ClusterView, colocation: Row, node: str) -> bool:
    """Returns whether a colocation may keep its resource off a node, because of where the other resource is."""
    other = str(colocation["with_resource"])
    places = view.fact(_places).get(other, _Places(set(), set()))
    if float(colocation["value"]) < 0:
        return other not in view.fact(resources) or node in places.possible
    return bool(colocation["with_role"]) or node not in places.certain
