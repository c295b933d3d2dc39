"""``cibadmin --query``: the location and ticket constraints of a CIB, of every schema from pacemaker-1.0 to 4.0.

The root element is ``cib``, ``configuration`` or, with ``--scope constraints``, ``constraints``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Element, parse_root, score

ROOTS = ("constraints", "cib", "configuration")

_MAX_DEPTH = 100
"""How deeply rules may be nested, by elements and references together."""

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
        ParseError: the output is not XML, has another root element, or expands to too many constraints.
    """
    root = parse_root(output, tags=ROOTS)
    unreadable = UnreadableValues()
    parts = _SharedParts(root, unreadable)
    # A constraint expands to its resources times its rules, and other constraints can refer to both.
    limit = min(2000 + len(output) // 4, _MAX_CONSTRAINTS)
    locations = chain.from_iterable(_constraints(element, parts) for element in root.iter("rsc_location"))
    tickets = chain.from_iterable(_ticket_constraints(element, parts) for element in root.iter("rsc_ticket"))
    return unreadable.parsed(
        Constraints(
            _at_most(limit, locations),
            _with_dependents(_at_most(limit, tickets), _mandatory_colocations(root, unreadable), limit),
        )
    )


def _at_most(limit: int, constraints: Iterable[_T]) -> tuple[_T, ...]:
    """Returns all constraints.

    Raises:
        ParseError: there are more than the limit.
    """
    expanded = tuple(islice(constraints, limit + 1))
    if len(expanded) > limit:
        raise ParseError(f"expands to more than {limit} constraints")
    return expanded


class _Rule(NamedTuple):
    """What a rule says, apart from the conditions that are not read; the fields are those of the constraint."""

    id: str
    node: str
    role: str
    score: float | None
    expires: float | None


class _SharedParts:
    """Reads the rules and resource sets, each once, however many constraints refer to them with ``id-ref``.

    Rules can be nested, and refer to each other. Pacemaker accepts a document in which they do so in a circle.
    """

    def __init__(self, root: Element, unreadable: UnreadableValues) -> None:
        self._by_id = {element.get("id"): element for element in root.iter("rule", "resource_set") if element.get("id")}
        self._unreadable = unreadable
        self._rules: dict[Element, _Rule] = {}
        self._nodes: dict[Element, frozenset[str] | None] = {}
        self._members: dict[Element, Sequence[tuple[str, str]]] = {}

    def rules(self, constraint: Element) -> Sequence[_Rule]:
        """Returns the rules of a constraint."""
        return [self._rule(element) for element in self._resolve_each(constraint.iterfind("rule"))]

    def resources(self, constraint: Element) -> Iterator[tuple[str, str]]:
        """Yields each resource of a constraint, with its role in a resource set."""
        if name := constraint.get("rsc") or constraint.get("rsc-pattern"):
            yield name, ""
        for element in self._resolve_each(constraint.iterfind("resource_set")):
            if element not in self._members:
                role = element.get("role", "")
                self._members[element] = [(member.get("id", ""), role) for member in element.iterfind("resource_ref")]
            yield from self._members[element]

    def without_rule(self, constraint: Element) -> _Rule:
        """Returns the rule that is equivalent to the node and the score of a constraint without rules."""
        value = self._unreadable.read(score, constraint.get("score"), what=f"the score of {constraint.get('id', '')}")
        return _Rule(id="", node=constraint.get("node", ""), role="", score=value, expires=None)

    def _rule(self, element: Element) -> _Rule:
        if element not in self._rules:
            name, read = element.get("id", ""), self._unreadable.read
            self._rules[element] = _Rule(
                id=name,
                node=read(self._named_node, element) or "",
                role=element.get("role", ""),
                score=read(score, element.get("score"), what=f"the score of {name or 'a rule'}"),
                expires=read(_end, element),
            )
        return self._rules[element]

    def _named_node(self, rule: Element) -> str:
        """Returns the node that a rule names, or "" if it names none or several."""
        names = self._named_nodes(rule, depth=0)
        return next(iter(names)) if len(names) == 1 else ""

    def _named_nodes(self, rule: Element, *, depth: int) -> frozenset[str]:
        """Returns the nodes that a rule and the rules in it name: at most two, because more make no difference.

        Raises:
            ParseError: the rule refers to itself, or is nested too deeply.
        """
        if rule not in self._nodes and depth < _MAX_DEPTH:
            self._nodes[rule] = None  # stays if a rule in it refers to this one
            names = {
                expression.get("value", "")
                for expression in rule.iterfind("expression")
                if expression.get("attribute") == "#uname" and expression.get("operation") == "eq"
            }
            for nested in self._resolve_each(rule.iterfind("rule")):
                names |= self._named_nodes(nested, depth=depth + 1)
            self._nodes[rule] = frozenset(islice(names, 2))
        nodes = self._nodes.get(rule)
        if nodes is None:
            raise ParseError(f"the rule {rule.get('id', '')[:40]!r} refers to itself, or is nested too deeply")
        return nodes

    def _resolve_each(self, elements: Iterable[Element]) -> Iterable[Element]:
        """Returns each element once, or what it refers to; an element whose reference leads nowhere stays."""
        return dict.fromkeys(self._by_id.get(element.get("id-ref"), element) for element in elements)


def _ticket_constraints(element: Element, parts: _SharedParts) -> Iterator[TicketConstraint]:
    for resource, set_role in parts.resources(element):
        yield TicketConstraint(
            id=element.get("id", ""),
            resource=resource,
            role=set_role or element.get("rsc-role", ""),
            ticket=element.get("ticket", ""),
            loss_policy=element.get("loss-policy", ""),
        )


def _constraints(location: Element, parts: _SharedParts) -> Iterator[LocationConstraint]:
    name = location.get("id", "")
    rules = parts.rules(location) or [parts.without_rule(location)]
    for resource, set_role in parts.resources(location):
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


def _mandatory_colocations(root: Element, unreadable: UnreadableValues) -> Sequence[Element]:
    def is_mandatory(element: Element) -> bool:
        what = f"the score of {element.get('id')}"
        return unreadable.read(score, element.get("score"), what=what) == math.inf

    return [element for element in root.iter("rsc_colocation") if is_mandatory(element)]


def _with_dependents(
    constraints: Iterable[TicketConstraint], colocations: Iterable[Element], limit: int
) -> tuple[TicketConstraint, ...]:
    """Returns ticket constraints, and those of the resources that mandatory colocations make depend on them."""
    dependents: defaultdict[tuple[str, bool], list[Element]] = defaultdict(list)
    for element in colocations:
        resource = element.get("with-rsc", "")
        dependents[resource, False].append(element)
        if element.get("with-rsc-role", "").lower() in _PROMOTED:
            dependents[resource, True].append(element)
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
            replace(
                constraint, id=element.get("id", ""), resource=element.get("rsc", ""), role=element.get("rsc-role", "")
            )
            for element in dependents.get((constraint.resource, constraint.role.lower() in _PROMOTED), ())
        ]
    return tuple(expanded.values())


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
