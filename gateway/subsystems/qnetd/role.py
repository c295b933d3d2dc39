"""What this host is for corosync-qnetd. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.view import ClusterView
from gateway.subsystems.qnetd import metrics
from gateway.subsystems.subsystem import Role


def describe_host(view: ClusterView) -> Iterator[Role]:
    """Yields that this host is an arbitrator, if corosync-qnetd answers."""
    count = view.number(metrics.CLUSTERS)
    if count is not None:
        yield Role("quorum arbitrator of 1 cluster" if count == 1 else f"quorum arbitrator of {count:g} clusters")
