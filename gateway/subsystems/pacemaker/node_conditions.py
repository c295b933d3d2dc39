"""Pacemaker's conditions of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gateway.conditions.model import NODE, Absent, Condition, Find, Finding, Holds, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import facts, metrics
from gateway.subsystems.pacemaker.evidence import NODE_GONE, STATES


def nodes_where(matches: Callable[[Row], object]) -> Find:
    """Returns a function that yields the nodes whose states match, with their ids. An unknown state is None."""

    def find(view: ClusterView) -> Iterator[Finding]:
        for row in view.rows(metrics.NODES):
            if matches(row):
                name = str(row["node"])
                yield Finding(name, {"node": name, "node_id": view.fact(facts.node_ids).get(name, "")})

    return find


def independent_nodes_where(matches: Callable[[Row], object]) -> Find:
    """Returns a function like ``nodes_where`` that leaves out guest nodes.

    A guest node is a resource: whether it is online, or has to be recovered, is the state of the resource that runs it.
    """
    find_any = nodes_where(matches)

    def find(view: ClusterView) -> Iterator[Finding]:
        return (finding for finding in find_any(view) if finding.object in view.fact(facts.independent_nodes))

    return find


find_lost_nodes = nodes_where(
    lambda row: row["type"] == "member" and row["online"] is False and row["pending"] is False
)


def find_nodes_in_maintenance(view: ClusterView) -> Iterable[Finding]:
    """Yields the nodes in maintenance. Guest and remote nodes are in it, too, while the whole cluster is."""
    cluster_is_not = view.number(metrics.MAINTENANCE_MODE_ENABLED) == 0
    return nodes_where(lambda row: row["maintenance"] and (row["type"] == "member" or cluster_is_not))(view)


def node_is(matches: Callable[[Row], object]) -> Holds:
    """Returns the proof that a node is listed with states that match."""
    return lambda view, finding: any(matches(row) for row in view.rows(metrics.NODES, node=finding.object))


def is_settled(row: Row) -> bool:
    """Returns whether a node has joined; until then its attributes, such as standby, are not its own yet."""
    return bool(row["online"]) and row["pending"] is False


def is_in_service(row: Row) -> bool:
    """Returns whether a node has joined and is not in standby."""
    return is_settled(row) and row["standby"] is False and row["standby_onfail"] is False


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


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="node-lost",
        severity=Severity.MAJOR,
        category=NODE,
        about="the node",
        raised="{node} is not online",
        cleared="{node} is online again",
        meaning="The node is down or unreachable, or its cluster stack is stopped.",
        action="Run `stonith_admin --history NODE` to see whether the node was fenced. Check its power, its console "
        "and the network, then start the cluster on it.",
        source=STATES,
        find=find_lost_nodes,
        absent=Absent("crm_mon shows the node as online and not pending", node_is(is_settled)),
        gone=NODE_GONE,
        hold=5.0,  # while partitions merge, crm_mon shows members as offline until they have joined
    ),
    Condition(
        name="node-unclean",
        severity=Severity.CRITICAL,
        category=NODE,
        about="the node",
        raised="{node} is unclean and has to be fenced",
        cleared="{node} is no longer unclean",
        meaning="The resources of the node cannot run elsewhere until it is fenced.",
        action="Run `stonith_admin --history NODE --verbose` to see whether fencing succeeds. Only if the node is "
        "certainly off, run `stonith_admin --confirm NODE`.",
        source=STATES,
        find=independent_nodes_where(lambda row: row["unclean"]),
        absent=Absent("crm_mon shows the node as not unclean", node_is(lambda row: row["unclean"] is False)),
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
        action="Read `journalctl -u pacemaker` on that node and on the designated controller, which `crmadmin -D` "
        "names.",
        source=STATES,
        find=independent_nodes_where(lambda row: row["pending"]),
        absent=Absent("crm_mon shows the node as not pending", node_is(lambda row: row["pending"] is False)),
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
        find=nodes_where(lambda row: (row["standby"] or row["standby_onfail"]) and row["pending"] is False),
        absent=Absent("crm_mon shows the node as online, not pending and not in standby", node_is(is_in_service)),
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
        find=find_nodes_in_maintenance,
        absent=Absent(
            "crm_mon shows the node as online, not pending and not in maintenance",
            node_is(lambda row: is_settled(row) and row["maintenance"] is False),
        ),
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
        action="Look in `cibadmin -Q -o status` for the attribute of the node that begins with #health and is red, "
        "and repair what it reports. `crm_mon -A` does not show it.",
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
        action="Look in `cibadmin -Q -o status` for the attribute of the node that begins with #health and is yellow, "
        "and repair what it reports. `crm_mon -A` does not show it.",
        source=STATES,
        find=nodes_of_health("yellow"),
        absent=Absent("crm_mon shows the node as online, with another health", has_health),
        gone=NODE_GONE,
    ),
)
