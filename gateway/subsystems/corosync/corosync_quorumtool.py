"""``corosync-quorumtool -p`` and ``-s``, with or without ``-i`` and ``-H``: Corosync 1.4 to 3.1, votequorum only.

Named values, then a table of the members, whose header shows which columns there are::

    Quorate:          Yes
    Quorum:           2 Activity blocked
    Flags:            Quorate Qdevice

        Nodeid      Votes    Qdevice Name
             1          1    A,V,NMW alpha (local)
             2          1         NR beta
             0          1            Qdevice

``-p`` always prints the Qdevice column, ``-s`` only if a device is registered. A name is empty if ``corosync.conf``
names no nodes and the address does not resolve. After it, newer versions print the extra information that the quorum
device has set for the node: ``alpha [weight=10] (local)``.

Corosync 1.4 has ``-s`` only, and prints neither the id of the node nor the table.

The exit status is no answer: the output is complete with 0, 1 and 2. Up to 2.4.5 and in 2.99 to 3.0.1, 1 means quorate
and 0 not quorate; later versions exit with 0 if quorate and with 2 if not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines, uint32

_FIELD = re.compile(r"\s*(?P<name>[A-Z][A-Za-z ]*):(?P<value>.*)")
_HEADER = re.compile(r"\s*Nodeid\s+Votes(?P<device>\s+Qdevice)?\s+Name\s*")
_LOCAL = re.compile(r"(?:^|\s)\(local\)$")
# Three flags; Corosync 2 has room for eight characters only, and cuts NA,NV,NMW to NA,NV,NM.
_DEVICE = re.compile(r"NR|[A-Z]+(?:,[A-Z]+)+")
# Printed between the named values, with exit status 0. Votes and device flags of that node are uninitialized memory.
_UNKNOWN_NODE = re.compile(r"\s*Unable to get node (?P<id>[0-9]{1,10}) info\s*")
_TITLE = re.compile(r"\s*(?:[A-Z][a-z]+ information|-+)\s*")
_OTHER_LINES = (_FIELD, _UNKNOWN_NODE, _TITLE, _HEADER)
"""The lines that are no rows of the table, wherever they are."""

_VERSION_1 = frozenset({"Quorum type", "Flags"})
"""Names of values by which the output of Corosync 1.4 is recognized. ``Flags`` is its last line."""

_NAMES = frozenset({"Quorate", "Expected votes", "Total votes", "Quorum"})
"""Names of values of which at least one must be there."""

_DEVICE_NODE_ID = 0
"""VOTEQUORUM_QDEVICE_NODEID, which no member has."""

_YES_NO = {"Yes": True, "No": False}

_Fields = Mapping[str, tuple[str, int]]
"""Value and line of each named value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One row of the membership table.

    Attributes:
        node_id: 32-bit unsigned.
        votes: the votes of the node, or None if the tool could not get them, because the node is just joining or
            leaving, or if they cannot be read.
        name: the configured name, the resolved name or the address; may be empty.
        local: whether this is the node that the tool ran on.
        device: the state of the quorum device as the node sees it, like ``("A", "NV", "NMW")``: ``A`` alive, ``V``
            votes, ``MW`` master wins, each with ``N`` for not. Empty if no device is registered (``NR``). None if there
            is no such column, if it cannot be read, or if the tool could not get the votes.
    """

    node_id: int
    votes: int | None
    name: str
    local: bool
    device: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumDevice:
    """The row of the quorum device, whose node id is 0.

    Attributes:
        votes: the votes that it casts now; 0 while it casts none, printed as ``0 ... (votes 1)``. None if they cannot
            be read.
    """

    votes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStatus:
    """The quorum and membership of the local node's partition. A value is None if it is absent or cannot be read.

    Attributes:
        node_id: the id of the node that the tool ran on.
        ring_id: as printed: ``1.16d`` (Corosync 3, hexadecimal), ``1084780051/44`` (2), ``3316`` (before 2.4); empty if
            it is absent.
        quorate: whether the partition has quorum.
        expected_votes: the votes of all configured nodes and the quorum device.
        highest_expected: the highest number of expected votes seen.
        total_votes: the votes that are present.
        quorum: the votes that are needed for quorum.
        flags: ``2Node`` ``Quorate`` ``WaitForAll`` ``LastManStanding`` ``AutoTieBreaker`` ``AllowDownscale``
            ``Qdevice``, in the tool's order.
        nodes: the number of nodes in the partition.
        members: the nodes of the partition, in the tool's order; empty if the tool does not print them (1.4).
        device: the quorum device, or None if it is registered with none of them.
    """

    node_id: int | None
    ring_id: str
    quorate: bool | None
    expected_votes: int | None
    highest_expected: int | None
    total_votes: int | None
    quorum: int | None
    flags: tuple[str, ...]
    nodes: int | None
    members: tuple[Member, ...]
    device: QuorumDevice | None


def parse(output: bytes) -> Parsed[QuorumStatus]:
    """Parses the output of the tool. A value or row that cannot be read is absent.

    Raises:
        ParseError: there is no membership table or no value, or the output is cut off: the table has fewer rows than
            ``Nodes`` says, or lacks the device that ``Flags`` names.
    """
    lines = split_lines(output)
    unreadable = UnreadableValues()
    for line in lines:
        unreadable.read(line.check)
    fields = _parse_fields(lines)
    version_1 = fields.keys() >= _VERSION_1
    table = [] if version_1 else _parse_table(lines, unreadable)
    if not fields.keys() & _NAMES:
        raise ParseError("found no values, only a table of members")
    status = QuorumStatus(
        node_id=None if version_1 else unreadable.read(_number, fields, "Node ID"),
        ring_id=unreadable.read(_text, fields, "Ring ID") or "",
        quorate=unreadable.read(_flag, fields, "Quorate"),
        expected_votes=unreadable.read(_number, fields, "Expected votes"),
        highest_expected=unreadable.read(_number, fields, "Highest expected"),
        total_votes=unreadable.read(_number, fields, "Total votes"),
        quorum=unreadable.read(_number, fields, "Quorum"),
        flags=tuple(fields.get("Flags", ("", 0))[0].split()),
        nodes=unreadable.read(_number, fields, "Nodes") if "Nodes" in fields else None,
        members=tuple(row for row in table if isinstance(row, Member)),
        device=next((row for row in table if isinstance(row, QuorumDevice)), None),
    )
    if not version_1:
        _check_complete(status, table, line=len(lines))
    return unreadable.parsed(status)


def _find_table(lines: Sequence[Line]) -> tuple[int, bool]:
    """Returns the index of the table's header, and whether it has a Qdevice column."""
    for index, line in enumerate(lines):
        if header := _HEADER.fullmatch(line.text):
            return index, header["device"] is not None
    raise ParseError("found no membership table", line=len(lines) or None)


