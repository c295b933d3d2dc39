"""The status of a cluster as ``crm_mon`` reports it: the result of the parser in ``crm_mon.py``.

An object without a name or an ID is not in it. A flag is None if it is unknown, and never false instead.

Objects of which a cluster has thousands are named tuples: creating one takes a third of the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Flags = tuple[bool | None, ...]
"""Flags in a fixed order; None for each that is absent or neither true nor false."""

NODE_STATES = ("online", "standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown", "expected_up")
"""The states of a node that are attributes of the same name in its element. The ninth state is ``is_dc``."""

DAEMON_STATES = (
    "init",
    "starting_daemons",
    "wait_for_ping",
    "running",
    "shutting_down",
    "shutdown_complete",
    "remote",
    "invalid",
)
"""The words for the state of pacemakerd."""

HEALTH_STATES = ("green", "yellow", "red")
"""The words for the health of a node."""

ROLES = frozenset(
    {
        "started",
        "stopped",
        "promoted",
        "unpromoted",
        "master",
        "slave",
        "starting",
        "stopping",
        "promoting",
        "demoting",
        "migrating",
        "unknown",
    }
)
"""The words for the role of a resource, in lower case; the first six are also target roles."""

TARGET_ROLES = frozenset({"started", "stopped", "promoted", "unpromoted", "master", "slave"})
"""The words for the role that a resource should have, in lower case."""

NODES, RESOURCES, TARGETS, HISTORY, FAILURES, FENCING, TICKETS, BANS, STOP_ALL = (
    "nodes",
    "resources",
    "target_role",
    "node_history",
    "failures",
    "fence_history",
    "tickets",
    "bans",
    "stop-all-resources",
)
"""What crm_mon can print incompletely (``UnreadableValue.incomplete``), by the names of elements and attributes."""

BOOLEAN_OPTIONS = ("stonith-enabled", "symmetric-cluster", "maintenance-mode", "stop-all-resources")
"""The cluster options that are true or false."""

NO_QUORUM_POLICIES = ("stop", "freeze", "ignore", "demote", "suicide", "fence")
"""The values of the cluster option ``no-quorum-policy``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStatus:
    """``<status>``: the result of the tool itself; the code is also its exit status."""

    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDC:
    """``<current_dc>``: the designated controller; the name is empty if there is none."""

    name: str
    with_quorum: bool | None
    mixed_version: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """``<summary>``. A value is None if it is absent or cannot be read.

    Attributes:
        stack: the cluster layer, nearly always ``corosync``.
        version: Pacemaker's version on the designated controller; empty without one.
        dc: the designated controller; None if crm_mon does not show whether there is one, or which node it is.
        last_update: when the tool ran, in Unix seconds.
        local_node: the name of the node that the tool ran on; empty if it does not print it, before 2.1.6.
        last_change: time of the last change of the configuration, in Unix seconds.
        nodes_configured: the number of configured nodes.
        resources: the numbers of resource instances by ``total``, ``disabled`` and ``blocked``.
        stonith_timeout: the time that a fencing action may take, in seconds.
        options: the cluster options as printed; renamed options have their older name.
    """

    stack: str = ""
    version: str = ""
    dc: CurrentDC | None = None
    last_update: float | None = None
    local_node: str = ""
    last_change: float | None = None
    nodes_configured: float | None = None
    resources: dict[str, float | None] = field(default_factory=dict)
    stonith_timeout: float | None = None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``<nodes><node>``.

    Attributes:
        states: a flag for each of ``NODE_STATES``, and finally whether the node is the designated controller.
        container: the id of the resource that runs a guest node; empty for any other node.
    """

    name: str
    id: str
    type: str
    states: Flags
    health: str
    feature_set: str
    resources_running: float | None
    container: str = ""


class Resource(NamedTuple):
    """One instance of a primitive resource, at any level of nesting.

    Attributes:
        id: the id of the instance as printed, with ``:N`` if the tool prints it.
        role: the role as printed: Started, Stopped, Promoted, Master, Starting and others; empty if it is unknown.
        group: the id of its group without an instance suffix; empty if it is in no group.
        clone: the id of its clone or bundle; empty if it is in none.
        nodes: the names of the nodes on which it is active. It is on more than one while it migrates, or by mistake.
    """

    id: str
    agent: str
    role: str
    target_role: str
    active: bool | None
    orphaned: bool | None
    blocked: bool | None
    managed: bool | None
    failed: bool | None
    failure_ignored: bool | None
    maintenance: bool | None
    pending: str
    locked_to: str
    group: str
    clone: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """``<bundle>``: the number of its replicas, and of those with an active resource; None if it is unknown."""

    id: str
    replicas: int
    running: int | None


class NodeAttribute(NamedTuple):
    """``<node_attributes><node><attribute>``."""

    node: str
    name: str
    value: str


class Operation(NamedTuple):
    """``<operation_history>``: the last run of an operation; interval in milliseconds, duration in seconds."""

    task: str
    interval: str
    duration: float | None


class ResourceHistory(NamedTuple):
    """``<resource_history>`` of a resource on one node; orphans have no migration threshold.

    The fail count is None if it cannot be read.
    """

    node: str
    resource: str
    fail_count: float | None
    migration_threshold: float | None
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``<failures><failure>``: a failed action; interval in milliseconds, time in Unix seconds.

    Attributes:
        status: what the resource agent returned, in words.
        execution: how the execution of the agent ended: ``complete``, ``Timed Out`` and others.
        reason: why it failed, as the agent or Pacemaker says it; empty if neither does.
    """

    node: str
    resource: str
    operation: str
    interval: str
    status: str
    time: float | None
    execution: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceEvent:
    """``<fence_history><fence_event>``; the time of completion is None while the event is pending.

    Attributes:
        reason: why it failed; empty if that is unknown.
    """

    target: str
    action: str
    status: str
    delegate: str
    origin: str
    time: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """``<tickets><ticket>``; ``last_granted`` is in Unix seconds."""

    id: str
    granted: bool | None
    standby: bool | None
    last_granted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """``<bans><ban>``; the id is that of the constraint or of its rule, the weight is a score."""

    id: str
    resource: str
    node: str
    promoted_only: bool | None
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """Everything that one run of ``crm_mon`` reports.

    Attributes:
        connected: whether the tool was connected to the cluster. False if it prints that it is disconnected, or if it
            prints none of the sections.
        disconnected: whether it prints that it is disconnected.
        daemon_state: the state that pacemakerd reports; empty if the tool does not print it or prints an unknown word.
        status: the result of the tool itself; None before Pacemaker 2.0.3.
    """

    connected: bool
    disconnected: bool = False
    daemon_state: str
    status: ToolStatus | None
    summary: Summary
    nodes: tuple[Node, ...] = ()
    resources: tuple[Resource, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    attributes: tuple[NodeAttribute, ...] = ()
    history: tuple[ResourceHistory, ...] = ()
    failures: tuple[Failure, ...] = ()
    fence_events: tuple[FenceEvent, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    bans: tuple[Ban, ...] = ()


def base_id(resource: str) -> str:
    """Returns the id of a resource without the number of its instance."""
    name, _, number = resource.partition(":")
    return name if number.isdecimal() else resource
