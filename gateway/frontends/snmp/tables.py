"""Builds the table of all variables of HA-CLUSTER-MIB from the samples of one moment. Pure.

A value that does not fit its object is omitted, and costs nothing else. An error while the row of a sample is built
costs this row.

Variables need no sorting: the columns are in the order of the MIB, and only the indexes of each column are sorted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from gateway.frontends.snmp.rows import LIVE, Binding, MibValue, bindings, derived
from gateway.frontends.snmp.variable import Cell, EncodedForms
from gateway.frontends.snmp.variable_table import ReadCell, VariableTable
from gateway.samples import Labels, Metric, MibRow, SamplesByMetric, Value
from gateway.snapshot import Snapshot
from gateway.snmp.agentx.encoding import encode_oid, encode_value, encode_varbind
from gateway.snmp.mib import syntax
from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.mib.syntax import SampleValue
from gateway.snmp.oid import INSTANCE, Oid

T = TypeVar("T")

_MAX_REASON = 60
"""Characters of a value in the log."""


class Omission(NamedTuple):
    """A value or a row that is not shown.

    Attributes:
        name: the object that the value does not fit, or the metric whose sample has no row.
        reason: the value, shortened, or the error.
        error: the error; None for a value.
    """

    name: str
    reason: str
    error: Exception | None = None


Report = Callable[[Omission], object]

ReadValue = Callable[[], SampleValue]
"""Returns the value of a scalar at the moment of a request."""


class _UnfitIndexError(ValueError):
    """A label does not fit the index that it is part of."""


def _ignore(omission: Omission) -> None:
    del omission


def empty(mib: Mib) -> VariableTable:
    """Returns the table before the first snapshot.

    Raises:
        MibError: a metric, a row and the MIB contradict each other.
    """
    bindings(mib)
    return VariableTable(mib.root, objects=_object_ids(mib))


def build(
    snapshot: Snapshot,
    samples_by_metric: SamplesByMetric,
    mib: Mib,
    *,
    age: Callable[[], float],
    extra: Iterable[MibValue] = (),
    live: Mapping[str, ReadValue] = MappingProxyType({}),
    agentx: bool = False,
    report: Report = _ignore,
) -> VariableTable:
    """Returns the variables of a snapshot.

    Args:
        snapshot: the state of the cluster.
        samples_by_metric: the samples to show, as ``Publication.merge`` returns them.
        mib: HA-CLUSTER-MIB at the configured root.
        age: returns the age of the snapshot, in seconds.
        extra: further values that are not samples.
        live: scalars that are read at each request, by name, besides the age.
        agentx: whether to encode all variables for AgentX at once, so that the requests of a subagent find them
            encoded. Without it, each variable is encoded when it is first requested.
        report: receives each value and each row that is omitted.
    """
    builder = _Builder(mib, report)
    for binding in bindings(mib):
        if samples := samples_by_metric.get(binding.metric):
            builder.add(binding, samples)
    builder.put_all(derived(snapshot))
    builder.put_all(extra)

    def read_age() -> SampleValue:
        return int(age())

    cells: dict[Oid, ReadCell] = {}
    for name, read in {**live, **dict.fromkeys(LIVE.values(), read_age)}.items():
        builder.put(name, (), read())
        cells[mib[name].oid + INSTANCE] = _reader(mib[name], read)
    return builder.table(cells, agentx=agentx)


def _reader(target: Object, read: ReadValue) -> ReadCell:
    def read_cell() -> Cell:
        assert target.syntax is not None
        return Cell(target.syntax.type, target.syntax.convert(read()))

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
    omissions: list[Omission]

    def put(self, index: bytes, raw: SampleValue) -> None:
        try:
            cell = self.by_value[raw]
        except KeyError:
            cell = self.by_value[raw] = _cell(self.target, raw)
        if cell is None:
            if raw != "":  # which is a label without a value
                self.omissions.append(Omission(self.target.name, _shortened(raw)))
        else:
            # two metrics may provide the same text, and it may be empty in one of them
            present = self.cells.setdefault(index, cell)
            if present is not cell and present.value == b"":
                self.cells[index] = cell


def _cell(target: Object, raw: SampleValue) -> Cell | None:
    assert target.syntax is not None
    value = target.syntax.convert(raw)
    return None if value is None else Cell(target.syntax.type, value)


class _Builder:
    """Collects cells, and puts them in order."""

    def __init__(self, mib: Mib, report: Report) -> None:
        self._mib = mib
        self._report = report
        self._omissions: list[Omission] = []
        self._columns: dict[str, _Column] = {}
        self._numbered_indexes: dict[str, dict[Labels, bytes]] = {}
        self._used_numbers: dict[str, set[bytes]] = {}
        self._used_indexes: dict[str, set[tuple[bytes, str]]] = {}

    def add(self, binding: Binding, samples: Mapping[Labels, Value]) -> None:
        """Adds the samples of a metric; if that fails, each one by itself, to omit only those that cannot be added."""
        try:
            self._add(binding, samples)
        except Exception:  # noqa: BLE001 - whatever is wrong with a sample must not cost the others
            self._omissions.clear()
            self._used_indexes.pop(binding.metric.name, None)
            for labels, value in samples.items():
                self._attempt(binding.metric.name, partial(self._add, binding, {labels: value}))
        self._report_omissions()

    def put_all(self, values: Iterable[MibValue]) -> None:
        """Adds values that are not samples."""
        iterator = iter(values)
        while (value := self._attempt("values beyond the metrics", partial(next, iterator, None))) is not None:
            self._attempt(value[0], partial(self.put, *value))
        self._report_omissions()

    def put(self, name: str, texts: Sequence[str], raw: SampleValue) -> None:
        """Adds one value.

        Args:
            name: its object.
            texts: the indexes of its row.
            raw: the value.
        """
        row = self._mib[name].row
        index = _index(self._mib.index_of(row), texts) if row else INSTANCE
        self._column(name).put(index, raw)

    def _attempt(self, name: str, action: Callable[[], T]) -> T | None:
        """Returns the result of an action; None if it fails, which is an omission."""
        try:
            return action()
        except _UnfitIndexError as error:
            self._omissions.append(Omission(name, str(error)))
        except Exception as error:  # noqa: BLE001 - see above
            self._omissions.append(Omission(name, repr(error), error))
        return None

    def _report_omissions(self) -> None:
        for omission in self._omissions:
            self._report(omission)
        self._omissions.clear()

    def _add(self, binding: Binding, samples: Mapping[Labels, Value]) -> None:
        metric = binding.metric
        indexes = self._row_indexes(binding, samples)
        label_columns = [(metric.labels.index(label), self._column(name)) for label, name in binding.labels.items()]
        for labels in samples:
            index = indexes[labels]
            for position, column in label_columns:
                column.put(index, labels[position])
        self._add_values(binding, samples, indexes)

    def _add_values(self, binding: Binding, samples: Mapping[Labels, Value], indexes: Mapping[Labels, bytes]) -> None:
        metric, factor = binding.metric, binding.metric.mib_factor
        columns = [self._column(name) for name in binding.values]
        if not columns:
            return  # the value is always 1; the labels are what matters
        if (choice := metric.mib_choice) is not None:
            position, by_choice = metric.labels.index(choice.label), dict(zip(choice.objects, columns, strict=True))
            for labels, value in samples.items():
                if (column := by_choice.get(labels[position])) is not None:
                    column.put(indexes[labels], _sample_value(metric, value, factor))
        elif len(columns) > 1:
            for labels, flags in samples.items():
                assert isinstance(flags, tuple)
                for column, flag in zip(columns, flags, strict=True):
                    if flag is not None:
                        column.put(indexes[labels], flag)
        else:
            (column,) = columns
            for labels, value in samples.items():
                column.put(indexes[labels], _sample_value(metric, value, factor))

    def _column(self, name: str) -> _Column:
        column = self._columns.get(name)
        if column is None:
            column = _Column(target=self._mib[name], cells={}, by_value={}, omissions=self._omissions)
            self._columns[name] = column
        return column

    # --- indexes -----------------------------------------------------------------------------------------------------

    def _row_indexes(self, binding: Binding, samples: Mapping[Labels, Value]) -> Mapping[Labels, bytes]:
        """Returns the index of each sample's row. Metrics with the same labels in the same row share indexes."""
        row = binding.row
        if row is None:
            return dict.fromkeys(samples, INSTANCE)
        positions = [binding.metric.labels.index(label) for label in row.index]
        parts = self._mib.index_of(row.entry)
        if row.numbered:
            return self._numbered_row_indexes(row, samples, positions)
        choice = binding.metric.mib_choice
        choice_position = None if choice is None else binding.metric.labels.index(choice.label)
        indexes: dict[Labels, bytes] = {}
        used = self._used_indexes.setdefault(binding.metric.name, set())
        for labels in samples:
            texts = [labels[position] for position in positions]
            index = _index(parts, texts)
            # samples that are shown in different columns may share a row
            column = "" if choice_position is None else labels[choice_position]
            if (index, column) in used:
                index = _index(parts, texts, identity="\0".join(labels))
                if (index, column) in used:
                    raise _UnfitIndexError(f"another row has the index {_shortened(str(texts))}")
            used.add((index, column))
            indexes[labels] = index
        return indexes

    def _numbered_row_indexes(
        self, row: MibRow, labels_of_samples: Iterable[Labels], positions: Sequence[int]
    ) -> Mapping[Labels, bytes]:
        """Returns the index of each sample's row; the last part is the first number that is not used yet."""
        parts = self._mib.index_of(row.entry)[:-1]
        indexes = self._numbered_indexes.setdefault(row.entry, {})
        used = self._used_numbers.setdefault(row.entry, set())
        for labels in sorted(set(labels_of_samples) - indexes.keys()):
            indexes[labels] = _numbered(_index(parts, [labels[position] for position in positions]), used)
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


