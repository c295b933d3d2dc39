"""Location constraints in every form that the schema has. The documents are written for these tests."""

from __future__ import annotations

import math

import pytest

from gateway.errors import ParseError
from gateway.subsystems.pacemaker import cib
from tests.unreadable import reasons

Row = tuple[str, str, str, str, float | None]


def rows(body: str) -> list[Row]:
    return [(one.id, one.resource, one.node, one.role, one.score) for one in cib.parse(body.encode()).value.locations]


def constraints(body: str) -> list[Row]:
    return rows(f"<constraints>{body}</constraints>")


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("100", 100),
        ("-5", -5),
        ("+7", 7),
        ("INFINITY", math.inf),
        ("+INFINITY", math.inf),
        ("-INFINITY", -math.inf),
        ("infinity", math.inf),
        ("1000000", math.inf),
        ("-2000000", -math.inf),
        ("999999", 999999),
    ],
)
def test_words_and_numbers_are_scores(score: str, expected: float) -> None:
    assert constraints(f'<rsc_location id="l" rsc="a" node="n" score="{score}"/>') == [("l", "a", "n", "", expected)]


def test_an_invalid_score_costs_itself_only() -> None:
    body = (
        '<constraints><rsc_location id="l" rsc="a" node="n" score="much"/><rsc_location id="m" rsc="b"><rule id="r" '
        'score="lots"/></rsc_location><rsc_location id="o" rsc="c" node="n" score="1"/></constraints>'
    )
    assert rows(body) == [("l", "a", "n", "", None), ("m", "b", "", "", None), ("o", "c", "n", "", 1)]
    assert reasons(cib.parse(body.encode())) == [
        "expected the score of l as a number, found 'much'",
        "expected the score of r as a number, found 'lots'",
    ]


def test_constraints_are_found_below_every_root_element() -> None:
    location = '<constraints><rsc_location id="l" rsc="a" node="n" score="1"/></constraints>'
    expected = [("l", "a", "n", "", 1)]
    assert rows(location) == expected
    assert rows(f"<configuration>{location}</configuration>") == expected
    assert rows(f"<cib><configuration>{location}</configuration><status/></cib>") == expected


def test_a_single_rule_has_the_id_of_its_constraint() -> None:
    assert constraints(
        '<rsc_location id="l" rsc="a"><rule id="r" score="50" role="Master">'
        '<expression attribute="#uname" operation="eq" value="n1"/></rule></rsc_location>'
    ) == [("l", "a", "n1", "Master", 50)]


def test_several_rules_have_their_own_ids() -> None:
    assert constraints(
        '<rsc_location id="l" rsc="a" role="Started">'
        '<rule id="r1" score="50"><expression attribute="#uname" operation="eq" value="n1"/></rule>'
        '<rule id="r2" score="-INFINITY"><expression attribute="pingd" operation="lt" value="1"/></rule>'
        "</rsc_location>"
    ) == [("r1", "a", "n1", "Started", 50), ("r2", "a", "", "Started", -math.inf)]


@pytest.mark.parametrize(
    ("expressions", "node"),
    [
        ('<expression attribute="#uname" operation="ne" value="n1"/>', ""),
        ('<expression attribute="site" operation="eq" value="n1"/>', ""),
        (
            '<expression attribute="#uname" operation="eq" value="n1"/>'
            '<expression attribute="#uname" operation="eq" value="n2"/>',
            "",
        ),
        ('<rule><expression attribute="#uname" operation="eq" value="n1"/></rule><date_expression/>', "n1"),
        ('<rule id-ref="r"/>', ""),
    ],
)
def test_the_node_that_a_rule_names(expressions: str, node: str) -> None:
    assert constraints(f'<rsc_location id="l" rsc="a"><rule id="r" score="1">{expressions}</rule></rsc_location>') == [
        ("l", "a", node, "", 1)
    ]


def test_a_score_attribute_is_unknown() -> None:
    assert constraints(
        '<rsc_location id="l" rsc="a"><rule id="r" score-attribute="pingd"><date_expression/></rule></rsc_location>'
    ) == [("l", "a", "", "", None)]


def test_references_are_resolved() -> None:
    assert constraints(
        '<rsc_location id="l1" rsc="a"><rule id="r" score="9">'
        '<expression attribute="#uname" operation="eq" value="n1"/></rule></rsc_location>'
        '<rsc_location id="l2" rsc="b"><rule id-ref="r"/></rsc_location>'
        '<rsc_location id="l3" rsc="c"><rule id-ref="nobody"/></rsc_location>'
    ) == [("l1", "a", "n1", "", 9), ("l2", "b", "n1", "", 9), ("l3", "c", "", "", None)]


def test_sets_and_patterns_name_their_resources() -> None:
    assert constraints(
        '<rsc_location id="l1" node="n" score="1" role="Started"><resource_set id="s" role="Promoted">'
        '<resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_location>'
        '<rsc_location id="l2" node="n" score="2"><resource_set id-ref="s"/></rsc_location>'
        '<rsc_location id="l3" rsc-pattern="db-.*" node="n" score="3"/>'
    ) == [
        ("l1", "a", "n", "Promoted", 1),
        ("l1", "b", "n", "Promoted", 1),
        ("l2", "a", "n", "Promoted", 2),
        ("l2", "b", "n", "Promoted", 2),
        ("l3", "db-.*", "n", "", 3),
    ]


