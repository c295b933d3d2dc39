"""Builds the table of all variables of HA-CLUSTER-MIB from the samples of one moment. Pure.

The order comes without sorting variables: columns follow each other as in the MIB, and within a column the rows as
their indexes do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.frontends.snmp.rows import LIVE, Binding, MibValue, bindings, derived
from gateway.frontends.snmp.variable import Cell, EncodedForms
from gateway.frontends.snmp.variable_table import ReadCell, VariableTable
from gateway.samples import Labels, Metric, SamplesByMetric, Value
from gateway.snapshot import Snapshot
from gateway.snmp.agentx.encoding import encode_oid, encode_value, encode_varbind
from gateway.snmp.mib import syntax
from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.mib.syntax import SampleValue
from gateway.snmp.oid import Oid

_SCALAR = b"\0\0\0\0"
"""The index of a scalar: the instance 0."""


def empty(mib: Mib) -> VariableTable:
    """Returns the table before the first snapshot."""
    return VariableTable(mib.root, objects=_object_ids(mib))


def build(
    snapshot: Snapshot,
    samples_by_metric: SamplesByMetric,
    mib: Mib,
    *,
    age: Callable[[], float],
    extra: Iterable[MibValue] = (),
    agentx: bool = False,
) -> VariableTable:
    """Returns the variables of a snapshot.

    Args:
        snapshot: the state of the cluster.
        samples_by_metric: the samples to show, as ``Publication.merge`` returns them.
        mib: the MIB.
        age: returns the age of the snapshot, in seconds.
        extra: further values, which are no samples.
        agentx: whether to encode all variables for AgentX at once, so that the requests of a subagent find them
            encoded. Without it, each variable is encoded when it is first requested.
    """
    builder = _Builder(mib)
    for binding in bindings(mib):
        if family := samples_by_metric.get(binding.metric):
            builder.add(binding, family)
    for name, index, raw in (*derived(snapshot), *extra):
        builder.put(name, builder.index(name, index), raw)
    live: dict[Oid, ReadCell] = {}
    for name in LIVE.values():
        builder.put(name, _SCALAR, age())
        live[mib[name].oid + _SCALAR] = _reader(mib[name], age)
    return builder.table(live, agentx=agentx)


def _reader(target: Object, read: Callable[[], float]) -> ReadCell:
    def read_cell() -> Cell:
        assert target.syntax is not None
        return Cell(target.syntax.type, target.syntax.convert(int(read())))

    return read_cell


@lru_cache(maxsize=4)
def _object_ids(mib: Mib) -> tuple[Oid, ...]:
    return tuple(target.oid for target in mib.readable)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """An object, its cells by index, and its cells by the value that was converted to them."""

    target: Object
    cells: dict[bytes, Cell]
    by_value: dict[SampleValue, Cell | None]

    def put(self, index: bytes, raw: SampleValue) -> None:
        try:
            cell = self.by_value[raw]
        except KeyError:
            cell = self.by_value[raw] = _cell(self.target, raw)
        if cell is not None:
            # two metrics may show the same text, and one of them may not know it
            present = self.cells.setdefault(index, cell)
            if present is not cell and present.value == b"":
                self.cells[index] = cell


def _cell(target: Object, raw: SampleValue) -> Cell | None:
    assert target.syntax is not None
    value = target.syntax.convert(raw)
    return None if value is None else Cell(target.syntax.type, value)


class _Builder:
    """Collects cells, and puts them in order."""

    def __init__(self, mib: Mib) -> None:
        self._mib = mib
        self._columns: dict[str, _Column] = {}
        self._indexes: dict[str, dict[Labels, bytes]] = {}
        self._taken: dict[str, set[bytes]] = {}

    def add(self, binding: Binding, family: Mapping[Labels, Value]) -> None:
        """Adds the samples of a metric."""
        metric = binding.metric
        indexes = self._rows(binding, family)
        labels = [(metric.labels.index(label), self._column(name)) for label, name in binding.labels.items()]
        for found in family:
            index = indexes[found]
            for place, column in labels:
                column.put(index, found[place])
        self._add_values(binding, family, indexes)

    def _add_values(self, binding: Binding, family: Mapping[Labels, Value], indexes: Mapping[Labels, bytes]) -> None:
        metric, factor = binding.metric, binding.metric.mib_factor
        columns = [self._column(name) for name in binding.values]
        if not columns:
            return  # the number is always 1, and its labels say it all
        if (choice := metric.mib_choice) is not None:
            place, by_choice = metric.labels.index(choice.label), dict(zip(choice.objects, columns, strict=True))
            for found, value in family.items():
                if (column := by_choice.get(found[place])) is not None:
                    column.put(indexes[found], _raw(metric, value, factor))
        elif len(columns) > 1:
            for found, flags in family.items():
                assert isinstance(flags, tuple)
                for column, flag in zip(columns, flags, strict=True):
                    column.put(indexes[found], flag)
        else:
            (column,) = columns
            for found, value in family.items():
                column.put(indexes[found], _raw(metric, value, factor))

    def put(self, name: str, index: bytes, raw: SampleValue) -> None:
        """Adds one value."""
        self._column(name).put(index, raw)

    def _column(self, name: str) -> _Column:
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = _Column(target=self._mib[name], cells={}, by_value={})
        return column

    # --- indexes -----------------------------------------------------------------------------------------------------

    def index(self, name: str, texts: Sequence[str]) -> bytes:
        """Returns the index of an object's row."""
        row = self._mib[name].row
        return _index(self._mib.index_of(row), texts) if row else _SCALAR

    def _rows(self, binding: Binding, family: Mapping[Labels, Value]) -> Mapping[Labels, bytes]:
        """Returns the index of each sample's row. Metrics with the same labels, and the same row, share theirs."""
        row = binding.row
        if row is None:
            return dict.fromkeys(family, _SCALAR)
        places = [binding.metric.labels.index(label) for label in row.index]
        parts = self._mib.index_of(row.entry)
        if row.numbered:
            known = self._indexes.setdefault(row.entry, {})
            taken = self._taken.setdefault(row.entry, set())
            for found in sorted(family.keys() - known.keys()):
                known[found] = _numbered(_index(parts[:-1], [found[place] for place in places]), taken)
            return known
        indexes: dict[Labels, bytes] = {}
        used: set[bytes] = set()
        for found in family:
            texts = [found[place] for place in places]
            index = _index(parts, texts)
            if index in used:
                index = _index(parts, texts, whole="\0".join(found))
            used.add(index)
            indexes[found] = index
        return indexes

    # --- the result --------------------------------------------------------------------------------------------------

    def table(self, live: Mapping[Oid, ReadCell], *, agentx: bool) -> VariableTable:
        """Returns all variables in the order of their names."""
        names: list[Oid] = []
        cells: list[Cell] = []
        encoded: list[bytes | None] = []
        for target in self._mib.readable:
            if column := self._columns.get(target.name):
                indexes = sorted(column.cells)
                names += map(target.oid.__add__, indexes)
                cells += map(column.cells.__getitem__, indexes)
                if agentx:
                    encoded += _encoded(column, indexes)
        forms = EncodedForms(len(names))
        if agentx:
            forms[encode_varbind] = encoded
        return VariableTable(
            self._mib.root, objects=_object_ids(self._mib), names=names, cells=cells, live=live, forms=forms
        )


