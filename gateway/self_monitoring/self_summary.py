"""What a person has to know about the gateway itself: what it could not read, and whom it cannot notify. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.model import COLLECTOR, Source
from gateway.conditions.view import ClusterView
from gateway.self_monitoring import self_metrics
from gateway.snapshot import CollectorReport
from gateway.status import Status
from gateway.summary import NOT_SET_UP, UNKNOWN, Cell, Description, Health, Row, Summary, Table, urgent_first


def describe_gateway(view: ClusterView) -> Description:
    """Describes the collectors and the notification targets."""
    reports = view.snapshot.collectors
    failing = [name for name, report in reports.items() if report.failed]
    targets = tuple(_targets(view))
    health = Health.WARNING if failing or any(row[2].health is Health.WARNING for row in targets) else Health.OK
    if failing:
        text = f"{len(failing)} of {len(reports)} collectors fail"
    else:
        text = "no collector fails" if health is Health.OK else "a notification target cannot be reached"
    return Description(
        headline=Cell(text, health),
        tables=(
            Table(
                caption="Collectors",
                columns=("Collector", "State", "Reason", "Duration"),
                rows=urgent_first(map(_collector, reports.values())),
                empty="All collectors are switched off.",
            ),
            Table(
                caption="Notification targets",
                columns=("Target", "Kind", "Last delivery", "Queued"),
                rows=urgent_first(targets),
            ),
        ),
    )


def _collector(report: CollectorReport) -> Row:
    name = Cell(report.name)
    if not report.present or report.unused:
        return name, NOT_SET_UP, Cell(""), Cell("")
    health = Health.WARNING if report.failed else Health.OK if report.status is Status.OK else Health.NONE
    reasons = "; ".join(f"{command.name}: {command.detail or words(command.status)}" for command in report.failing)
    return name, Cell(words(report.status), health), Cell(reasons), Cell(f"{report.duration:.2f} s")


def words(status: Status) -> str:
    """Returns a status in words."""
    return status.value.replace("_", " ")


_DELIVERIES = {"idle": Cell("none yet"), "ok": Cell("succeeded", Health.OK), "failing": Cell("failed", Health.WARNING)}


def _targets(view: ClusterView) -> Iterator[Row]:
    queued = {row["target"]: float(row["value"]) for row in view.rows(self_metrics.NOTIFICATIONS_QUEUED)}
    for row in view.rows(self_metrics.TARGET_STATE):
        state = next((_DELIVERIES[state] for state in self_metrics.TARGET_STATE.states if row[state]), UNKNOWN)
        count = queued.get(row["target"])
        yield Cell(str(row["target"])), Cell(str(row["kind"])), state, UNKNOWN if count is None else Cell(f"{count:g}")


SUMMARIES = (Summary(category=COLLECTOR, source=Source(), describe=describe_gateway),)
