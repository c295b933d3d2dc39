"""What this host is for booth. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import metrics
from gateway.subsystems.subsystem import Role


def describe_host(view: ClusterView) -> Iterator[Role]:
    """Yields which site or arbitrator this host is in each configuration, if that is known."""
    for row in view.rows(metrics.INFO):
        yield Role(" ".join(filter(None, ("booth", str(row["type"]), str(row["address"])))))
