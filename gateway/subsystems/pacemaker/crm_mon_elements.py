"""The elements of ``crm_mon`` that are short lists: nodes, failures, fencing events, tickets and bans."""

from __future__ import annotations

import re
from collections.abc import Collection

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.cluster_status import (
    HEALTH_STATES,
    NODE_STATES,
    Ban,
    Failure,
    FenceEvent,
    Node,
    Ticket,
)
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Attributes, optional_number, score

_OPERATION_KEY = re.compile(r"(?P<resource>.+?)_(?P<task>(?:migrate_)?[a-z-]+)_(?P<interval>\d+)")


def one_of(word: str, words: Collection[str], *, what: str) -> str:
    """Returns a word that must be one of these.

    Raises:
        ParseError: it is another.
    """
    if word not in words:
        raise ParseError(f"expected {what}, found {word[:40]!r}")
    return word


def node(name: str, attributes: Attributes, unreadable: UnreadableValues) -> Node:
    """Returns ``<nodes><node>``."""
    health = attributes.get("health", "")
    running = attributes.get("resources_running")
    return Node(
        name=name,
        id=attributes.get("id", ""),
        type=attributes.get("type", "unknown"),
        states=unreadable.read(_node_states, name, attributes),
        health=(unreadable.read(one_of, health, HEALTH_STATES, what=f"the health of {name}") or "") if health else "",
        feature_set=attributes.get("feature_set", ""),
        resources_running=unreadable.read(optional_number, running, what=f"the number of resources on {name}"),
        container=attributes.get("id_as_resource", ""),
    )


def _node_states(name: str, attributes: Attributes) -> tuple[bool, ...]:
    states = []
    for state in (*NODE_STATES, "is_dc"):
        word = attributes.get(state, "false")
        states.append(one_of(word, ("true", "false"), what=f"{state} of {name} as true or false") == "true")
    return tuple(states)


def failure(attributes: Attributes, unreadable: UnreadableValues) -> Failure:
    """Returns ``<failures><failure>``."""
    # without op_key the failure is not that of a configured operation, and id takes its place
    key = first_of(attributes, "op_key", "id")
    match = _OPERATION_KEY.fullmatch(key)
    return Failure(
        node=attributes.get("node", ""),
        resource=match["resource"] if match else key,
        operation=first_of(attributes, "task") or (match["task"] if match else ""),
        interval=first_of(attributes, "interval") or (match["interval"] if match else "0"),
        status=first_of(attributes, "exitstatus", "status"),
        time=unreadable.read(unix_time, attributes.get("last-rc-change"), what=f"the time of the failure {key}"),
        execution=attributes.get("status", ""),
        reason=_sentence(attributes.get("exitreason", "")),
    )


def fence_event(attributes: Attributes, unreadable: UnreadableValues) -> FenceEvent:
    """Returns ``<fence_history><fence_event>``."""
    return FenceEvent(
        target=attributes.get("target", ""),
        action=attributes.get("action", ""),
        status=first_of(attributes, "status", "state"),
        delegate=attributes.get("delegate", ""),
        origin=attributes.get("origin", ""),
        time=unreadable.read(unix_time, attributes.get("completed"), what="the time of a fencing event"),
        reason=_sentence(attributes.get("exit-reason", "")),
    )


_MAX_REASON = 120
"""Characters of a reason that are kept: it is a label, and part of a notification."""


def _sentence(reason: str) -> str:
    """Returns a reason in one line of limited length."""
    line = " ".join(reason.split())
    return line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 1]}…"


def ticket(attributes: Attributes, unreadable: UnreadableValues) -> Ticket:
    """Returns ``<tickets><ticket>``."""
    return Ticket(
        id=attributes.get("id", ""),
        status=attributes.get("status", ""),
        standby=flag(attributes, "standby"),
        last_granted=unreadable.read(
            unix_time, attributes.get("last-granted"), what="the time of the grant of a ticket"
        ),
    )


def ban(attributes: Attributes, unreadable: UnreadableValues) -> Ban:
    """Returns ``<bans><ban>``."""
    return Ban(
        id=attributes.get("id", ""),
        resource=attributes.get("resource", ""),
        node=attributes.get("node", ""),
        promoted_only=flag(attributes, "promoted-only") or flag(attributes, "master_only"),
        weight=unreadable.read(score, attributes.get("weight"), what=f"the weight of {attributes.get('id', 'a ban')}"),
    )


def flag(attributes: Attributes, name: str) -> bool:
    """Returns whether an attribute is ``true``; False if it is absent."""
    return attributes.get(name) == "true"


def optional_flag(attributes: Attributes, name: str) -> bool | None:
    """Returns whether an attribute is ``true``, or None if it is absent.

    Raises:
        ParseError: it is neither ``true`` nor ``false``.
    """
    value = attributes.get(name)
    return None if value is None else one_of(value, ("true", "false"), what=f"{name} as true or false") == "true"


def first_of(attributes: Attributes, *names: str) -> str:
    """Returns the first of the attributes that is present and not empty, or ""."""
    return next((value for name in names if (value := attributes.get(name))), "")
