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


def instances_of(view: ClusterView, name: str) -> Sequence[Row]:
    """Returns the instances of a clone, of a group outside a clone, or of a resource outside both."""
    return [row for row in view.rows(metrics.RESOURCES) if name == (row["clone"] or row["group"] or row["resource"])]


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


_PROMOTED_ROLES = frozenset({"promoted", "master"})


def kept_off_nodes(view: ClusterView, names: Collection[str]) -> frozenset[str]:
    """Returns the available nodes that constraints may keep a resource off.

    Any negative score can, as scores are added up. A constraint with a resource that is not listed may be one of a tag
    or of a pattern, so it may be about this resource.

    Args:
        view: provides the samples.
        names: the ids of the resource, and of its group and its clone.
    """
    listed = view.fact(resources)
    bans = {
        str(row["node"])
        for row in (*view.rows(metrics.LOCATION_CONSTRAINTS), *view.rows(metrics.BANS))
        if float(row["value"]) < 0
        and (row["resource"] in names or row["resource"] not in listed)
        and row.get("role") not in _PROMOTED_ROLES
        and row.get("promoted_only") != "true"
    }
    nodes = {str(row["node"]) for row in view.rows(metrics.NODES)}
    if "" in bans:
        return frozenset(nodes)  # a rule that names no node
    colocations = [
        row
        for row in view.rows(metrics.COLOCATION_CONSTRAINTS)
        if (row["resource"] in names or row["resource"] not in listed) and row["role"] not in _PROMOTED_ROLES
    ]
    return frozenset(bans | {node for node in nodes for row in colocations if _may_keep_off(view, row, node)})


def _may_keep_off(view: ClusterView, colocation: Row, node: str) -> bool:
    """Returns whether a colocation may keep its resource off a node, because of where the other resource is."""
    score, other = float(colocation["value"]), str(colocation["with_resource"])
    if 0 <= score < math.inf:
        return False
    instances = [
        row for row in view.rows(metrics.RESOURCES, node=node) if other in {row["resource"], row["group"], row["clone"]}
    ]
    if score < 0:
        return other not in view.fact(resources) or any(row["active"] is not False for row in instances)
    return bool(colocation["with_role"]) or not any(row["active"] for row in instances)
