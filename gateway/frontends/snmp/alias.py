"""An alias of a subtree: the same variables below another root, for managers that still read that one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from gateway.frontends.snmp.variable import END_OF_MIB_VIEW, Variable
from gateway.frontends.snmp.variable_source import Rows, VariableSource
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange


class Alias:
    """Serves the variables of a source below another root. Implements ``VariableSource``.

    Args:
        source: the source.
        root: the other root.

    Attributes:
        root: the other root.
    """

    def __init__(self, source: VariableSource, root: Oid) -> None:
        self.root = root
        self._source = source
        self._end = oids.after_subtree(root)

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name, which is below the root."""
        return self._rename(self._source.get([self._translate(name) for name in names]))

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        """Returns the first variable in each range, or endOfMibView under the name of the range's start."""
        variables = self._rename(self._source.get_next(list(map(self._translate_range, ranges))))
        return [
            Variable(searched.start, END_OF_MIB_VIEW) if variable.cell is END_OF_MIB_VIEW else variable
            for variable, searched in zip(variables, ranges, strict=True)
        ]

    def rows(self, ranges: Sequence[SearchRange], *, non_repeaters: int) -> Rows:
        """Yields the rows of a GETBULK response."""
        translated = list(map(self._translate_range, ranges))
        with closing(self._source.rows(translated, non_repeaters=non_repeaters)) as rows:
            for row in rows:
                yield self._rename(row)

    def _translate(self, name: Oid) -> Oid:
        return self._source.root + name.removeprefix(self.root)

    def _translate_range(self, searched: SearchRange) -> SearchRange:
        """Returns a range below the root of the source. A search may begin before the subtree and end after it."""
        start, end, include = searched
        if start < self.root:
            start, include = self.root, True
        end = end if end.startswith(self.root) else self._end
        if end == self._end:
            return SearchRange(self._translate(start), oids.after_subtree(self._source.root), include)
        return SearchRange(self._translate(start), self._translate(end), include)

    def _rename(self, variables: Iterable[Variable]) -> list[Variable]:
        size = len(self._source.root)
        return [Variable(self.root + variable.oid[size:], variable.cell) for variable in variables]
