"""The frames in which a resident process writes its replies. Pure; a resident process imports it, so it stays small.

Both numbers are 32 bits long and in network byte order::

    frame     number of the request, length of the body; the body
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False  # typing is large
if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = struct.Struct("!II")


class FrameError(Exception):
    """What was received is no frame."""


class FrameDecoder:
    """Splits what a process writes into frames.

    Args:
        max_body: bytes that the body of a frame may have.
    """

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yields the number and the body of each frame that the data completes.

        Raises:
            FrameError: a frame is too long.
        """
        self._received += data
        while len(self._received) >= HEADER.size:
            number, length = HEADER.unpack_from(self._received)
            if length > self._max_body:
                raise FrameError(f"a frame of {length} bytes")
            end = HEADER.size + length
            if len(self._received) < end:
                return
            body = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            yield number, body
