"""Facts that conditions and the alarm engine derive from Corosync's samples. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import metrics


def local_node(view: ClusterView) -> str:
    """Returns the name of this node, or "" if it is unknown."""
    return next((str(row["node"]) for row in view.rows(metrics.MEMBER_VOTES, local="true")), "")


def local_node_id(view: ClusterView) -> str:
    """Returns the id of this node, or "" if it is unknown."""
    return next((str(row["node_id"]) for row in view.rows(metrics.MEMBER_VOTES, local="true")), "")


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return next((str(row["cluster_name"]) for row in view.rows(metrics.INFO) if row["cluster_name"]), "")


def node_ids(view: ClusterView, before: Mapping[str, str] | None) -> Mapping[str, str]:
    """Accumulates the id of every node that has been a member, by its name."""
    members = {str(row["node"]): str(row["node_id"]) for row in view.rows(metrics.MEMBER_VOTES)}
    return {**(before or {}), **members}


ACCUMULATORS = (node_ids,)
