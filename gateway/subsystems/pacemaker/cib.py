"""``cibadmin --query``: the location constraints of a CIB, of every schema from pacemaker-1.0 to 4.0.

The root may be the whole ``cib``, its ``configuration``, or only the ``constraints`` (``--scope constraints``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.subsystems.parsing.xml import Element, parse_root, score

ROOTS = ("constraints", "cib", "configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationConstraint:
    """What one ``rsc_location``, or one rule of it, says of one resource.

    Attributes:
        id: the constraint's id, or the rule's where the constraint has several.
        resource: a resource's or tag's id, or the pattern of ``rsc-pattern``.
        node: the node's name; "" where a rule does not name exactly one with ``#uname eq``.
        role: as written, the rule's before the set's before the constraint's; "" for every role.
        score: infinite beyond a million; None where it depends on an attribute of each node (``score-attribute``).
    """

    id: str
    resource: str
    node: str
    role: str
    score: float | None


def parse(output: bytes) -> tuple[LocationConstraint, ...]:
    """Returns the location constraints in the CIB's order.

    Raises:
        ParseError: it is no XML, or no CIB.
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
    """Yields each resource that a constraint is about, with the role that a resource set gives it."""
    if name := location.get("rsc") or location.get("rsc-pattern"):
        yield name, ""
    for reference in location.iterfind("resource_set"):
        members = _resolve(reference, by_id)
        for member in members.iterfind("resource_ref"):
            yield member.get("id", ""), members.get("role", "")


def _named_node(rule: Element, by_id: dict[str | None, Element], depth: int = 0) -> str:
    """Returns the one node that a rule names, or "" if it names none or several.

    Rules nest, and refer to each other by ``id-ref``: a depth is enough to end a circle of references.
    """
    names = {
        expression.get("value", "")
        for expression in rule.iterfind("expression")
        if expression.get("attribute") == "#uname" and expression.get("operation") == "eq"
    }
    if depth < 8:
        names |= {_named_node(_resolve(nested, by_id), by_id, depth + 1) for nested in rule.iterfind("rule")} - {""}
    return names.pop() if len(names) == 1 else ""


def _resolve(element: Element, by_id: dict[str | None, Element]) -> Element:
    """Returns the element that an ``id-ref`` stands for, or the element itself."""
    reference = element.get("id-ref")
    return element if reference is None else by_id.get(reference, element)
