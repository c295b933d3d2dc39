"""``corosync-quorumtool -p`` and ``-s``, with or without ``-i`` and ``-H``: Corosync 1.99 to 3.1, votequorum only.

Named values, then a table of the members, whose header says which columns there are::

    Quorate:          Yes
    Quorum:           2 Activity blocked
    Flags:            Quorate Qdevice

        Nodeid      Votes    Qdevice Name
             1          1    A,V,NMW alpha (local)
             2          1         NR beta
             0          1            Qdevice

``-p`` always prints the Qdevice column, ``-s`` where a device is registered. The name is empty where ``corosync.conf``
names no nodes and the address does not resolve. An exit status of 2 means "not quorate", which is an answer.
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
# Three words; Corosync 2 has room for eight characters only, and cuts NA,NV,NMW to NA,NV,NM.
_DEVICE = re.compile(r"NR|[A-Z]+(?:,[A-Z]+)+")
# Printed among the named values, with exit status 0: votes and device of that node's row are uninitialised memory.
_UNKNOWN_NODE = re.compile(r"\s*Unable to get node (?P<id>[0-9]{1,10}) info\s*")

_DEVICE_NODE_ID = 0
"""VOTEQUORUM_QDEVICE_NODEID; no member has it."""

_YES_NO = {"Yes": True, "No": False}

_Fields = Mapping[str, tuple[str, int]]
"""Value and line of each named value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One row of the membership table.

    Attributes:
        node_id: 32-bit unsigned.
        votes: votes of this node, or None where the tool could not get them: the node is about to join or to leave.
        name: as configured, resolved, or an address; may be empty.
        local: whether this is the node that the tool ran on.
        device: what the node says of the quorum device, as in ``("A", "NV", "NMW")``: ``A`` alive, ``V`` votes,
            ``MW`` master wins, each with ``N`` for not; empty if none is registered (``NR``); None if there is no
            such column, or its content is as unknown as the votes.
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
        votes: votes that it casts now; 0 while it withholds them, which the tool prints as ``0 ... (votes 1)``.
    """

    votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStatus:
    """The whole output.

    Attributes:
        provider: ``corosync_votequorum``; empty if not printed.
        node_id: id of the node that the tool ran on.
        ring_id: as printed: ``1.16d`` (Corosync 3, hexadecimal), ``1084780051/44`` (2), ``3316`` (before 2.4).
        quorate: whether this node's partition may act.
        expected_votes: votes.
        highest_expected: votes.
        total_votes: votes present.
        quorum: votes needed.
        flags: ``2Node`` ``Quorate`` ``WaitForAll`` ``LastManStanding`` ``AutoTieBreaker`` ``AllowDownscale``
            ``Qdevice``, in the tool's order.
        members: the nodes of this partition, in the tool's order.
        device: the quorum device, if one is registered with any of them.
    """

    provider: str
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
    """Reads the output of the tool.

    Raises:
        ParseError: a value is missing or malformed, or the output is cut off: the table has fewer members than
            ``Nodes`` says, or lacks the device that ``Flags`` names.
    """
    lines = complete_lines(output)
    start, has_device = _table(lines)
    fields = _fields(lines[:start])
    unknown = frozenset(int(match["id"]) for line in lines[:start] if (match := _UNKNOWN_NODE.fullmatch(line)))
    rows = [
        _row(line, number, has_device=has_device, unknown=unknown)
        for number, line in enumerate(lines[start + 1 :], start + 2)
        if line.strip()
    ]
    status = QuorumStatus(
        provider=_optional(fields, "Quorum provider"),
        node_id=_number(fields, "Node ID"),
        ring_id=_required(fields, "Ring ID")[0],
        quorate=_yes_no(fields, "Quorate"),
        expected_votes=_number(fields, "Expected votes"),
        highest_expected=_number(fields, "Highest expected"),
        total_votes=_number(fields, "Total votes"),
        quorum=_number(fields, "Quorum"),
        flags=tuple(_optional(fields, "Flags").split()),
        members=tuple(row for row in rows if isinstance(row, Member)),
        device=next((row for row in rows if isinstance(row, QuorumDevice)), None),
    )
    _check_complete(status, nodes=_number(fields, "Nodes") if "Nodes" in fields else 0, line=len(lines))
    return status


def _table(lines: Sequence[str]) -> tuple[int, bool]:
    """Returns the index of the table's header, and whether it has a Qdevice column."""
    for index, line in enumerate(lines):
        if header := _HEADER.fullmatch(line):
            return index, header["device"] is not None
    raise ParseError("found no membership table", line=len(lines) or None)


def _fields(lines: Sequence[str]) -> _Fields:
    return {
        match["name"]: (match["value"].strip(), number)
        for number, line in enumerate(lines, 1)
        if (match := _FIELD.fullmatch(line))
    }


def _optional(fields: _Fields, name: str) -> str:
    return fields[name][0] if name in fields else ""


def _required(fields: _Fields, name: str) -> tuple[str, int]:
    if name not in fields:
        raise ParseError(f"found no {name!r}")
    value, line = fields[name]
    if not value:
        raise ParseError(f"{name!r} is empty", line=line)
    return value, line


def _number(fields: _Fields, name: str) -> int:
    value, line = _required(fields, name)
    return uint32(value.split()[0], what=name, line=line)  # "Activity blocked" may follow the quorum


def _yes_no(fields: _Fields, name: str) -> bool:
    value, line = _required(fields, name)
    if value not in _YES_NO:
        raise ParseError(f"expected {name} as Yes or No, found {value[:40]!r}", line=line)
    return _YES_NO[value]


def _row(line: str, number: int, *, has_device: bool, unknown: frozenset[int]) -> Member | QuorumDevice:
    node, votes, rest, *_ = [*line.split(maxsplit=2), "", ""]
    node_id = uint32(node, what="a node id", line=number)
    known_votes = uint32(votes, what="votes", line=number)
    if node_id == _DEVICE_NODE_ID:
        return QuorumDevice(votes=known_votes)
    device = None
    if has_device:
        flags, rest, *_ = [*rest.split(maxsplit=1), "", ""]
        device = _device_flags(flags, number)
    rest = rest.strip()
    local = _LOCAL.search(rest)
    return Member(
        node_id=node_id,
        votes=None if node_id in unknown else known_votes,
        name=rest[: local.start()].rstrip() if local else rest,
        local=local is not None,
        device=None if node_id in unknown else device,
    )


def _device_flags(word: str, line: int) -> tuple[str, ...]:
    if not _DEVICE.fullmatch(word):
        raise ParseError(f"expected the flags of the quorum device, found {word[:40]!r}", line=line)
    return () if word == "NR" else tuple(word.split(","))


def _check_complete(status: QuorumStatus, *, nodes: int, line: int) -> None:
    if len(status.members) < nodes:
        raise ParseError(f"cut off: {nodes} nodes, but {len(status.members)} rows of members", line=line)
    if "Qdevice" in status.flags and status.device is None:
        raise ParseError("cut off: a quorum device, but no row for it", line=line)
