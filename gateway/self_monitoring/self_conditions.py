"""The condition of the gateway itself: a collector that fails."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import COLLECTOR, Absent, Condition, Finding, Gone, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.status import Status


def find_failing_collectors(view: ClusterView) -> Iterator[Finding]:
    """Yields the collectors that fail; a daemon that does not run is another condition."""
    for name, report in view.snapshot.collectors.items():
        if report.failed:
            failing = report.failing[0]
            yield Finding(name, {"state": report.status.value, "why": f"{failing.name}: {failing.detail}"})


def collector_works(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a collector has reported a status that is no failure."""
    report = view.snapshot.collectors.get(finding.object)
    return report is not None and report.status in {Status.OK, Status.NOT_RUNNING}


def is_set_up_no_longer(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the subsystem of a collector was removed from this host."""
    return view.is_removed(finding.object)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="collector-failing",
        severity=Severity.MINOR,
        category=COLLECTOR,
        about="the collector",
        raised="The collector {object} is failing ({state}): {why}",
        cleared="The collector {object} works again",
        meaning="Part of the state is unknown, and conditions that depend on it are neither raised nor cleared.",
        action="Run `ha-cluster-gateway check`, which lists what is missing and gives advice.",
        source=Source(),
        find=find_failing_collectors,
        absent=Absent("the collector succeeds, or finds that its daemon does not run", collector_works),
        gone=Gone(
            "neither the tools nor the configuration of the subsystem were found for 10 minutes",
            "{object} is no longer set up on this node",
            is_set_up_no_longer,
        ),
        hold=30.0,
        local=True,
    ),
)