def _parse_fields(lines: Sequence[Line]) -> _Fields:
    fields: dict[str, tuple[str, int]] = {}
    for line in lines:
        if not line.damage and (match := _FIELD.fullmatch(line.text)):
            fields[match["name"]] = (match["value"].strip(), line.number)
    return fields


def _text(fields: _Fields, name: str) -> str:
    if name not in fields:
        raise ParseError(f"found no {name!r}")
    value, line = fields[name]
    if not value:
        raise ParseError(f"{name!r} is empty", line=line)
    return value


def _number(fields: _Fields, name: str) -> int:
    value = _text(fields, name)
    return uint32(value.split()[0], what=name, line=fields[name][1])  # "Activity blocked" may follow the quorum


def _flag(fields: _Fields, name: str) -> bool:
    value = _text(fields, name)
    if value not in _YES_NO:
        raise ParseError(f"expected {name} as Yes or No, found {value[:40]!r}", line=fields[name][1])
    return _YES_NO[value]


def _parse_table(lines: Sequence[Line], unreadable: UnreadableValues) -> list[Member | QuorumDevice | None]:
    """Returns the rows of the table; None for a row whose node is unknown."""
    start, has_device = _find_table(lines)
    unknown_nodes = frozenset(int(match["id"]) for line in lines if (match := _UNKNOWN_NODE.fullmatch(line.text)))
    rows: list[Member | QuorumDevice | None] = []
    for line in lines[start + 1 :]:
        if line.damage:
            rows.append(None)
        elif line.text.strip() and not any(pattern.fullmatch(line.text) for pattern in _OTHER_LINES):
            row = unreadable.read(_parse_row, line, has_device=has_device, unreadable=unreadable)
            if isinstance(row, Member) and row.node_id in unknown_nodes:
                unreadable.add(f"the tool could not get the votes of node {row.node_id}", line=line.number)
                row = replace(row, votes=None, device=None)
            rows.append(row)
    return rows


def _parse_row(line: Line, *, has_device: bool, unreadable: UnreadableValues) -> Member | QuorumDevice:
    number = line.number
    node, votes, rest, *_ = [*line.text.split(maxsplit=2), "", ""]
    node_id = uint32(node, what="a node id", line=number)
    vote_count = unreadable.read(uint32, votes, what="votes", line=number)
    if node_id == _DEVICE_NODE_ID:
        return QuorumDevice(votes=vote_count)
    device = None
    if has_device:
        flags, rest, *_ = [*rest.split(maxsplit=1), "", ""]
        device = unreadable.read(_parse_device, flags, number)
    rest = rest.strip()
    local = _LOCAL.search(rest)
    name = rest[: local.start()].rstrip() if local else rest
    return Member(
        node_id=node_id,
        votes=vote_count,
        name=_without_extra_info(name),
        local=local is not None,
        device=device,
    )


def _without_extra_info(name: str) -> str:
    return f" {name}".partition(" [")[0].strip() if name.endswith("]") else name


def _parse_device(word: str, line: int) -> tuple[str, ...]:
    if not _DEVICE.fullmatch(word):
        raise ParseError(f"expected the flags of the quorum device, found {word[:40]!r}", line=line)
    return () if word == "NR" else tuple(word.split(","))


def _check_complete(status: QuorumStatus, table: Sequence[Member | QuorumDevice | None], *, line: int) -> None:
    rows = sum(not isinstance(row, QuorumDevice) for row in table)
    if rows < (status.nodes or 0):
        raise ParseError(f"cut off: {status.nodes} nodes, but {rows} rows of members", line=line)
    if "Qdevice" in status.flags and status.device is None and None not in table:
        raise ParseError("cut off: a quorum device, but no row for it", line=line)
