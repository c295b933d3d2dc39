"""Pacemaker's conditions: the cluster, its nodes, fencing and resources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from gateway.conditions.matching import evidence_from, has_samples, number_equals, samples_where
from gateway.conditions.model import CLUSTER, FENCING, NODE, RESOURCE, Condition, Find, Finding, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.corosync import facts as corosync_facts
from gateway.subsystems.pacemaker import facts, metrics

CRM_MON = evidence_from("pacemaker", "crm_mon")
CIBADMIN = evidence_from("pacemaker", "cibadmin")


def has_node_states(view: ClusterView) -> bool:
    """Returns whether the states of nodes are known. Without a designated controller crm_mon shows all as offline."""
    return CRM_MON(view) and bool(facts.dc(view))


_ON = "{resource} on {node}"


def nodes_where(matches: Callable[[Row], object]) -> Find:
    """Returns a function that yields the nodes whose states match, with their ids if these are known."""

    def find(view: ClusterView) -> Iterator[Finding]:
        for row in view.rows(metrics.NODES):
            if matches(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.accumulated(corosync_facts.node_ids).get(name, "")})

    return find


def find_missing_dc(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if Pacemaker is running, but there is no designated controller."""
    if view.number(metrics.UP) and not facts.dc(view):
        yield Finding("", {})


def find_fenced_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that were fenced since the previous view. Older events do not count in the first view."""
    fenced_before = view.accumulated_before(facts.last_fenced)
    if fenced_before is None:
        return
    events = {
        str(row["target"]): row for row in view.rows(metrics.FENCE_EVENTS_TIMESTAMP) if row["status"] == "success"
    }
    for target, time in facts.fencing_times(view, "success").items():
        if time > fenced_before.get(target, -math.inf):
            fields = {name: str(value) for name, value in events[target].items() if isinstance(value, str)}
            yield Finding(target, {**fields, "by": fields["delegate"] or "the cluster"})


_RECENT = 3600.0
"""Seconds for which a failure to fence a node counts even if the node is online again."""


def find_failed_fencing(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes whose last fencing failed."""
    succeeded = facts.fencing_times(view, "success")
    for target, time in facts.fencing_times(view, "failed").items():
        recent = view.snapshot.time - time < _RECENT
        if time > succeeded.get(target, -math.inf) and (recent or target not in facts.online_nodes(view)):
            yield Finding(target, {"target": target})


def instances_in(state: str) -> Find:
    """Returns a function that yields the resource instances in a state; stopped instances have no node."""

    def find(view: ClusterView) -> Iterator[Finding]:
        objects: set[str] = set()
        for row in view.rows(metrics.RESOURCES, state=state):
            fields = {name: str(row[name]) for name in ("resource", "node", "role", "agent")}
            name = _ON.format_map(fields) if fields["node"] else fields["resource"]
            if name not in objects:
                objects.add(name)
                yield Finding(name, fields)

    return find


