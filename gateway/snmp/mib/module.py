"""HA-CLUSTER-MIB: its objects with their identifiers and syntaxes, read from the compiled module, and its text.

The text, ``mibs/HA-CLUSTER-MIB.txt``, is written by hand; ``mibs/compile.py`` compiles it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gateway.snmp import oid as oids
from gateway.snmp.mib import syntax
from gateway.snmp.mib.syntax import Syntax
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type

MODULE = "HA-CLUSTER-MIB"
DEFAULT_ROOT = "1.3.6.1.4.1.8072.9999.9999.9664"
"""The root of the module. ``mibs/move.py`` moves it, here and wherever else it is written."""

FORMER_ROOTS: tuple[str, ...] = ()
"""The roots before, the last one first. The module is also served below them, so that managers keep working."""

ENTERPRISES = "1.3.6.1.4.1"
MAX_ROOT = 10
"""The most sub-identifiers of a root: below a longer one, the longest indexes would exceed 128 sub-identifiers."""

SOURCE = f"mibs/{MODULE}.txt"
"""The file that is written by hand; error messages name it."""

FOLDER = Path(__file__).parent
_MAX_INT32, _MAX_UINT32, _MAX_UINT64 = 2**31 - 1, 2**32 - 1, 2**64 - 1

_BASE: Mapping[str, Syntax] = {
    "TruthValue": Syntax(name="TruthValue", type=Type.INTEGER, convert=syntax.truth, names={1: "true", 2: "false"}),
    "DateAndTime": Syntax(name="DateAndTime", type=Type.OCTET_STRING, convert=syntax.date_and_time),
    "SnmpAdminString": Syntax(name="SnmpAdminString", type=Type.OCTET_STRING, convert=syntax.text),
    "Gauge32": Syntax(name="Gauge32", type=Type.GAUGE32, convert=syntax.gauge(0, _MAX_UINT32)),
    "Unsigned32": Syntax(name="Unsigned32", type=Type.GAUGE32, convert=syntax.integer(0, _MAX_UINT32)),
    "Counter64": Syntax(name="Counter64", type=Type.COUNTER64, convert=syntax.counter(_MAX_UINT64)),
    "CounterBasedGauge64": Syntax(
        name="CounterBasedGauge64", type=Type.COUNTER64, convert=syntax.gauge(0, _MAX_UINT64)
    ),
}
"""The types that the module imports; its own textual conventions refine INTEGER and Integer32."""

_SATURATING = frozenset({"HaClusterScore"})
"""The textual conventions in which the ends of the range represent infinity."""


class MibError(ValueError):
    """The MIB, or a reference to it, is wrong; the message names the object and the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A named node of the MIB's tree.

    Attributes:
        name: the descriptor, as in the module.
        oid: the object identifier, below the configured root.
        description: the DESCRIPTION, in one paragraph.
    """

    name: str
    oid: Oid
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Object(Node):
    """A scalar, a column or a row.

    Attributes:
        syntax: the syntax of its value; None for rows.
        readable: whether its values can be read; indexes are not accessible.
        units: the UNITS of its value; "" if it has none.
        index: the names of the indexes of a row, in order.
        row: the name of the row of a column; "" for scalars.
    """

    syntax: Syntax | None
    readable: bool
    units: str
    index: tuple[str, ...] = ()
    row: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationType(Node):
    """A notification.

    Attributes:
        objects: the names of the objects that it carries.
    """

    objects: tuple[str, ...]


class Mib:
    """The module below a root.

    Attributes:
        root: the object identifier of the module.
        former_roots: the roots before; none if another root than the default is configured.
        source: the file that is written by hand; error messages name it.
        objects: by name, in the order of their identifiers.
        notifications: by name, in the order of their identifiers.

    Args:
        document: the compiled module, as ``mibs/compile.py`` writes it.
        root: the OID to place the module at.

    Raises:
        MibError: an object has a SYNTAX that this program does not know.
    """

    source = SOURCE

    def __init__(self, document: Mapping[str, Any], root: str = DEFAULT_ROOT) -> None:
        self.root = oids.parse(root)
        self.former_roots = tuple(map(oids.parse, FORMER_ROOTS)) if root == DEFAULT_ROOT else ()
        self.objects: dict[str, Object] = {}
        self.notifications: dict[str, NotificationType] = {}
        default_root = oids.parse(DEFAULT_ROOT)
        nodes = (
            (self.root + oids.parse(entry["oid"]).removeprefix(default_root), entry)
            for entry in document.values()
            if entry.get("class") in {"objecttype", "notificationtype"}
        )
        rows: dict[Oid, str] = {}
        for oid, entry in sorted(nodes, key=lambda node: node[0]):
            if entry["class"] == "notificationtype":
                self._add_notification(oid, entry)
            elif entry["nodetype"] != "table":
                if "indices" in entry:
                    rows[oid] = entry["name"]
                self._add_object(oid, entry, document, row=rows.get(oid[:-4], ""))

    def _add_notification(self, oid: Oid, entry: Mapping[str, Any]) -> None:
        names = tuple(item["object"] for item in entry["objects"])
        description = entry["description"]
        self.notifications[entry["name"]] = NotificationType(
            name=entry["name"], oid=oid, objects=names, description=description
        )

    def _add_object(self, oid: Oid, entry: Mapping[str, Any], document: Mapping[str, Any], *, row: str) -> None:
        self.objects[entry["name"]] = Object(
            name=entry["name"],
            oid=oid,
            syntax=_syntax(entry, document) if "syntax" in entry else None,
            readable=entry["maxaccess"] == "read-only",
            units=entry.get("units", ""),
            description=entry["description"],
            index=tuple(item["object"] for item in entry.get("indices", ())),
            row=row,
        )

    def __getitem__(self, name: str) -> Object:
        return self.objects[name]

    @cached_property
    def readable(self) -> tuple[Object, ...]:
        """The scalars and columns that have values, in the order of their identifiers."""
        return tuple(target for target in self.objects.values() if target.readable)

    def index_of(self, row: str) -> tuple[Object, ...]:
        """Returns the indexes of a row."""
        return tuple(self.objects[name] for name in self.objects[row].index)

    def rows(self) -> Iterator[tuple[Object, tuple[Object, ...]]]:
        """Yields each row with its columns, indexes included."""
        for row in self.objects.values():
            if row.index:
                yield row, tuple(column for column in self.objects.values() if column.row == row.name)


@cache
def mib(root: str = DEFAULT_ROOT) -> Mib:
    """Returns the module below a root; the same object each time."""
    return Mib(json.loads((FOLDER / f"{MODULE}.json").read_text("utf-8")), root)


def _syntax(entry: Mapping[str, Any], document: Mapping[str, Any]) -> Syntax:
    """Returns the syntax of an object, with textual conventions resolved.

    Raises:
        MibError: the SYNTAX is unknown.
    """
    declared = entry["syntax"]
    name = declared["type"]
    constraints = declared.get("constraints", {})
    if base := _BASE.get(name):
        sizes = constraints.get("size", [{"max": 0}])
        size = sizes[0]["max"] if sizes[0]["max"] < syntax.MAX_TEXT else 0
        return Syntax(name=name, type=base.type, convert=base.convert, names=base.names, size=size)
    convention = document.get(name)
    refined = convention["type"] if convention else declared
    limits = refined.get("constraints", {})
    if "enumeration" in limits:
        names = {number: word for word, number in sorted(limits["enumeration"].items(), key=lambda item: item[1])}
        return Syntax(name=name, type=Type.INTEGER, convert=syntax.enumeration(names), names=names)
    if "range" not in limits:
        raise MibError(
            f"{SOURCE}: {entry['name']}: unknown SYNTAX {name}: expected one of {', '.join(sorted(_BASE))}, an "
            "enumeration, or an integer with a range"
        )
    (limit,) = limits["range"]
    minimum, maximum = limit["min"], min(limit["max"], _MAX_INT32)
    convert = syntax.gauge(minimum, maximum) if name in _SATURATING else syntax.integer(minimum, maximum)
    return Syntax(name=name, type=Type.INTEGER, convert=convert)


# --- The text -------------------------------------------------------------------------------------------------------

_ARCS = re.compile(r"(?:haClusterArc\d+ OBJECT IDENTIFIER ::= \{ \w+ \d+ \}\n)+")
_IDENTITY = re.compile(r"::= \{ haClusterArc\d+ \d+ \}")


def text(root: str = DEFAULT_ROOT) -> str:
    """Returns the text of the module below a root.

    Raises:
        ValueError: the root is not valid.
    """
    arcs = root_arcs(root)
    parents = ["enterprises", *(f"haClusterArc{number}" for number in range(1, len(arcs)))]
    lines = [
        f"{name} OBJECT IDENTIFIER ::= {{ {parent} {arc} }}\n"
        for name, parent, arc in zip(parents[1:], parents, arcs, strict=False)
    ]
    original = (FOLDER / f"{MODULE}.txt").read_text("utf-8")
    return _IDENTITY.sub(f"::= {{ {parents[-1]} {arcs[-1]} }}", _ARCS.sub("".join(lines), original, count=1), count=1)


def root_arcs(root: str) -> tuple[int, ...]:
    """Returns the sub-identifiers of a root after those of ``enterprises``.

    Raises:
        ValueError: the root is not below ``enterprises``, or has too many sub-identifiers.
    """
    subids, prefix = oids.decode(oids.parse(root)), oids.decode(oids.parse(ENTERPRISES))
    if (
        subids[: len(prefix)] != prefix
        or not len(prefix) < len(subids) <= MAX_ROOT
        or max(subids) > _MAX_INT32  # the largest that Net-SNMP's parser accepts
    ):
        raise ValueError(f"expected an OID below {ENTERPRISES}, of at most {MAX_ROOT} numbers, found {root}")
    return subids[len(prefix) :]
