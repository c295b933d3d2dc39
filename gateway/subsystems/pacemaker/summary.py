"""What a person has to know about Pacemaker: the cluster, its nodes and fencing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import read_from
from gateway.conditions.model import CLUSTER, FENCING, NODE, RESOURCE
from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric
from gateway.subsystems.pacemaker import facts, metrics, remote_nodes
from gateway.subsystems.pacemaker.resource_summary import describe_resources
from gateway.summary import (
    UNKNOWN,
    Cell,
    Description,
    Fact,
    Health,
    Summary,
    Table,
    count_of,
    moment,
    number,
    urgent_first,
    yes_or_no,
)
from gateway.summary import Row as TableRow

_DOWN = Cell("Pacemaker is not running on this node", Health.PROBLEM)


def state_of(view: ClusterView, metric: Metric) -> str | None:
    """Returns the state of a metric with states and without other labels, in words; None if it is unknown."""
    for row in view.rows(metric):
        return next((state.replace("_", " ") for state in metric.states if row[state]), None)
    return None


# --- the cluster -----------------------------------------------------------------------------------------------------


def describe_cluster(view: ClusterView) -> Description:
    """Describes the cluster as a whole."""
    has_info = view.has(metrics.INFO)
    controller, daemon = facts.dc(view), state_of(view, metrics.DAEMON_STATE)
    policy = state_of(view, metrics.NO_QUORUM_POLICY)
    version = next((str(row["version"]) for row in view.rows(metrics.INFO)), None)
    return Description(
        headline=_cluster_headline(view),
        facts=(
            Fact("Designated controller", Cell(controller or "none", Health.NONE if controller else Health.WARNING))
            if has_info
            else Fact("Designated controller", UNKNOWN),
            Fact("Its partition has quorum", yes_or_no(view.number(metrics.QUORATE), bad=False, health=Health.PROBLEM)),
            Fact("Maintenance mode", yes_or_no(view.number(metrics.MAINTENANCE_MODE_ENABLED), bad=True)),
            Fact("Fencing enabled", yes_or_no(view.number(metrics.STONITH_ENABLED), bad=False)),
            Fact("Without quorum", UNKNOWN if policy is None else Cell(policy)),
            Fact("Pacemaker on this node", UNKNOWN if daemon is None else Cell(_daemon(view, daemon))),
            Fact("Version", Cell(version) if version else UNKNOWN),
            Fact("Configuration changed", moment(view.number(metrics.CONFIG_LAST_CHANGE))),
        ),
        tables=(
            Table(
                caption="Tickets",
                columns=("Ticket", "State", "Last granted"),
                rows=tuple(_tickets(view)),
            ),
        ),
    )


def _cluster_headline(view: ClusterView) -> Cell:
    if view.number(metrics.UP) == 0:
        return _DOWN
    if view.number(metrics.REMOTE_CONNECTED) == 0:
        return Cell("remote node, not connected to the cluster", Health.WARNING)
    if facts.has_no_dc(view):
        return Cell("no designated controller", Health.PROBLEM)
    if view.number(metrics.MAINTENANCE_MODE_ENABLED):
        return Cell("in maintenance mode", Health.WARNING)
    if view.number(metrics.QUORATE) == 0:
        return Cell("running without quorum", Health.PROBLEM)
    controller = facts.dc(view)
    return Cell(f"running, controlled by {controller}", Health.OK) if controller else UNKNOWN


def _daemon(view: ClusterView, state: str) -> str:
    """Returns the state of the daemon, on a remote or guest node with the name of the node."""
    return " ".join(filter(None, ("remote node", facts.remote_name(view)))) if view.has(metrics.REMOTE_INFO) else state


def _tickets(view: ClusterView) -> Iterator[TableRow]:
    granted = {row["ticket"]: float(row["value"]) for row in view.rows(metrics.TICKETS_LAST_GRANTED)}
    for row in view.rows(metrics.TICKETS):
        words = ", ".join(state for state in metrics.TICKETS.states if row[state])
        time = granted.get(row["ticket"])
        yield Cell(str(row["ticket"])), Cell(words) if words else UNKNOWN, moment(time) if time else Cell("never")


# --- nodes -----------------------------------------------------------------------------------------------------------


def describe_nodes(view: ClusterView) -> Description:
    """Describes the nodes: cluster nodes, remote nodes and guests."""
    rows = tuple(view.rows(metrics.NODES))
    online = sum(bool(row["online"]) and not _disconnected(view, row) for row in rows)
    headline = count_of(online, len(rows), "nodes online") if rows else UNKNOWN
    if any(row["unclean"] for row in rows):
        headline = headline._replace(health=Health.PROBLEM)
    return Description(
        headline=_DOWN if view.number(metrics.UP) == 0 else headline,
        tables=(
            Table(
                caption="Nodes of the cluster",
                columns=("Node", "State", "Kind", "Active instances", "Health"),
                rows=urgent_first(_nodes(view, rows)),
                empty="There are no nodes.",
            ),
        ),
    )


def _nodes(view: ClusterView, rows: tuple[Row, ...]) -> Iterator[TableRow]:
    running = {row["node"]: float(row["value"]) for row in view.rows(metrics.NODE_RESOURCES_RUNNING)}
    health = {row["node"]: row for row in view.rows(metrics.NODE_HEALTH)}
    for row in rows:
        name = str(row["node"])
        state = _node_state(row, _disconnected(view, row))
        yield Cell(name), state, _kind(view, row), number(running.get(name)), _health(health.get(name))


def _disconnected(view: ClusterView, row: Row) -> str:
    """Returns why a remote or guest node is not connected, in words; "" if it is, or if that is unknown."""
    return _CONNECTION_WORDS.get(view.fact(facts.remote_connections).get(str(row["node"]), ""), "")


_CONNECTION_WORDS = {
    remote_nodes.CONNECTING: "not reached, being connected",
    remote_nodes.FAILED: "not reached, connection failed",
    remote_nodes.STOPPED: "not connected",
}


def _kind(view: ClusterView, row: Row) -> Cell:
    """Describes the type of a node; of a remote or guest node also the nodes and resources that it depends on."""
    name, words = str(row["node"]), [str(row["type"])]
    for guest in view.rows(metrics.GUEST_NODES, node=name):
        words = [f"guest of {guest['container']}"]
    words += [f"connection on {entry['host']}" for entry in view.rows(metrics.REMOTE_CONNECTION_HOST, node=name)]
    return Cell(", ".join(words))


_NODE_WORDS = (
    ("standby", "standby"),
    ("standby_onfail", "standby after a failure"),
    ("maintenance", "maintenance"),
    ("pending", "joining"),
    ("shutdown", "shutting down"),
)


def _node_state(row: Row, disconnected: str) -> Cell:
    if row["online"] is None:
        return UNKNOWN
    words = [word for state, word in _NODE_WORDS if row[state]]
    health = Health.WARNING if words or disconnected or not row["online"] else Health.OK
    if row["unclean"]:
        words, health = [*words, "unclean"], Health.PROBLEM
    dc = ["designated controller"] if row["dc"] else []
    return Cell(", ".join((disconnected or ("online" if row["online"] else "offline"), *words, *dc)), health)


def _health(row: Row | None) -> Cell:
    if row is None:
        return Cell("")
    word = next((state for state in metrics.NODE_HEALTH.states if row[state]), None)
    return UNKNOWN if word is None else Cell(word, Health.NONE if word == "green" else Health.WARNING)


# --- fencing ---------------------------------------------------------------------------------------------------------


def describe_fencing(view: ClusterView) -> Description:
    """Describes whether fencing is possible, and the history of it."""
    events = sorted(_fencing_events(view), key=lambda row: -(row[5].time or float("inf")))
    return Description(
        headline=_fencing_headline(view, len(events)),
        tables=(
            Table(
                caption="Fencing history",
                columns=("Target", "Action", "Result", "Executed by", "Requested by", "Ended"),
                rows=tuple(events),
                empty="The history is empty.",
            ),
        ),
    )


def _fencing_headline(view: ClusterView, events: int) -> Cell:
    enabled = view.number(metrics.STONITH_ENABLED)
    if enabled is None:
        return UNKNOWN
    history = "" if not events else ", 1 kind of event" if events == 1 else f", {events} kinds of events"
    return Cell(f"enabled{history}", Health.OK) if enabled else Cell(f"disabled{history}", Health.WARNING)


def _fencing_events(view: ClusterView) -> Iterator[TableRow]:
    times = view.snapshot.samples_by_metric.get(metrics.FENCE_EVENTS_TIMESTAMP, {})
    reasons = {
        (row["target"], row["action"], row["status"]): row["reason"] for row in view.rows(metrics.FENCE_EVENT_REASONS)
    }
    for row in view.rows(metrics.FENCE_EVENTS):
        target, action, status = str(row["target"]), str(row["action"]), str(row["status"])
        time = times.get((target, action, status, str(row["delegate"]), str(row["origin"])))
        reason = reasons.get((target, action, status))
        result = f"{status}: {reason}" if reason else status
        if row["value"] > 1:
            result += f" ({row['value']:g} times)"
        yield (
            Cell(target),
            Cell(action),
            Cell(result, Health.OK if status == "success" else Health.WARNING),
            Cell(str(row["delegate"])),
            Cell(str(row["origin"])),
            moment(time) if isinstance(time, float | int) else Cell("not ended") if status == "pending" else UNKNOWN,
        )


_CRM_MON = read_from("pacemaker", "crm_mon")

SUMMARIES = (
    Summary(category=CLUSTER, source=_CRM_MON, describe=describe_cluster),
    Summary(category=NODE, source=_CRM_MON, describe=describe_nodes),
    Summary(category=FENCING, source=_CRM_MON, describe=describe_fencing),
    Summary(category=RESOURCE, source=_CRM_MON, describe=describe_resources),
)