def _sample_value(metric: Metric, value: Value, factor: int) -> SampleValue:
    """Returns a number in the object's unit, or the name of the active state."""
    if isinstance(value, tuple):
        return next((state for state, on in zip(metric.states, value, strict=True) if on), "")
    return value * factor if factor != 1 else value


def _numbered(index: bytes, used: set[bytes]) -> bytes:
    """Returns an index with the first number after it that is not used yet."""
    number = 1
    while (numbered := index + struct.pack(">I", number)) in used:
        number += 1
    used.add(numbered)
    return numbered


def _index(parts: Iterable[Object], texts: Iterable[str], *, identity: str | None = None) -> bytes:
    """Returns an index as sub-identifiers (RFC 2578, section 7.7).

    Args:
        parts: the objects that form the index.
        texts: their values.
        identity: distinguishes the index from another with the same texts.

    Raises:
        _UnfitIndexError: a text does not fit its object.
    """
    pieces = []
    for part, text in zip(parts, texts, strict=True):
        assert part.syntax is not None
        if part.syntax.size:
            pieces.append(_text_index(text, part.syntax.size, identity))
        else:
            number = part.syntax.convert(text)
            if not isinstance(number, int) or number < 0:
                raise _UnfitIndexError(f"{part.name}: {_shortened(text)}")
            pieces.append(struct.pack(">I", number))
    return b"".join(pieces)


def _shortened(raw: SampleValue) -> str:
    """Returns a value for the log."""
    try:
        text = repr(raw)
    except ValueError:  # an integer with thousands of digits
        text = "a number with too many digits"
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "…"


_NO_NAME = b"-"
"""Represents an empty text in an index: many managers fail on an index without octets."""


@lru_cache(maxsize=16384)
def _text_index(text: str, size: int, identity: str | None = None) -> bytes:
    octets = syntax.octets(text) or _NO_NAME
    octets = syntax.shortened(octets, size, identity=None if identity is None else syntax.octets(identity))
    # each octet becomes a sub-identifier of four octets, as the first 256 characters do in UTF-32
    return struct.pack(">I", len(octets)) + octets.decode("latin-1").encode("utf-32-be")
