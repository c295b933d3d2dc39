"""The view of the built-in agent, and the execution of requests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.frontends.snmp.agent.commands import Request, RequestKind, execute
from gateway.frontends.snmp.agent.view import MibView, fitting
from gateway.frontends.snmp.agent.view import scalars as scalar_group
from gateway.frontends.snmp.variable import Variable
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.agent.mib import COLUMN, ExampleMib


def scalars(root: str, *numbers: int) -> VariableTable:
    name = oids.parse(root)
    return scalar_group(name, {name + oids.encode((number,)): (Type.INTEGER, lambda: 1) for number in numbers})


VIEW = MibView([scalars("1.3.5", 1, 2), scalars("1.3.1", 7), scalars("1.3.9"), scalars("1.3.7", 1)])


def names_after(name: str, count: int = 10) -> list[str]:
    names = []
    start = oids.parse(name)
    for _ in range(count):
        (variable,) = VIEW.get_next([start])
        if variable.cell.type is Type.END_OF_MIB_VIEW:
            assert variable.oid == start
            break
        start = variable.oid
        names.append(oids.dotted(start))
    return names


def test_get_next_continues_with_the_next_subtree() -> None:
    assert names_after("1") == ["1.3.1.7.0", "1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_after("1.3.1.7.0") == ["1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_after("1.3.5.1") == ["1.3.5.1.0", "1.3.5.2.0", "1.3.7.1.0"]
    assert names_after("1.3.6") == ["1.3.7.1.0"]
    assert names_after("1.3.7.1.0") == []
    assert names_after("2.1") == []


def test_requests_with_several_names() -> None:
    names = list(map(oids.parse, ("1.3.5.2.0", "1", "1.3.8", "1.3.5.1.0")))
    variables = VIEW.get_next(names)
    assert [oids.dotted(variable.oid) for variable in variables] == ["1.3.7.1.0", "1.3.1.7.0", "1.3.8", "1.3.5.2.0"]
    variables = VIEW.get(
        [oids.parse("1.3.5.2.0"), oids.parse("1.3.5.2"), oids.parse("1.3.5.3"), oids.parse("1.3.5.2.0")]
    )
    expected_types = [Type.INTEGER, Type.NO_SUCH_INSTANCE, Type.NO_SUCH_OBJECT, Type.INTEGER]
    assert [variable.cell.type for variable in variables] == expected_types


@pytest.mark.parametrize(("name", "inside"), [("1.3.5", True), ("1.3.9.1", True), ("1.3", False), ("1.3.50", False)])
def test_a_view_contains_its_subtrees_only(name: str, *, inside: bool) -> None:
    assert (oids.parse(name) in VIEW) is inside


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 200))
def test_as_many_variables_as_fit(varbinds: list[bytes], max_size: int) -> None:
    chosen = list(fitting(varbinds, max_size))
    assert chosen == varbinds[: len(chosen)]
    assert sum(map(len, chosen)) <= max_size
    assert len(chosen) == len(varbinds) or sum(map(len, varbinds[: len(chosen) + 1])) > max_size


@pytest.mark.parametrize(("non_repeaters", "max_repetitions", "count"), [(-1, 2, 4), (0, -1, 0), (1, -1, 1)])
def test_negative_numbers_in_a_get_bulk_count_as_zero(non_repeaters: int, max_repetitions: int, count: int) -> None:
    names = [oids.parse("1.3"), oids.parse("1.3.5")]
    request = Request(
        kind=RequestKind.GET_BULK,
        names=names,
        max_size=1000,
        max_bulk_size=1000,
        non_repeaters=non_repeaters,
        max_repetitions=max_repetitions,
    )
    assert len(execute(VIEW, request).varbinds or ()) == count


def test_get_bulk_searches_no_rows_that_would_be_truncated() -> None:
    searched_rows = []

    class Counting(ExampleMib):
        def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
            searched_rows.append(len(ranges))
            return super().get_next(ranges)

    request = Request(
        kind=RequestKind.GET_BULK,
        names=[oids.parse(f"{COLUMN}.6")],
        max_size=8000,
        max_bulk_size=1000,
        max_repetitions=5000,
    )
    response = execute(MibView([Counting()]), request)
    assert response.varbinds is not None
    assert len(response.varbinds) == len(searched_rows)
    assert 900 < sum(map(len, response.varbinds)) <= 1000


# --- Views of a part of the tree -------------------------------------------------------------------------------------

SOURCES = (scalars("1.3.5", 1, 2, 3), scalars("1.3.1", 7), scalars("1.3.7", 1))


def all_names(view: MibView) -> list[str]:
    names, start = [], oids.parse("0.0")
    while (variable := view.get_next([start])[0]).cell.type is not Type.END_OF_MIB_VIEW:
        start = variable.oid
        names.append(oids.dotted(start))
    return names


@pytest.mark.parametrize(
    ("included", "visible"),
    [
        ([], ["1.3.1.7.0", "1.3.5.1.0", "1.3.5.2.0", "1.3.5.3.0", "1.3.7.1.0"]),
        (["1.3"], ["1.3.1.7.0", "1.3.5.1.0", "1.3.5.2.0", "1.3.5.3.0", "1.3.7.1.0"]),
        (["1.3.5"], ["1.3.5.1.0", "1.3.5.2.0", "1.3.5.3.0"]),
        (["1.3.5.2"], ["1.3.5.2.0"]),
        (["1.3.7", "1.3.5.3", "1.3.5.1.0"], ["1.3.5.1.0", "1.3.5.3.0", "1.3.7.1.0"]),
        (["1.3.5", "1.3.5.2", "1.3"], ["1.3.1.7.0", "1.3.5.1.0", "1.3.5.2.0", "1.3.5.3.0", "1.3.7.1.0"]),
        (["1.3.50", "2", "1.3.5.2.0.1"], []),
    ],
)
def test_a_view_shows_the_included_subtrees_only(included: list[str], visible: list[str]) -> None:
    whole, view = MibView(SOURCES), MibView(SOURCES, included=list(map(oids.parse, included)))
    assert all_names(view) == visible
    names = [oids.parse(name) for name in all_names(whole)]
    for variable, of_whole in zip(view.get(names), whole.get(names), strict=True):
        is_visible = oids.dotted(variable.oid) in visible
        assert variable.varbind == (of_whole.varbind if is_visible else VarBind(of_whole.oid, Type.NO_SUCH_OBJECT))
        assert (variable.oid in view) == is_visible
