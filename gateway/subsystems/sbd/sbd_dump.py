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
from enum import StrEnum
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
_FAILED = 1
"""The exit status of sbd if it cannot print a header."""


class DumpFailure(StrEnum):
    """What sbd reports about a device whose header it cannot print."""

    NOT_OPENED = "not opened"
    """It cannot open the device for reading and writing."""
    NO_HEADER = "no header"
    """It cannot read a valid header from it."""


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
    items = _Items(decode(output))
    timeouts = items.timeouts(unreadable)
    if items.problem is not None:
        raise items.problem
    if not timeouts:
        raise ParseError("found no timeouts")
    for name in _REQUIRED:
        if name not in timeouts:
            unreadable.add(f"found no 'Timeout ({name})'")
    return unreadable.parsed(_header(timeouts))


def parse_damaged(output: bytes) -> SbdHeader:
    """Returns the timeouts in the complete lines of an output for which ``parse`` raises an error."""
    complete = output[: output.rfind(b"\n") + 1]
    return _header(_Items(decode(complete)).timeouts(UnreadableValues()))


def find_failure(stdout: bytes, stderr: bytes, exit_status: int) -> DumpFailure | None:
    """Returns what sbd reports about the device, or None if it reports nothing: another program may have failed."""
    lines = [line.strip().decode("utf-8", "replace") for line in (stdout + b"\n" + stderr).splitlines()]
    reports = [line for line in lines if _ERROR.fullmatch(line)]
    if any("unreadable!" in line for line in reports):
        return DumpFailure.NOT_OPENED
    has_only_begun = exit_status == _FAILED and _BEGIN.fullmatch(stdout.strip().decode("utf-8", "replace"))
    return DumpFailure.NO_HEADER if reports or has_only_begun else None


def _header(timeouts: Mapping[str, int | None]) -> SbdHeader:
    known = {name: seconds for name, seconds in timeouts.items() if seconds is not None}
    return SbdHeader(timeouts=MappingProxyType(known))


class _Items:
    """The items of a header.

    Args:
        text: the output of the tool.
    """

    def __init__(self, text: str) -> None:
        self._problems: list[ParseError] = []
        self._devices: dict[re.Pattern[str], str] = {}
        self._items: dict[str, tuple[str, int]] = {}
        self._unreadable: list[tuple[str, int]] = []
        lines = text.split("\n")
        for number, line in enumerate(map(str.strip, lines), 1):
            self._add(line, number)
        begin, end = self._devices.get(_BEGIN), self._devices.get(_END)
        if begin != end:
            reason = f"cut off: found no begin and end of one header of {begin or end}"
            self._problems.append(ParseError(reason, line=len(lines)))

    @property
    def problem(self) -> ParseError | None:
        """Why they are not a complete header of one device, or None."""
        return self._problems[0] if self._problems else None

    def timeouts(self, unreadable: UnreadableValues) -> dict[str, int | None]:
        """Returns the timeouts by their names; one that cannot be read is None."""
        for reason, number in self._unreadable:
            unreadable.add(reason, line=number)
        return {
            timeout["name"]: unreadable.read(uint32, value, what=name, line=line)
            for name, (value, line) in self._items.items()
            if (timeout := _TIMEOUT.fullmatch(name))
        }

    def _add(self, line: str, number: int) -> None:
        if REPLACEMENT in line:
            self._unreadable.append((f"not UTF-8 text: {line[:100]!r}", number))
        elif (match := _BEGIN.fullmatch(line)) and _BEGIN not in self._devices:
            self._devices[_BEGIN] = match["device"]
        elif match := _END.fullmatch(line):
            self._devices[_END] = match["device"]
        elif _BEGIN.fullmatch(line) or _ERROR.fullmatch(line):
            self._problems.append(ParseError(f"expected one header, found {line[:100]!r}", line=number))
        elif (match := _ITEM.fullmatch(line)) and (name := match["name"].strip()) not in self._items:
            self._items[name] = (match["value"].strip(), number)
        elif line:
            self._unreadable.append((f"expected an item of the header, found {line[:100]!r}", number))
