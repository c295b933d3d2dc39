"""Pacemaker's conditions of fencing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gateway.conditions.model import FENCING, Absent, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import fencing_facts, metrics
from gateway.subsystems.pacemaker.evidence import CRM_MON, NODE_GONE, STATES
from gateway.subsystems.pacemaker.node_conditions import is_settled


def find_fenced_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that were fenced since the previous view. Older events do not count in the first view."""
    baseline = view.accumulated_before(fencing_facts.fencing_baseline)
    if baseline is None:
        return
    for target, event in view.fact(fencing_facts.fencing_successes).items():
        if baseline.is_new(event):
            yield Finding(target, {**event.fields, "by": event.fields["delegate"] or "the cluster"})


def find_failed_fencing(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes whose last fencing failed, and which are not online or failed recently."""
    if not fencing_facts.history_is_complete(view):
        return  # it may lack a later success
    successes = view.fact(fencing_facts.fencing_successes)
    for target, event in view.fact(fencing_facts.fencing_failures).items():
        recent = view.snapshot.time - event.time < fencing_facts.RECENT
        if event.is_later_than(successes.get(target)) and (recent or _is_offline(view, target)):
            yield _failure(view, event)


def _is_offline(view: ClusterView, node: str) -> bool:
    return any(row["online"] is False for row in view.rows(metrics.NODES, node=node))


def _failure(view: ClusterView, event: fencing_facts.FencingEvent) -> Finding:
    target = event.fields["target"]
    fields = {"node": target, "ended": repr(event.time), "why": why_fencing_failed(view, event)}
    return Finding(target, {**event.fields, **fields})


def why_fencing_failed(view: ClusterView, event: fencing_facts.FencingEvent) -> str:
    """Returns why fencing failed, to be appended to a sentence; "" if that is unknown."""
    labels = {name: event.fields[name] for name in ("target", "action", "status")}
    return next((f": {row['reason']}" for row in view.rows(metrics.FENCE_EVENT_REASONS, **labels)), "")


def _has_succeeded_since(
    view: ClusterView, finding: Finding, successes: Callable[[ClusterView], Mapping[str, fencing_facts.FencingEvent]]
) -> bool:
    """Returns whether something succeeded since a failure, which may have been removed from the history meanwhile.

    Pacemaker's times are in seconds. A success of the same second is later: with an earlier one, the failure would not
    have been found.
    """
    success = view.fact(successes).get(finding.object)
    return success is not None and success.time >= float(finding.fields["ended"])


def fencing_is_over(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node was fenced since its fencing failed, or need not be fenced."""
    if _has_succeeded_since(view, finding, fencing_facts.fencing_successes):
        return True
    return any(is_settled(row) and row["unclean"] is False for row in view.rows(metrics.NODES, node=finding.object))


def find_failed_unfencing(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes whose last unfencing failed, unless they were fenced since."""
    if not fencing_facts.history_is_complete(view):
        return  # it may lack a later success
    later = (view.fact(fencing_facts.unfencing_successes), view.fact(fencing_facts.fencing_successes))
    for target, event in view.fact(fencing_facts.unfencing_failures).items():
        if all(event.is_later_than(successes.get(target)) for successes in later):
            yield _failure(view, event)


def unfencing_is_over(view: ClusterView, finding: Finding) -> bool:
    """Returns whether something succeeded since unfencing a node failed."""
    successes = (fencing_facts.unfencing_successes, fencing_facts.fencing_successes)
    return any(_has_succeeded_since(view, finding, of_kind) for of_kind in successes)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="fencing-performed",
        severity=Severity.MAJOR,
        category=FENCING,
        about="the node",
        raised="{target} was fenced ({action}) by {by}",
        cleared="{target} was fenced more than 5 minutes ago",
        meaning="The cluster has fenced a node, usually by rebooting it.",
        action="Run `stonith_admin --history NODE`, and read the logs of that node and of the designated controller "
        "from before that time.",
        source=CRM_MON,
        find=find_fenced_nodes,
        expires_after=300.0,
    ),
    Condition(
        name="fencing-failed",
        severity=Severity.CRITICAL,
        category=FENCING,
        about="the node",
        raised="{target} could not be fenced{why}",
        cleared="{target} was fenced, or no longer has to be",
        meaning="The resources of the node cannot run elsewhere.",
        action="Run `stonith_admin --history NODE --verbose`, and check the fencing device: its network, password and "
        "power. Only if the node is certainly off, run `stonith_admin --confirm NODE`.",
        source=STATES,
        find=find_failed_fencing,
        absent=Absent(
            "a later fencing of the node has succeeded, or crm_mon shows the node as online and not unclean",
            fencing_is_over,
        ),
        gone=NODE_GONE,
    ),
    Condition(
        name="unfencing-failed",
        severity=Severity.MINOR,
        category=FENCING,
        about="the node",
        raised="{target} could not be unfenced{why}",
        cleared="{target} was unfenced, or fenced",
        meaning="The node may not use the resources that its unfencing would have enabled, such as shared storage.",
        action="Check the fencing device, then restart the cluster on the node.",
        source=STATES,
        find=find_failed_unfencing,
        absent=Absent("a later unfencing or fencing of the node has succeeded", unfencing_is_over),
        gone=NODE_GONE,
    ),
)
