"""Variables in the order of their names, searched by bisection.

Names are bytes that compare like object identifiers (``gateway.snmp.oid``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.frontends.snmp.bulk import ended
from gateway.frontends.snmp.variable import (
    END_OF_MIB_VIEW,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    Cell,
    EncodedForms,
    Variable,
)
from gateway.frontends.snmp.variable_source import Rows
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange

ReadCell = Callable[[], Cell]
"""Reads a value at the moment of a request."""


class VariableTable:
    """The variables of one moment. Implements ``VariableSource``.

    Args:
        root: the subtree of all variables.
        objects: the object identifiers of all objects, in order: a missing name below one of them is a
            ``noSuchInstance``, any other a ``noSuchObject``.
        names: the names of the variables, in order.
        cells: their values, in the same order.
        live: the values that are read at each request, by name; their cells are not used.
        forms: variables that were encoded already, in the same order, by encoding.
    """

    def __init__(
        self,
        root: Oid,
        *,
        objects: Sequence[Oid] = (),
        names: Sequence[Oid] = (),
        cells: Sequence[Cell] = (),
        live: Mapping[Oid, ReadCell] | None = None,
        forms: EncodedForms | None = None,
    ) -> None:
        self.root = root
        self._objects = objects
        self._names = names
        self._cells = cells
        self._live = live or {}
        self._forms = EncodedForms(len(names)) if forms is None else forms

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Variable]:
        return map(self._variable, range(len(self._names)))

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name: noSuchObject or noSuchInstance if there is no value."""
        return list(map(self._get, names))

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        """Returns the first variable in each range, or endOfMibView under the name of the range's start."""
        names, size = self._names, len(self._names)
        variables = []
        for start, end, include in ranges:
            position = bisect_left(names, start) if include else bisect_right(names, start)
            if position == size or (end and names[position] >= end):
                variables.append(Variable(start, END_OF_MIB_VIEW))
            elif (name := names[position]) in self._live:
                variables.append(Variable(name, self._live[name]()))
            else:
                variables.append(Variable(name, self._cells[position], self._forms, position))
        return variables

    def rows(self, ranges: Sequence[SearchRange], *, non_repeaters: int) -> Rows:
        """Yields the rows of a GETBULK response."""
        yield self.get_next(ranges[:non_repeaters])
        repeaters = list(map(self._search, ranges[non_repeaters:]))
        while repeaters:
            row = list(map(next, repeaters))
            yield row
            if ended(row):
                return

    def _get(self, name: Oid) -> Variable:
        position = bisect_left(self._names, name)
        if position < len(self._names) and self._names[position] == name:
            return self._variable(position)
        above = bisect_right(self._objects, name) - 1
        is_instance = above >= 0 and name.startswith(self._objects[above])
        return Variable(name, NO_SUCH_INSTANCE if is_instance else NO_SUCH_OBJECT)

    def _search(self, searched: SearchRange) -> Iterator[Variable]:
        """Yields the variables in a range, then endOfMibView forever."""
        names, (name, end, include) = self._names, searched
        first = bisect_left(names, name) if include else bisect_right(names, name)
        for position in range(first, bisect_left(names, end, first) if end else len(names)):
            name = names[position]
            yield self._variable(position)
        last = Variable(name, END_OF_MIB_VIEW)
        while True:
            yield last

    def _variable(self, position: int) -> Variable:
        name = self._names[position]
        if name in self._live:
            return Variable(name, self._live[name]())
        return Variable(name, self._cells[position], self._forms, position)
