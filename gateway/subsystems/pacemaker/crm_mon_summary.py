"""The section ``<summary>`` of ``crm_mon``: the designated controller, times, counts and cluster options."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.subsystems.pacemaker import crm_mon_elements as elements
from gateway.subsystems.pacemaker.cluster_status import (
    BOOLEAN_OPTIONS,
    NO_QUORUM_POLICIES,
    STOP_ALL,
    CurrentDC,
    Summary,
)
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.text import one_of
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Attributes, number, optional_number


def read_summary(parts: Mapping[str, Attributes], unreadable: UnreadableValues) -> Summary:
    """Returns the summary from the attributes of its elements."""
    dc, resources = parts.get("current_dc", {}), parts.get("resources_configured", {})
    nodes = parts.get("nodes_configured", {}).get("number")
    options = _options(parts.get("cluster_options", {}), unreadable)
    timeout = options.pop("stonith-timeout-ms", None)
    return Summary(
        stack=parts.get("stack", {}).get("type", ""),
        version=dc.get("version", ""),
        dc=_current_dc(dc, unreadable),
        last_update=unreadable.read(unix_time, parts.get("last_update", {}).get("time"), what="the last update"),
        local_node=parts.get("last_update", {}).get("origin", ""),
        last_change=unreadable.read(unix_time, parts.get("last_change", {}).get("time"), what="the last change"),
        nodes_configured=unreadable.read(optional_number, nodes, what="the number of nodes"),
        resources={
            state: unreadable.read(optional_number, resources.get(name), what=f"the number of resources ({state})")
            for state, name in (("total", "number"), ("disabled", "disabled"), ("blocked", "blocked"))
            if name in resources
        },
        stonith_timeout=None if timeout is None else unreadable.read(seconds, timeout, what="stonith-timeout"),
        options=options,
    )


def seconds(milliseconds: str, *, what: str) -> float:
    """Parses a duration like ``2044ms`` into seconds."""
    return number(milliseconds.removesuffix("ms"), what=what) / 1000


def _current_dc(attributes: Attributes, unreadable: UnreadableValues) -> CurrentDC | None:
    """Returns the designated controller; None if it is unknown whether there is one, or which node it is."""
    present = elements.flag(attributes, "present", unreadable, what="the designated controller")
    if present is False:
        return CurrentDC(name="", with_quorum=None, mixed_version=None)
    name = attributes.get("name", "")
    if present and not name:
        unreadable.add(elements.expected("the name of the designated controller", None))
    if not present or not name:
        return None
    return CurrentDC(
        name=name,
        with_quorum=elements.flag(attributes, "with_quorum", unreadable, what="the designated controller"),
        mixed_version=elements.optional_flag(attributes, "mixed_version", unreadable, what="the designated controller"),
    )


_LATER_OPTIONS = frozenset({STOP_ALL})
"""Options that not every version prints."""


def _options(attributes: Attributes, unreadable: UnreadableValues) -> dict[str, str]:
    options = dict(attributes)
    for old, new in (("stonith-enabled", "fencing-enabled"), ("stonith-timeout-ms", "fencing-timeout-ms")):
        if new in options:
            options.setdefault(old, options.pop(new))
            options.pop(new, None)
    for name in BOOLEAN_OPTIONS:
        read = elements.optional_flag if name in _LATER_OPTIONS else elements.flag
        if read(options, name, unreadable, what="the cluster") is None:
            options.pop(name, None)
    policy = options.pop("no-quorum-policy", "")
    if policy and unreadable.read(one_of, policy, NO_QUORUM_POLICIES, what="no-quorum-policy"):
        options["no-quorum-policy"] = policy
    return options
