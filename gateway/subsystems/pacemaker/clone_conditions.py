"""Pacemaker's conditions of clones and bundles: whether enough of their instances run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from gateway.conditions.matching import names_in
from gateway.conditions.model import RESOURCE, Absent, Condition, Finding, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import expectation, facts, metrics, resource_facts
from gateway.subsystems.pacemaker.cib import COLOCATIONS
from gateway.subsystems.pacemaker.cib_rules import LOCATIONS
from gateway.subsystems.pacemaker.cluster_status import BANS, base_id
from gateway.subsystems.pacemaker.evidence import RESOURCE_GONE, STATES
from gateway.subsystems.pacemaker.resource_facts import CLONE, NODE
from gateway.subsystems.pacemaker.resource_facts import RESOURCE as RESOURCE_ID


def find_degraded_clones(view: ClusterView) -> Iterator[Finding]:
    """Yields the clones with a stopped instance for which there is a node: one that may run it, and has none."""
    if not expectation.option(view, "symmetric-cluster"):
        return  # a node may run only what a constraint allows
    bundles = view.fact(bundles_listed)
    missing: dict[str, set[str]] = {}
    for row in view.fact(expectation.stopped_instances):
        clone = str(row["clone"])
        if clone and clone not in bundles and clone in view.fact(resource_facts.activity).active:
            missing.setdefault(clone, set()).update(free_nodes(view, row))
    for clone, nodes in missing.items():
        if nodes and resource_facts.is_fully_known(view, clone) and _constraints_are_known(view):
            yield Finding(clone, {"resource": clone, "node": _SEPARATOR.join(sorted(nodes))})


_SEPARATOR = ", "


def free_nodes(view: ClusterView, instance: Row) -> frozenset[str]:
    """Returns the nodes that may certainly run a stopped instance of a clone."""
    occupied = nodes_with_instance(view, instance)
    if not occupied <= view.fact(facts.node_names) | {""}:
        return frozenset()  # an instance is on a node that is not listed
    names = {str(instance[name]) for name in ("resource", "group", "clone")}
    return resource_facts.without_kept_off(view, view.fact(facts.available_members) - occupied, names)


def _constraints_are_known(view: ClusterView) -> bool:
    """Returns whether all constraints that may keep an instance off a node were read."""
    lists = (("crm_mon", BANS), ("cibadmin", LOCATIONS), ("cibadmin", COLOCATIONS))
    return all(view.has_read_all("pacemaker", command, objects) for command, objects in lists)


def nodes_with_instance(view: ClusterView, instance: Row) -> frozenset[str]:
    """Returns the nodes on which an instance of a clone's resource is, whatever its role."""
    return view.fact(_nodes_by_resource)[str(instance["clone"]), base_id(str(instance["resource"]))]


def _nodes_by_resource(view: ClusterView) -> Mapping[tuple[str, str], frozenset[str]]:
    """Returns the nodes on which instances are, by their clone and their resource."""
    nodes: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for labels in view.snapshot.samples_by_metric.get(metrics.RESOURCES, {}):
        nodes[labels[CLONE], base_id(labels[RESOURCE_ID])].add(labels[NODE])
    return {key: frozenset(names) for key, names in nodes.items()}


bundles_listed = names_in(metrics.BUNDLE_REPLICAS, about="{bundle}")


