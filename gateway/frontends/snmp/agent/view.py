"""What the built-in agent shows, as one tree: HA-CLUSTER-MIB, and some groups that every agent has. Pure.

There is one view (RFC 3415), and all that is served is in it: what is not served cannot be seen, and nothing can be
written.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import Reader, encode_varbind
from gateway.snmp.oid import Oid
from gateway.snmp.values import SearchRange, Type, VarBind

Value = tuple[Type, Callable[[], int | bytes]]
"""A scalar's type, and what tells its value."""

_INSTANCE = oids.encode((0,))


class Source(Protocol):
    """One subtree; ``Answers`` is one."""

    @property
    def root(self) -> Oid:
        """The subtree that all answers are from."""
        ...

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        """Returns one variable for each name, in AgentX's wire form."""
        ...

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        """Returns one variable for each range, or endOfMibView."""
        ...


class Scalars:
    """A subtree of scalars.

    Args:
        root: the subtree.
        values: by the object identifiers of the objects, without the instance's 0.
    """

    def __init__(self, root: Oid, values: Mapping[Oid, Value]) -> None:
        self.root = root
        self._values = {name + _INSTANCE: value for name, value in values.items()}
        self._names = sorted(self._values)

    def get(self, names: Sequence[Oid]) -> list[bytes]:
        """Returns one variable for each name."""
        return [encode_varbind(self._get(name)) for name in names]

    def get_next(self, ranges: Sequence[SearchRange]) -> list[bytes]:
        """Returns one variable for each range, or endOfMibView."""
        return [encode_varbind(self._get_next(searched)) for searched in ranges]

    def _get(self, name: Oid) -> VarBind:
        if name in self._values:
            kind, value = self._values[name]
            return VarBind(name, kind, value())
        exists = any(name.startswith(known.removesuffix(_INSTANCE)) for known in self._names)
        return VarBind(name, Type.NO_SUCH_INSTANCE if exists else Type.NO_SUCH_OBJECT)

    def _get_next(self, searched: SearchRange) -> VarBind:
        search = bisect_left if searched.include else bisect_right
        index = search(self._names, searched.start)
        if index == len(self._names) or (searched.end and self._names[index] >= searched.end):
            return VarBind(searched.start, Type.END_OF_MIB_VIEW)
        return self._get(self._names[index])


class MibView:
    """Several subtrees, none within another, as one.

    Args:
        sources: the subtrees.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = [
            (source, source.root, oids.after_subtree(source.root))
            for source in sorted(sources, key=lambda source: source.root)
        ]

    def __contains__(self, name: Oid) -> bool:
        """Whether a name is in one of the subtrees, whether there is a variable or not."""
        return any(name.startswith(root) for _, root, _ in self._sources)

    def get(self, names: Sequence[Oid]) -> list[VarBind]:
        """Returns one variable for each name (RFC 3416, section 4.2.1)."""
        found: dict[Oid, VarBind] = {}
        for source, root, _ in self._sources:
            within = [name for name in dict.fromkeys(names) if name.startswith(root)]
            if within:
                found.update(zip(within, _decoded(source.get(within)), strict=True))
        return [found.get(name) or VarBind(name, Type.NO_SUCH_OBJECT) for name in names]

    def get_next(self, names: Sequence[Oid]) -> list[VarBind]:
        """Returns the variable behind each name, or endOfMibView with the name itself (section 4.2.2)."""
        found = [VarBind(name, Type.END_OF_MIB_VIEW) for name in names]
        for source, root, end in self._sources:
            places = [
                place
                for place, varbind in enumerate(found)
                if varbind.type is Type.END_OF_MIB_VIEW and varbind.oid < end
            ]
            if places:
                ranges = [SearchRange(max(names[place], root), end, names[place] < root) for place in places]
                for place, varbind in zip(places, _decoded(source.get_next(ranges)), strict=True):
                    if varbind.type is not Type.END_OF_MIB_VIEW:
                        found[place] = varbind
        return found

    def get_bulk(self, names: Sequence[Oid], *, non_repeaters: int, max_repetitions: int, enough: int) -> list[bytes]:
        """Returns the variables of a GETBULK (section 4.2.3), row by row, in BER.

        Rows are asked for one by one, so that few are asked for in vain: the next request goes on where an answer
        ends, and ``Answers`` knows a walk by that.

        Args:
            names: where to begin.
            non_repeaters: how many of the names are asked for once.
            max_repetitions: how often the others are.
            enough: octets; there is no further row where one like the largest until then would go beyond them.
        """
        varbinds = list(map(ber.varbind, self.get_next(names[:non_repeaters])))
        size, largest = sum(map(len, varbinds)), 0
        start = names[non_repeaters:]
        while start and max_repetitions > 0 and size + largest <= enough:
            max_repetitions -= 1
            found = self.get_next(start)
            row = list(map(ber.varbind, found))
            varbinds += row
            if all(varbind.type is Type.END_OF_MIB_VIEW for varbind in found):
                break
            start = [varbind.oid for varbind in found]
            row_size = sum(map(len, row))
            size += row_size
            largest = max(largest, row_size)
        return varbinds


def fitting(varbinds: Sequence[bytes], room: int) -> Sequence[bytes]:
    """Returns as many of the first variables as have room, in octets."""
    count = bisect_right(list(accumulate(map(len, varbinds))), room)
    return varbinds[:count]


def _decoded(variables: Iterable[bytes]) -> list[VarBind]:
    return [Reader(variable).varbind() for variable in variables]
