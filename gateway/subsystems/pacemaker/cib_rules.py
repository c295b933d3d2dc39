"""The rules and resource sets of a CIB, to which its constraints refer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import UnreadableValues
from gateway.subsystems.parsing.text import one_of
from gateway.subsystems.parsing.timestamps import unix_time
from gateway.subsystems.parsing.xml import Element, score

LOCATIONS = "locations"
"""The list of location constraints, which is incomplete without a rule (``UnreadableValue.incomplete``)."""

_MAX_DEPTH = 100
"""How deeply rules may be nested, by elements and references together."""


class Rule(NamedTuple):
    """What a rule says, apart from the conditions that are not read; the fields are those of the constraint."""

    id: str
    node: str
    role: str
    score: float | None
    expires: float | None


class SharedParts:
    """Reads the rules and resource sets, each once, however many constraints refer to them with ``id-ref``.

    Rules can be nested, and refer to each other. Pacemaker accepts a document in which they do so in a circle.
    """

    def __init__(self, root: Element, unreadable: UnreadableValues) -> None:
        self._by_id = {element.get("id"): element for element in root.iter("rule", "resource_set") if element.get("id")}
        self._unreadable = unreadable
        self._rules: dict[Element, Rule] = {}
        self._nodes: dict[Element, frozenset[str] | None] = {}
        self._members: dict[Element, Sequence[tuple[str, str]]] = {}

    def rules(self, constraint: Element) -> Sequence[Rule]:
        """Returns the rules of a constraint."""
        return [self._rule(element) for element in self._resolve_each(constraint.iterchildren("rule"))]

    def resources(self, constraint: Element) -> Iterator[tuple[str, str]]:
        """Yields each resource of a constraint, with its role in a resource set."""
        if name := constraint.get("rsc") or constraint.get("rsc-pattern"):
            yield name, ""
        for element in self._resolve_each(constraint.iterchildren("resource_set")):
            if element not in self._members:
                role = element.get("role", "")
                names = [name for member in element.iterchildren("resource_ref") if (name := member.get("id"))]
                self._members[element] = [(name, role) for name in names]
            yield from self._members[element]

    def without_rule(self, constraint: Element) -> Rule:
        """Returns the rule that is equivalent to the node and the score of a constraint without rules."""
        value = self._score(constraint, constraint.get("id", ""))
        return Rule(id="", node=constraint.get("node", ""), role="", score=value, expires=None)

    def _rule(self, element: Element) -> Rule:
        if element not in self._rules:
            name = element.get("id", "")
            expires, has_known_end = self._end(element)
            self._rules[element] = Rule(
                id=name,
                node=self._unreadable.read(self._named_node, element) or "",
                role=element.get("role", ""),
                score=self._score(element, name or "a rule") if has_known_end else None,
                expires=expires,
            )
        return self._rules[element]

    def _score(self, element: Element, name: str) -> float | None:
        """Returns the score of a location or a rule; None if it is unknown, or depends on a node attribute."""
        if "score-attribute" in element.attrib:
            return None
        reason = f"expected the score of {name}, found nothing"
        try:
            value = score(element.get("score"), what=f"the score of {name}")
        except ParseError as error:
            value, reason = None, error.reason
        if value is None:
            self._unreadable.add(reason, incomplete=(LOCATIONS,))
        return value

    def _end(self, rule: Element) -> tuple[float | None, bool]:
        """Returns when a rule ends (None if it does not), and whether that is known."""
        try:
            return _end(rule), True
        except ParseError as error:
            self._unreadable.add(error.reason, incomplete=(LOCATIONS,))
            return None, False

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
                for expression in rule.iterchildren("expression")
                if expression.get("attribute") == "#uname" and expression.get("operation") == "eq"
            }
            for nested in self._resolve_each(rule.iterchildren("rule")):
                names |= self._named_nodes(nested, depth=depth + 1)
            self._nodes[rule] = frozenset(islice(names, 2))
        nodes = self._nodes.get(rule)
        if nodes is None:
            raise ParseError(f"the rule {rule.get('id', '')[:40]!r} refers to itself, or is nested too deeply")
        return nodes

    def _resolve_each(self, elements: Iterable[Element]) -> Iterable[Element]:
        """Returns each element once, or what it refers to; an element whose reference leads nowhere stays."""
        return dict.fromkeys([self._by_id.get(element.get("id-ref"), element) for element in elements])


_PARTS_OF_RULE = frozenset({"rule", "expression", "date_expression", "rsc_expression", "op_expression"})


def _end(rule: Element) -> float | None:
    """Returns when a rule ends because one of its expressions does; None if that depends on other expressions.

    Raises:
        ParseError: an expression is unknown, or its end cannot be read.
    """
    name = rule.get("id", "a rule")
    if unknown := [str(element.tag)[:40] for element in rule if element.tag not in _PARTS_OF_RULE]:
        raise ParseError(f"unknown expression <{unknown[0]}> in {name}")
    operator = one_of(rule.get("boolean-op", "and"), ("and", "or"), what=f"boolean-op of {name}")
    ends = [_end_of(expression, name) for expression in rule.iterchildren("date_expression")]
    return min((end for end in ends if end is not None), default=None) if operator == "and" else None


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
"""A date without a time, which is midnight in UTC."""

_DATE_OPERATIONS = ("gt", "lt", "in_range", "date_spec")


def _end_of(expression: Element, rule: str) -> float | None:
    what = f"the operation of a date in {rule}"
    operation = one_of(expression.get("operation", "in_range"), _DATE_OPERATIONS, what=what)
    if operation not in {"lt", "in_range"}:
        return None
    end = unix_time(_DATE.sub(r"\g<0> 00:00:00Z", expression.get("end", "")), what="the end of a rule")
    if end is None and operation == "lt":
        raise ParseError(f"expected the end of {rule}, found nothing")
    return end
