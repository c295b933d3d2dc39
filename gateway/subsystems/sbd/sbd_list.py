r"""``sbd -d DEVICE list``: the slots in use on one SBD device, sbd 1.0 to 1.5.

One line for each slot, with fields separated by tabs. The last field is empty until the node receives a message::

    0\talpha\tclear\t
    1\tbeta\treset\talpha

The output is empty while no node has a slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import Line, split_lines

CODES = ("clear", "test", "reset", "off", "exit", "crashdump")
"""The messages by their code on the device; the first one means that there is none."""
MESSAGES = (*CODES, "undefined")
"""The content of a slot; the last word is a message unknown to this version of sbd."""

_SLOT = re.compile(rf"[0-9]+[ \t]+(?P<node>\S+)[ \t]+(?P<message>{'|'.join(MESSAGES)})(?:[ \t]+(?P<sender>\S*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdSlot:
    """A slot in use.

    Attributes:
        node: the node that owns the slot.
        message: its content, one of ``MESSAGES``.
        sender: the node that wrote the message; empty if there has been none.
    """

    node: str
    message: str
    sender: str


def parse(output: bytes) -> Parsed[tuple[SbdSlot, ...]]:
    """Parses the output of the tool for one device. A line that cannot be read is absent.

    Raises:
        ParseError: no line can be read.
    """
    unreadable = UnreadableValues()
    lines = [line for line in split_lines(output) if line.text.strip()]
    slots = tuple(slot for line in lines if (slot := unreadable.read(_parse_slot, line)) is not None)
    if lines and not slots:
        _parse_slot(lines[0])
    return unreadable.parsed(slots)


def _parse_slot(line: Line) -> SbdSlot:
    line.check()
    match = _SLOT.fullmatch(line.text.strip(" \r"))
    if match is None:
        raise ParseError(f"expected slot, node, message and sender, found {line.text[:100]!r}", line=line.number)
    return SbdSlot(
        node=match["node"],
        message=match["message"],
        sender=match["sender"] or "",
    )
