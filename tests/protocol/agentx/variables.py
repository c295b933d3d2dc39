"""Tables of variables for tests."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.frontends.snmp.variable import Cell
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type


def table_of(root: Oid, cells: Mapping[Oid, Cell], kind: type[VariableTable] = VariableTable) -> VariableTable:
    """Returns a table of some variables below a root."""
    names = sorted(cells)
    return kind(root, objects=[root], names=names, cells=[cells[name] for name in names])


def table(root: Oid, *, columns: int = 8, rows: int = 20) -> VariableTable:
    """Returns a table below a root in which ``root.1.2.1.COLUMN.ROW`` is ``COLUMN * 1000 + ROW``."""
    entry = root + oids.encode((1, 2, 1))
    return table_of(
        root,
        {
            entry + oids.encode((column, row)): Cell(Type.INTEGER, column * 1000 + row)
            for column in range(1, columns + 1)
            for row in range(1, rows + 1)
        },
    )
