"""A separate program that reads the first sectors of block devices for the gateway.

It is run as ``python -I -S sector_helper.py`` and imports nothing of the gateway. It reads requests from its standard
input and writes replies to its standard output; ``sectors.py`` has the format. It ends when its input is closed.

A read of a device on a dead path can take for ever, and a thread that waits for it cannot be ended. So each request has
a thread, which delays no other request, and the threads are in this process, which the gateway can abandon.

Devices are opened for reading only, and read past the page cache: other nodes write to them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import stat
import struct
import sys
import threading

# the same as in sectors.py
_REQUEST = struct.Struct("!IIII")
_FRAME = struct.Struct("!II")
_REPLY = struct.Struct("!iII")

_BLKSSZGET = 0x1268
"""The ioctl for the size of a logical sector (linux/fs.h)."""


class Helper:
    """Answers requests until the input is closed.

    Args:
        requests: the descriptor to read requests from.
        replies: the descriptor to write replies to.
    """

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = os.fdopen(requests, "rb", closefd=False)
        self._replies = replies
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Starts a thread for each request, once its receipt is confirmed."""
        while len(header := self._requests.read(_REQUEST.size)) == _REQUEST.size:
            number, count, size, length = _REQUEST.unpack(header)
            path = self._requests.read(length)
            self._send(number, b"")
            try:
                threading.Thread(target=self._answer, args=(number, path, count, size), daemon=True).start()
            except RuntimeError:  # the limit on threads is reached
                self._send(number, _REPLY.pack(errno.EAGAIN, 0, 0))

    def _answer(self, number: int, path: bytes, count: int, size: int) -> None:
        try:
            body = read(path, count, size)
        except OSError as error:
            body = _REPLY.pack(error.errno or errno.EIO, 0, 0)
        except MemoryError:
            body = _REPLY.pack(errno.ENOMEM, 0, 0)
        self._send(number, body)

    def _send(self, number: int, body: bytes) -> None:
        frame = memoryview(_FRAME.pack(number, len(body)) + body)
        with self._lock:
            while frame:
                frame = frame[os.write(self._replies, frame) :]


def read(path: bytes, count: int, size: int) -> bytes:
    """Returns the body of a reply: the beginning of each of the first sectors of a device, up to the first bad one.

    Args:
        path: the device.
        count: how many sectors to read, fewer if the device is shorter.
        size: bytes to return of each.

    Raises:
        OSError: it cannot be opened, or is not a block device.
    """
    if not stat.S_ISBLK(os.stat(path).st_mode):  # noqa: PTH116 - a path is bytes
        # opening anything else may have an effect, or wait for ever
        raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    try:
        result = fcntl.ioctl(descriptor, _BLKSSZGET, struct.pack("@i", 0))
        (sector_size,) = struct.unpack("@i", result)
        with mmap.mmap(-1, count * sector_size) as buffer:  # O_DIRECT needs an aligned buffer
            length, error = _fill(descriptor, buffer, sector_size)
            starts = range(0, length - sector_size + 1, sector_size)
            data = b"".join([buffer[start : start + size] for start in starts])
    finally:
        os.close(descriptor)
    return _REPLY.pack(error, sector_size, len(starts)) + data


def _fill(descriptor: int, buffer: mmap.mmap, sector_size: int) -> tuple[int, int]:
    """Fills a buffer as far as a device can be read; returns how far, and the error number of the first bad sector.

    Everything is read in one piece. Only if that fails, sectors are read one by one.
    """
    step, position = len(buffer), 0
    with memoryview(buffer) as view:
        while position < len(buffer):
            try:
                with view[position : position + step] as piece:
                    length = os.preadv(descriptor, [piece], position)
            except OSError as error:
                if step == sector_size:
                    return position, error.errno or errno.EIO
                step = sector_size
                continue
            if not length:
                break
            position += length
    return position, 0


def main() -> None:
    """Serves the gateway that has started this process."""
    with contextlib.suppress(OSError):  # the gateway no longer reads
        Helper(sys.stdin.fileno(), sys.stdout.fileno()).serve()
    os._exit(os.EX_OK)  # does not wait for threads


if __name__ == "__main__":
    main()