def find_stopped_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources that are stopped and should run, and the clones without any active instance."""
    infos = metrics.RESOURCE_INFO
    not_expected = {row["resource"] for row in view.rows(infos, target_role="stopped")}
    not_expected |= {row["resource"] for row in view.rows(infos, maintenance="true")}
    objects: set[str] = set()
    for row in view.rows(metrics.RESOURCES, role="stopped", managed="true"):
        name = str(row["clone"] or row["resource"])
        if name not in objects and name not in view.fact(facts.activity).active and row["resource"] not in not_expected:
            objects.add(name)
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def find_moved_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources that are active on another node than before."""
    nodes_before = view.accumulated_before(facts.last_nodes)
    if nodes_before is None:
        return
    for resource, nodes in view.fact(facts.activity).nodes.items():
        before = nodes_before.get(resource)
        if before and before != nodes:
            yield Finding(
                resource,
                {"resource": resource, "from": ", ".join(sorted(before)), "node": ", ".join(sorted(nodes))},
            )


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
            yield Finding(_ON.format_map(fields), fields)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="pacemaker-down",
        severity=Severity.CRITICAL,
        category=CLUSTER,
        raised="Pacemaker does not run on this node",
        cleared="Pacemaker runs on this node again",
        meaning="The node runs no resources of the cluster, or runs them without supervision.",
        action="Check `systemctl status pacemaker` and the log of Pacemaker, then start it.",
        find=number_equals(metrics.UP, 0),
        has_evidence=has_samples(metrics.UP),
        local=True,
    ),
    Condition(
        name="dc-missing",
        severity=Severity.MAJOR,
        category=CLUSTER,
        raised="The cluster has no designated controller",
        cleared="The cluster has a designated controller again",
        meaning="No node decides where resources run, so nothing is recovered.",
        action="An election takes seconds. If it does not end, check the log of Pacemaker on all nodes.",
        find=find_missing_dc,
        has_evidence=CRM_MON,
        hold=30.0,
    ),
    Condition(
        name="maintenance-mode",
        severity=Severity.MINOR,
        category=CLUSTER,
        raised="The cluster is in maintenance mode",
        cleared="The cluster is no longer in maintenance mode",
        meaning="The cluster does not react to anything that happens to its resources.",
        action="End it when the work is done: `crm configure property maintenance-mode=false`, or "
        "`pcs property set maintenance-mode=false`.",
        find=number_equals(metrics.MAINTENANCE_MODE_ENABLED, 1),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="fencing-disabled",
        severity=Severity.WARNING,
        category=CLUSTER,
        raised="Fencing is disabled",
        cleared="Fencing is enabled",
        meaning="The cluster cannot recover safely from a node that does not respond. Data may be damaged.",
        action="Configure fencing, and set `stonith-enabled=true`.",
        find=number_equals(metrics.STONITH_ENABLED, 0),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="node-lost",
        severity=Severity.MAJOR,
        category=NODE,
        about="the node",
        raised="{node} is not online",
        cleared="{node} is online again",
        meaning="The node is down or unreachable, or its cluster stack is stopped.",
        action="Find out whether it was fenced or shut down. Check its console and the network.",
        find=nodes_where(lambda row: not row["online"] and not row["pending"]),
        has_evidence=has_node_states,
    ),
    Condition(
        name="node-unclean",
        severity=Severity.CRITICAL,
        category=NODE,
        about="the node",
        raised="{node} is unclean and has to be fenced",
        cleared="{node} is no longer unclean",
        meaning="The resources of the node cannot run elsewhere until it is fenced.",
        action="If fencing does not succeed, make sure that the node is off, then run `stonith_admin --confirm NODE`.",
        find=nodes_where(lambda row: row["unclean"]),
        has_evidence=has_node_states,
    ),
    Condition(
        name="node-pending",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is pending, and does not come online",
        cleared="{node} is no longer pending",
        meaning="The node is a member in Corosync, but has not joined the cluster in Pacemaker.",
        action="Check the log of Pacemaker on that node and on the designated controller.",
        find=nodes_where(lambda row: row["pending"]),
        has_evidence=has_node_states,
        hold=60.0,
    ),
    Condition(
        name="node-standby",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is in standby",
        cleared="{node} is no longer in standby",
        meaning="The node runs no resources and is not available for failover.",
        action="Run `crm node online NODE` or `pcs node unstandby NODE` when the work is done.",
        find=nodes_where(lambda row: row["standby"] or row["standby_onfail"]),
        has_evidence=has_node_states,
    ),
    Condition(
        name="node-maintenance",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is in maintenance",
        cleared="{node} is no longer in maintenance",
        meaning="The cluster does not react to anything that happens to the resources of the node.",
        action="Run `crm node ready NODE` or `pcs node unmaintenance NODE` when the work is done.",
        find=nodes_where(lambda row: row["maintenance"]),
        has_evidence=has_node_states,
    ),
    Condition(
        name="fencing-performed",
        severity=Severity.MAJOR,
        category=FENCING,
        about="the node",
        raised="{target} was fenced ({action}) by {by}",
        cleared="Nothing more was fenced: {target}",
        meaning="The cluster has fenced a node, usually by rebooting it.",
        action="Find the reason in `stonith_admin --history NODE` and in the logs before that time.",
        find=find_fenced_nodes,
        has_evidence=CRM_MON,
        expires_after=300.0,
    ),
    Condition(
        name="fencing-failed",
        severity=Severity.CRITICAL,
        category=FENCING,
        about="the node",
        raised="{target} could not be fenced",
        cleared="{target} is fenced, or has been online for long enough",
        meaning="The resources of the node cannot run elsewhere.",
        action="Check the fencing device. If the node is certainly off, run `stonith_admin --confirm NODE`.",
        find=find_failed_fencing,
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-failed",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed on {node}",
        cleared="{resource} is no longer failed on {node}",
        meaning="A resource instance has failed, and the cluster tries to recover it.",
        action="Check `crm_mon -1 -r -f` and the log of the resource agent.",
        find=instances_in("failed"),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-blocked",
        severity=Severity.CRITICAL,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} is blocked",
        cleared="{resource} is no longer blocked",
        meaning="The cluster cannot manage the resource: usually a stop has failed, and fencing is not possible.",
        action="Repair it manually, then run `crm_resource --cleanup --resource RESOURCE`.",
        find=instances_in("blocked"),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-stopped",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource or the clone",
        raised="{resource} is stopped, and should run",
        cleared="{resource} runs, or need not",
        meaning="The service is not available: no node may run it, or it has failed on all nodes.",
        action="Run `crm_simulate -sL` for the scores. Look for failures, constraints and missing nodes.",
        find=find_stopped_resources,
        has_evidence=CRM_MON,
        hold=30.0,
    ),
    Condition(
        name="resource-moved",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the resource",
        raised="{resource} has moved from {from} to {node}",
        cleared="{resource} has stayed where it is",
        meaning="The resource has failed over, or an administrator has moved it.",
        action="Find the reason in the failed actions and in the fencing history.",
        find=find_moved_resources,
        has_evidence=CRM_MON,
        expires_after=300.0,
    ),
    Condition(
        name="fail-count",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed {count} times on {node} and may not run there any more",
        cleared="{resource} may run on {node} again",
        meaning="The fail count has reached the migration threshold.",
        action="Find out why it fails, then run `crm_resource --cleanup --resource RESOURCE --node NODE`.",
        find=find_exhausted_fail_counts,
        has_evidence=CRM_MON,
    ),
    Condition(
        name="failed-action",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the operation, the resource and the node",
        raised="{operation} of {resource} has failed on {node}: {status}",
        cleared="The failure of {operation} of {resource} on {node} is cleaned up",
        meaning="An operation of a resource has failed and is in the list of failed actions.",
        action="Find out why, then run `crm_resource --cleanup --resource RESOURCE`.",
        find=samples_where(metrics.FAILED_ACTIONS, lambda _: True, about="{operation} of {resource} on {node}"),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="move-left-behind",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the constraint",
        raised="{resource} is kept away from {node} by {constraint}, left over from a move",
        cleared="{constraint} is gone",
        meaning="A manual move has left a constraint that bans the resource from a node until it is removed.",
        action="Run `crm_resource --clear --resource RESOURCE`.",
        find=samples_where(
            metrics.LOCATION_CONSTRAINTS,
            lambda row: str(row["constraint"]).startswith("cli-ban-") and float(row["value"]) < 0,
            about="{constraint}",
        ),
        has_evidence=CIBADMIN,
    ),
)