def _encoded(column: _Column, indexes: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the variables of one object for AgentX, as ``encode_varbind`` returns them, in a fraction of its time.

    What precedes the index is the same for all indexes of one length, and equal cells are one object.
    """
    target = column.target
    assert target.syntax is not None
    values = {id(cell): encode_value(*cell) for cell in column.by_value.values() if cell is not None}
    kind = struct.pack(">HH", target.syntax.type, 0)
    heads: dict[int, bytes] = {}
    for index in indexes:
        size = len(index)
        head = heads.get(size)
        if head is None:
            head = heads[size] = kind + encode_oid(target.oid + index)[:-size]
        yield head + index + values[id(column.cells[index])]


def _raw(metric: Metric, value: Value, factor: int) -> SampleValue:
    """Returns a number in the object's unit, or the name of the state that is on."""
    if isinstance(value, tuple):
        return next((state for state, on in zip(metric.states, value, strict=True) if on), "")
    return value * factor if factor != 1 else value


def _numbered(index: bytes, taken: set[bytes]) -> bytes:
    number = 1
    while (numbered := index + struct.pack(">I", number)) in taken:
        number += 1
    taken.add(numbered)
    return numbered


def _index(parts: Iterable[Object], texts: Iterable[str], *, whole: str | None = None) -> bytes:
    """Returns an index as sub-identifiers (RFC 2578, section 7.7).

    Args:
        parts: the objects that it is made of.
        texts: their values.
        whole: what tells it from another that would be the same.
    """
    pieces = []
    for part, text in zip(parts, texts, strict=True):
        assert part.syntax is not None
        if part.syntax.size:
            pieces.append(_text_index(text, part.syntax.size, whole))
        else:
            number = part.syntax.convert(text)
            pieces.append(struct.pack(">I", number or 0))
    return b"".join(pieces)


_NO_NAME = b"-"
"""Stands in an index for an empty text: an index of no octets is a trap for many managers."""


@lru_cache(maxsize=16384)
def _text_index(text: str, size: int, whole: str | None = None) -> bytes:
    octets = syntax.octets(text) or _NO_NAME
    octets = syntax.shortened(octets, size, whole=None if whole is None else syntax.octets(whole))
    # each octet becomes a sub-identifier of four: what UTF-32 does with the first 256 characters
    return struct.pack(">I", len(octets)) + octets.decode("latin-1").encode("utf-32-be")
