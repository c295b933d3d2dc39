"""``cibadmin --query``: the location constraints of a CIB, of every schema from pacemaker-1.0 to 4.0.

The root element is ``cib``, ``configuration`` or, with ``--scope constraints``, ``constraints``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        score: infinite from a million up; None if it depends on a node attribute (``score-attribute``).
    """

    id: str
    resource: str
    node: str
    role: str
    score: float | None


def parse(output: bytes) -> tuple[LocationConstraint, ...]:
    """Parses the output of the tool; returns the location constraints in the order of the CIB.

    Raises:
        ParseError: the output is not XML, or has another root element.
    """
    root = parse_root(output, tags=ROOTS)
    by_id = {element.get("id"): element for element in root.iter("rule", "resource_set") if element.get("id")}
    return tuple(constraint for location in root.iter("rsc_location") for constraint in _constraints(location, by_id))


def _constraints(location: Element, by_id: dict[str | None, Element]) -> Iterator[LocationConstraint]:
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
                score=score(location.get("score")),
            )
        for rule in rules:
            yield LocationConstraint(
                id=rule.get("id", name) if len(rules) > 1 else name,
                resource=resource,
                node=_named_node(rule, by_id),
                role=rule.get("role") or role,
                score=score(rule.get("score")),
            )


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


def _resolve(element: Element, by_id: dict[str | None, Element]) -> Element:
    """Returns the element that ``id-ref`` refers to, or the element itself without such a reference."""
    reference = element.get("id-ref")
    return element if reference is None else by_id.get(reference, element)
