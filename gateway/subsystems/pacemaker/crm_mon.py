"""``crm_mon --output-as=xml`` and ``crm_mon -X``, with ``--inactive``: Pacemaker 1.1 to 3.0.

The root elements differ (``pacemaker-result``, ``crm_mon``); their content is the same. Sections and attributes may be
absent, depending on the version; unknown ones are ignored. Renamed attributes are read under both names:
``orphaned``/``removed``, ``stonith-enabled``/``fencing-enabled``, and ``state``/``status`` of fencing events.

The document is processed element by element, without building a tree. For a large cluster it is several megabytes, and
building a tree would take half of the parsing time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial

from gateway.subsystems.pacemaker import crm_mon_elements as elements
from gateway.subsystems.pacemaker.cluster_status import (
    BOOLEAN_OPTIONS,
    DAEMON_STATES,
    NO_QUORUM_POLICIES,
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
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import (
    Attributes,
    ElementReader,
    number,
    number_or_nan,
    optional_number,
    parse_root,
)

ROOTS = ("pacemaker-result", "crm_mon")

_GROUP_INSTANCE = re.compile(r":\d+$")

_EXIT_CODE = re.compile(r"[0-9]{1,3}")

_SECTIONS = frozenset({"summary", "nodes", "resources", "node_attributes", "node_history"})


def parse(output: bytes) -> Parsed[ClusterStatus]:
    """Parses the output of the tool. A number, time or state that cannot be read is absent.

    Raises:
        ParseError: the output is not XML, or has another root element.
    """
    reader = _Reader()
    try:
        reader.read(output)
        return reader.result(output)
    finally:
        reader.release()


class _Reader(ElementReader):
    """Collects the parts of the status from the elements."""

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
        # the position in the document
        self._section = ""
        self._node_name = ""
        self._groups: list[str] = []
        self._clones: list[str] = []
        self._replicas: list[bool] = []
        self._resource: Attributes = {}
        self._resource_nodes: list[str] = []
        self._resource_history: Attributes = {}
        self._operations: list[Operation] = []
        self._sections: set[str] = set()
        self._unreadable = UnreadableValues()
        self._register_handlers()

    def _register_handlers(self) -> None:
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
            "failure": lambda attributes: self._failures.append(elements.failure(attributes, self._unreadable)),
            "fence_event": lambda attributes: self._fence_events.append(
                elements.fence_event(attributes, self._unreadable)
            ),
            "ticket": lambda attributes: self._tickets.append(elements.ticket(attributes, self._unreadable)),
            "ban": lambda attributes: self._bans.append(elements.ban(attributes, self._unreadable)),
        }
        self.ends = {
            "resource": self._end_resource,
            "resource_history": self._end_history,
            "group": self._groups.pop,
            "clone": self._clones.pop,
            "bundle": self._end_bundle,
        }

    def result(self, output: bytes) -> Parsed[ClusterStatus]:
        """Returns the status; ``output`` is the document that was read."""
        status = _tool_status(self.others.get("status"))
        no_sections = self._sections.isdisjoint({"summary", "nodes", "resources"})
        if status is not None and no_sections:  # rare, and a short document: parse it again for the error messages
            errors = [(error.text or "").strip() for error in parse_root(output, tags=ROOTS).iter("error")]
            status = replace(status, message=": ".join(filter(None, [status.message, *errors])))
        disconnected = "crm-mon-disconnected" in self.others
        result = ClusterStatus(
            connected=not disconnected and not no_sections,
            daemon_state=self._unreadable.read(_daemon_state, self.others) or "",
            status=status,
            summary=_summary(self.others, self._unreadable),
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
        return self._unreadable.parsed(result)

    def _start_section(self, section: str, _: Attributes) -> None:
        self._section = section
        self._sections.add(section)

    def _start_node(self, attributes: Attributes) -> None:
        """Handles a node of the cluster, a node of a resource, or the node whose attributes or history follow."""
        name = attributes.get("name") or attributes.get("id", "")
        if self._section == "resources":
            self._resource_nodes.append(name)
        elif self._section == "nodes":
            self._nodes.append(elements.node(name, attributes, self._unreadable))
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
        self._resource_nodes = []

    def _end_resource(self) -> None:
        get = self._resource.get
        active = get("active") == "true"
        if active and self._replicas:
            self._replicas[-1] = True
        self._resources.append(
            Resource(  # positional: keyword arguments would take half as long again, and there are thousands
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
                tuple(self._resource_nodes),
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
        seconds = None if duration is None else _seconds_or_nan(duration)
        if seconds != seconds:  # noqa: PLR0124 - NaN; this is faster than a call, and there are thousands
            seconds = self._unreadable.read(_seconds, duration or "", what="a duration")
        self._operations.append(Operation(get("task", ""), get("interval", "0").removesuffix("ms"), seconds))

    def _end_history(self) -> None:
        get = self._resource_history.get
        fail_count = self._number(get("fail-count", "0"), "a fail count")  # crm_mon omits a count of zero
        threshold = self._number(get("migration-threshold"), "a migration threshold")
        self._history.append(
            ResourceHistory(self._node_name, get("id", ""), fail_count, threshold, tuple(self._operations))
        )

    def _number(self, text: str | None, what: str) -> float | None:
        """Reads a number like ``UnreadableValues.read``, but faster; returns None if it is absent."""
        if text is None:
            return None
        value = number_or_nan(text)
        return self._unreadable.read(number, text, what=what) if value != value else value  # noqa: PLR0124 - NaN


@lru_cache(maxsize=4096)
def _seconds_or_nan(milliseconds: str) -> float:
    """Converts a duration like ``2044ms`` to seconds, or to NaN."""
    return number_or_nan(milliseconds.removesuffix("ms")) / 1000


def _seconds(milliseconds: str, *, what: str) -> float:
    """Parses a duration like ``2044ms`` into seconds."""
    return number(milliseconds.removesuffix("ms"), what=what) / 1000


def _tool_status(attributes: Attributes | None) -> ToolStatus | None:
    if attributes is None:
        return None
    code = attributes.get("code", "")
    return ToolStatus(code=int(code) if _EXIT_CODE.fullmatch(code) else 1, message=attributes.get("message", ""))


def _daemon_state(parts: Mapping[str, Attributes]) -> str:
    """Returns the state of pacemakerd.

    2.1.5 prints an element ``pacemakerd``; 2.1.6 and later print an attribute of ``stack`` or, if the tool is
    disconnected, of ``crm-mon-disconnected``.
    """
    places = (("pacemakerd", "state"), ("stack", "pacemakerd-state"), ("crm-mon-disconnected", "pacemakerd-state"))
    state = next((state for tag, name in places if (state := parts.get(tag, {}).get(name))), "")
    return elements.one_of(state, DAEMON_STATES, what="the state of pacemakerd") if state else ""


def _summary(parts: Mapping[str, Attributes], unreadable: UnreadableValues) -> Summary:
    dc, resources = parts.get("current_dc", {}), parts.get("resources_configured", {})
    nodes = parts.get("nodes_configured", {}).get("number")
    options = _options(parts.get("cluster_options", {}), unreadable)
    timeout = options.pop("stonith-timeout-ms", None)
    return Summary(
        stack=parts.get("stack", {}).get("type", ""),
        version=dc.get("version", ""),
        dc=_current_dc(dc, unreadable) if dc.get("present") == "true" else None,
        last_update=unreadable.read(unix_time, parts.get("last_update", {}).get("time"), what="the last update"),
        last_change=unreadable.read(unix_time, parts.get("last_change", {}).get("time"), what="the last change"),
        nodes_configured=unreadable.read(optional_number, nodes, what="the number of nodes"),
        resources={
            state: unreadable.read(optional_number, resources.get(name), what=f"the number of resources ({state})")
            for state, name in (("total", "number"), ("disabled", "disabled"), ("blocked", "blocked"))
            if name in resources
        },
        stonith_timeout=None if timeout is None else unreadable.read(_seconds, timeout, what="stonith-timeout"),
        options=options,
    )


def _current_dc(attributes: Attributes, unreadable: UnreadableValues) -> CurrentDC:
    return CurrentDC(
        name=attributes.get("name", ""),
        with_quorum=unreadable.read(elements.optional_flag, attributes, "with_quorum"),
        mixed_version=unreadable.read(elements.optional_flag, attributes, "mixed_version"),
    )


def _options(attributes: Attributes, unreadable: UnreadableValues) -> dict[str, str]:
    options = dict(attributes)
    for old, new in (("stonith-enabled", "fencing-enabled"), ("stonith-timeout-ms", "fencing-timeout-ms")):
        if new in options:
            options.setdefault(old, options.pop(new))
            options.pop(new, None)
    for name in (name for name in BOOLEAN_OPTIONS if name in options):
        if unreadable.read(elements.optional_flag, options, name) is None:
            del options[name]
    policy = options.pop("no-quorum-policy", "")
    if policy and unreadable.read(elements.one_of, policy, NO_QUORUM_POLICIES, what="no-quorum-policy"):
        options["no-quorum-policy"] = policy
    return options
