"""The condition of the gateway itself: a collector that fails."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import COLLECTOR, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.status import Status


def find_failing_collectors(view: ClusterView) -> Iterator[Finding]:
    """Yields the collectors that fail; a daemon that does not run is another condition."""
    for name, report in view.snapshot.collectors.items():
        if report.present and report.status not in {Status.OK, Status.NOT_RUNNING}:
            failing = report.failing[0]
            yield Finding(name, {"state": report.status.value, "why": f"{failing.name}: {failing.detail}"})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="collector-failing",
        severity=Severity.MINOR,
        category=COLLECTOR,
        about="the collector",
        raised="The collector {object} fails ({state}): {why}",
        cleared="The collector {object} works again",
        meaning="Part of the state is unknown, and conditions that depend on it are neither raised nor cleared.",
        action="Run `ha-cluster-gateway check`, which lists what is missing and gives advice.",
        find=find_failing_collectors,
        has_evidence=lambda view: bool(view.snapshot.collectors),
        hold=30.0,
        local=True,
    ),
)
