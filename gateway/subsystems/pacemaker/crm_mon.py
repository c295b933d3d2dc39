"""``crm_mon --output-as=xml`` and ``crm_mon -X``, with ``--inactive``: Pacemaker 1.1 to 3.0.

The roots differ (``pacemaker-result``, ``crm_mon``), what is below them does not. Sections and attributes that a
version does not print are absent; those that no version known here prints are ignored. The renamed ones are read under
both names: ``orphaned``/``removed``, ``stonith-enabled``/``fencing-enabled``, fence events' ``state``/``status``.

The document is read as it is parsed, element by element, without a tree of it in memory: that of a large cluster has
megabytes, and half the time would go into the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial

from gateway.subsystems.pacemaker.cluster_status import (
    NODE_STATES,
    Ban,
    Bundle,
    ClusterStatus,
    CurrentDC,
    Failure,
    FenceEvent,
    Node,
    NodeAttribute,
    Operation,
    Resource,
    ResourceHistory,
    Summary,
    Ticket,
    ToolStatus,
)
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Attributes, ElementReader, number, optional_number, parse_root, score

ROOTS = ("pacemaker-result", "crm_mon")

_GROUP_INSTANCE = re.compile(r":\d+$")
_OPERATION_KEY = re.compile(r"(?P<resource>.+?)_(?P<task>(?:migrate_)?[a-z-]+)_(?P<interval>\d+)")

_SECTIONS = frozenset({"summary", "nodes", "resources", "node_attributes", "node_history"})


def parse(output: bytes) -> ClusterStatus:
    """Returns what ``crm_mon`` printed.

    Raises:
        ParseError: it is no XML, or not crm_mon's.
    """
    reader = _Reader()
    try:
        reader.read(output)
        return reader.result(output)
    finally:
        reader.forget()


class _Reader(ElementReader):
    """Gathers what the elements say."""

    def __init__(self) -> None:
        super().__init__(ROOTS)
        self._nodes: list[Node] = []
        self._resources: list[Resource] = []
        self._bundles: list[Bundle] = []
        self._attributes: list[NodeAttribute] = []
        self._history: list[ResourceHistory] = []
        self._failures: list[Failure] = []
        self._fence_events: list[FenceEvent] = []
        self._tickets: list[Ticket] = []
        self._bans: list[Ban] = []
        # where the reader is
        self._section = ""
        self._node_name = ""
        self._groups: list[str] = []
        self._clones: list[str] = []
        self._replicas: list[bool] = []
        self._resource: Attributes = {}
        self._places: list[str] = []
        self._resource_history: Attributes = {}
        self._operations: list[Operation] = []
        self._seen: set[str] = set()
        self.starts = {
            **{section: partial(self._start_section, section) for section in _SECTIONS},
            "node": self._start_node,
            "resource": self._start_resource,
            "operation_history": self._start_operation,
            "resource_history": self._start_history,
            "attribute": self._start_attribute,
            "group": self._start_group,
            "clone": self._start_clone,
            "bundle": self._start_bundle,
            "replica": self._start_replica,
            "failure": lambda attributes: self._failures.append(_failure(attributes)),
            "fence_event": lambda attributes: self._fence_events.append(_fence_event(attributes)),
            "ticket": lambda attributes: self._tickets.append(_ticket(attributes)),
            "ban": lambda attributes: self._bans.append(_ban(attributes)),
        }
        self.ends = {
            "resource": self._end_resource,
            "resource_history": self._end_history,
            "group": self._groups.pop,
            "clone": self._clones.pop,
            "bundle": self._end_bundle,
        }

    def result(self, output: bytes) -> ClusterStatus:
        """Returns all that was gathered from the document."""
        status = _tool_status(self.others.get("status"))
        said_nothing = self._seen.isdisjoint({"summary", "nodes", "resources"})
        if status is not None and said_nothing:  # rare, and short: worth a second look for the texts
            errors = [(error.text or "").strip() for error in parse_root(output, tags=ROOTS).iter("error")]
            status = replace(status, message=": ".join(filter(None, [status.message, *errors])))
        disconnected = "crm-mon-disconnected" in self.others or (status is not None and status.code != 0)
        return ClusterStatus(
            connected=not disconnected and not said_nothing,
            daemon_state=_daemon_state(self.others),
            status=status,
            summary=_summary(self.others),
            nodes=tuple(self._nodes),
            resources=tuple(self._resources),
            bundles=tuple(self._bundles),
            attributes=tuple(self._attributes),
            history=tuple(self._history),
            failures=tuple(self._failures),
            fence_events=tuple(self._fence_events),
            tickets=tuple(self._tickets),
            bans=tuple(self._bans),
        )

    def _start_section(self, section: str, _: Attributes) -> None:
        self._section = section
        self._seen.add(section)

    def _start_node(self, attributes: Attributes) -> None:
        """A node of the cluster, or the place of a resource, or whose attributes or history follow."""
        name = attributes.get("name") or attributes.get("id", "")
        if self._section == "resources":
            self._places.append(name)
        elif self._section == "nodes":
            self._nodes.append(_node(name, attributes))
        else:
            self._node_name = name

    # --- resources ---------------------------------------------------------------------------------------------------

    def _start_group(self, attributes: Attributes) -> None:
        name = attributes.get("id", "")
        self._groups.append(_GROUP_INSTANCE.sub("", name) if self._clones else name)

    def _start_clone(self, attributes: Attributes) -> None:
        self._clones.append(attributes.get("id", ""))

    def _start_bundle(self, attributes: Attributes) -> None:
        self._start_clone(attributes)
        self._replicas = []

    def _start_replica(self, _: Attributes) -> None:
        self._replicas.append(False)

    def _end_bundle(self) -> None:
        name = self._clones.pop()
        self._bundles.append(Bundle(id=name, replicas=len(self._replicas), running=sum(self._replicas)))

    def _start_resource(self, attributes: Attributes) -> None:
        self._resource = attributes
        self._places = []

    def _end_resource(self) -> None:
        get = self._resource.get
        active = get("active") == "true"
        if active and self._replicas:
            self._replicas[-1] = True
        self._resources.append(
            Resource(  # by position: names would cost half as much again, thousands of times
                get("id", ""),
                get("resource_agent", ""),
                get("role", ""),
                get("target_role", ""),
                active,
                get("orphaned") == "true" or get("removed") == "true",
                get("blocked") == "true",
                get("managed") == "true",
                get("failed") == "true",
                get("failure_ignored") == "true",
                get("maintenance") == "true",
                get("pending", ""),
                get("locked_to", ""),
                self._groups[-1] if self._groups else "",
                self._clones[-1] if self._clones else "",
                tuple(self._places),
            )
        )

    # --- history -----------------------------------------------------------------------------------------------------

    def _start_attribute(self, attributes: Attributes) -> None:
        self._attributes.append(NodeAttribute(self._node_name, attributes.get("name", ""), attributes.get("value", "")))

    def _start_history(self, attributes: Attributes) -> None:
        self._resource_history = attributes
        self._operations = []

    def _start_operation(self, attributes: Attributes) -> None:
        get = attributes.get
        duration = get("exec-time")
        self._operations.append(
            Operation(
                get("task", ""),
                get("interval", "0").removesuffix("ms"),
                None if duration is None else _seconds(duration),
            )
        )

    def _end_history(self) -> None:
        get = self._resource_history.get
        fail_count = get("fail-count")
        self._history.append(
            ResourceHistory(
                self._node_name,
                get("id", ""),
                # crm_mon leaves the count out where it is zero
                0.0 if fail_count is None else number(fail_count),
                optional_number(get("migration-threshold")),
                tuple(self._operations),
            )
        )


@lru_cache(maxsize=4096)
def _seconds(milliseconds: str) -> float:
    """``2044ms`` is 2.044 seconds; what is no number is NaN."""
    return number(milliseconds.removesuffix("ms")) / 1000


def _tool_status(attributes: Attributes | None) -> ToolStatus | None:
    if attributes is None:
        return None
    code = optional_number(attributes.get("code"))
    return ToolStatus(
        code=int(code) if code is not None and 0 <= code <= 255 else 1, message=attributes.get("message", "")
    )


def _daemon_state(parts: Mapping[str, Attributes]) -> str:
    """2.1.5 has an element of its own, 2.1.6 and later an attribute, and another one when disconnected."""
    places = (("pacemakerd", "state"), ("stack", "pacemakerd-state"), ("crm-mon-disconnected", "pacemakerd-state"))
    return next((state for tag, name in places if (state := parts.get(tag, {}).get(name))), "")


def _summary(parts: Mapping[str, Attributes]) -> Summary:
    dc = parts.get("current_dc", {})
    resources = parts.get("resources_configured")
    return Summary(
        stack=parts.get("stack", {}).get("type", ""),
        version=dc.get("version", ""),
        dc=_current_dc(dc) if dc.get("present") == "true" else None,
        last_change=unix_time(parts.get("last_change", {}).get("time")),
        nodes_configured=optional_number(parts.get("nodes_configured", {}).get("number")),
        resources={}
        if resources is None
        else {
            state: optional_number(resources.get(name))
            for state, name in (("total", "number"), ("disabled", "disabled"), ("blocked", "blocked"))
        },
        options=_options(parts.get("cluster_options", {})),
    )


def _current_dc(attributes: Attributes) -> CurrentDC:
    return CurrentDC(
        name=attributes.get("name", ""),
        version=attributes.get("version", ""),
        with_quorum=_optional_flag(attributes, "with_quorum"),
        mixed_version=_optional_flag(attributes, "mixed_version"),
    )


def _options(attributes: Attributes) -> dict[str, str]:
    options = dict(attributes)
    for old, new in (("stonith-enabled", "fencing-enabled"), ("stonith-timeout-ms", "fencing-timeout-ms")):
        if new in options:
            options.setdefault(old, options.pop(new))
            options.pop(new, None)
    return options


def _node(name: str, attributes: Attributes) -> Node:
    return Node(
        name=name,
        id=attributes.get("id", ""),
        type=attributes.get("type", "unknown"),
        states=(*(_flag(attributes, state) for state in NODE_STATES), _flag(attributes, "is_dc")),
        health=attributes.get("health", ""),
        feature_set=attributes.get("feature_set", ""),
        resources_running=optional_number(attributes.get("resources_running")),
    )


def _failure(attributes: Attributes) -> Failure:
    # op_key is absent where the failure is not that of a configured operation; id stands for it then
    key = _first(attributes, "op_key", "id")
    match = _OPERATION_KEY.fullmatch(key)
    return Failure(
        node=attributes.get("node", ""),
        resource=match["resource"] if match else key,
        operation=_first(attributes, "task") or (match["task"] if match else ""),
        interval=_first(attributes, "interval") or (match["interval"] if match else "0"),
        status=_first(attributes, "exitstatus", "status"),
        time=unix_time(attributes.get("last-rc-change")),
    )


def _fence_event(attributes: Attributes) -> FenceEvent:
    return FenceEvent(
        target=attributes.get("target", ""),
        action=attributes.get("action", ""),
        status=_first(attributes, "status", "state"),
        delegate=attributes.get("delegate", ""),
        origin=attributes.get("origin", ""),
        time=unix_time(attributes.get("completed")),
    )


def _ticket(attributes: Attributes) -> Ticket:
    return Ticket(
        id=attributes.get("id", ""),
        status=attributes.get("status", ""),
        standby=_flag(attributes, "standby"),
        last_granted=unix_time(attributes.get("last-granted")),
    )


def _ban(attributes: Attributes) -> Ban:
    return Ban(
        id=attributes.get("id", ""),
        resource=attributes.get("resource", ""),
        node=attributes.get("node", ""),
        promoted_only=_flag(attributes, "promoted-only") or _flag(attributes, "master_only"),
        weight=score(attributes.get("weight")),
    )


def _flag(attributes: Attributes, name: str) -> bool:
    """Returns whether an attribute is ``true``, as the tools print it; False if it is absent."""
    return attributes.get(name) == "true"


def _optional_flag(attributes: Attributes, name: str) -> bool | None:
    return _flag(attributes, name) if name in attributes else None


def _first(attributes: Attributes, *names: str) -> str:
    """Returns the first of the attributes that is there and not empty, or ""."""
    return next((value for name in names if (value := attributes.get(name))), "")
