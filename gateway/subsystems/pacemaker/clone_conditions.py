"""Pacemaker's conditions of clones and bundles: whether enough of their instances run."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import names_in
from gateway.conditions.model import RESOURCE, Absent, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.pacemaker.evidence import RESOURCE_GONE, STATES


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


CONDITIONS: tuple[Condition, ...] = (
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
)
