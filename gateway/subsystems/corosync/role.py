"""What this host is for Corosync. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import facts
from gateway.subsystems.subsystem import Role


def describe_host(view: ClusterView) -> Iterator[Role]:
    """Yields which node of which cluster this host is, if that is known."""
    node = facts.local_node(view) or facts.configured_node(view)
    cluster = facts.cluster_name(view)
    if node:
        yield Role(f"node {node}" + (f" of the cluster {cluster}" if cluster else ""))
