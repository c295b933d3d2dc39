r"""``sbd -d DEVICE list``: the slots in use on one SBD device, sbd 1.0 to 1.5.

One line a slot, the fields separated by a tab, the last one empty until the node was sent its first message::

    0\talpha\tclear\t
    1\tbeta\treset\talpha

There is no output while no node has a slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines, uint32

MESSAGES = ("clear", "test", "reset", "off", "exit", "crashdump", "undefined")
"""The words for what a slot holds: nothing, a request, or, last, something that this version of sbd does not know."""

_SLOT = re.compile(
    rf"(?P<number>\S+)[ \t]+(?P<node>\S+)[ \t]+(?P<message>{'|'.join(MESSAGES)})(?:[ \t]+(?P<sender>\S*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdSlot:
    """One slot.

    Attributes:
        number: from 0; slots need not be allocated without gaps.
        node: the node that owns it.
        message: the message in it, one of ``MESSAGES``.
        sender: the node that wrote the message, empty if none ever did.
    """

    number: int
    node: str
    message: str
    sender: str


def parse(output: bytes) -> tuple[SbdSlot, ...]:
    """Reads the output of the tool for one device.

    Raises:
        ParseError: a line is no slot, or cut off.
    """
    return tuple(_slot(line, number) for number, line in enumerate(complete_lines(output), 1) if line.strip())


def _slot(line: str, number: int) -> SbdSlot:
    match = _SLOT.fullmatch(line.strip(" \r"))
    if match is None:
        raise ParseError(f"expected slot, node, message and sender, found {line[:100]!r}", line=number)
    return SbdSlot(
        number=uint32(match["number"], what="the number of a slot", line=number),
        node=match["node"],
        message=match["message"],
        sender=match["sender"] or "",
    )
