"""Pacemaker's conditions of remote and guest nodes: whether the cluster reaches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.conditions.matching import number_equals
from gateway.conditions.model import NODE, Absent, Condition, Finding, Severity, Source
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import expectation, metrics, resource_facts
from gateway.subsystems.pacemaker.evidence import NODE_GONE, STATES
from gateway.subsystems.pacemaker.facts import remote_connections
from gateway.subsystems.pacemaker.remote_nodes import CONNECTED, CONNECTING, FAILED, STOPPED

_REASONS = {
    CONNECTING: "the cluster tries to connect to it",
    FAILED: "the connection to it has failed",
    STOPPED: "the connection to it is not started",
}


class _Lost(NamedTuple):
    """A remote or guest node that is not connected.

    Attributes:
        reason: the reason of an administrator; empty if it should be connected.
        state: the state of the connection.
    """

    reason: str
    state: str


def lost_nodes(view: ClusterView) -> Mapping[str, _Lost]:
    """Returns the nodes that are not connected, if it is known why or that they should be. Query it as a fact.

    A guest is only expected while the resource that runs it is active; if that is stopped, it has conditions for it.
    """
    containers = {str(row["node"]): str(row["container"]) for row in view.rows(metrics.GUEST_NODES)}
    lost: dict[str, _Lost] = {}
    for name, state in view.fact(remote_connections).items():
        if state == CONNECTED or not _runs(view, containers.get(name, "")):
            continue
        reason = _planned_reason(view, name)
        if reason is not None:
            lost[name] = _Lost(reason, state)
    return lost


def _runs(view: ClusterView, container: str) -> bool:
    """Returns whether a guest can be there: the resource that runs it is active. A remote node has no such resource."""
    instances = view.fact(resource_facts.instances).get(container, ()) if container else ()
    return not container or any(row["active"] for row in instances)


def _planned_reason(view: ClusterView, name: str) -> str | None:
    """Returns why a node is not meant to be connected; "" if it should be, None if that is unknown."""
    instances = [row for row in view.fact(resource_facts.instances).get(name, ()) if row["resource"] == name]
    managed = {row["managed"] for row in instances}
    if managed == {"true"} and expectation.need_not_run(view, instances):
        return "its connection is stopped on purpose"
    for row in view.rows(metrics.NODES, node=name):
        if row["standby"]:
            return "it is in standby"
        if row["maintenance"]:
            return "it is in maintenance"
    if managed == {"false"}:
        return "its connection is not managed"
    return "" if all(_should_run(view, row) for row in instances) else None


def _should_run(view: ClusterView, instance: Row) -> bool:
    labels = tuple(str(instance[name]) for name in metrics.RESOURCES.labels)
    return instance["managed"] == "true" and expectation.should_run(view, labels) is True


def find_unreachable(view: ClusterView) -> Iterator[Finding]:
    """Yields the remote and guest nodes that should be connected, and are not."""
    hosts = {str(row["node"]): str(row["host"]) for row in view.rows(metrics.REMOTE_CONNECTION_HOST)}
    for name, lost in view.fact(lost_nodes).items():
        if not lost.reason:
            yield Finding(name, {"node": name, "why": _REASONS[lost.state], "host": hosts.get(name, "")})


def find_disconnected(view: ClusterView) -> Iterator[Finding]:
    """Yields the remote and guest nodes that are not connected, which an administrator has caused or knows of."""
    for name, lost in view.fact(lost_nodes).items():
        if lost.reason:
            yield Finding(name, {"node": name, "why": lost.reason})


def is_connected_or_planned(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is connected or disconnected on purpose, or is a guest that does not run."""
    name = finding.object
    if view.fact(remote_connections).get(name) == CONNECTED or name in view.fact(lost_nodes):
        return True
    containers = [str(row["container"]) for row in view.rows(metrics.GUEST_NODES, node=name)]
    instances = [row for one in containers for row in view.fact(resource_facts.instances).get(one, ())]
    return bool(instances) and all(row["active"] is False for row in instances)


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="remote-unreachable",
        severity=Severity.MAJOR,
        category=NODE,
        about="the remote or guest node",
        raised="{node} cannot be reached: {why}",
        cleared="{node} is connected again, or disconnected on purpose",
        meaning="The cluster cannot control the resources of this remote or guest node. If fencing succeeds or is "
        "disabled, they are started elsewhere.",
        action="Run `systemctl status pacemaker_remote` on the node. Check the network to it (TCP port 3121) and that "
        "all nodes have the same `/etc/pacemaker/authkey`. If the cluster no longer tries to connect, run "
        "`crm_resource --refresh --resource NODE`.",
        source=STATES,
        find=find_unreachable,
        absent=Absent(
            "crm_mon shows the node as connected or as disconnected on purpose, or the resource that runs the guest as "
            "stopped",
            is_connected_or_planned,
        ),
        gone=NODE_GONE,
        hold=15.0,  # if the cluster node with the connection is lost, another one takes it over within seconds
    ),
    Condition(
        name="remote-disconnected",
        severity=Severity.WARNING,
        category=NODE,
        about="the remote or guest node",
        raised="{node} is not connected: {why}",
        cleared="{node} is connected again, or no longer disconnected on purpose",
        meaning="An administrator has disconnected the remote or guest node, or had taken it out of service before it "
        "was lost.",
        action="When the work is done, end its standby or maintenance, and run `crm resource start NODE` or "
        "`pcs resource enable NODE`.",
        source=STATES,
        find=find_disconnected,
        absent=Absent(
            "crm_mon shows the node as connected or as one that should be, or the resource that runs the guest as "
            "stopped",
            is_connected_or_planned,
        ),
        gone=NODE_GONE,
        hold=15.0,
    ),
    Condition(
        name="remote-host-disconnected",
        severity=Severity.MINOR,
        category=NODE,
        raised="The cluster is not connected to this remote node",
        cleared="The cluster is connected to this remote node again",
        meaning="Pacemaker Remote runs here, but no cluster node is connected to it. This node cannot tell whether "
        "that is on purpose.",
        action="Run `crm_mon -1 -r` on a cluster node. Unless the connection is stopped on purpose, check the network "
        "(TCP port 3121) and `/etc/pacemaker/authkey`.",
        source=Source(collector="pacemaker"),
        find=number_equals(metrics.REMOTE_CONNECTED, 0),
        absent=Absent(
            "crm_mon gets an answer from the cluster", lambda view, _: view.number(metrics.REMOTE_CONNECTED) == 1
        ),
        hold=60.0,
        local=True,
    ),
)
