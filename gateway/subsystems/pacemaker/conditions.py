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


def nodes_known(view: ClusterView) -> bool:
    """Returns whether nodes are known: without a designated controller crm_mon shows all of them as offline."""
    return CRM_MON(view) and bool(facts.dc(view))


_ON = "{resource} on {node}"


def node(state: Callable[[Row], object]) -> Find:
    """Returns what finds nodes in a state, with their ids for those who know them by these."""

    def find(view: ClusterView) -> Iterator[Finding]:
        for row in view.rows(metrics.NODES):
            if state(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.accumulated(corosync_facts.node_ids).get(name, "")})

    return find


def no_dc(view: ClusterView) -> Iterator[Finding]:
    """Finds that nobody is the designated controller, though Pacemaker runs."""
    if view.number(metrics.UP) and not facts.dc(view):
        yield Finding("", {})


def fenced(view: ClusterView) -> Iterator[Finding]:
    """Finds nodes that were fenced since the view before; what was there at the start has not happened now."""
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
"""Seconds for which a failure to fence counts even if the node is online: the next time it has to work."""


def fencing_failed(view: ClusterView) -> Iterator[Finding]:
    """Finds nodes that could not be fenced when that was last tried."""
    succeeded = facts.fencing_times(view, "success")
    for target, time in facts.fencing_times(view, "failed").items():
        recent = view.snapshot.time - time < _RECENT
        if time > succeeded.get(target, -math.inf) and (recent or target not in facts.online_nodes(view)):
            yield Finding(target, {"target": target})


def instance(state: str) -> Find:
    """Returns what finds instances in a state; one that is stopped is on no node."""

    def find(view: ClusterView) -> Iterator[Finding]:
        seen: set[str] = set()
        for row in view.rows(metrics.RESOURCES, state=state):
            fields = {name: str(row[name]) for name in ("resource", "node", "role", "agent")}
            name = _ON.format_map(fields) if fields["node"] else fields["resource"]
            if name not in seen:
                seen.add(name)
                yield Finding(name, fields)

    return find


def stopped(view: ClusterView) -> Iterator[Finding]:
    """Finds what is stopped and should run. Of a clone that is only true if none of its instances is active."""
    infos = metrics.RESOURCE_INFO
    unwanted = {row["resource"] for row in view.rows(infos, target_role="stopped")}
    unwanted |= {row["resource"] for row in view.rows(infos, maintenance="true")}
    seen: set[str] = set()
    for row in view.rows(metrics.RESOURCES, role="stopped", managed="true"):
        name = str(row["clone"] or row["resource"])
        if name not in seen and name not in view.fact(facts.activity).active and row["resource"] not in unwanted:
            seen.add(name)
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def moved(view: ClusterView) -> Iterator[Finding]:
    """Finds resources that are on another node than before."""
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


