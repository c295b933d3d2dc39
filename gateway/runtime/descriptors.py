"""The limit on open file descriptors, and how many of them HTTP connections may use."""

from __future__ import annotations

import resource

_RESERVED = 160
"""Descriptors for everything but HTTP connections.

Twenty tools at once with three descriptors each and some more while they start, twenty receivers of notifications, the
sockets of SNMP and of the alert agent, connections that are being rejected, and files that are read.
"""

_LEAST_SHARE = 4
"""If fewer descriptors than are reserved can be had, this fraction of them is for connections."""


def reserve_descriptors(connections: int) -> int:
    """Returns how many connections can be served at once, at most the given number.

    Raises the soft limit of this process as far as necessary and permitted. It is not raised further because the tools
    inherit it, and some programs close every possible descriptor when they start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVED
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(connections, max(limit - _RESERVED, limit // _LEAST_SHARE, 1))
