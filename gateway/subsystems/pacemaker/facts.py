"""Facts that conditions and the alarm engine derive from Pacemaker's samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import metrics

_NO_NODES: frozenset[str] = frozenset()


def dc(view: ClusterView) -> str:
    """Returns the node name of the designated controller; "" if there is none or it is unknown."""
    return next((str(row["dc"]) for row in view.rows(metrics.INFO)), "")


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return next((str(row["cluster_name"]) for row in view.rows(metrics.INFO) if row["cluster_name"]), "")


def online_nodes(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that are online."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.NODES, state="online"))


class Activity(NamedTuple):
    """Where resources are active.

    Attributes:
        active: the clones with active instances, and the other resources that are active.
        nodes: the nodes on which each resource outside a clone is active.
    """

    active: frozenset[str]
    nodes: Mapping[str, frozenset[str]]


def activity(view: ClusterView) -> Activity:
    """Returns where resources are active. Query it through ``ClusterView.fact``: a cluster has thousands."""
    node, resource, clone = map(metrics.RESOURCES.labels.index, ("node", "resource", "clone"))
    active_flag = metrics.RESOURCES.states.index("active")
    active: set[str] = set()
    nodes: dict[str, frozenset[str]] = {}
    for labels, flags in view.snapshot.samples_by_metric.get(metrics.RESOURCES, {}).items():
        assert isinstance(flags, tuple)
        if flags[active_flag]:
            active.add(labels[clone] or labels[resource])
            if labels[node] and not labels[clone]:
                name = labels[resource]
                nodes[name] = nodes.get(name, _NO_NODES) | {labels[node]}
    return Activity(frozenset(active), nodes)


def fencing_times(view: ClusterView, status: str) -> Mapping[str, float]:
    """Returns when fencing of each node last ended with a status, in Unix seconds."""
    times: dict[str, float] = {}
    for row in view.rows(metrics.FENCE_EVENTS_TIMESTAMP, status=status):
        target, time = str(row["target"]), float(row["value"])
        times[target] = max(time, times.get(target, time))
    return times


def last_nodes(view: ClusterView, before: Mapping[str, frozenset[str]] | None) -> Mapping[str, frozenset[str]]:
    """Accumulates the nodes on which each resource outside a clone was last active."""
    return {**(before or {}), **view.fact(activity).nodes}


def last_fenced(view: ClusterView, before: Mapping[str, float] | None) -> Mapping[str, float]:
    """Accumulates when each node was last fenced successfully, in Unix seconds."""
    return {**(before or {}), **fencing_times(view, "success")}


ACCUMULATORS = (last_nodes, last_fenced)
