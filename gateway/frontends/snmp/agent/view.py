"""The tree that the built-in agent serves: HA-CLUSTER-MIB, and the groups that every agent has.

A community or user sees all of it, or the subtrees in its view (RFC 3415). Nothing can be written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Protocol

from gateway.frontends.snmp.bulk import successive_rows
from gateway.frontends.snmp.variable import END_OF_MIB_VIEW, NO_SUCH_OBJECT, Cell, Variable
from gateway.frontends.snmp.variable_source import Rows
from gateway.frontends.snmp.variable_table import VariableTable
from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type

ScalarReader = tuple[Type, Callable[[], int | bytes]]
"""The type of a scalar, and the function that reads its value."""


class Subtree(Protocol):
    """A source of variables for GET and GETNEXT; every ``VariableSource`` is one."""

    @property
    def root(self) -> Oid:
        """The subtree of all variables."""
        ...

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name."""
        ...

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        """Returns one variable for each range, or endOfMibView."""
        ...


def scalars(root: Oid, readers: Mapping[Oid, ScalarReader]) -> VariableTable:
    """Returns a subtree of scalars whose values are read at each request.

    Args:
        root: the object identifier above all scalars.
        readers: by the object identifiers of the objects, without the instance's 0.
    """
    objects = sorted(readers)
    names = [name + oids.INSTANCE for name in objects]
    live = {name + oids.INSTANCE: partial(_read, readers[name]) for name in objects}
    return VariableTable(root, objects=objects, names=names, live=live)


def _read(reader: ScalarReader) -> Cell:
    type_, read = reader
    return Cell(type_, read())


class MibView:
    """Several subtrees as one; none of them is within another.

    Args:
        subtrees: serve the variables; a request is passed to the one whose root it is below.
        included: the subtrees that can be seen; empty for everything.
    """

    def __init__(self, subtrees: Iterable[Subtree], *, included: Sequence[Oid] = ()) -> None:
        parts = [
            (subtree, root) for subtree in subtrees for root in _visible_roots(subtree.root, included or [subtree.root])
        ]
        parts.sort(key=lambda part: part[1])
        self._subtrees = [(subtree, root, oids.after_subtree(root)) for subtree, root in parts]

    def __contains__(self, name: Oid) -> bool:
        """Returns whether a name is in one of the subtrees, whether there is a variable or not."""
        return any(name.startswith(root) for _, root, _ in self._subtrees)

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name (RFC 3416, section 4.2.1)."""
        variables: dict[Oid, Variable] = {}
        for subtree, root, _ in self._subtrees:
            within = [name for name in dict.fromkeys(names) if name.startswith(root)]
            if within:
                variables.update(zip(within, subtree.get(within), strict=True))
        return [variables.get(name) or Variable(name, NO_SUCH_OBJECT) for name in names]

    def get_next(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns the variable after each name, or endOfMibView under the name itself (section 4.2.2)."""
        variables = [Variable(name, END_OF_MIB_VIEW) for name in names]
        for subtree, root, end in self._subtrees:
            open_places = [
                place
                for place, variable in enumerate(variables)
                if variable.cell is END_OF_MIB_VIEW and variable.oid < end
            ]
            if open_places:
                ranges = [SearchRange(max(names[place], root), end, names[place] < root) for place in open_places]
                for place, variable in zip(open_places, subtree.get_next(ranges), strict=True):
                    if variable.cell is not END_OF_MIB_VIEW:
                        variables[place] = variable
        return variables

    def rows(self, names: Sequence[Oid], *, non_repeaters: int) -> Rows:
        """Yields the rows of a GETBULK response (section 4.2.3).

        Each row is one GETNEXT to the subtrees: the next request continues where this response ends, and the table
        cache recognizes a walk by that.
        """
        return successive_rows(
            lambda ranges: self.get_next([search_range.start for search_range in ranges]),
            [SearchRange(name) for name in names],
            non_repeaters=non_repeaters,
        )


def _visible_roots(root: Oid, included: Sequence[Oid]) -> list[Oid]:
    """Returns the roots of the parts of a subtree that are in other subtrees, none of them within another."""
    visible = {max(root, other, key=len) for other in included if root.startswith(other) or other.startswith(root)}
    return [part for part in visible if not any(part.startswith(other) for other in visible - {part})]


def fitting(varbinds: Sequence[bytes], max_size: int) -> Sequence[bytes]:
    """Returns as many variables, from the first, as fit into a number of octets."""
    count = bisect_right(list(accumulate(map(len, varbinds))), max_size)
    return varbinds[:count]
