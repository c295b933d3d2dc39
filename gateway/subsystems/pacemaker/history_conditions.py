"""Pacemaker's conditions of what the past has left: fail counts, failed actions, and constraints of moves."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gateway.conditions.model import RESOURCE, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.pacemaker.cib_rules import LOCATIONS
from gateway.subsystems.pacemaker.cluster_status import FAILURES, HISTORY
from gateway.subsystems.pacemaker.evidence import CONSTRAINTS, PLACE_GONE, STATES

_NODE = metrics.FAIL_COUNT.labels.index("node")
_CONSTRAINT = metrics.LOCATION_CONSTRAINTS.labels.index("constraint")


def find_exhausted_fail_counts(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources that may no longer run on a node, because their fail count has reached the threshold."""
    samples_by_metric = view.snapshot.samples_by_metric
    thresholds = samples_by_metric.get(metrics.MIGRATION_THRESHOLD, {})
    for labels, count in samples_by_metric.get(metrics.FAIL_COUNT, {}).items():
        if not count:
            continue  # skip early: a large cluster has thousands, nearly all of them 0
        threshold = thresholds.get(labels, 0)  # both have the same labels
        assert not isinstance(count, tuple)
        assert not isinstance(threshold, tuple)
        if 0 < threshold <= count and facts.is_listed_or_empty(view, labels[_NODE]):
            fields = {**dict(zip(metrics.FAIL_COUNT.labels, labels, strict=True)), "times": _times(count)}
            yield Finding("{resource} on {node}".format_map(fields), fields)


def _times(count: float) -> str:
    """Returns how often a resource has failed; nothing for INFINITY, with which Pacemaker counts a fatal failure."""
    if count == math.inf:
        return ""
    return " once" if count == 1 else f" {count:g} times"


def find_failed_actions(view: ClusterView) -> Iterator[Finding]:
    """Yields the failed actions, with what is known about why they failed."""
    labels = ("node", "resource", "operation", "interval")
    reasons = {tuple(row[label] for label in labels): row for row in view.rows(metrics.FAILED_ACTION_REASONS)}
    for row in view.rows(metrics.FAILED_ACTIONS):
        fields = {name: value for name, value in row.items() if isinstance(value, str)}
        name = "{operation} of {resource} on {node}".format_map(fields)
        if fields["operation"] and facts.is_listed_or_empty(view, fields["node"]):
            known = reasons.get(tuple(row[label] for label in labels), {})
            yield Finding(name, {**fields, "why": _why(fields["status"], known)})


_ORDINARY = frozenset({"", "complete", "done"})
"""How the execution of an agent ends if the agent has returned by itself."""


def _why(status: str, reason: Row) -> str:
    """Returns why an action failed: what the agent returned, how its execution ended, and the reason."""
    execution, text = str(reason.get("execution", "")), str(reason.get("reason", ""))
    status = status if execution in _ORDINARY else f"{status} ({execution})"
    return f"{status}: {text}" if text else status


def failure_is_over(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node of a failure is online, so that crm_mon lists its failures, and all were read."""
    return finding.fields["node"] in facts.online_nodes(view) and view.has_read_all("pacemaker", "crm_mon", FAILURES)


def has_lower_fail_count(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node is online and lists a lower fail count of the resource, or a history without it."""
    node, resource = finding.fields["node"], finding.fields["resource"]
    if node not in facts.online_nodes(view):
        return False
    count, threshold = (
        {row["resource"] for row in view.rows(metric, node=node)}
        for metric in (metrics.FAIL_COUNT, metrics.MIGRATION_THRESHOLD)
    )
    if resource in count or resource in threshold:
        return resource in count and resource in threshold
    return bool(threshold) and view.has_read_all("pacemaker", "crm_mon", HISTORY)


def constraint_has_no_effect(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a constraint has expired, or has a score (not one that is looked for) without an end."""
    if is_listed(view, finding, metrics.LOCATION_EXPIRED):
        return True
    has_end = is_listed(view, finding, metrics.LOCATION_EXPIRES)
    return is_listed(view, finding, metrics.LOCATION_CONSTRAINTS) and not has_end


def is_listed(view: ClusterView, finding: Finding, metric: Metric) -> bool:
    """Returns whether a metric has a sample of a constraint."""
    return any(True for _ in view.rows(metric, constraint=finding.object))


def constraint_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a constraint is not listed, and all constraints were read."""
    listed = (metrics.LOCATION_CONSTRAINTS, metrics.LOCATION_EXPIRED, metrics.LOCATION_EXPIRES)
    complete = view.has_read_all("pacemaker", "cibadmin", LOCATIONS)
    return complete and not any(is_listed(view, finding, metric) for metric in listed)


def find_left_moves(view: ClusterView) -> Iterator[Finding]:
    """Yields the constraints in effect that a manual move has left behind; one with an end is not left behind."""
    with_end = {row["constraint"] for row in view.rows(metrics.LOCATION_EXPIRES)}
    for labels, score in view.snapshot.samples_by_metric.get(metrics.LOCATION_CONSTRAINTS, {}).items():
        constraint = labels[_CONSTRAINT]
        if not constraint.startswith("cli-") or constraint in with_end:
            continue  # skip early: a large cluster has hundreds
        assert not isinstance(score, tuple)
        row = dict(zip(metrics.LOCATION_CONSTRAINTS.labels, labels, strict=True))
        fields = {name: row[name] for name in ("constraint", "resource", "node")}
        if constraint.startswith("cli-ban-") and score < 0:
            yield Finding(constraint, {**fields, "effect": "keeps {resource} off {node}".format_map(fields)})
        elif constraint.startswith("cli-prefer-") and score > 0:
            yield Finding(constraint, {**fields, "effect": "ties {resource} to {node}".format_map(fields)})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="fail-count",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed{times} on {node} and may not run there",
        cleared="{resource} may run on {node} again",
        meaning="The fail count has reached the migration threshold.",
        action="Find out why it fails, then run `crm_resource --cleanup --resource RESOURCE --node NODE`.",
        source=STATES,
        find=find_exhausted_fail_counts,
        absent=Absent(
            "crm_mon shows the node as online, with its history and without such a fail count", has_lower_fail_count
        ),
        gone=PLACE_GONE,
    ),
    Condition(
        name="failed-action",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the operation, the resource and the node",
        raised="{operation} of {resource} has failed on {node}: {why}",
        cleared="{operation} of {resource} on {node} is no longer listed",
        meaning="An operation of a resource has failed and is in the list of failed actions.",
        action="Read `journalctl -u pacemaker` and the log of the service on the node from that time, then run "
        "`crm_resource --cleanup --resource RESOURCE`.",
        source=STATES,
        find=find_failed_actions,
        absent=Absent("crm_mon shows the node as online, without the failed action", failure_is_over),
        gone=PLACE_GONE,
    ),
    Condition(
        name="move-left-behind",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the constraint",
        raised="Constraint {constraint}, left by a move, {effect}",
        cleared="Constraint {constraint} no longer has an effect",
        meaning="A manual move has left a permanent constraint that bans the resource from a node or ties it to one.",
        action="When the cluster may place the resource freely again, run `crm_resource --clear --resource RESOURCE`. "
        "The resource can move then.",
        source=CONSTRAINTS,
        find=find_left_moves,
        absent=Absent("cibadmin lists the constraint, but it has expired or has no effect", constraint_has_no_effect),
        gone=Gone(
            "cibadmin no longer lists the constraint", "Constraint {constraint} was removed", constraint_is_removed
        ),
    ),
)
