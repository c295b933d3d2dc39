"""Answers that stay as they are, for the short sessions of commands beside the gateway."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.frontends.snmp import tables
from gateway.frontends.snmp.tables import Tables
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange


class StaticSource:
    """Answers from the same tables. Implements ``Answers``.

    Args:
        root: what is registered.
        found: the tables.
    """

    def __init__(self, root: Oid, found: Tables) -> None:
        self.root = root
        self._tables = found

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        """Returns one variable for each name."""
        return [self._tables.get(name) for name in names]

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        """Returns one variable for each range."""
        found = [(searched, self._tables.get_next(searched)) for searched in ranges]
        return [tables.end_of_view(searched) if following is None else following[1] for searched, following in found]

    def get_bulk(self, ranges: Sequence[SearchRange], *, non_repeaters: int, max_repetitions: int) -> list[bytes]:
        """Returns one variable for each range: fewer repetitions than asked for are allowed."""
        del non_repeaters, max_repetitions
        return self.get_next(ranges)
