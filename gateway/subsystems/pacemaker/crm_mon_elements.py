"""The elements of ``crm_mon`` that are short lists: nodes, failures, fencing events, tickets and bans.

An element without a name or an ID is about nothing: it is unreadable, and its list incomplete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.cluster_status import (
    BANS,
    FAILURES,
    FENCING,
    HEALTH_STATES,
    NODE_STATES,
    NODES,
    TICKETS,
    Ban,
    Failure,
    FenceEvent,
    Node,
    Ticket,
)
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.text import one_of
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Attributes, optional_number, score

_OPERATION_KEY = re.compile(r"(?P<resource>.+?)_(?P<task>(?:migrate_)?[a-z-]+)_(?P<interval>\d+)")


FLAGS: Mapping[str | None, bool] = {"true": True, "false": False}
"""The words of flags. pcmk__btoa() prints them in all versions."""


def flag(attributes: Attributes, name: str, unreadable: UnreadableValues, *, what: str) -> bool | None:
    """Returns a flag that every version prints; None if it is absent or neither ``true`` nor ``false``."""
    value = FLAGS.get(attributes.get(name))
    if value is None:
        unreadable.add(expected(f"{name} of {what} as true or false", attributes.get(name)))
    return value


def optional_flag(attributes: Attributes, name: str, unreadable: UnreadableValues, *, what: str) -> bool | None:
    """Returns a flag that not every version prints, like ``flag``."""
    return flag(attributes, name, unreadable, what=what) if name in attributes else None


def expected(what: str, word: str | None) -> str:
    """Returns the reason why an attribute is unreadable."""
    return f"expected {what}, found {'nothing' if word is None else repr(word[:40])}"


_LATER_STATES = frozenset({"maintenance"})
"""States of nodes that versions before 1.1.10 do not print."""


def node(attributes: Attributes, unreadable: UnreadableValues) -> Node | None:
    """Returns ``<nodes><node>``; None if it has no name."""
    name = attributes.get("name", "")
    if not name:
        unreadable.add("expected the name of a node, found nothing", incomplete=(NODES,))
        return None
    health = attributes.get("health", "")
    running = attributes.get("resources_running")
    return Node(
        name=name,
        id=attributes.get("id", ""),
        type=attributes.get("type", "unknown"),
        states=tuple(
            (optional_flag if state in _LATER_STATES else flag)(attributes, state, unreadable, what=name)
            for state in (*NODE_STATES, "is_dc")
        ),
        health=(unreadable.read(one_of, health, HEALTH_STATES, what=f"the health of {name}") or "") if health else "",
        feature_set=attributes.get("feature_set", ""),
        resources_running=unreadable.read(optional_number, running, what=f"the number of resources on {name}"),
        container=attributes.get("id_as_resource", ""),
    )


_NO_KEY = "id"
"""What Pacemaker 2.0 prints as the ID of a failure without a key: the word itself."""


def failure(attributes: Attributes, unreadable: UnreadableValues) -> Failure | None:
    """Returns ``<failures><failure>``; None if it does not name its node and its operation."""
    # without op_key the failure is not that of a configured operation, and id takes its place
    key, node_name = first_of(attributes, "op_key", "id"), attributes.get("node", "")
    if key in {"", _NO_KEY} or not node_name:
        unreadable.add("expected the operation and the node of a failure, found nothing", incomplete=(FAILURES,))
        return None
    match = _OPERATION_KEY.fullmatch(key)
    return Failure(
        node=node_name,
        resource=match["resource"] if match else key,
        operation=first_of(attributes, "task") or (match["task"] if match else ""),
        interval=first_of(attributes, "interval") or (match["interval"] if match else "0"),
        status=first_of(attributes, "exitstatus", "status"),
        time=unreadable.read(unix_time, attributes.get("last-rc-change"), what=f"the time of the failure {key}"),
        execution=attributes.get("status", ""),
        reason=_sentence(attributes.get("exitreason", "")),
    )


_PENDING = "pending"
_FENCING_ACTIONS = frozenset({"on", "off", "reboot", "poweroff"})
_FENCING_STATES = ("success", "failed", _PENDING)


def fence_event(attributes: Attributes, unreadable: UnreadableValues) -> FenceEvent | None:
    """Returns ``<fence_history><fence_event>``; None if its target, its action or its status is unknown."""
    target, action, status = attributes.get("target", ""), attributes.get("action", ""), _fencing_status(attributes)
    if not target or action not in _FENCING_ACTIONS or status not in _FENCING_STATES:
        found = f"{status[:40]!r} of {action[:40]!r} of {target[:40]!r}"
        unreadable.add(
            f"expected the status, action and target of a fencing event, found {found}", incomplete=(FENCING,)
        )
        return None
    return FenceEvent(
        target=target,
        action=action,
        status=status,
        delegate=attributes.get("delegate", ""),
        origin=attributes.get("origin", ""),
        time=None if status == _PENDING else _completed(attributes, unreadable),
        reason=_sentence(attributes.get("exit-reason", "")),
    )


def _fencing_status(attributes: Attributes) -> str:
    """Returns the status of a fencing event, which Pacemaker 1.1 calls its state."""
    return first_of(attributes, "status", "state")


def _completed(attributes: Attributes, unreadable: UnreadableValues) -> float | None:
    """Returns when a fencing event ended. Without the time, it cannot be compared with the others."""
    text = attributes.get("completed", "")
    try:
        time = unix_time(text, what="the time of a fencing event")
    except ParseError as error:
        unreadable.add(error.reason, incomplete=(FENCING,))
        return None
    if time is None:
        unreadable.add("expected the time of a fencing event, found nothing", incomplete=(FENCING,))
    return time


_MAX_REASON = 120
"""Characters of a reason that are kept: it is a label, and part of a notification."""


def _sentence(reason: str) -> str:
    """Returns a reason in one line of limited length."""
    line = " ".join(reason.split())
    return line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 1]}…"


_GRANTED = {"granted": True, "revoked": False}


def ticket(attributes: Attributes, unreadable: UnreadableValues) -> Ticket | None:
    """Returns ``<tickets><ticket>``; None if it has no ID."""
    name, status = attributes.get("id", ""), attributes.get("status")
    if not name:
        unreadable.add("expected the ID of a ticket, found nothing", incomplete=(TICKETS,))
        return None
    granted = _GRANTED.get(status or "")
    if granted is None:
        unreadable.add(expected(f"the status of the ticket {name}", status))
    return Ticket(
        id=name,
        granted=granted,
        standby=flag(attributes, "standby", unreadable, what=f"the ticket {name}"),
        last_granted=unreadable.read(
            unix_time, attributes.get("last-granted"), what="the time of the grant of a ticket"
        ),
    )


def ban(attributes: Attributes, unreadable: UnreadableValues) -> Ban | None:
    """Returns ``<bans><ban>``; None if it does not name its constraint, its resource and its node, or has no weight."""
    name, resource, node_name = (attributes.get(part, "") for part in ("id", "resource", "node"))
    try:
        weight = score(attributes.get("weight"), what=f"the weight of {name or 'a ban'}")
    except ParseError as error:
        unreadable.add(error.reason, incomplete=(BANS,))
        return None
    if not name or not resource or not node_name or weight is None:
        unreadable.add("expected the ID, resource, node and weight of a ban, found nothing", incomplete=(BANS,))
        return None
    # 1.1 to 2.0 have the attribute master_only
    promoted_only = "promoted-only" if "promoted-only" in attributes else "master_only"
    return Ban(
        id=name,
        resource=resource,
        node=node_name,
        promoted_only=flag(attributes, promoted_only, unreadable, what=f"the ban {name}"),
        weight=weight,
    )


def first_of(attributes: Attributes, *names: str) -> str:
    """Returns the first of the attributes that is present and not empty, or ""."""
    return next((value for name in names if (value := attributes.get(name))), "")
