"""Answers for tests: a sorted table of variables."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type, VarBind


class TableAnswers:
    """Answers from a table of values by object identifiers; changes of the table show at once after ``load``."""

    def __init__(self, root: Oid, values: Mapping[Oid, tuple[Type, int | bytes]]) -> None:
        self.root = root
        self.names: list[Oid] = []
        self.varbinds: list[bytes] = []
        self.load(values)

    def load(self, values: Mapping[Oid, tuple[Type, int | bytes]]) -> None:
        self.names = sorted(values)
        self.varbinds = [encode_varbind(VarBind(name, *values[name])) for name in self.names]

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        return [self._get(name) for name in names]

    def _get(self, name: Oid) -> bytes:
        index = bisect_left(self.names, name)
        if index < len(self.names) and self.names[index] == name:
            return self.varbinds[index]
        return encode_varbind(VarBind(name, Type.NO_SUCH_INSTANCE))

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        names, varbinds, size = self.names, self.varbinds, len(self.names)
        found = []
        for start, end, include in ranges:
            index = bisect_left(names, start) if include else bisect_right(names, start)
            if index < size and (not end or names[index] < end):
                found.append(varbinds[index])
            else:
                found.append(encode_varbind(VarBind(start, Type.END_OF_MIB_VIEW)))
        return found

    def get_bulk(self, ranges: Sequence[SearchRange], *, non_repeaters: int, max_repetitions: int) -> list[bytes]:
        found = self.get_next(ranges[:non_repeaters])
        current = list(ranges[non_repeaters:])
        for _ in range(max_repetitions):
            row = self.get_next(current)
            found += row
            current = [self._following(varbind, old) for varbind, old in zip(row, current, strict=True)]
        return found

    def _following(self, varbind: bytes, old: SearchRange) -> SearchRange:
        if varbind in self.varbinds:
            return SearchRange(self.names[self.varbinds.index(varbind)], old.end)
        return old


def table(root: Oid, *, columns: int = 8, rows: int = 20) -> TableAnswers:
    """Returns answers with a table below the root: ``root.1.2.1.COLUMN.ROW`` is ``COLUMN * 1000 + ROW``."""
    entry = root + oids.encode((1, 2, 1))
    return TableAnswers(
        root,
        {
            entry + oids.encode((column, row)): (Type.INTEGER, column * 1000 + row)
            for column in range(1, columns + 1)
            for row in range(1, rows + 1)
        },
    )
