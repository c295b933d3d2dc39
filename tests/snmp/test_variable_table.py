"""The table of variables: each is encoded once; GETBULK returns rows within limits."""

from __future__ import annotations

import pytest

from gateway.frontends.snmp import tables
from gateway.frontends.snmp.bulk import get_bulk, limited, successive_rows
from gateway.frontends.snmp.variable import Cell, Variable
from gateway.frontends.snmp.variable_source import Rows
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snapshot import Snapshot
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.mib.module import mib
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.protocol.agentx.variables import table
from tests.situations import demo

ROOT = oids.parse("1.3.6.1.4.1.9999")
COLUMN_1, COLUMN_2, COLUMN_3 = (ROOT + oids.encode((1, 2, 1, number)) for number in (1, 2, 3))


def values(variables: list[Variable]) -> list[int | bytes | None]:
    return [variable.cell.value for variable in variables]


# --- encodings -------------------------------------------------------------------------------------------------------


def test_each_encoding_writes_a_variable_once() -> None:
    encoded: list[VarBind] = []

    def encode(varbind: VarBind) -> bytes:
        encoded.append(varbind)
        return b"encoded"

    tested = table(ROOT, columns=1, rows=3)
    for _ in range(2):
        assert [variable.encoded(encode) for variable in tested] == [b"encoded"] * 3
    assert encoded == [variable.varbind for variable in tested]
    assert [variable.encoded(ber.varbind) for variable in tested] == list(map(ber.varbind, encoded))


def test_live_values_are_encoded_at_each_request() -> None:
    name, counts = ROOT + oids.encode((1, 0)), iter((1, 2))
    tested = VariableTable(ROOT, names=[name], live={name: lambda: Cell(Type.COUNTER32, next(counts))})
    encoded = [tested.get([name])[0].encoded(ber.varbind) for _ in range(2)]
    assert encoded == [ber.varbind(VarBind(name, Type.COUNTER32, count)) for count in (1, 2)]


@pytest.mark.parametrize("situation", ["demo/healthy", "demo/node-lost"])
def test_variables_encoded_in_advance_equal_those_encoded_on_request(situation: str) -> None:
    samples = dict(demo())[situation].samples_by_metric
    snapshot = Snapshot(samples_by_metric=samples)
    for variable in tables.build(snapshot, samples, mib(), age=lambda: 0.0, agentx=True):
        assert variable.encoded(encode_varbind) == encode_varbind(variable.varbind)


# --- GETBULK ---------------------------------------------------------------------------------------------------------


def both_rows(tested: VariableTable, ranges: list[SearchRange], *, non_repeaters: int = 0) -> tuple[Rows, Rows]:
    """Returns the rows of a table, and the same by one GETNEXT after the other."""
    return (
        tested.rows(ranges, non_repeaters=non_repeaters),
        successive_rows(tested.get_next, ranges, non_repeaters=non_repeaters),
    )


def test_non_repeaters_come_first_and_repetitions_row_by_row() -> None:
    ranges = [SearchRange(COLUMN_3), SearchRange(COLUMN_1), SearchRange(COLUMN_2)]
    for rows in both_rows(table(ROOT), ranges, non_repeaters=1):
        assert values(get_bulk(rows, max_repetitions=2)) == [3001, 1001, 2001, 1002, 2002]


@pytest.mark.parametrize("max_repetitions", [0, -1])
def test_without_repetitions_only_non_repeaters_are_left(max_repetitions: int) -> None:
    for rows in both_rows(table(ROOT), [SearchRange(COLUMN_3), SearchRange(COLUMN_1)], non_repeaters=1):
        assert values(get_bulk(rows, max_repetitions=max_repetitions)) == [3001]


def test_without_repeaters_there_are_no_repetitions() -> None:
    for rows in both_rows(table(ROOT), [SearchRange(COLUMN_3)], non_repeaters=1):
        assert values(get_bulk(rows, max_repetitions=9)) == [3001]


def test_ranges_end_with_end_of_mib_view_until_all_have_ended() -> None:
    tested = table(ROOT, columns=3, rows=2)
    ranges = [SearchRange(COLUMN_1 + oids.encode((2,)), COLUMN_2, include=True), SearchRange(COLUMN_3)]
    for rows in both_rows(tested, ranges):
        variables = get_bulk(rows, max_repetitions=10**9)
        assert values(variables) == [1002, 3001, None, 3002, None, None]
        assert [variable.cell.type for variable in variables[4:]] == [Type.END_OF_MIB_VIEW] * 2
        assert [variable.oid for variable in variables[4:]] == [variables[0].oid, variables[3].oid]


def test_an_empty_range_ends_under_the_name_of_its_start() -> None:
    for rows in both_rows(table(ROOT), [SearchRange(COLUMN_1, COLUMN_1, include=True)]):
        (variable,) = get_bulk(rows, max_repetitions=5)
        assert (variable.oid, variable.cell.type) == (COLUMN_1, Type.END_OF_MIB_VIEW)


@pytest.mark.parametrize(("max_size", "count"), [(0, 1), (2, 2), (3, 3), (7, 7), (10**6, 21)])
def test_a_repetition_that_might_be_too_large_is_not_fetched(max_size: int, count: int) -> None:
    fetched = []

    def size_of(variable: Variable) -> int:
        fetched.append(variable)
        return 1

    rows = table(ROOT, columns=1).rows([SearchRange(COLUMN_1)], non_repeaters=0)
    assert len(get_bulk(limited(rows, size_of=size_of, max_size=max_size), max_repetitions=10**6)) == count
    assert len(fetched) == count
