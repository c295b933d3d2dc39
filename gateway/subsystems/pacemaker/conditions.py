"""Pacemaker's conditions: the cluster, its nodes, fencing and resources."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from gateway.conditions.matching import has_number, is_among, names_in, number_equals, read_from, samples_where
from gateway.conditions.model import (
    CLUSTER,
    FENCING,
    NODE,
    RESOURCE,
    Absent,
    Condition,
    Find,
    Finding,
    Gone,
    Holds,
    Severity,
    Source,
)
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import facts, metrics

CRM_MON = read_from("pacemaker", "crm_mon")
CIBADMIN = read_from("pacemaker", "cibadmin")
STATES = Source(collector="pacemaker", commands=("crm_mon",), requires=facts.dc)
"""The states of nodes and resources. Without a designated controller they are unknown: crm_mon shows all as offline."""

_ON = "{resource} on {node}"


def find_missing_dc(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if Pacemaker is running, but there is no designated controller."""
    if view.number(metrics.UP) and not facts.dc(view):
        yield Finding("", {})


# --- nodes -----------------------------------------------------------------------------------------------------------


def nodes_where(matches: Callable[[Row], object]) -> Find:
    """Returns a function that yields the nodes whose states match, with their ids."""

    def find(view: ClusterView) -> Iterator[Finding]:
        for row in view.rows(metrics.NODES):
            if matches(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.fact(facts.node_ids).get(name, "")})

    return find


def find_lost_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that are neither online nor pending; a guest node is as offline as its resource is inactive."""
    lost = nodes_where(lambda row: not row["online"] and not row["pending"])
    return (finding for finding in lost(view) if finding.object not in view.fact(facts.guest_nodes))


def node_is(matches: Callable[[Row], object]) -> Holds:
    """Returns the proof that a node is listed with states that match."""
    return lambda view, finding: any(matches(row) for row in view.rows(metrics.NODES, node=finding.object))


def node_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is no longer configured: other nodes are listed, and it is not."""
    return view.has(metrics.NODES) and not any(view.rows(metrics.NODES, node=finding.object))


NODE_GONE = Gone("crm_mon lists other nodes, but no longer this one", "{node} is no longer configured", node_is_removed)


def _is_settled(row: Row) -> bool:
    """Returns whether a node has joined; until then its attributes, such as standby, are not its own yet."""
    return bool(row["online"] and not row["pending"])


def nodes_of_health(health: str) -> Find:
    """Returns a function that yields the nodes that are online and of a health."""

    def find(view: ClusterView) -> Iterator[Finding]:
        online = facts.online_nodes(view)
        for row in view.rows(metrics.NODE_HEALTH, state=health):
            if row["node"] in online:
                yield Finding(str(row["node"]), {"node": str(row["node"])})

    return find


