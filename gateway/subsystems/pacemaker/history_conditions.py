"""Pacemaker's conditions of what the past has left: fail counts, failed actions, and constraints of moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.model import RESOURCE, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.pacemaker.evidence import CONSTRAINTS, STATES, node_is_removed, resource_is_removed


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
        if 0 < threshold <= count:
            fields = {**dict(zip(metrics.FAIL_COUNT.labels, labels, strict=True)), "count": f"{count:g}"}
            yield Finding("{resource} on {node}".format_map(fields), fields)


def find_failed_actions(view: ClusterView) -> Iterator[Finding]:
    """Yields the failed actions, with what is known about why they failed."""
    labels = ("node", "resource", "operation", "interval")
    reasons = {tuple(row[label] for label in labels): row for row in view.rows(metrics.FAILED_ACTION_REASONS)}
    objects: set[str] = set()
    for row in view.rows(metrics.FAILED_ACTIONS):
        fields = {name: value for name, value in row.items() if isinstance(value, str)}
        name = "{operation} of {resource} on {node}".format_map(fields)
        if name not in objects:
            objects.add(name)
            known = reasons.get(tuple(row[label] for label in labels), {})
            yield Finding(name, {**fields, "why": _why(fields["status"], known)})


_ORDINARY = frozenset({"", "complete", "done"})
"""How the execution of an agent ends if the agent has returned by itself."""


def _why(status: str, reason: Mapping[str, str | float]) -> str:
    """Returns why an action failed: what the agent returned, how its execution ended, and the reason."""
    execution, text = str(reason.get("execution", "")), str(reason.get("reason", ""))
    status = status if execution in _ORDINARY else f"{status} ({execution})"
    return f"{status}: {text}" if text else status


def node_is_online(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node of a finding is online: only then does crm_mon show all that has failed on it."""
    node = finding.fields["node"]
    return not node or node in facts.online_nodes(view)


def has_lower_fail_count(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node is online and lists a lower fail count of the resource, or has no history of it."""
    labels = {name: finding.fields[name] for name in metrics.FAIL_COUNT.labels}
    has_count, has_threshold = (
        any(view.rows(metric, **labels)) for metric in (metrics.FAIL_COUNT, metrics.MIGRATION_THRESHOLD)
    )
    return has_count == has_threshold and node_is_online(view, finding)


def resource_or_node_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the resource or the node of a finding is no longer configured."""
    node = finding.fields["node"]
    removed = bool(node) and node_is_removed(view, Finding(node, finding.fields))
    return removed or resource_is_removed(view, finding)


OPERATION_GONE = Gone(
    "crm_mon no longer lists the resource or the node",
    "{resource} or {node} is no longer configured",
    resource_or_node_is_removed,
)


def constraint_is_listed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a constraint is listed, in effect or expired."""
    listed = (metrics.LOCATION_CONSTRAINTS, metrics.LOCATION_EXPIRED)
    return any(any(view.rows(metric, constraint=finding.object)) for metric in listed)


def constraint_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a constraint is not listed, and not one whose score could not be read."""
    commands = view.snapshot.collectors["pacemaker"].commands
    complete = not any(command.unreadable for command in commands if command.name == "cibadmin")
    return complete and not constraint_is_listed(view, finding)


def find_left_moves(view: ClusterView) -> Iterator[Finding]:
    """Yields the constraints in effect that a manual move has left behind."""
    for row in view.rows(metrics.LOCATION_CONSTRAINTS):
        constraint, score = str(row["constraint"]), float(row["value"])
        fields = {name: str(row[name]) for name in ("constraint", "resource", "node")}
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
        raised="{resource} has failed {count} times on {node} and may not run there",
        cleared="{resource} may run on {node} again",
        meaning="The fail count has reached the migration threshold.",
        action="Find out why it fails, then run `crm_resource --cleanup --resource RESOURCE --node NODE`.",
        source=STATES,
        find=find_exhausted_fail_counts,
        absent=Absent("crm_mon shows the node as online, without such a fail count", has_lower_fail_count),
        gone=OPERATION_GONE,
    ),
    Condition(
        name="failed-action",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the operation, the resource and the node",
        raised="{operation} of {resource} has failed on {node}: {why}",
        cleared="{operation} of {resource} on {node} is no longer listed",
        meaning="An operation of a resource has failed and is in the list of failed actions.",
        action="Find out why, then run `crm_resource --cleanup --resource RESOURCE`.",
        source=STATES,
        find=find_failed_actions,
        absent=Absent("crm_mon shows the node as online, without the failed action", node_is_online),
        gone=OPERATION_GONE,
    ),
    Condition(
        name="move-left-behind",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the constraint",
        raised="{constraint}, left from a move, {effect}",
        cleared="{constraint} no longer has an effect",
        meaning="A manual move has left a constraint that bans the resource from a node, or ties it to one.",
        action="Run `crm_resource --clear --resource RESOURCE`.",
        source=CONSTRAINTS,
        find=find_left_moves,
        absent=Absent("cibadmin lists the constraint, but it has expired or has no effect", constraint_is_listed),
        gone=Gone("cibadmin no longer lists the constraint", "{constraint} was removed", constraint_is_removed),
    ),
)
