"""``crm_mon --output-as=xml`` and ``crm_mon -X``, with ``--inactive``: Pacemaker 1.1 to 3.0.

The roots differ (``pacemaker-result``, ``crm_mon``), what is below them does not. Sections and attributes that a
version does not print are absent; those that no version known here prints are ignored. The renamed ones are read under
both names: ``orphaned``/``removed``, ``stonith-enabled``/``fencing-enabled``, fence events' ``state``/``status``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.parsers.timestamps import unix_time
from gateway.parsers.xml import Element, boolean, number, optional_boolean, parse_root, score

ROOTS = ("pacemaker-result", "crm_mon")

NODE_STATES = ("online", "standby", "standby_onfail", "maintenance", "pending", "unclean", "shutdown", "expected_up")
"""The states of a node that are attributes of its element under the same name; ``is_dc`` makes the ninth."""

_GROUP_INSTANCE = re.compile(r":\d+$")
_OPERATION_KEY = re.compile(r"(?P<resource>.+?)_(?P<task>(?:migrate_)?[a-z-]+)_(?P<interval>\d+)")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAttribute:
    """``<node_attributes><node><attribute>``."""

    node: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """``<operation_history>``: the last run of one operation; interval in milliseconds, duration in seconds."""

    task: str
    interval: str
    duration: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceHistory:
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


def parse(output: bytes) -> ClusterStatus:
    """Returns what ``crm_mon`` printed.

    Raises:
        ParseError: it is no XML, or not crm_mon's.
    """
    root = parse_root(output, tags=ROOTS)
    status = _tool_status(root)
    resources = root.find("resources")
    return ClusterStatus(
        connected=_is_connected(root, status),
        daemon_state=_daemon_state(root),
        status=status,
        summary=_summary(root.find("summary")),
        nodes=tuple(map(_node, root.iterfind("nodes/node"))),
        resources=() if resources is None else tuple(_resources(resources, group="", clone="")),
        bundles=tuple(map(_bundle, root.iterfind("resources/bundle"))),
        attributes=tuple(_attributes(root)),
        history=tuple(_history(root)),
        failures=tuple(map(_failure, root.iterfind("failures/failure"))),
        fence_events=tuple(map(_fence_event, root.iterfind("fence_history/fence_event"))),
        tickets=tuple(map(_ticket, root.iterfind("tickets/ticket"))),
        bans=tuple(map(_ban, root.iterfind("bans/ban"))),
    )


def _tool_status(root: Element) -> ToolStatus | None:
    status = root.find("status")
    if status is None:
        return None
    code = number(status.get("code"))
    messages = [status.get("message", ""), *((error.text or "").strip() for error in status.iterfind("errors/error"))]
    return ToolStatus(
        code=int(code) if code is not None and 0 <= code <= 255 else 1,
        message=": ".join(filter(None, messages)),
    )


def _is_connected(root: Element, status: ToolStatus | None) -> bool:
    if root.find("crm-mon-disconnected") is not None or (status is not None and status.code):
        return False
    return any(root.find(section) is not None for section in ("summary", "nodes", "resources"))


def _daemon_state(root: Element) -> str:
    """2.1.5 has an element of its own, 2.1.6 and later an attribute, and another one when disconnected."""
    for path, name in (
        ("pacemakerd", "state"),
        ("summary/stack", "pacemakerd-state"),
        ("crm-mon-disconnected", "pacemakerd-state"),
    ):
        element = root.find(path)
        if element is not None and (state := element.get(name)):
            return str(state)
    return ""


def _summary(summary: Element | None) -> Summary:
    if summary is None:
        return Summary()
    parts = {child.tag: child for child in summary}
    dc = parts.get("current_dc")
    resources = parts.get("resources_configured")
    return Summary(
        stack=_get(parts.get("stack"), "type"),
        version=_get(dc, "version"),
        dc=_current_dc(dc) if dc is not None and boolean(dc, "present") else None,
        last_change=unix_time(_get(parts.get("last_change"), "time")),
        nodes_configured=number(_get(parts.get("nodes_configured"), "number") or None),
        resources={}
        if resources is None
        else {
            state: number(resources.get(name))
            for state, name in (("total", "number"), ("disabled", "disabled"), ("blocked", "blocked"))
        },
        options=_options(parts.get("cluster_options")),
    )


def _current_dc(dc: Element) -> CurrentDC:
    return CurrentDC(
        name=dc.get("name", ""),
        version=dc.get("version", ""),
        with_quorum=optional_boolean(dc, "with_quorum"),
        mixed_version=optional_boolean(dc, "mixed_version"),
    )


def _options(options: Element | None) -> dict[str, str]:
    if options is None:
        return {}
    found = {str(name): str(value) for name, value in options.items()}
    for old, new in (("stonith-enabled", "fencing-enabled"), ("stonith-timeout-ms", "fencing-timeout-ms")):
        if new in found:
            found.setdefault(old, found.pop(new))
            found.pop(new, None)
    return found


def _node(node: Element) -> Node:
    return Node(
        name=_name(node),
        id=node.get("id", ""),
        type=node.get("type", "unknown"),
        states=(*(boolean(node, state) for state in NODE_STATES), boolean(node, "is_dc")),
        health=node.get("health", ""),
        feature_set=node.get("feature_set", ""),
        resources_running=number(node.get("resources_running")),
    )


def _resources(parent: Element, *, group: str, clone: str) -> Iterator[Resource]:
    """Yields the instances below an element; groups and clones nest, replicas are only a layer."""
    for child in parent:
        match child.tag:
            case "resource":
                yield _resource(child, group, clone)
            case "group":
                name = child.get("id", "")
                yield from _resources(child, group=_GROUP_INSTANCE.sub("", name) if clone else name, clone=clone)
            case "clone" | "bundle":
                yield from _resources(child, group=group, clone=child.get("id", ""))
            case "replica":
                yield from _resources(child, group=group, clone=clone)


def _resource(resource: Element, group: str, clone: str) -> Resource:
    get = resource.get
    return Resource(
        id=get("id", ""),
        agent=get("resource_agent", ""),
        role=get("role", ""),
        target_role=get("target_role", ""),
        active=boolean(resource, "active"),
        orphaned=boolean(resource, "orphaned") or boolean(resource, "removed"),
        blocked=boolean(resource, "blocked"),
        managed=boolean(resource, "managed"),
        failed=boolean(resource, "failed"),
        failure_ignored=boolean(resource, "failure_ignored"),
        maintenance=boolean(resource, "maintenance"),
        pending=get("pending", ""),
        locked_to=get("locked_to", ""),
        group=group,
        clone=clone,
        nodes=tuple(_name(node) for node in resource if node.tag == "node"),
    )


def _bundle(bundle: Element) -> Bundle:
    replicas = bundle.findall("replica")
    running = [any(boolean(resource, "active") for resource in replica.iterfind("resource")) for replica in replicas]
    return Bundle(id=bundle.get("id", ""), replicas=len(replicas), running=sum(running))


def _attributes(root: Element) -> Iterator[NodeAttribute]:
    for node in root.iterfind("node_attributes/node"):
        name = _name(node)
        for attribute in node.iterfind("attribute"):
            yield NodeAttribute(node=name, name=attribute.get("name", ""), value=attribute.get("value", ""))


def _history(root: Element) -> Iterator[ResourceHistory]:
    for node in root.iterfind("node_history/node"):
        name = _name(node)
        for history in node.iterfind("resource_history"):
            yield ResourceHistory(
                node=name,
                resource=history.get("id", ""),
                # crm_mon leaves the count out where it is zero
                fail_count=number(history.get("fail-count")) or 0,
                migration_threshold=number(history.get("migration-threshold")),
                operations=tuple(map(_operation, history.iterfind("operation_history"))),
            )


def _operation(operation: Element) -> Operation:
    get = operation.get
    return Operation(
        task=get("task", ""),
        interval=get("interval", "0").removesuffix("ms"),
        duration=_milliseconds(get("exec-time")),
    )


def _milliseconds(text: str | None) -> float | None:
    """``2044ms`` is seconds 2.044."""
    value = number(None if text is None else text.removesuffix("ms"))
    return None if value is None else value / 1000


def _failure(failure: Element) -> Failure:
    # op_key is absent where the failure is not that of a configured operation; id stands for it then
    key = _first(failure, "op_key", "id")
    match = _OPERATION_KEY.fullmatch(key)
    return Failure(
        node=failure.get("node", ""),
        resource=match["resource"] if match else key,
        operation=_first(failure, "task") or (match["task"] if match else ""),
        interval=_first(failure, "interval") or (match["interval"] if match else "0"),
        status=_first(failure, "exitstatus", "status"),
        time=unix_time(failure.get("last-rc-change")),
    )


def _fence_event(event: Element) -> FenceEvent:
    return FenceEvent(
        target=event.get("target", ""),
        action=event.get("action", ""),
        status=_first(event, "status", "state"),
        delegate=event.get("delegate", ""),
        origin=event.get("origin", ""),
        time=unix_time(event.get("completed")),
    )


def _ticket(ticket: Element) -> Ticket:
    return Ticket(
        id=ticket.get("id", ""),
        status=ticket.get("status", ""),
        standby=boolean(ticket, "standby"),
        last_granted=unix_time(ticket.get("last-granted")),
    )


def _ban(ban: Element) -> Ban:
    return Ban(
        id=ban.get("id", ""),
        resource=ban.get("resource", ""),
        node=ban.get("node", ""),
        promoted_only=boolean(ban, "promoted-only") or boolean(ban, "master_only"),
        weight=score(ban.get("weight")),
    )


def _name(node: Element) -> str:
    return _first(node, "name", "id")


def _get(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")


def _first(element: Element, *names: str) -> str:
    """Returns the first of the attributes that is there and not empty, or ""."""
    return next((value for name in names if (value := element.get(name))), "")