def test_ticket_constraints_name_their_resources_and_roles() -> None:
    document = b"""<constraints><rsc_ticket id="a" rsc="g" rsc-role="Master" ticket="t" loss-policy="demote"/>
    <rsc_ticket id="b" ticket="u"><resource_set id="s" role="Promoted"><resource_ref id="x"/></resource_set>
    <resource_set id="r"><resource_ref id="y"/><resource_ref id="z"/></resource_set></rsc_ticket></constraints>"""
    constraints = cib.parse(document).value
    assert constraints.locations == ()
    assert [(one.id, one.resource, one.role, one.ticket, one.loss_policy) for one in constraints.tickets] == [
        ("a", "g", "Master", "t", "demote"),
        ("b", "x", "Promoted", "u", ""),
        ("b", "y", "", "u", ""),
        ("b", "z", "", "u", ""),
    ]


def test_mandatory_colocations_make_other_resources_depend_on_a_ticket() -> None:
    document = b"""<constraints><rsc_ticket id="t" rsc="ms" rsc-role="Master" ticket="berlin" loss-policy="demote"/>
    <rsc_colocation id="c1" rsc="g-nfs" with-rsc="ms" with-rsc-role="Promoted" score="INFINITY"/>
    <rsc_colocation id="c2" rsc="ip" with-rsc="g-nfs" score="INFINITY"/>
    <rsc_colocation id="c3" rsc="ms" rsc-role="Master" with-rsc="ip" score="INFINITY"/>
    <rsc_colocation id="c4" rsc="started-with-ms" with-rsc="ms" score="INFINITY"/>
    <rsc_colocation id="c5" rsc="optional" with-rsc="ip" score="100"/>
    <rsc_colocation id="c6" rsc="apart" with-rsc="ip" score="-INFINITY"/></constraints>"""
    tickets = cib.parse(document).value.tickets
    assert [(one.id, one.resource, one.role) for one in tickets] == [
        ("t", "ms", "Master"),
        ("c1", "g-nfs", ""),
        ("c2", "ip", ""),
    ]


@pytest.mark.parametrize("document", [b"", b"<cib", b"<crm_mon/>", b"Call cib_query failed"])
def test_other_documents_are_rejected(document: bytes) -> None:
    with pytest.raises(ParseError):
        cib.parse(document)


def test_colocations_name_their_resources() -> None:
    document = b"""<constraints>
    <rsc_colocation id="a" rsc="x" rsc-role="Started" with-rsc="y" with-rsc-role="Promoted" score="-INFINITY"/>
    <rsc_colocation id="b" score="INFINITY"><resource_set id="s" role="Master"><resource_ref id="x"/>
    <resource_ref id="z"/></resource_set></rsc_colocation></constraints>"""
    assert [tuple(getattr(one, name) for name in FIELDS) for one in cib.parse(document).value.colocations] == [
        ("a", "x", "Started", "y", "Promoted", -math.inf),
        ("b", "x", "Master", "", "", math.inf),
        ("b", "z", "Master", "", "", math.inf),
    ]


FIELDS = ("id", "resource", "role", "with_resource", "with_role", "score")
LIFETIME = (
    '<rsc_location id="l" rsc="a"><rule id="r" score="1" boolean-op="and"><date_expression id="d" operation="lt" '
    'end="2026-11-27"/></rule></rsc_location>'
)
TICKET = '<rsc_ticket id="t" rsc="a" ticket="u"/>'
COLOCATION = '<rsc_colocation id="c" rsc="a" with-rsc="b" score="5"/>'
INCOMPLETE: dict[tuple[str, str, str], set[str]] = {
    (LIFETIME, ' end="2026-11-27"', ""): {"locations"},
    (LIFETIME, "2026-11-27", "tomorrow"): {"locations"},
    (LIFETIME, '"lt"', '"until"'): {"locations"},
    (LIFETIME, '"and"', '"xor"'): {"locations"},
    (LIFETIME, ' score="1"', ""): {"locations"},
    (LIFETIME, "date_expression", "other"): {"locations"},
    (LIFETIME, "rule", "other"): {"locations"},
    (LIFETIME, 'rsc="a"', ""): {"locations"},
    (LIFETIME, ' id="l"', ""): {"locations"},
    (TICKET, 'rsc="a"', ""): {"tickets"},
    (TICKET, 'ticket="u"', ""): {"tickets"},
    (COLOCATION, 'with-rsc="b"', ""): {"colocations", "tickets"},
    (COLOCATION, 'score="5"', ""): {"colocations", "tickets"},
    (COLOCATION, "rsc_colocation", "other"): {"locations", "colocations", "tickets"},
}
"""A constraint, damage to it, and the lists that are incomplete because of it."""


@pytest.mark.parametrize(("damage", "incomplete"), INCOMPLETE.items(), ids=range(len(INCOMPLETE)))
def test_incomplete_lists_are_named(damage: tuple[str, str, str], incomplete: set[str]) -> None:
    constraint, old, new = damage
    document = f"<constraints>{constraint}</constraints>"
    assert cib.parse(document.encode()).unreadable == ()
    assert old in document
    parsed = cib.parse(document.replace(old, new).encode())
    assert {name for value in parsed.unreadable for name in value.incomplete} == incomplete
    assert all(location.score is None for location in parsed.value.locations)


def test_without_the_constraints_nothing_is_complete() -> None:
    (value,) = cib.parse(b"<cib><configuration/></cib>").unreadable
    assert value.incomplete == ("locations", "colocations", "tickets")


def test_a_date_without_a_time_is_midnight_in_utc() -> None:
    (location,) = cib.parse(f"<constraints>{LIFETIME}</constraints>".encode()).value.locations
    assert location.expires == 1795737600