def has_health(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is online and has a health (not the one that is looked for)."""
    return finding.object in facts.online_nodes(view) and any(view.rows(metrics.NODE_HEALTH, node=finding.object))


# --- fencing ---------------------------------------------------------------------------------------------------------


def find_fenced_nodes(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that were fenced since the previous view. Older events do not count in the first view."""
    fenced_before = view.accumulated_before(facts.last_fenced)
    if fenced_before is None:
        return
    for target, event in view.fact(facts.fencing_successes).items():
        if event.time > fenced_before.get(target, -math.inf):
            yield Finding(target, {**event.fields, "by": event.fields["delegate"] or "the cluster"})


_RECENT = 3600.0
"""Seconds for which a failure to fence a node counts even if the node is online again."""


def find_failed_fencing(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes whose last fencing failed."""
    successes = view.fact(facts.fencing_successes)
    for target, event in view.fact(facts.fencing_failures).items():
        recent = view.snapshot.time - event.time < _RECENT
        if event.is_later_than(successes.get(target)) and (recent or target not in facts.online_nodes(view)):
            yield Finding(target, {**event.fields, "node": target, "why": why_fencing_failed(view, event)})


def why_fencing_failed(view: ClusterView, event: facts.FencingEvent) -> str:
    """Returns why fencing failed, to be appended to a sentence; "" if that is unknown."""
    labels = {name: event.fields[name] for name in ("target", "action", "status")}
    return next((f": {row['reason']}" for row in view.rows(metrics.FENCE_EVENT_REASONS, **labels)), "")


def fencing_is_over(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node was fenced since its fencing failed, or need not be fenced."""
    failure = view.fact(facts.fencing_failures).get(finding.object)
    success = view.fact(facts.fencing_successes).get(finding.object)
    if failure is not None and success is not None and success.is_later_than(failure):
        return True
    return any(_is_settled(row) and not row["unclean"] for row in view.rows(metrics.NODES, node=finding.object))


def find_failed_unfencing(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes whose last unfencing failed, unless they were fenced since."""
    later = (view.fact(facts.unfencing_successes), view.fact(facts.fencing_successes))
    for target, event in view.fact(facts.unfencing_failures).items():
        if all(event.is_later_than(successes.get(target)) for successes in later):
            yield Finding(target, {**event.fields, "node": target, "why": why_fencing_failed(view, event)})


def unfencing_is_over(view: ClusterView, finding: Finding) -> bool:
    """Returns whether something succeeded since unfencing a node failed."""
    failure = view.fact(facts.unfencing_failures).get(finding.object)
    events = (
        view.fact(facts.unfencing_successes).get(finding.object),
        view.fact(facts.fencing_successes).get(finding.object),
    )
    return failure is not None and any(event is not None and event.is_later_than(failure) for event in events)


# --- resources -------------------------------------------------------------------------------------------------------


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
    objects: set[str] = set()
    for row in view.fact(facts.stopped_instances):
        name = str(row["clone"] or row["resource"])
        if name not in objects and name not in view.fact(facts.activity).active:
            objects.add(name)
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def find_degraded_clones(view: ClusterView) -> Iterator[Finding]:
    """Yields the clones with a stopped instance for which there is a node: one that may run it, and has none."""
    if not facts.option_is_set(view, "symmetric-cluster"):
        return  # a node may run only what a constraint allows
    bundles = view.fact(bundles_listed)
    missing: dict[str, set[str]] = {}
    for row in view.fact(facts.stopped_instances):
        clone, resource = str(row["clone"]), str(row["resource"])
        if clone and clone not in bundles and clone in view.fact(facts.activity).active:
            free = view.fact(facts.active_members) - nodes_with_instance(view, clone, resource)
            missing.setdefault(clone, set()).update(
                free - facts.banned_nodes(view, {clone, resource, str(row["group"])})
            )
    for clone, nodes in missing.items():
        if nodes:
            yield Finding(clone, {"resource": clone, "node": ", ".join(sorted(nodes))})


def nodes_with_instance(view: ClusterView, clone: str, resource: str) -> frozenset[str]:
    """Returns the nodes on which an instance of a clone's resource is, whatever its role."""
    rows = view.rows(metrics.RESOURCES, clone=clone)
    return frozenset(str(row["node"]) for row in rows if _base(str(row["resource"])) == _base(resource))


def _base(resource: str) -> str:
    """Returns the id of a resource without the number of its instance."""
    name, _, number = resource.partition(":")
    return name if number.isdecimal() else resource


bundles_listed = names_in(metrics.BUNDLE_REPLICAS, about="{bundle}")


def clone_is_listed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a clone is listed with a managed and with an active instance."""
    clone = finding.object
    return clone in view.fact(facts.managed) and clone in view.fact(facts.activity).active


def find_degraded_bundles(view: ClusterView) -> Iterator[Finding]:
    """Yields the bundles with fewer running replicas than configured; one without any is a stopped resource."""
    stopped = {row["clone"] for row in view.fact(facts.stopped_instances)}
    for bundle, (running, total) in view.fact(facts.bundle_replicas).items():
        if 0 < running < total and bundle in stopped:
            yield Finding(bundle, {"resource": bundle, "running": f"{running:g}", "total": f"{total:g}"})


def bundle_is_complete(view: ClusterView, finding: Finding) -> bool:
    """Returns whether all replicas of a bundle run."""
    running, total = view.fact(facts.bundle_replicas).get(finding.object, (0.0, 1.0))
    return running >= total


def find_clones_without_promoted(view: ClusterView) -> Iterator[Finding]:
    """Yields the promotable clones with active instances, none of which is promoted or on the way to it."""
    not_meant = view.fact(facts.not_meant_to_be_promoted)
    for clone, (roles, resources) in view.fact(facts.promotable_clones).items():
        if roles <= {"unpromoted", "slave"} and not_meant.isdisjoint({clone, *resources}):
            yield Finding(clone, {"resource": clone})


def has_promoted(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a clone has a promoted instance, or must not have one."""
    roles, resources = view.fact(facts.promotable_clones).get(finding.object, (frozenset(), frozenset()))
    not_meant = view.fact(facts.not_meant_to_be_promoted)
    return bool(roles & {"promoted", "master"} or (roles and not not_meant.isdisjoint({finding.object, *resources})))


def find_unmanaged_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources, groups and clones that are not managed for a reason of their own.

    In maintenance mode, and on a node in maintenance, nothing is managed. A blocked resource is another condition.
    """
    if view.number(metrics.MAINTENANCE_MODE_ENABLED) != 0 or not view.fact(facts.activity).any_unmanaged:
        return
    in_maintenance = {row["node"] for row in view.rows(metrics.NODES, state="maintenance")}
    objects: set[str] = set()
    for row in view.rows(metrics.RESOURCES, managed="false"):
        name = str(row["clone"] or row["group"] or row["resource"])
        if name not in objects and not row["blocked"] and not row["orphaned"] and row["node"] not in in_maintenance:
            objects.add(name)
            yield Finding(name, {"resource": name})


def is_managed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether instances of a resource, group or clone are managed."""
    return finding.object in view.fact(facts.managed)


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


def resource_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a resource is no longer configured: crm_mon lists all resources, and not this one."""
    return view.number(metrics.RESOURCES_UNLISTED) == 0 and finding.fields["resource"] not in view.fact(facts.resources)


RESOURCE_GONE = Gone(
    "crm_mon lists all configured resources, but no longer this one",
    "{resource} is no longer configured",
    resource_is_removed,
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
        name="pacemaker-down",
        severity=Severity.CRITICAL,
        category=CLUSTER,
        raised="Pacemaker does not run on this node",
        cleared="Pacemaker runs on this node again",
        meaning="The node runs no resources of the cluster, or runs them without supervision.",
        action="Check `systemctl status pacemaker` and the log of Pacemaker, then start it.",
        source=Source(collector="pacemaker"),
        find=number_equals(metrics.UP, 0),
        absent=Absent("crm_mon gets an answer from Pacemaker", has_number(metrics.UP)),
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
        source=CRM_MON,
        find=find_missing_dc,
        absent=Absent("crm_mon names the designated controller", lambda view, _: facts.dc(view)),
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
        source=CRM_MON,
        find=number_equals(metrics.MAINTENANCE_MODE_ENABLED, 1),
        absent=Absent("crm_mon prints maintenance-mode as false", has_number(metrics.MAINTENANCE_MODE_ENABLED)),
    ),
    Condition(
        name="stop-all-resources",
        severity=Severity.MAJOR,
        category=CLUSTER,
        raised="The option stop-all-resources is set",
        cleared="The option stop-all-resources is no longer set",
        meaning="The cluster stops all resources, and starts none.",
        action="Run `crm_attribute --name stop-all-resources --delete` when the work is done.",
        source=CRM_MON,
        find=samples_where(metrics.CLUSTER_OPTION, lambda row: row["option"] == "stop-all-resources" and row["value"]),
        absent=Absent(
            "crm_mon prints stop-all-resources as false",
            lambda view, _: any(view.rows(metrics.CLUSTER_OPTION, option="stop-all-resources")),
        ),
    ),
    Condition(
        name="fencing-disabled",
        severity=Severity.WARNING,
        category=CLUSTER,
        raised="Fencing is disabled",
        cleared="Fencing is enabled",
        meaning="The cluster cannot recover safely from a node that does not respond. Data may be damaged.",
        action="Configure fencing, and set `stonith-enabled=true`.",
        source=CRM_MON,
        find=number_equals(metrics.STONITH_ENABLED, 0),
        absent=Absent("crm_mon prints fencing as enabled", has_number(metrics.STONITH_ENABLED)),
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
        source=STATES,
        find=find_lost_nodes,
        absent=Absent("crm_mon shows the node as online and not pending", node_is(_is_settled)),
        gone=NODE_GONE,
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
        source=STATES,
        find=nodes_where(lambda row: row["unclean"]),
        absent=Absent("crm_mon shows the node as not unclean", node_is(lambda row: not row["unclean"])),
        gone=NODE_GONE,
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
        source=STATES,
        find=nodes_where(lambda row: row["pending"]),
        absent=Absent("crm_mon shows the node as not pending", node_is(lambda row: not row["pending"])),
        gone=NODE_GONE,
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
        source=STATES,
        find=nodes_where(lambda row: (row["standby"] or row["standby_onfail"]) and not row["pending"]),
        absent=Absent("crm_mon shows the node as online, not pending and not in standby", node_is(_is_settled)),
        gone=NODE_GONE,
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
        source=STATES,
        find=nodes_where(lambda row: row["maintenance"]),
        absent=Absent("crm_mon shows the node as online, not pending and not in maintenance", node_is(_is_settled)),
        gone=NODE_GONE,
    ),
    Condition(
        name="node-health-red",
        severity=Severity.MAJOR,
        category=NODE,
        about="the node",
        raised="The health of {node} is red",
        cleared="The health of {node} is no longer red",
        meaning="A health attribute of the node is red. With a health strategy, the node runs no resources.",
        action="Find the attribute in `crm_mon -1 -A`, and repair what it reports.",
        source=STATES,
        find=nodes_of_health("red"),
        absent=Absent("crm_mon shows the node as online, with another health", has_health),
        gone=NODE_GONE,
    ),
    Condition(
        name="node-health-yellow",
        severity=Severity.WARNING,
        category=NODE,
        about="the node",
        raised="The health of {node} is yellow",
        cleared="The health of {node} is no longer yellow",
        meaning="A health attribute of the node is yellow. With a health strategy, the node gets fewer resources.",
        action="Find the attribute in `crm_mon -1 -A`, and repair what it reports.",
        source=STATES,
        find=nodes_of_health("yellow"),
        absent=Absent("crm_mon shows the node as online, with another health", has_health),
        gone=NODE_GONE,
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
        action="Check the fencing device. If the node is certainly off, run `stonith_admin --confirm NODE`.",
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
    Condition(
        name="resource-failed",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{resource} has failed on {node}",
        cleared="{resource} is no longer failed on {node}",
        meaning="A resource instance has failed, and the cluster tries to recover it.",
        action="Check `crm_mon -1 -r -f` and the log of the resource agent.",
        source=STATES,
        find=instances_in("failed"),
        absent=Absent(
            "crm_mon lists the resource, but not as failed on the node", is_among(facts.resources, "resource")
        ),
        gone=RESOURCE_GONE,
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
        source=STATES,
        find=instances_in("blocked"),
        absent=Absent("crm_mon lists the resource, but not as blocked", is_among(facts.resources, "resource")),
        gone=RESOURCE_GONE,
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
        source=STATES,
        find=find_stopped_resources,
        absent=Absent(
            "crm_mon lists the resource as active, or as one that is not expected to run",
            is_among(facts.resources, "resource"),
        ),
        gone=RESOURCE_GONE,
        hold=30.0,
    ),
    Condition(
        name="clone-degraded",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the clone",
        raised="{resource} does not run on {node}",
        cleared="{resource} runs on all nodes that may run it",
        meaning="An instance of the clone is stopped although a node is there for it, so redundancy is lost.",
        action="Look for failed actions and constraints: `crm_mon -1 -r -f` and `crm_simulate -sL`.",
        source=STATES,
        find=find_degraded_clones,
        absent=Absent("crm_mon lists the clone without a stopped instance for which there is a node", clone_is_listed),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
    Condition(
        name="bundle-degraded",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the bundle",
        raised="{running} of {total} replicas of {resource} run",
        cleared="All replicas of {resource} run",
        meaning="Containers of the bundle are stopped, so redundancy or capacity is lost.",
        action="Look for failed actions and missing nodes: `crm_mon -1 -r -f`.",
        source=STATES,
        find=find_degraded_bundles,
        absent=Absent("crm_mon lists the bundle with all replicas active", bundle_is_complete),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
    Condition(
        name="promoted-missing",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the clone",
        raised="No instance of {resource} is promoted",
        cleared="An instance of {resource} is promoted, or none need be",
        meaning="The service is not available: its instances run, but none is the primary.",
        action="Check the promotion scores with `crm_simulate -sL`, the log of the resource agent and constraints.",
        source=STATES,
        find=find_clones_without_promoted,
        absent=Absent("crm_mon lists a promoted instance, or a target role that allows none", has_promoted),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
    Condition(
        name="resource-unmanaged",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the resource, group or clone",
        raised="{resource} is not managed by the cluster",
        cleared="{resource} is managed by the cluster again",
        meaning="The cluster does not react to anything that happens to the resource.",
        action="Run `crm resource manage RESOURCE` or `pcs resource manage RESOURCE`, and end its maintenance.",
        source=STATES,
        find=find_unmanaged_resources,
        absent=Absent("crm_mon lists the resource as managed", is_managed),
        gone=RESOURCE_GONE,
        hold=60.0,
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
        source=STATES,
        find=find_moved_resources,
        expires_after=300.0,
    ),
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
        absent=Absent("crm_mon shows the node as online, without such a fail count", node_is_online),
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
        source=CIBADMIN,
        find=find_left_moves,
        absent=Absent(
            "cibadmin lists no constraint of this name that is in effect: it was removed, or has expired",
            lambda _view, _finding: True,
        ),
    ),
)
