"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

_FIRST, _LAST = 15_000, 65_536


def free_port() -> int:
    """Returns a port that nobody uses, neither with TCP nor with UDP, on any address.

    It is below those that the kernel assigns, unless it assigns nearly all: connections of other tests cannot take it
    before the server does.
    """
    first_assigned = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    last = first_assigned if first_assigned > 2 * _FIRST else _LAST
    while True:
        port = random.randrange(_FIRST, last)
        with ExitStack() as stack:
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("", port))
            except OSError:
                continue
        return port
