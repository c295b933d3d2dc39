"""``sbd -d DEVICE dump``: the header of one SBD device, sbd 1.0 to 1.5.

::

    ==Dumping header on disk /dev/vdc
    Header version     : 2.1
    UUID               : 8d941b02-65cc-404b-be61-9280d82b81cf
    Number of slots    : 255
    Sector size        : 512
    Timeout (watchdog) : 5
    Timeout (allocate) : 2
    Timeout (loop)     : 1
    Timeout (msgwait)  : 10
    ==Header on disk /dev/vdc is dumped

Headers of version 2 (before sbd 1.2) have no UUID. If a device cannot be read, only the first line is on stdout; old
versions print ``== disk /dev/vdc unreadable!`` instead and exit with 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.errors import ParseError
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import REPLACEMENT, decode, uint32

_BEGIN = re.compile(r"==\s*Dumping header on disk (?P<device>\S+)")
_END = re.compile(r"==\s*Header on disk (?P<device>\S+) is dumped")
_ERROR = re.compile(r"==.*(?:unreadable!|NOT dumped)")
_ITEM = re.compile(r"(?P<name>[^:=]+):(?P<value>.*)")
_TIMEOUT = re.compile(r"Timeout \((?P<name>[a-z]+)\)")

_REQUIRED = ("watchdog", "msgwait")


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdHeader:
    """The header of a device.

    Attributes:
        timeouts: seconds, by ``watchdog``, ``allocate``, ``loop`` and ``msgwait``; one that cannot be read is absent.
    """

    timeouts: Mapping[str, int]


def parse(output: bytes) -> Parsed[SbdHeader]:
    """Parses the output of the tool for one device.

    Raises:
        ParseError: the output has no timeouts, the tool could not read the header, the output is cut off, or there is
            more than one header.
    """
    unreadable = UnreadableValues()
    timeouts: dict[str, int | None] = {}
    for name, (value, line) in _parse_items(decode(output), unreadable).items():
        if timeout := _TIMEOUT.fullmatch(name):
            timeouts[timeout["name"]] = unreadable.read(uint32, value, what=name, line=line)
    if not timeouts:
        raise ParseError("found no timeouts")
    for name in _REQUIRED:
        if name not in timeouts:
            unreadable.add(f"found no 'Timeout ({name})'")
    known = {name: seconds for name, seconds in timeouts.items() if seconds is not None}
    return unreadable.parsed(SbdHeader(timeouts=MappingProxyType(known)))


def _parse_items(text: str, unreadable: UnreadableValues) -> Mapping[str, tuple[str, int]]:
    """Returns the value and the line of each item."""
    begin = end = None
    items: dict[str, tuple[str, int]] = {}
    lines = text.split("\n")
    for number, line in enumerate(map(str.strip, lines), 1):
        if REPLACEMENT in line:
            unreadable.add(f"not UTF-8 text: {line[:100]!r}", line=number)
        elif (match := _BEGIN.fullmatch(line)) and begin is None:
            begin = match["device"]
        elif match := _END.fullmatch(line):
            end = match["device"]
        elif _BEGIN.fullmatch(line) or _ERROR.fullmatch(line):
            raise ParseError(f"expected one header, found {line[:100]!r}", line=number)
        elif (match := _ITEM.fullmatch(line)) and (name := match["name"].strip()) not in items:
            items[name] = (match["value"].strip(), number)
        elif line:
            unreadable.add(f"expected an item of the header, found {line[:100]!r}", line=number)
    if begin != end:
        raise ParseError(f"cut off: found no begin and end of one header of {begin or end}", line=len(lines))
    return items
