"""``corosync-quorumtool -p`` and ``-s``, with or without ``-i`` and ``-H``: Corosync 1.99 to 3.1, votequorum only.

Named values, then a table of the members, whose header tells which columns there are::

    Quorate:          Yes
    Quorum:           2 Activity blocked
    Flags:            Quorate Qdevice

        Nodeid      Votes    Qdevice Name
             1          1    A,V,NMW alpha (local)
             2          1         NR beta
             0          1            Qdevice

``-p`` always prints the Qdevice column, ``-s`` only if a device is registered. A name is empty if ``corosync.conf``
names no nodes and the address does not resolve. Exit status 2 means "not quorate"; the output is complete.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines, uint32

_FIELD = re.compile(r"\s*(?P<name>[A-Z][A-Za-z ]*):(?P<value>.*)")
_HEADER = re.compile(r"\s*Nodeid\s+Votes(?P<device>\s+Qdevice)?\s+Name\s*")
_LOCAL = re.compile(r"(?:^|\s)\(local\)$")
# Three flags; Corosync 2 has room for eight characters only, and cuts NA,NV,NMW to NA,NV,NM.
_DEVICE = re.compile(r"NR|[A-Z]+(?:,[A-Z]+)+")
# Printed between the named values, with exit status 0. Votes and device flags of that node are uninitialised memory.
_UNKNOWN_NODE = re.compile(r"\s*Unable to get node (?P<id>[0-9]{1,10}) info\s*")

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
        votes: the votes of the node, or None if the tool could not get them: the node is just joining or leaving.
        name: the configured name, the resolved name or the address; may be empty.
        local: whether this is the node that the tool ran on.
        device: the state of the quorum device as the node sees it, like ``("A", "NV", "NMW")``: ``A`` alive, ``V``
            votes, ``MW`` master wins, each with ``N`` for not. Empty if no device is registered (``NR``). None if there
            is no such column, or if the votes are None.
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
        votes: the votes that it casts now; 0 while it casts none, printed as ``0 ... (votes 1)``.
    """

    votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStatus:
    """The quorum and membership of the local node's partition.

    Attributes:
        node_id: the id of the node that the tool ran on.
        ring_id: as printed: ``1.16d`` (Corosync 3, hexadecimal), ``1084780051/44`` (2), ``3316`` (before 2.4).
        quorate: whether the partition has quorum.
        expected_votes: the votes of all configured nodes and the quorum device.
        highest_expected: the highest number of expected votes seen.
        total_votes: the votes that are present.
        quorum: the votes that are needed for quorum.
        flags: ``2Node`` ``Quorate`` ``WaitForAll`` ``LastManStanding`` ``AutoTieBreaker`` ``AllowDownscale``
            ``Qdevice``, in the tool's order.
        members: the nodes of the partition, in the tool's order.
        device: the quorum device, or None if it is registered with none of them.
    """

    node_id: int
    ring_id: str
    quorate: bool
    expected_votes: int
    highest_expected: int
    total_votes: int
    quorum: int
    flags: tuple[str, ...]
    members: tuple[Member, ...]
    device: QuorumDevice | None


def parse(output: bytes) -> QuorumStatus:
    """Parses the output of the tool.

    Raises:
        ParseError: a value is missing or malformed, or the output is cut off: the table has fewer members than
            ``Nodes`` says, or lacks the device that ``Flags`` names.
    """
    lines = complete_lines(output)
    start, has_device = _find_table(lines)
    fields = _parse_fields(lines[:start])
    unknown_nodes = frozenset(int(match["id"]) for line in lines[:start] if (match := _UNKNOWN_NODE.fullmatch(line)))
    rows = [
        _parse_row(line, number, has_device=has_device, unknown_nodes=unknown_nodes)
        for number, line in enumerate(lines[start + 1 :], start + 2)
        if line.strip()
    ]
    status = QuorumStatus(
        node_id=_required_number(fields, "Node ID"),
        ring_id=_required_text(fields, "Ring ID")[0],
        quorate=_required_flag(fields, "Quorate"),
        expected_votes=_required_number(fields, "Expected votes"),
        highest_expected=_required_number(fields, "Highest expected"),
        total_votes=_required_number(fields, "Total votes"),
        quorum=_required_number(fields, "Quorum"),
        flags=tuple(_optional_text(fields, "Flags").split()),
        members=tuple(row for row in rows if isinstance(row, Member)),
        device=next((row for row in rows if isinstance(row, QuorumDevice)), None),
    )
    _check_complete(status, nodes=_required_number(fields, "Nodes") if "Nodes" in fields else 0, line=len(lines))
    return status


def _find_table(lines: Sequence[str]) -> tuple[int, bool]:
    """Returns the index of the table's header, and whether it has a Qdevice column."""
    for index, line in enumerate(lines):
        if header := _HEADER.fullmatch(line):
            return index, header["device"] is not None
    raise ParseError("found no membership table", line=len(lines) or None)


def _parse_fields(lines: Sequence[str]) -> _Fields:
    return {
        match["name"]: (match["value"].strip(), number)
        for number, line in enumerate(lines, 1)
        if (match := _FIELD.fullmatch(line))
    }


def _optional_text(fields: _Fields, name: str) -> str:
    return fields[name][0] if name in fields else ""


def _required_text(fields: _Fields, name: str) -> tuple[str, int]:
    if name not in fields:
        raise ParseError(f"found no {name!r}")
    value, line = fields[name]
    if not value:
        raise ParseError(f"{name!r} is empty", line=line)
    return value, line


def _required_number(fields: _Fields, name: str) -> int:
    value, line = _required_text(fields, name)
    return uint32(value.split()[0], what=name, line=line)  # "Activity blocked" may follow the quorum


def _required_flag(fields: _Fields, name: str) -> bool:
    value, line = _required_text(fields, name)
    if value not in _YES_NO:
        raise ParseError(f"expected {name} as Yes or No, found {value[:40]!r}", line=line)
    return _YES_NO[value]


def _parse_row(line: str, number: int, *, has_device: bool, unknown_nodes: frozenset[int]) -> Member | QuorumDevice:
    node, votes, rest, *_ = [*line.split(maxsplit=2), "", ""]
    node_id = uint32(node, what="a node id", line=number)
    vote_count = uint32(votes, what="votes", line=number)
    if node_id == _DEVICE_NODE_ID:
        return QuorumDevice(votes=vote_count)
    device = None
    if has_device:
        flags, rest, *_ = [*rest.split(maxsplit=1), "", ""]
        device = _parse_device(flags, number)
    rest = rest.strip()
    local = _LOCAL.search(rest)
    return Member(
        node_id=node_id,
        votes=None if node_id in unknown_nodes else vote_count,
        name=rest[: local.start()].rstrip() if local else rest,
        local=local is not None,
        device=None if node_id in unknown_nodes else device,
    )


def _parse_device(word: str, line: int) -> tuple[str, ...]:
    if not _DEVICE.fullmatch(word):
        raise ParseError(f"expected the flags of the quorum device, found {word[:40]!r}", line=line)
    return () if word == "NR" else tuple(word.split(","))


def _check_complete(status: QuorumStatus, *, nodes: int, line: int) -> None:
    if len(status.members) < nodes:
        raise ParseError(f"cut off: {nodes} nodes, but {len(status.members)} rows of members", line=line)
    if "Qdevice" in status.flags and status.device is None:
        raise ParseError("cut off: a quorum device, but no row for it", line=line)
