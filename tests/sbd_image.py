"""Contents of SBD devices, sector by sector."""

from __future__ import annotations

import contextlib
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.programs import installed

UUID = bytes(range(16))


def header(
    *,
    magic: bytes = b"SBD_SBD_",
    version: int = 2,
    slots: int = 255,
    sector_size: int = 512,
    watchdog: int = 5,
    msgwait: int = 10,
    minor: int = 1,
    size: int = 512,
) -> bytes:
    """Returns the first sector, which has ``size`` bytes."""
    numbers = (sector_size, watchdog, 2, 1, msgwait)
    return (magic + bytes((version, slots, 0, 0)) + struct.pack(">5I", *numbers) + bytes((minor,)) + UUID).ljust(
        size, b"\0"
    )


def slot(node: bytes, *, in_use: int = 1, size: int = 512) -> bytes:
    """Returns the sector that gives a slot to a node."""
    return (bytes((in_use,)) + node).ljust(size, b"\0")


def mailbox(code: int = 0, sender: bytes = b"", *, size: int = 512) -> bytes:
    """Returns the sector with the message to a node."""
    return (bytes((code,)) + sender).ljust(size, b"\0")


def image(*sectors: bytes, count: int = 520) -> bytes:
    """Returns the content of a device that begins with some sectors; the others are empty."""
    size = len(sectors[0])
    return b"".join(sectors).ljust(count * size, b"\0")


@contextlib.contextmanager
def loop_device(path: Path, content: bytes, *, sector_size: int = 512) -> Iterator[str]:
    """Makes a block device with this content, which is stored in a new file. Needs root."""

    def losetup(*arguments: str) -> str:
        command = (installed("losetup"), *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    path.write_bytes(content)
    device = losetup("--find", "--show", "--sector-size", str(sector_size), str(path))
    try:
        yield device
    finally:
        losetup("--detach", device)
