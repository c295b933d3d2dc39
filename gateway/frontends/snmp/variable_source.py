"""What serves variables to the subagent and to the built-in agent. All answers come from memory, at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from gateway.frontends.snmp.variable import Variable
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange

Rows = Generator[list[Variable], None, None]
"""The rows of a GETBULK response: first the non-repeaters, as one row, then the repetitions (RFC 3416, section 4.2.3).

The last row is the one in which every range has ended.
"""


class VariableSource(Protocol):
    """Serves the variables of one subtree."""

    @property
    def root(self) -> Oid:
        """The subtree of all variables."""
        ...

    def get(self, names: Sequence[Oid]) -> list[Variable]:
        """Returns one variable for each name: noSuchObject or noSuchInstance if there is no value."""
        ...

    def get_next(self, ranges: Sequence[SearchRange]) -> list[Variable]:
        """Returns the first variable in each range, or endOfMibView under the name of the range's start."""
        ...

    def rows(self, ranges: Sequence[SearchRange], *, non_repeaters: int) -> Rows:
        """Yields the rows of a GETBULK response. Close it after the last row that is used."""
        ...
