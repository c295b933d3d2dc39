"""``crm_mon --output-as=xml`` and ``crm_mon -X``, with ``--inactive``: Pacemaker 1.1 to 3.0.

The root elements differ (``pacemaker-result``, ``crm_mon``); their content is the same. Sections and attributes may be
absent, depending on the version; unknown ones are ignored, unless they are in a list whose objects they could be. What
a list lacks is noted in ``UnreadableValue.incomplete``. Renamed attributes are read under both names:
``orphaned``/``removed``, ``stonith-enabled``/``fencing-enabled``, and ``state``/``status`` of fencing events.

libpacemaker returns the same document. Up to 2.1.7 its sections are lists with names: ``<list name="cluster summary">``
instead of ``<summary>``.

The document is processed element by element, without building a tree. For a large cluster it is several megabytes, and
building a tree would take half of the parsing time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import TypeVar

from gateway.subsystems.pacemaker import crm_mon_elements as elements
from gateway.subsystems.pacemaker.cluster_status import (
    BANS,
    DAEMON_STATES,
    FAILURES,
    FENCING,
    HISTORY,
    NODES,
    RESOURCES,
    STOP_ALL,
    TARGETS,
    TICKETS,
    Ban,
    ClusterStatus,
    Failure,
    FenceEvent,
    Node,
    NodeAttribute,
    Operation,
    ResourceHistory,
    Summary,
    Ticket,
    ToolStatus,
)
from gateway.subsystems.pacemaker.crm_mon_resources import ResourceReader
from gateway.subsystems.pacemaker.crm_mon_summary import read_summary, seconds
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import one_of
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Attributes, ElementReader, number, number_or_nan, parse_root

_T = TypeVar("_T")

ROOTS = ("pacemaker-result", "crm_mon")

_EXIT_CODE = re.compile(r"[0-9]{1,3}")
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", re.ASCII)

_LISTS = frozenset({NODES, RESOURCES, HISTORY, FAILURES, FENCING, TICKETS, BANS})
"""The sections that conditions are about. An unknown element in one of them may be one of its objects."""

_SECTIONS = _LISTS | {"summary", "node_attributes"}

_LIST_NAMES = {
    "active resources": RESOURCES,
    "cluster summary": "summary",
    "failed resource actions": FAILURES,
    "fencing history": FENCING,
    "full list of resources": RESOURCES,
    "inactive resources": RESOURCES,
    "migration summary": HISTORY,
    "negative location constraints": BANS,
    "node attributes": "node_attributes",
    "operations": HISTORY,
}
"""The sections whose names as lists differ from their tags (``substitutions`` in Pacemaker's ``output_xml.c``)."""

_OMITS_EMPTY_LISTS = (2, 0, 3)
"""The first version that omits the fencing history, tickets and bans if there are none. All versions omit failures.

Versions before always print tickets and bans, if they know them at all, and no fencing history if they do not read it.
"""

_PRINTS_STOP_ALL = {"crm_mon": (2, 0, 5), "pacemaker-result": (2, 3, 0)}
"""The first version that prints ``stop-all-resources``: of Pacemaker or, in the newer format, of the format."""

_DISABLED = frozenset({"stopped", "unpromoted", "slave"})
"""The target roles with which a resource can count as disabled."""


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


LAST_UPDATE = re.compile(rb"""<last_update time="([^"<&]*)\"""")
"""The time at which the tool ran, in the summary."""


def with_last_update(status: ClusterStatus, match: re.Match[bytes]) -> ClusterStatus:
    """Returns a status with the time of another output that is the same otherwise.

    Raises:
        ParseError: the time cannot be read.
    """
    time = unix_time(match[1].decode("utf-8", "replace"), what="the last update")
    return replace(status, summary=replace(status.summary, last_update=time))


class _Reader(ElementReader):
    """Collects the parts of the status from the elements."""

    def __init__(self) -> None:
        super().__init__(ROOTS)
        self._nodes: list[Node] = []
        self._attributes: list[NodeAttribute] = []
        self._history: list[ResourceHistory] = []
        self._failures: list[Failure] = []
        self._fence_events: list[FenceEvent] = []
        self._tickets: list[Ticket] = []
        self._bans: list[Ban] = []
        self._omits_empty_lists = self._prints_stop_all = True
        # the position in the document
        self._section = ""
        self._node_name = ""
        self._resource_history: Attributes = {}
        self._operations: list[Operation] = []
        self._sections: set[str] = set()
        self._unreadable = UnreadableValues()
        self._resources = ResourceReader(self._unreadable)
        self._lists: list[str] = []
        self._register_handlers()

    def _register_handlers(self) -> None:
        self.starts = {
            **{section: partial(self._start_section, section) for section in _SECTIONS},
            **dict.fromkeys(self._resources.starts, _ignore),
            "list": self._start_list,
            "node": self._start_node,
            "operation_history": self._start_operation,
            "resource_history": self._start_history,
            "attribute": self._start_attribute,
            "failure": partial(self._add_element, FAILURES, elements.failure, self._failures),
            "fence_event": partial(self._add_element, FENCING, elements.fence_event, self._fence_events),
            "ticket": partial(self._add_element, TICKETS, elements.ticket, self._tickets),
            "ban": partial(self._add_element, BANS, elements.ban, self._bans),
        }
        self.ends = {
            **dict.fromkeys(_SECTIONS, self._end_section),
            "resource_history": self._end_history,
            "list": self._end_list,
        }

    def release(self) -> None:
        """Releases the resources as well, which their reader keeps in a cycle of its own."""
        vars(self._resources).clear()
        super().release()

    def result(self, output: bytes) -> Parsed[ClusterStatus]:
        """Returns the status; ``output`` is the document that was read."""
        status = _tool_status(self.others.get("status"))
        no_sections = self._sections.isdisjoint({"summary", NODES, RESOURCES})
        if status is not None and no_sections:  # rare, and a short document: parse it again for the error messages
            errors = [(error.text or "").strip() for error in parse_root(output, tags=ROOTS).iter("error")]
            status = replace(status, message=": ".join(filter(None, [status.message, *errors])))
        disconnected = "crm-mon-disconnected" in self.others
        connected = not no_sections and not disconnected
        summary = read_summary(self.others, self._unreadable) if connected else Summary()
        if connected:
            self._check_completeness(summary)
        result = ClusterStatus(
            connected=connected,
            disconnected=disconnected,
            daemon_state=self._unreadable.read(_daemon_state, self.others) or "",
            status=status,
            summary=summary,
            nodes=tuple(self._nodes),
            resources=tuple(self._resources.resources),
            bundles=tuple(self._resources.bundles),
            attributes=tuple(self._attributes),
            history=tuple(self._history),
            failures=tuple(self._failures),
            fence_events=tuple(self._fence_events),
            tickets=tuple(self._tickets),
            bans=tuple(self._bans),
        )
        return self._unreadable.parsed(result)

    def _check_completeness(self, summary: Summary) -> None:
        """Notes the lists that are missing although they cannot be empty, and those that are too short."""
        required = {NODES} if summary.resources.get("total") == 0 else {NODES, RESOURCES}
        if not self._omits_empty_lists:
            required |= {FENCING, TICKETS, BANS}
        if self._prints_stop_all and STOP_ALL not in summary.options:
            self._unreadable.add(f"the option {STOP_ALL} is unknown", incomplete=(STOP_ALL,))
        for section in sorted(required - self._sections):
            self._unreadable.add(elements.expected(f"<{section}>", None), incomplete=(section,))
        found = len(self._nodes)
        if summary.nodes_configured != found:
            count = "the number of" if summary.nodes_configured is None else f"{summary.nodes_configured:g}"
            self._unreadable.add(f"expected {count} nodes, found {found}", incomplete=(NODES,))
        disabled = summary.resources.get("disabled") or 0
        found = sum(resource.target_role.lower() in _DISABLED for resource in self._resources.resources)
        if disabled > found:
            self._unreadable.add(f"expected {disabled:g} disabled resources, found {found}", incomplete=(TARGETS,))

    # --- elements ----------------------------------------------------------------------------------------------------

    def enter(self, attributes: Attributes) -> None:
        """Handles the root element, which has the version of the tool or, in the newer format, of the format."""
        for root, name in (("crm_mon", "version"), ("pacemaker-result", "api-version")):
            if match := _VERSION.match(attributes.get(name, "")):
                version = tuple(int(part or "0") for part in match.groups())
                self._omits_empty_lists = root != "crm_mon" or version >= _OMITS_EMPTY_LISTS
                self._prints_stop_all = version >= _PRINTS_STOP_ALL[root]

    def start_other(self, tag: str, attributes: Attributes) -> None:
        """Handles an element without a handler. In a list it may be one of the objects."""
        super().start_other(tag, attributes)
        if self._section not in _LISTS:
            return
        if self._section == RESOURCES:
            if not self._resources.start_unknown(tag):
                return
            self.ends[tag] = partial(self._resources.end_unknown, tag)
        self._unreadable.add(f"unknown element <{tag[:40]}>", incomplete=(self._section,))

    def _start_section(self, section: str, attributes: Attributes) -> None:
        self._section = section
        self._sections.add(section)
        if section == RESOURCES:
            self.starts.update(self._resources.starts)
            self.ends.update(self._resources.ends)
        if (status := attributes.get("status", "0")) != "0":  # since 2.0.3: why the fencing history is unknown
            self._unreadable.add(f"<{section}> has the status {status[:40]!r}", incomplete=(section,))

    def _end_section(self) -> None:
        if self._section == RESOURCES:
            self.starts.update(dict.fromkeys(self._resources.starts, _ignore))
            self.ends.update(dict.fromkeys(self._resources.ends, _ignore))
        self._section = ""

    def _start_list(self, attributes: Attributes) -> None:
        """Handles a section as a list with a name."""
        name = attributes.get("name", "")
        section = _LIST_NAMES.get(name, name)
        self._lists.append(section)
        if section in _SECTIONS:
            self.starts[section](attributes)
        else:
            self.start_other("list", attributes)

    def _end_list(self) -> None:
        if self._lists and self._lists.pop() in _SECTIONS:
            self._end_section()

    def _add_element(
        self,
        section: str,
        read: Callable[[Attributes, UnreadableValues], _T | None],
        elements_read: list[_T],
        attributes: Attributes,
    ) -> None:
        """Handles an element of a list that has no elements in it."""
        if self._section != section:
            self._unreadable.add(f"found an element of <{section}> outside it", incomplete=(section,))
        elif (element := read(attributes, self._unreadable)) is not None:
            elements_read.append(element)

    def _start_node(self, attributes: Attributes) -> None:
        """Handles a node of the cluster, a node of a resource, or the node whose attributes or history follow."""
        if self._section == RESOURCES:
            self._resources.start_node(attributes)
        elif self._section == NODES:
            if (node := elements.node(attributes, self._unreadable)) is not None:
                self._nodes.append(node)
        else:
            self._node_name = attributes.get("name", "")

    # --- history -----------------------------------------------------------------------------------------------------

    def _start_attribute(self, attributes: Attributes) -> None:
        if self._node_name:
            name, value = attributes.get("name", ""), attributes.get("value", "")
            self._attributes.append(NodeAttribute(self._node_name, name, value))

    def _start_history(self, attributes: Attributes) -> None:
        self._resource_history = attributes
        self._operations = []

    def _start_operation(self, attributes: Attributes) -> None:
        get = attributes.get
        duration = get("exec-time")
        value = None if duration is None else _seconds_or_nan(duration)
        if value != value:  # noqa: PLR0124 - NaN; this is faster than a call, and there are thousands
            value = self._unreadable.read(seconds, duration or "", what="a duration")
        self._operations.append(Operation(get("task", ""), get("interval", "0").removesuffix("ms"), value))

    def _end_history(self) -> None:
        get = self._resource_history.get
        name = get("id", "")
        if not name or not self._node_name:
            reason = elements.expected("the node and the resource of a history", None)
            self._unreadable.add(reason, incomplete=(HISTORY,))
            return
        fail_count = self._number(get("fail-count", "0"), "a fail count")  # crm_mon omits a count of zero
        threshold = self._number(get("migration-threshold"), "a migration threshold")
        self._history.append(ResourceHistory(self._node_name, name, fail_count, threshold, tuple(self._operations)))

    def _number(self, text: str | None, what: str) -> float | None:
        """Reads a number like ``UnreadableValues.read``, but faster; returns None if it is absent."""
        if text is None:
            return None
        value = number_or_nan(text)
        return self._unreadable.read(number, text, what=what) if value != value else value  # noqa: PLR0124 - NaN


def _ignore(*_: object) -> None:
    """Handles an element of the resources in another section."""


@lru_cache(maxsize=4096)
def _seconds_or_nan(milliseconds: str) -> float:
    """Converts a duration like ``2044ms`` to seconds, or to NaN."""
    return number_or_nan(milliseconds.removesuffix("ms")) / 1000


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
    return one_of(state, DAEMON_STATES, what="the state of pacemakerd") if state else ""
