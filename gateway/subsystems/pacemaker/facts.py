"""Facts about the cluster and its nodes, and what is accumulated from one snapshot to the next. Pure.

A fact is about what crm_mon shows for certain. A flag that is None is unknown: it is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import fencing_facts, metrics, remote_nodes, resource_facts


def dc(view: ClusterView) -> str:
    """Returns the node name of the designated controller; "" if there is none or it is unknown."""
    return next((str(row["dc"]) for row in view.rows(metrics.INFO)), "")


def has_no_dc(view: ClusterView) -> bool:
    """Returns whether there is certainly no designated controller."""
    return view.has(metrics.INFO) and not dc(view)


def node_with_id(view: ClusterView, node_id: str) -> str:
    """Returns the name of the node with an id, or "" if it is unknown; an empty id is that of no node.

    Corosync may have another name for a node, or none, but its ids are the same.
    """
    return next((name for name, known_id in view.fact(node_ids).items() if node_id and known_id == node_id), "")


def another_node_is_dc(view: ClusterView, local_id: str) -> bool:
    """Returns whether the designated controller is certainly not the node with this id. A remote node never is."""
    local, controller = node_with_id(view, local_id), dc(view)
    return bool(controller and (view.has(metrics.REMOTE_INFO) or (local and local != controller)))


def remote_name(view: ClusterView) -> str:
    """Returns the name of this host if it is a remote or guest node and the name is known, else ""."""
    return next((str(row["node"]) for row in view.rows(metrics.REMOTE_INFO)), "")


def remote_node_names(view: ClusterView) -> frozenset[str]:
    """Returns the names of the remote and guest nodes that crm_mon lists."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.NODES, type=remote_nodes.REMOTE))


def remote_connections(view: ClusterView) -> Mapping[str, str]:
    """Returns the state of the connection to each remote and guest node of which it is known, by name."""
    states = metrics.REMOTE_CONNECTION.states
    rows = view.rows(metrics.REMOTE_CONNECTION)
    return {str(row["node"]): next((state for state in states if row[state]), "") for row in rows}


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return next((str(row["cluster_name"]) for row in view.rows(metrics.INFO) if row["cluster_name"]), "")


def node_ids(view: ClusterView) -> Mapping[str, str]:
    """Returns the id of each node by its name."""
    return {str(row["node"]): str(row["id"]) for row in view.rows(metrics.NODE_INFO)}


def online_nodes(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that are online."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.NODES, state="online"))


def node_names(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that crm_mon lists."""
    return frozenset(str(row["node"]) for row in view.rows(metrics.NODES))


def is_listed_or_empty(view: ClusterView, node: str) -> bool:
    """Returns whether crm_mon lists a node of this name, or the name is that of no node."""
    return not node or node in view.fact(node_names)


def independent_nodes(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that are certainly not guest nodes, which depend on the resource that runs them.

    crm_mon shows guest and remote nodes as remote. A remote node has a resource of the same name that connects to it.
    """
    connections = {
        row["resource"]
        for row in view.rows(metrics.RESOURCES, clone="")
        if remote_nodes.is_connection(str(row["agent"]))
    }
    guests = {row["node"] for row in view.rows(metrics.GUEST_NODES)}
    return frozenset(
        str(row["node"])
        for row in view.rows(metrics.NODES)
        if row["node"] not in guests
        and (row["type"] == "member" or (row["type"] == "remote" and row["node"] in connections))
    )


_UNAVAILABLE = ("standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown")
"""The states in which a node runs no resources, or not those that it should."""


def available_members(view: ClusterView) -> frozenset[str]:
    """Returns the names of the cluster nodes (no remote or guest nodes) that may certainly run resources.

    A node of red health may not, depending on the health strategy, which is unknown. Before Pacemaker 2.1, crm_mon does
    not print the health.
    """
    healthy = {row["node"] for row in view.rows(metrics.NODE_HEALTH) if not row["red"]}
    knows_health = view.has(metrics.NODE_HEALTH)
    return frozenset(
        str(row["node"])
        for row in view.rows(metrics.NODES, state="online", type="member")
        if (row["node"] in healthy or not knows_health) and all(row[state] is False for state in _UNAVAILABLE)
    )


def last_nodes(view: ClusterView, before: Mapping[str, str] | None) -> Mapping[str, str]:
    """Accumulates the node on which each resource outside a clone was last active, apart from times on several."""
    nodes = view.fact(resource_facts.activity).nodes
    return {**(before or {}), **{name: next(iter(on)) for name, on in nodes.items() if len(on) == 1}}


ACCUMULATORS = (last_nodes, fencing_facts.fencing_baseline)
