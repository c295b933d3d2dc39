"""A snapshot as SNMP sees it: all its variables in order, each already in AgentX's wire form. Pure.

The order comes without sorting variables: columns follow each other as in the MIB, and within a column the rows as
their indexes do. Both are bytes that compare like object identifiers, so that a search is a ``bisect``.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.frontends.snmp.rows import LIVE, Binding, MibValue, bindings, derived
from gateway.samples import Labels, Metric, SamplesByMetric, Value
from gateway.snapshot import Snapshot
from gateway.snmp.agentx.encoding import encode_oid, encode_value, encode_varbind
from gateway.snmp.mib import syntax
from gateway.snmp.mib.module import Mib, Object
from gateway.snmp.mib.syntax import SampleValue
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type, VarBind

_SCALAR = b"\0\0\0\0"
"""The index of a scalar: the instance 0."""

_EMPTY = encode_value(Type.OCTET_STRING, b"")

_Cells = dict[str, dict[bytes, bytes]]
"""Encoded values by the name of their object and their index."""


class Tables:
    """All variables of one moment.

    Args:
        mib: the MIB that they are of.
        names: their names, in order.
        variables: the variables, in the same order.
        snapshot: what they were made of; None before the first.
        live: the variables that are another number at each request, by their names.
    """

    def __init__(
        self,
        mib: Mib,
        names: Sequence[Oid] = (),
        variables: Sequence[bytes] = (),
        *,
        snapshot: Snapshot | None = None,
        live: Mapping[Oid, Callable[[], bytes]] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._names = names
        self._variables = variables
        self._live = dict(live or {})
        self._objects = _object_ids(mib)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[bytes]:
        for name, variable in zip(self._names, self._variables, strict=True):
            yield self._live[name]() if name in self._live else variable

    def get(self, name: Oid) -> bytes:
        """Returns the variable of this name, or one that says that there is none."""
        index = bisect_left(self._names, name)
        if index < len(self._names) and self._names[index] == name:
            return self._live[name]() if name in self._live else self._variables[index]
        known = bisect_right(self._objects, name) - 1
        exists = known >= 0 and name.startswith(self._objects[known])
        return _nothing(Type.NO_SUCH_INSTANCE if exists else Type.NO_SUCH_OBJECT, name)

    def get_next(self, searched: SearchRange) -> tuple[Oid, bytes] | None:
        """Returns the name and the variable that come first in a range, or None where nothing is in it."""
        names, (start, end, include) = self._names, searched
        index = bisect_left(names, start) if include else bisect_right(names, start)
        if index == len(names):
            return None
        name = names[index]
        if end and name >= end:
            return None
        return name, self._live[name]() if name in self._live else self._variables[index]


def end_of_view(searched: SearchRange) -> bytes:
    """Returns the variable that says that nothing is in a range (RFC 2741, section 7.2.3.2)."""
    return _nothing(Type.END_OF_MIB_VIEW, searched.start)


def _nothing(kind: Type, name: Oid) -> bytes:
    return struct.pack(">HH", kind, 0) + encode_oid(name)


@lru_cache(maxsize=4)
def _object_ids(mib: Mib) -> tuple[Oid, ...]:
    return tuple(found.oid for found in mib.readable)


# --- Building --------------------------------------------------------------------------------------------------------


def build(
    snapshot: Snapshot,
    samples_by_metric: SamplesByMetric,
    mib: Mib,
    *,
    age: Callable[[], float],
    extra: Iterable[MibValue] = (),
) -> Tables:
    """Returns the variables of a snapshot.

    Args:
        snapshot: the state of the cluster.
        samples_by_metric: the samples to show, as ``Publication.merge`` returns them.
        mib: where everything goes.
        age: tells how old the snapshot is, in seconds.
        extra: further values, which are no samples.
    """
    builder = _Builder(mib)
    for binding in bindings(mib):
        if family := samples_by_metric.get(binding.metric):
            builder.add(binding, family)
    for name, index, raw in (*derived(snapshot), *extra):
        builder.put(name, builder.index(name, index), raw)
    live: dict[Oid, Callable[[], bytes]] = {}
    for name in LIVE.values():
        builder.put(name, _SCALAR, age())
        live[mib[name].oid + _SCALAR] = _live(mib[name], age)
    names, variables = builder.variables()
    return Tables(mib, names, variables, snapshot=snapshot, live=live)


def _live(target: Object, read: Callable[[], float]) -> Callable[[], bytes]:
    def variable() -> bytes:
        assert target.syntax is not None
        return encode_varbind(VarBind(target.oid + _SCALAR, target.syntax.type, target.syntax.convert(int(read()))))

    return variable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """Where part of a sample goes: the object, its cells, and what has been encoded already."""

    target: Object
    cells: dict[bytes, bytes]
    known: dict[SampleValue, bytes | None]

    def put(self, index: bytes, raw: SampleValue) -> None:
        try:
            data = self.known[raw]
        except KeyError:
            data = self.known[raw] = _encoded(self.target, raw)
        # two metrics may show the same thing, and one of them may not know it
        if data is not None and self.cells.get(index, _EMPTY) == _EMPTY:
            self.cells[index] = data


def _encoded(target: Object, raw: SampleValue) -> bytes | None:
    assert target.syntax is not None
    value = target.syntax.convert(raw)
    return None if value is None else encode_value(target.syntax.type, value)


class _Builder:
    """Gathers cells, and puts them in order."""

    def __init__(self, mib: Mib) -> None:
        self._mib = mib
        self._cells: _Cells = {}
        self._known: dict[str, dict[SampleValue, bytes | None]] = {}
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
        cells, known = self._cells.setdefault(name, {}), self._known.setdefault(name, {})
        return _Column(target=self._mib[name], cells=cells, known=known)

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

    def variables(self) -> tuple[list[Oid], list[bytes]]:
        """Returns all names in order, and their variables."""
        names: list[Oid] = []
        variables: list[bytes] = []
        for target in self._mib.readable:
            if cells := self._cells.get(target.name):
                ordered = sorted(cells)
                names += map(target.oid.__add__, ordered)
                variables += _variables(target, ordered, cells)
        return names, variables


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


def _variables(target: Object, ordered: Iterable[bytes], cells: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """Yields the variables of one object: what stands before the index is the same for all of one length."""
    assert target.syntax is not None
    kind = struct.pack(">HH", target.syntax.type, 0)
    before: dict[int, bytes] = {}
    for index in ordered:
        size = len(index)
        head = before.get(size)
        if head is None:
            head = before[size] = kind + encode_oid(target.oid + index)[:-size]
        yield head + index + cells[index]
