"""``cibadmin --query``: the location and ticket constraints of a CIB, of every schema from pacemaker-1.0 to 4.0.

The root element is ``cib``, ``configuration`` or, with ``--scope constraints``, ``constraints``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Element, parse_root, score

ROOTS = ("constraints", "cib", "configuration")

_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationConstraint:
    """A location constraint, or one rule of it, for one resource.

    Attributes:
        id: the id of the constraint or, if it has several rules, of the rule.
        resource: the id of a resource or tag, or the pattern of ``rsc-pattern``.
        node: the name of the node; empty if a rule does not name exactly one with ``#uname eq``.
        role: the role as written in the rule, else in the resource set, else in the constraint; empty for every role.
        score: infinite from a million up; None if it depends on a node attribute (``score-attribute``), or if it cannot
            be read.
        expires: when its rule ends, in Unix seconds; None if it does not expire. ``crm_resource --ban --lifetime``
            creates such rules, and they stay in the CIB.
    """

    id: str
    resource: str
    node: str
    role: str
    score: float | None
    expires: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketConstraint:
    """A resource that depends on a ticket, itself or because it must run where a resource that does is.

    Attributes:
        id: the id of the constraint: the ``rsc_ticket``, or the ``rsc_colocation`` by which it depends on it.
        resource: the id of a resource, group, clone or tag.
        role: the role that depends on the ticket, as written; empty for every role.
        ticket: the id of the ticket.
        loss_policy: what happens when the ticket is lost: ``stop``, ``demote``, ``fence`` or ``freeze``.
    """

    id: str
    resource: str
    role: str
    ticket: str
    loss_policy: str


class Constraints(NamedTuple):
    """The constraints of a CIB, in its order."""

    locations: tuple[LocationConstraint, ...]
    tickets: tuple[TicketConstraint, ...]


_PROMOTED = frozenset({"promoted", "master"})


def parse(output: bytes) -> Parsed[Constraints]:
    """Parses the output of the tool.

    Raises:
        ParseError: the output is not XML, or has another root element.
    """
    root = parse_root(output, tags=ROOTS)
    by_id = {element.get("id"): element for element in root.iter("rule", "resource_set") if element.get("id")}
    unreadable = UnreadableValues()
    locations = root.iter("rsc_location")
    return unreadable.parsed(
        Constraints(
            tuple(constraint for location in locations for constraint in _constraints(location, by_id, unreadable)),
            tuple(_with_dependents(_ticket_constraints(root, by_id), _mandatory_colocations(root, unreadable))),
        )
    )


def _ticket_constraints(root: Element, by_id: dict[str | None, Element]) -> Iterator[TicketConstraint]:
    for element in root.iter("rsc_ticket"):
        for resource, set_role in _resources(element, by_id):
            yield TicketConstraint(
                id=element.get("id", ""),
                resource=resource,
                role=set_role or element.get("rsc-role", ""),
                ticket=element.get("ticket", ""),
                loss_policy=element.get("loss-policy", ""),
            )


def _constraints(
    location: Element, by_id: dict[str | None, Element], unreadable: UnreadableValues
) -> Iterator[LocationConstraint]:
    name = location.get("id", "")
    rules = [_resolve(rule, by_id) for rule in location.iterfind("rule")]
    for resource, set_role in _resources(location, by_id):
        role = set_role or location.get("role", "")
        if not rules:
            yield LocationConstraint(
                id=name,
                resource=resource,
                node=location.get("node", ""),
                role=role,
                score=unreadable.read(score, location.get("score"), what=f"the score of {name}"),
            )
        for rule in rules:
            yield LocationConstraint(
                id=rule.get("id", name) if len(rules) > 1 else name,
                resource=resource,
                node=_named_node(rule, by_id),
                role=rule.get("role") or role,
                score=unreadable.read(score, rule.get("score"), what=f"the score of {rule.get('id', name)}"),
                expires=unreadable.read(_end, rule),
            )


def _mandatory_colocations(root: Element, unreadable: UnreadableValues) -> Sequence[Element]:
    def is_mandatory(element: Element) -> bool:
        what = f"the score of {element.get('id')}"
        return unreadable.read(score, element.get("score"), what=what) == math.inf

    return [element for element in root.iter("rsc_colocation") if is_mandatory(element)]


def _with_dependents(
    constraints: Iterator[TicketConstraint], colocations: Sequence[Element]
) -> Iterator[TicketConstraint]:
    """Yields ticket constraints, and those of the resources that mandatory colocations make depend on them."""
    pending = list(constraints)
    seen: set[tuple[str, str, str]] = set()
    for constraint in pending:  # grows in the loop
        key = (constraint.resource, constraint.role.lower(), constraint.ticket)
        if key in seen:
            continue
        seen.add(key)
        yield constraint
        promoted_only = constraint.role.lower() in _PROMOTED
        pending += [
            replace(
                constraint, id=element.get("id", ""), resource=element.get("rsc", ""), role=element.get("rsc-role", "")
            )
            for element in colocations
            if element.get("with-rsc") == constraint.resource
            and (not promoted_only or element.get("with-rsc-role", "").lower() in _PROMOTED)
        ]


def _resources(location: Element, by_id: dict[str | None, Element]) -> Iterator[tuple[str, str]]:
    """Yields each resource of a constraint, with its role in a resource set."""
    if name := location.get("rsc") or location.get("rsc-pattern"):
        yield name, ""
    for reference in location.iterfind("resource_set"):
        members = _resolve(reference, by_id)
        for member in members.iterfind("resource_ref"):
            yield member.get("id", ""), members.get("role", "")


def _named_node(rule: Element, by_id: dict[str | None, Element], depth: int = 0) -> str:
    """Returns the node that a rule names, or "" if it names none or several.

    Rules can be nested, and refer to each other with ``id-ref``. The limit of the depth ends circular references.
    """
    names = {
        expression.get("value", "")
        for expression in rule.iterfind("expression")
        if expression.get("attribute") == "#uname" and expression.get("operation") == "eq"
    }
    if depth < _MAX_DEPTH:
        names |= {_named_node(_resolve(nested, by_id), by_id, depth + 1) for nested in rule.iterfind("rule")} - {""}
    return names.pop() if len(names) == 1 else ""


def _end(rule: Element) -> float | None:
    """Returns when a rule ends because one of its expressions does; None if that depends on other expressions."""
    if rule.get("boolean-op", "and") != "and":
        return None
    ends = [
        end
        for expression in rule.iterfind("date_expression")
        if expression.get("operation", "in_range") in {"lt", "in_range"}
        and (end := unix_time(expression.get("end"), what="the end of a rule")) is not None
    ]
    return min(ends, default=None)


def _resolve(element: Element, by_id: dict[str | None, Element]) -> Element:
    """Returns the element that ``id-ref`` refers to, or the element itself without such a reference."""
    reference = element.get("id-ref")
    return element if reference is None else by_id.get(reference, element)