def at_threshold(view: ClusterView) -> Iterator[Finding]:
    """Finds resources that may not run on a node any more, because they have failed there too often."""
    samples_by_metric = view.snapshot.samples_by_metric
    thresholds = samples_by_metric.get(metrics.MIGRATION_THRESHOLD, {})
    for labels, count in samples_by_metric.get(metrics.FAIL_COUNT, {}).items():
        if not count:
            continue  # most, where there are thousands
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
        meaning="The node runs no resources of the cluster, or nobody watches over those that it runs.",
        action="`systemctl status pacemaker`, its log, then start it.",
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
        meaning="Nobody decides what runs where: nothing is recovered.",
        action="An election takes seconds; if it does not end, look at Pacemaker's log on all nodes.",
        find=no_dc,
        has_evidence=CRM_MON,
        hold=30.0,
    ),
    Condition(
        name="maintenance-mode",
        severity=Severity.MINOR,
        category=CLUSTER,
        raised="The cluster is in maintenance mode",
        cleared="The cluster is no longer in maintenance mode",
        meaning="Resources are left alone, whatever happens to them.",
        action="End it when the work is done: `crm configure property maintenance-mode=false`, or `pcs property`.",
        find=number_equals(metrics.MAINTENANCE_MODE_ENABLED, 1),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="fencing-disabled",
        severity=Severity.WARNING,
        category=CLUSTER,
        raised="Fencing is disabled",
        cleared="Fencing is enabled",
        meaning="A node that does not answer cannot be recovered from safely: data may be damaged.",
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
        meaning="The node is down, cut off, or its cluster stack is stopped.",
        action="Find out whether it was fenced or shut down; look at its console and at the network.",
        find=node(lambda row: not row["online"] and not row["pending"]),
        has_evidence=nodes_known,
    ),
    Condition(
        name="node-unclean",
        severity=Severity.CRITICAL,
        category=NODE,
        about="the node",
        raised="{node} is unclean and has to be fenced",
        cleared="{node} is no longer unclean",
        meaning="Its resources cannot run elsewhere until it is fenced.",
        action="If fencing does not succeed: make sure that it is off, then `stonith_admin --confirm NODE`.",
        find=node(lambda row: row["unclean"]),
        has_evidence=nodes_known,
    ),
    Condition(
        name="node-pending",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is pending, and does not come online",
        cleared="{node} is no longer pending",
        meaning="It has joined Corosync's membership, but Pacemaker has not taken it in.",
        action="Look at Pacemaker's log on that node and on the designated controller.",
        find=node(lambda row: row["pending"]),
        has_evidence=nodes_known,
        hold=60.0,
    ),
    Condition(
        name="node-standby",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is in standby",
        cleared="{node} is no longer in standby",
        meaning="It runs no resources: there is one node less to fail over to.",
        action="`crm node online NODE` or `pcs node unstandby NODE` when the work is done.",
        find=node(lambda row: row["standby"] or row["standby_onfail"]),
        has_evidence=nodes_known,
    ),
    Condition(
        name="node-maintenance",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="{node} is in maintenance",
        cleared="{node} is no longer in maintenance",
        meaning="Its resources are left alone, whatever happens to them.",
        action="`crm node ready NODE` or `pcs node unmaintenance NODE` when the work is done.",
        find=node(lambda row: row["maintenance"]),
        has_evidence=nodes_known,
    ),
    Condition(
        name="fencing-performed",
        severity=Severity.MAJOR,
        category=FENCING,
        about="the node",
        raised="{target} was fenced ({action}) by {by}",
        cleared="Nothing more was fenced: {target}",
        meaning="The cluster has cut a node off, usually by a reboot.",
        action="Look at `stonith_admin --history NODE` and at the logs before that time for the reason.",
        find=fenced,
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
        meaning="Its resources cannot run elsewhere.",
        action="Check the fencing device; if the node is surely off: `stonith_admin --confirm NODE`.",
        find=fencing_failed,
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-failed",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed on {node}",
        cleared="{resource} is no longer failed on {node}",
        meaning="An instance is in a failed state, and the cluster tries to recover it.",
        action="Look at `crm_mon -1 -r -f` and at the agent's log.",
        find=instance("failed"),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-blocked",
        severity=Severity.CRITICAL,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} is blocked",
        cleared="{resource} is no longer blocked",
        meaning="The cluster can do nothing more: usually a stop has failed, and there is no fencing.",
        action="Mend it by hand, then `crm_resource --cleanup --resource RESOURCE`.",
        find=instance("blocked"),
        has_evidence=CRM_MON,
    ),
    Condition(
        name="resource-stopped",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource or the clone",
        raised="{resource} is stopped, and should run",
        cleared="{resource} runs, or need not",
        meaning="The service is not there: there is no node for it, or it has failed everywhere.",
        action="`crm_simulate -sL` tells the scores; look for failures, constraints and missing nodes.",
        find=stopped,
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
        meaning="A failover, or somebody's move.",
        action="Look for the reason in failed actions and in the fencing history.",
        find=moved,
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
        meaning="The migration threshold is reached.",
        action="Find out why it fails, then `crm_resource --cleanup --resource RESOURCE --node NODE`.",
        find=at_threshold,
        has_evidence=CRM_MON,
    ),
    Condition(
        name="failed-action",
        severity=Severity.MINOR,
        category=RESOURCE,
        about="the operation, the resource and the node",
        raised="{operation} of {resource} has failed on {node}: {status}",
        cleared="The failure of {operation} of {resource} on {node} is cleaned up",
        meaning="An operation is in the list of failed actions.",
        action="Find out why, then `crm_resource --cleanup --resource RESOURCE`.",
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
        meaning="A manual move has left a constraint that forbids a node, until somebody removes it.",
        action="`crm_resource --clear --resource RESOURCE`.",
        find=samples_where(
            metrics.LOCATION_CONSTRAINTS,
            lambda row: str(row["constraint"]).startswith("cli-ban-") and float(row["value"]) < 0,
            about="{constraint}",
        ),
        has_evidence=CIBADMIN,
    ),
)
