"""The header and the slots on an SBD device, as they are on the disk: the format of version 2 (sbd 1.0 to 1.5).

Numbers are in network byte order. The unit is the logical sector of the device::

    sector 0        header: "SBD_SBD_", version (8 bits), number of slots (8 bits), 2 bytes unused, and 32 bits each:
                    sector size, timeouts watchdog, allocate, loop, msgwait; since 2013 minor version and UUID
    sector 1 + 2n   slot n: whether it is in use (a signed byte), the name of its node (64 bytes, ends with NUL)
    sector 2 + 2n   its message: a code (a byte), the name of the sender (64 bytes, ends with NUL)

The result is the same as that of the parsers of ``sbd dump`` and ``sbd list``.
"""

from __future__ import annotations

import re
import struct
from types import MappingProxyType

from gateway.errors import DecodeError, ParseError
from gateway.host.sectors import SectorRequest, Sectors
from gateway.subsystems.parsing.partial import Parsed, UnreadableValues
from gateway.subsystems.parsing.text import REPLACEMENT, decode
from gateway.subsystems.sbd.sbd_dump import SbdHeader
from gateway.subsystems.sbd.sbd_list import CODES, SbdSlot

_MAGIC, _VERSION = b"SBD_SBD_", 2
_HEADER = struct.Struct("!8sBBxx5I")
_NODE, _SENDER = re.compile(r"\S+"), re.compile(r"\S*")
_MAX_SLOTS = 255
_SIGNED_MAX = 127
_SIZE = 65
"""Bytes of a sector that contain anything but zeros."""


def header_request(device: str) -> SectorRequest:
    """Returns what has to be read for ``parse_header``."""
    return SectorRequest(path=device, count=1, size=_SIZE)


def slots_request(device: str) -> SectorRequest:
    """Returns what has to be read for ``parse_slots``: everything, because the number of slots is in the header."""
    return SectorRequest(path=device, count=1 + 2 * _MAX_SLOTS, size=_SIZE)


class InvalidHeaderError(ParseError):
    """The device has no header that can be read and that sbd accepts."""


class IncompleteSlotsError(ParseError):
    """The device could not be read to the end of its slots.

    Attributes:
        slots: those before the first sector that is missing.
    """

    def __init__(self, reason: str, slots: tuple[SbdSlot, ...]) -> None:
        super().__init__(reason)
        self.slots = slots


def parse_header(output: bytes) -> SbdHeader:
    """Parses the first sector of a device, as ``Sectors.encode`` returns it.

    Raises:
        InvalidHeaderError: it could not be read, or is not a header that sbd accepts on this device.
        ParseError: the output is not that of the gateway's helper.
    """
    header, _ = _parse_header(_decode(output))
    return header


def parse_slots(output: bytes) -> Parsed[tuple[SbdSlot, ...]]:
    """Parses the sectors of a device, as ``Sectors.encode`` returns them. A name that cannot be read costs its slot.

    Raises:
        InvalidHeaderError: the header could not be read, or sbd does not accept it.
        IncompleteSlotsError: a sector of a slot could not be read.
        ParseError: the output is not that of the gateway's helper.
    """
    sectors = _decode(output)
    _, count = _parse_header(sectors)
    unreadable = UnreadableValues()
    slots: list[SbdSlot] = []
    for number in range(count):
        try:
            node = sectors.sectors[1 + 2 * number]
            if not _is_in_use(node):
                continue
            mailbox = sectors.sectors[2 + 2 * number]
        except IndexError:
            reason = f"sector {len(sectors.sectors)} cannot be read: {sectors.reason}"
            raise IncompleteSlotsError(reason, tuple(slots)) from None
        if (slot := unreadable.read(_parse_slot, number, node, mailbox)) is not None:
            slots.append(slot)
    return unreadable.parsed(tuple(slots))


def _is_in_use(node: bytes) -> bool:
    return 0 < node[0] <= _SIGNED_MAX


def _decode(output: bytes) -> Sectors:
    try:
        sectors = Sectors.decode(output)
    except DecodeError as error:
        raise ParseError(str(error)) from None
    if not all(len(sector) == _SIZE for sector in sectors.sectors):
        raise ParseError(f"expected {_SIZE} bytes of each sector")
    return sectors


def _parse_header(sectors: Sectors) -> tuple[SbdHeader, int]:
    """Returns the header, and the number of slots."""
    if not sectors.sectors:
        raise InvalidHeaderError(f"its header cannot be read: {sectors.reason}")
    magic, version, slots, sector_size, watchdog, allocate, loop, msgwait = _HEADER.unpack_from(sectors.sectors[0])
    if magic != _MAGIC:
        raise InvalidHeaderError(f"not initialized for SBD: expected {_MAGIC!r} at its beginning, found {magic!r}")
    if version != _VERSION:
        raise InvalidHeaderError(f"expected a header of version {_VERSION}, found {version}")
    if sector_size != sectors.sector_size:
        reason = f"its header is for sectors of {sector_size} bytes, but the device has {sectors.sector_size}"
        raise InvalidHeaderError(reason)
    timeouts = {"watchdog": watchdog, "allocate": allocate, "loop": loop, "msgwait": msgwait}
    return SbdHeader(timeouts=MappingProxyType(timeouts)), slots


def _parse_slot(number: int, node: bytes, mailbox: bytes) -> SbdSlot:
    code = mailbox[0]
    return SbdSlot(
        node=_name(_NODE, node, f"the node of slot {number}"),
        message=CODES[code] if code < len(CODES) else "undefined",
        sender=_name(_SENDER, mailbox, f"the sender in slot {number}"),
    )


def _name(pattern: re.Pattern[str], sector: bytes, what: str) -> str:
    """Returns a name, if it is one that the output of ``sbd list`` can show."""
    name = decode(sector[1:].partition(b"\0")[0])
    if REPLACEMENT in name or not pattern.fullmatch(name):
        raise ParseError(f"expected {what} as a name, found {name!r}")
    return name
