"""Facts that conditions and the alarm engine derive from Pacemaker's samples. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def resources(view: ClusterView) -> frozenset[str]:
    """Returns the ids of all resources, groups and clones that are listed. Query it through ``ClusterView.fact``."""
    names = [metrics.RESOURCES.labels.index(label) for label in ("resource", "group", "clone")]
    samples = view.snapshot.samples_by_metric.get(metrics.RESOURCES, {})
    return frozenset(labels[name] for labels in samples for name in names if labels[name])


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
