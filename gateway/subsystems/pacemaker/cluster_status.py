"""What ``crm_mon`` can say of a cluster, as values: the result of ``parsers/crm_mon.py``.

What a cluster has thousands of is a named tuple, which is made in a third of the time that a frozen dataclass takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

NODE_STATES = ("online", "standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown", "expected_up")
"""The states of a node that are attributes of its element under the same name; ``is_dc`` makes the ninth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStatus:
    """``<status>``: how the tool itself fared; its code is the exit status as well."""

    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDC:
    """``<current_dc>`` where there is one."""

    name: str
    version: str
    with_quorum: bool | None
    mixed_version: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """``<summary>``.

    Attributes:
        stack: the cluster layer, ``corosync`` nearly always.
        version: Pacemaker's version on the DC, "" if there is none.
        dc: the designated controller, or None.
        last_change: Unix seconds of the configuration's last change.
        nodes_configured: count.
        resources: counts of instances by ``total``, ``disabled``, ``blocked``; NaN for what is no number.
        options: the cluster options as printed, renamed ones under their older name.
    """

    stack: str = ""
    version: str = ""
    dc: CurrentDC | None = None
    last_change: float | None = None
    nodes_configured: float | None = None
    resources: dict[str, float | None] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``<nodes><node>``.

    Attributes:
        states: the flags of ``NODE_STATES`` in their order, and last whether it is the DC.
    """

    name: str
    id: str
    type: str
    states: tuple[bool, ...]
    health: str
    feature_set: str
    resources_running: float | None


class Resource(NamedTuple):
    """One instance of a primitive resource, wherever it is nested.

    Attributes:
        id: the instance's id as printed, with ``:N`` where the tool prints it.
        role: as printed: Started, Stopped, Promoted, Master, Starting ...
        group: the id of the group it is in, without an instance suffix; "" if none.
        clone: the id of the clone or bundle it is in; "" if none.
        nodes: the names of the nodes it is active on; several is an error state of Pacemaker's.
    """

    id: str
    agent: str
    role: str
    target_role: str
    active: bool
    orphaned: bool
    blocked: bool
    managed: bool
    failed: bool
    failure_ignored: bool
    maintenance: bool
    pending: str
    locked_to: str
    group: str
    clone: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """``<bundle>``: how many replicas it has, and in how many of them something is active."""

    id: str
    replicas: int
    running: int


class NodeAttribute(NamedTuple):
    """``<node_attributes><node><attribute>``."""

    node: str
    name: str
    value: str


class Operation(NamedTuple):
    """``<operation_history>``: the last run of one operation; interval in milliseconds, duration in seconds."""

    task: str
    interval: str
    duration: float | None


class ResourceHistory(NamedTuple):
    """``<resource_history>`` of one node; the threshold is absent for orphans."""

    node: str
    resource: str
    fail_count: float
    migration_threshold: float | None
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``<failures><failure>``; interval in milliseconds as Pacemaker names operations, time in Unix seconds."""

    node: str
    resource: str
    operation: str
    interval: str
    status: str
    time: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceEvent:
    """``<fence_history><fence_event>``; the time is that of its completion, absent while it is pending."""

    target: str
    action: str
    status: str
    delegate: str
    origin: str
    time: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """``<tickets><ticket>``; status granted or revoked, last_granted in Unix seconds."""

    id: str
    status: str
    standby: bool
    last_granted: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """``<bans><ban>``: the id is the constraint's or its rule's; the weight is a score."""

    id: str
    resource: str
    node: str
    promoted_only: bool
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """All that one ``crm_mon`` says.

    Attributes:
        connected: whether the tool had a cluster to speak of: False where it says that it is disconnected, where its
            status is an error, and where it prints none of the sections.
        daemon_state: what pacemakerd says of itself, "" where the tool does not tell.
        status: the tool's own status, None before Pacemaker 2.0.3.
    """

    connected: bool
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
