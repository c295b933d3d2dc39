"""``cibadmin --query``: the location, colocation and ticket constraints of a CIB of any schema (pacemaker-1.0 to 4.0).

The root element is ``cib``, ``configuration`` or, with ``--scope constraints``, ``constraints``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import NamedTuple, TypeAlias, TypeVar

from gateway.errors import ParseError
from gateway.subsystems.pacemaker.cib_rules import LOCATIONS, SharedParts
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.xml import Element, parse_root, score

ROOTS = ("constraints", "cib", "configuration")

COLOCATIONS, TICKETS = "colocations", "tickets"
"""The other lists that can be incomplete (``UnreadableValue.incomplete``)."""

_MAX_CONSTRAINTS = 100_000
"""The number of constraints, one for each resource and rule, that a document may expand to."""

_T = TypeVar("_T")


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
        expires: when its rule ends, in Unix seconds; None if no end is known. ``crm_resource --ban --lifetime``
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ColocationConstraint:
    """A resource whose nodes depend on those of another.

    Attributes:
        id: the id of the constraint.
        resource: the id of the dependent resource, group, clone or tag.
        role: its role to which the constraint applies, as written; empty for every role.
        with_resource: the id of the other resource; empty for a member of a resource set.
        with_role: the role of the other resource, as written; empty for every role.
        score: infinite from a million up.
    """

    id: str
    resource: str
    role: str
    with_resource: str
    with_role: str
    score: float


class Constraints(NamedTuple):
    """The constraints of a CIB, in its order."""

    locations: tuple[LocationConstraint, ...]
    colocations: tuple[ColocationConstraint, ...]
    tickets: tuple[TicketConstraint, ...]


_PROMOTED = frozenset({"promoted", "master"})


def parse(output: bytes) -> Parsed[Constraints]:
    """Parses the output of the tool.

    Raises:
        ParseError: the output is not XML, has another root element, or expands to too many constraints.
    """
    root = parse_root(output, tags=ROOTS)
    unreadable = UnreadableValues()
    _check_elements(root, unreadable)
    parts = SharedParts(root, unreadable)
    # A constraint expands to its resources times its rules, and other constraints can refer to both.
    limit = min(2000 + len(output) // 4, _MAX_CONSTRAINTS)

    def all_of(read: _Read[_T], tag: str) -> tuple[_T, ...]:
        return _at_most(limit, chain.from_iterable(read(element, parts, unreadable) for element in root.iter(tag)))

    colocations = all_of(_colocations, "rsc_colocation")
    return unreadable.parsed(
        Constraints(
            all_of(_locations, "rsc_location"),
            colocations,
            _with_dependents(all_of(_ticket_constraints, "rsc_ticket"), colocations, limit),
        )
    )


_Read: TypeAlias = Callable[[Element, SharedParts, UnreadableValues], Iterator[_T]]
"""Yields the constraints that an element expands to."""

_KNOWN = frozenset({"rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"})
_PARTS_OF_LOCATION = frozenset({"rule", "resource_set", "lifetime"})


def _check_elements(root: Element, unreadable: UnreadableValues) -> None:
    """Notes a missing list of constraints, and unknown constraints."""
    every = (LOCATIONS, COLOCATIONS, TICKETS)
    sections = [root] if root.tag == "constraints" else list(root.iter("constraints"))
    if not sections:
        unreadable.add("expected <constraints>, found nothing", incomplete=every)
    for element in (element for section in sections for element in section if element.tag not in _KNOWN):
        unreadable.add(f"unknown constraint <{str(element.tag)[:40]}>", incomplete=every)


def _at_most(limit: int, constraints: Iterable[_T]) -> tuple[_T, ...]:
    """Returns all constraints.

    Raises:
        ParseError: there are more than the limit.
    """
    expanded = tuple(islice(constraints, limit + 1))
    if len(expanded) > limit:
        raise ParseError(f"expands to more than {limit} constraints")
    return expanded


def _ticket_constraints(
    element: Element, parts: SharedParts, unreadable: UnreadableValues
) -> Iterator[TicketConstraint]:
    resources = list(parts.resources(element))
    if not resources or not element.get("ticket"):
        reason = f"expected the resources and the ticket of {element.get('id', 'a constraint')}, found nothing"
        unreadable.add(reason, incomplete=(TICKETS,))
        return
    for resource, set_role in resources:
        yield TicketConstraint(
            id=element.get("id", ""),
            resource=resource,
            role=set_role or element.get("rsc-role", ""),
            ticket=element.get("ticket", ""),
            loss_policy=element.get("loss-policy", ""),
        )


def _locations(location: Element, parts: SharedParts, unreadable: UnreadableValues) -> Iterator[LocationConstraint]:
    name, resources = location.get("id", ""), list(parts.resources(location))
    tags = {element.tag for element in location}
    if not name or not resources or not tags <= _PARTS_OF_LOCATION or not ("rule" in tags or location.get("node")):
        reason = f"expected the ID, the resources and the node or rules of a location, found {name or 'no ID'}"
        unreadable.add(reason, incomplete=(LOCATIONS,))
        return
    rules = parts.rules(location) if "rule" in tags else [parts.without_rule(location)]
    for resource, set_role in resources:
        role = set_role or location.get("role", "")
        for rule in rules:
            yield LocationConstraint(
                id=(rule.id or name) if len(rules) > 1 else name,
                resource=resource,
                node=rule.node,
                role=rule.role or role,
                score=rule.score,
                expires=rule.expires,
            )


def _colocations(element: Element, parts: SharedParts, unreadable: UnreadableValues) -> Iterator[ColocationConstraint]:
    name, resources = element.get("id", ""), list(parts.resources(element))
    value = unreadable.read(score, element.get("score"), what=f"the score of {name}")
    in_sets = element.find("resource_set") is not None
    if value is None or not resources or not (in_sets or element.get("with-rsc")):
        reason = f"expected the resources and the score of a colocation, found {name or 'no ID'}"
        unreadable.add(reason, incomplete=(COLOCATIONS, TICKETS))
        return
    for resource, set_role in resources:
        yield ColocationConstraint(
            id=name,
            resource=resource,
            role=set_role or element.get("rsc-role", ""),
            with_resource=element.get("with-rsc", ""),
            with_role=element.get("with-rsc-role", ""),
            score=value,
        )


def _with_dependents(
    constraints: Iterable[TicketConstraint], colocations: Iterable[ColocationConstraint], limit: int
) -> tuple[TicketConstraint, ...]:
    """Returns ticket constraints, and those of the resources that mandatory colocations make depend on them."""
    dependents: defaultdict[tuple[str, bool], list[ColocationConstraint]] = defaultdict(list)
    for colocation in (each for each in colocations if each.score == math.inf):
        dependents[colocation.with_resource, False].append(colocation)
        if colocation.with_role.lower() in _PROMOTED:
            dependents[colocation.with_resource, True].append(colocation)
    pending = list(constraints)
    expanded: dict[tuple[str, str, str], TicketConstraint] = {}
    for constraint in pending:  # grows in the loop
        key = (constraint.resource, constraint.role.lower(), constraint.ticket)
        if key in expanded:
            continue
        expanded[key] = constraint
        if len(pending) > limit:
            raise ParseError(f"expands to more than {limit} ticket constraints")
        pending += [
            replace(constraint, id=each.id, resource=each.resource, role=each.role)
            for each in dependents.get((constraint.resource, constraint.role.lower() in _PROMOTED), ())
        ]
    return tuple(expanded.values())
