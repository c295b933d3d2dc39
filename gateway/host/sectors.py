"""What is read of a block device, and the messages between the gateway and ``sector_helper.py``, which reads it. Pure.

All numbers are 32 bits long and in network byte order::

    request   number, count, size, length of the path; the path
    body      error number, size of a sector, how many sectors follow; ``size`` bytes of each

The helper answers each request with two frames (``frames.py``). The first one has no body: the helper now reads the
device.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from gateway.errors import DecodeError

MAX_BODY = 16 * 1024 * 1024
"""Bytes that the body of a reply may have."""

_REQUEST = struct.Struct("!IIII")
_BODY = struct.Struct("!iII")


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorRequest:
    """Which part of a block device is read: the beginning of each of its first sectors.

    Attributes:
        path: the device.
        count: how many sectors.
        size: bytes of each sector.
    """

    path: str
    count: int
    size: int

    def encode(self, number: int) -> bytes:
        """Returns the message to the helper; its reply has the same number."""
        path = self.path.encode()
        return _REQUEST.pack(number, self.count, self.size, len(path)) + path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sectors:
    """What was read of a block device.

    Attributes:
        sector_size: bytes of a logical sector, or 0 if the device could not be opened.
        sectors: the requested bytes of each sector; fewer sectors if the device is shorter, or if one is bad.
        error: the error number of opening the device or of reading the first sector that is missing; 0 if there was no
            error.
    """

    sector_size: int
    sectors: tuple[bytes, ...]
    error: int = 0

    @property
    def reason(self) -> str:
        """The message for the error number, or that the device ends before the missing sector."""
        return os.strerror(self.error) if self.error else "the device ends"

    @classmethod
    def decode(cls, body: bytes) -> Sectors:
        """Returns the content of a reply's body.

        Raises:
            DecodeError: it is malformed.
        """
        if len(body) < _BODY.size:
            raise DecodeError("shorter than its header")
        error, sector_size, count = _BODY.unpack_from(body)
        size, rest = divmod(len(body) - _BODY.size, count) if count else (0, len(body) - _BODY.size)
        if rest or (count and not size):
            raise DecodeError("its length does not fit the number of sectors")
        starts = range(_BODY.size, len(body), size or 1)
        return cls(sector_size=sector_size, sectors=tuple(body[start : start + size] for start in starts), error=error)

    def encode(self) -> bytes:
        """Returns the body of a reply, as the helper encodes it."""
        return _BODY.pack(self.error, self.sector_size, len(self.sectors)) + b"".join(self.sectors)