def clone_is_complete(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a clone has an instance on each node that lacked one, may not run there, or has none stopped."""
    clone = finding.object
    instances = view.fact(resource_facts.instances).get(clone, ())
    if expectation.are_stopped_on_purpose(view, instances):
        return True
    if not resource_facts.is_fully_known(view, clone) or not any(row["active"] for row in instances):
        return False
    stopped = [row for row in instances if row["active"] is False]
    standby = view.fact(_nodes_in_standby)
    return all(
        node in standby or all(node in nodes_with_instance(view, row) or _is_banned(view, row, node) for row in stopped)
        for node in finding.fields["node"].split(_SEPARATOR)
    )


def _nodes_in_standby(view: ClusterView) -> frozenset[str]:
    """Returns the names of the nodes that are in standby on purpose, and in order apart from that."""
    return frozenset(
        str(row["node"])
        for row in view.rows(metrics.NODES, state="online")
        if row["standby"] and row["unclean"] is False and row["pending"] is False
    )


def _is_banned(view: ClusterView, instance: Row, node: str) -> bool:
    """Returns whether a constraint that names a node keeps an instance off it."""
    names = {instance["resource"], instance["group"], instance["clone"]}
    return any(
        row["resource"] in names and row["value"] == -math.inf and row["promoted_only"] == "false"
        for row in view.rows(metrics.BANS, node=node)
    )


def find_degraded_bundles(view: ClusterView) -> Iterator[Finding]:
    """Yields the bundles with fewer running replicas than configured; one without any is a stopped resource."""
    stopped = {row["clone"] for row in view.fact(expectation.stopped_instances)}
    for bundle, (running, total) in view.fact(resource_facts.bundle_replicas).items():
        if 0 < running < total and bundle in stopped and resource_facts.is_fully_known(view, bundle):
            yield Finding(bundle, {"resource": bundle, "running": f"{running:g}", "total": f"{total:g}"})


def bundle_is_complete(view: ClusterView, finding: Finding) -> bool:
    """Returns whether all replicas of a bundle are listed and run, or the bundle need not run."""
    running, total = view.fact(resource_facts.bundle_replicas).get(finding.object, (0.0, 1.0))
    if running >= total and resource_facts.is_fully_known(view, finding.object):
        return True
    return expectation.are_stopped_on_purpose(view, view.fact(resource_facts.instances).get(finding.object, ()))


def find_clones_without_promoted(view: ClusterView) -> Iterator[Finding]:
    """Yields the promotable clones with active instances, none of which is promoted or on the way to it."""
    exempt = view.fact(expectation.exemptions)
    for clone, (roles, resources) in view.fact(resource_facts.promotable_clones).items():
        names = {clone, *resources}
        should_promote = exempt.not_promoted.isdisjoint(names) and not exempt.are_unknown_for(names)
        if roles <= {"unpromoted", "slave"} and should_promote and resource_facts.is_fully_known(view, clone):
            yield Finding(clone, {"resource": clone})


def has_promoted(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a clone has a promoted instance, or must not have one."""
    instances = view.fact(resource_facts.instances).get(finding.object, ())
    if any(row["role"] in {"promoted", "master"} for row in instances):
        return True
    exempt = view.fact(expectation.exemptions).not_promoted
    return bool(instances) and not exempt.isdisjoint({finding.object, *(row["resource"] for row in instances)})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="clone-degraded",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the clone",
        raised="{resource} is not running on {node}",
        cleared="{resource} is running on all nodes that may run it",
        meaning="An instance of the clone is stopped although a node is there for it, so redundancy is lost.",
        action="Run `crm_mon -1 -r -f -L` for failures and bans, and `crm_simulate -sL` for the scores.",
        source=STATES,
        find=find_degraded_clones,
        absent=Absent(
            "crm_mon lists no stopped instance, one on the node, a ban from it, the node in standby, or the clone as "
            "stopped on purpose",
            clone_is_complete,
        ),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
    Condition(
        name="bundle-degraded",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the bundle",
        raised="{running} of {total} replicas of {resource} are running",
        cleared="All replicas of {resource} are running",
        meaning="Containers of the bundle are stopped, so redundancy or capacity is lost.",
        action="Run `crm_mon -1 -r -f` for failures and missing nodes, and read the logs of the containers.",
        source=STATES,
        find=find_degraded_bundles,
        absent=Absent("crm_mon lists the bundle with all replicas active, or stopped on purpose", bundle_is_complete),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
    Condition(
        name="promoted-missing",
        severity=Severity.MAJOR,
        category=RESOURCE,
        about="the clone",
        raised="No instance of {resource} is promoted",
        cleared="An instance of {resource} is promoted, or none has to be",
        meaning="The service is not available: its instances run, but none is the primary.",
        action="Run `crm_simulate -sL` for the promotion scores, and `crm_mon -1 -r -f -L` for failures and bans. "
        "Then read the log of the resource agent.",
        source=STATES,
        find=find_clones_without_promoted,
        absent=Absent("crm_mon lists a promoted instance, or a target role that allows none", has_promoted),
        gone=RESOURCE_GONE,
        hold=60.0,
    ),
)
