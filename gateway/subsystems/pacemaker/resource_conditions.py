"""Pacemaker's conditions of resources: where they run, and whether they are managed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.conditions.model import RESOURCE, Absent, Condition, Find, Finding, Holds, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import expectation, facts, metrics, remote_nodes, resource_facts
from gateway.subsystems.pacemaker.evidence import PLACE_GONE, RESOURCE_GONE, STATES


def is_connection(view: ClusterView, row: Row) -> bool:
    """Returns whether an instance is the connection to a remote or guest node, which has conditions of its own."""
    return remote_nodes.is_connection(str(row["agent"])) or row["resource"] in view.fact(facts.remote_node_names)


def instances_in(state: str, *, but: Callable[[ClusterView, Row], bool] = lambda _view, _row: False) -> Find:
    """Returns a function that yields the resource instances in a state; stopped instances have no node.

    Instances on nodes that crm_mon does not list are left out: one of the two sections must be wrong.

    Args:
        state: the state.
        but: the instances that are left out.
    """

    def find(view: ClusterView) -> Iterator[Finding]:
        for row in view.rows(metrics.RESOURCES, state=state):
            if but(view, row):
                continue
            fields = {name: str(row[name]) for name in ("resource", "node", "role", "agent")}
            name = "{resource} on {node}".format_map(fields) if fields["node"] else fields["resource"]
            if facts.is_listed_or_empty(view, fields["node"]):
                yield Finding(name, fields)

    return find


def no_instance_in(state: str) -> Holds:
    """Returns the proof that a resource has no instance in a state on a node: it has others, and they are not in it."""

    def holds(view: ClusterView, finding: Finding) -> bool:
        resource, node = finding.fields["resource"], finding.fields["node"]
        instances = view.fact(resource_facts.instances).get(resource, ())
        on_node = [row for row in instances if row["node"] == node]
        if not on_node and not (resource_facts.all_are_listed(view) and facts.is_listed_or_empty(view, node)):
            return False
        return bool(instances) and all(row[state] is False for row in on_node or instances)

    return holds


def find_stopped_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources that are stopped and should run, and the clones without any active instance."""
    for row in view.fact(expectation.stopped_instances):
        name = str(row["clone"] or row["resource"])
        if name in view.fact(resource_facts.activity).active or is_connection(view, row):
            continue
        if not row["clone"] or resource_facts.is_fully_known(view, name):
            yield Finding(name, {"resource": name, "agent": str(row["agent"])})


def runs_or_need_not(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a resource or a clone is active, or is known as one that need not run."""
    if finding.object in view.fact(resource_facts.activity).active:
        return True
    return expectation.need_not_run(view, view.fact(resource_facts.instances).get(finding.object, ()))


def find_unmanaged_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources, groups and clones that are not managed for a reason of their own.

    In maintenance mode, and on a node in maintenance, nothing is managed. A blocked resource is another condition.
    """
    if view.number(metrics.MAINTENANCE_MODE_ENABLED) != 0 or not view.fact(resource_facts.activity).any_unmanaged:
        return
    places = {row["node"] for row in view.rows(metrics.NODES) if row["maintenance"] is False} | {""}
    for row in view.rows(metrics.RESOURCES, managed="false"):
        name = str(row["clone"] or row["group"] or row["resource"])
        may_have_reason = row["blocked"] is not False or row["orphaned"] is not False or row["node"] not in places
        if not may_have_reason:
            yield Finding(name, {"resource": name})


def is_managed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether all instances of a resource, group or clone are managed."""
    instances = view.fact(resource_facts.instances).get(finding.object, ())
    all_managed = bool(instances) and all(row["managed"] == "true" for row in instances)
    return all_managed and resource_facts.all_are_listed(view)


def find_moved_resources(view: ClusterView) -> Iterator[Finding]:
    """Yields the resources that are active on another node than before."""
    nodes_before = view.accumulated_before(facts.last_nodes)
    if nodes_before is None:
        return
    for resource, nodes in view.fact(resource_facts.activity).nodes.items():
        before = nodes_before.get(resource)
        if before is None or before in nodes or len(nodes) > 1:
            continue  # while it migrates, it is active on two nodes
        (node,) = nodes
        if facts.is_listed_or_empty(view, node):
            yield Finding(resource, {"resource": resource, "from": before, "node": node})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="resource-failed",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource and the node",
        raised="{object} has failed",
        cleared="{object} is no longer failed",
        meaning="A resource instance has failed, and the cluster tries to recover it.",
        action="Run `crm_mon -1 -r -f` for the operation that failed, then read `journalctl -u pacemaker` and the log "
        "of the service on the node.",
        source=STATES,
        find=instances_in("failed", but=is_connection),
        absent=Absent("crm_mon lists the resource, but not as failed on the node", no_instance_in("failed")),
        gone=PLACE_GONE,
    ),
    Condition(
        name="resource-blocked",
        severity=Severity.CRITICAL,
        category=RESOURCE,
        about="the resource and the node",
        raised="{object} is blocked",
        cleared="{object} is no longer blocked",
        meaning="The cluster cannot manage the resource: usually a stop has failed, and fencing is not possible.",
        action="Make sure that the service is stopped on the node, and repair what has failed. Then run `crm_resource "
        "--cleanup --resource RESOURCE`.",
        source=STATES,
        find=instances_in("blocked"),
        absent=Absent("crm_mon lists the resource, but not as blocked", no_instance_in("blocked")),
        gone=PLACE_GONE,
    ),
    Condition(
        name="resource-stopped",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the resource or the clone",
        raised="{resource} is stopped but should be running",
        cleared="{resource} is running, or no longer has to",
        meaning="The service is not available: no node may run it, or it has failed on all nodes.",
        action="Run `crm_mon -1 -r -f -L` for failures, bans and missing nodes, and `crm_simulate -sL` for the scores.",
        source=STATES,
        find=find_stopped_resources,
        absent=Absent("crm_mon lists the resource as active, or as one that is not expected to run", runs_or_need_not),
        gone=RESOURCE_GONE,
        hold=30.0,
    ),
    Condition(
        name="resource-unmanaged",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the resource, group or clone",
        raised="{resource} is not managed by the cluster",
        cleared="{resource} is managed by the cluster again",
        meaning="The cluster does not react to anything that happens to the resource.",
        action="When the work is done, run `crm resource manage RESOURCE` or `pcs resource manage RESOURCE`. If its "
        "meta attribute maintenance is set, remove it.",
        source=STATES,
        find=find_unmanaged_resources,
        absent=Absent("crm_mon lists all instances of the resource as managed", is_managed),
        gone=RESOURCE_GONE,
    ),
    Condition(
        name="resource-moved",
        severity=Severity.WARNING,
        category=RESOURCE,
        about="the resource",
        raised="{resource} has moved from {from} to {node}",
        cleared="{resource} moved more than 5 minutes ago",
        meaning="The resource has failed over, or an administrator has moved it.",
        action="Run `crm_mon -1 -f -m` for failed actions and fencing. If there are none, ask whether somebody has "
        "moved it.",
        source=STATES,
        find=find_moved_resources,
        expires_after=300.0,
    ),
)
