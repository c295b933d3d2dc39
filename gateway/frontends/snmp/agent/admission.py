"""Decides which datagrams to the built-in agent are processed, by their source alone.

A source outside of the allowed networks is not served. Every other source has a token bucket, from which requests and
responses take their octets. These are a good measure of the work that they cause, and limit what an agent sends to a
victim whose address is forged, too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache

from gateway.clock import Clock
from gateway.ip_addresses import IpAddress, unmap
from gateway.network import Network
from gateway.token_bucket import MAX_SOURCES, SourceBuckets

RATE = 1_000_000
"""Octets of requests and responses that a source may use each second: 600 GETBULKs, or 4,000 small requests."""
BURST = 4_000_000
"""Octets that a source may use at once, for example to walk the whole MIB of a large cluster."""
OVERHEAD = 100
"""Octets that each datagram counts for in addition, so that small ones are not free."""

_HOST_BITS = 64
"""The bits of an IPv6 address that a host chooses; all addresses that differ only in these are one source."""


class Verdict(Enum):
    """What happens to a datagram."""

    ADMITTED = auto()
    NOT_ALLOWED = auto()
    LIMITED = auto()


class Admission:
    """Admits datagrams of allowed sources, as long as their buckets are not empty.

    Args:
        allowed: the networks of the allowed sources; empty for all.
        clock: measures the time in which buckets are refilled.

    Attributes:
        allowed: the networks of the allowed sources.
    """

    def __init__(self, allowed: Sequence[Network], clock: Clock) -> None:
        self.allowed = allowed
        self._buckets = SourceBuckets(rate=RATE, burst=BURST, clock=clock)

    def judge(self, host: str) -> Verdict:
        """Returns what happens to a datagram from a host.

        Args:
            host: the IP address, as the socket reports it.
        """
        address, source = _identify(host)
        if self.allowed and not any(address in network for network in self.allowed):
            return Verdict.NOT_ALLOWED
        return Verdict.ADMITTED if self._buckets.get(source).tokens > 0 else Verdict.LIMITED

    def charge(self, host: str, octets: int) -> None:
        """Takes the octets of a request and its response from the bucket of a host."""
        _, source = _identify(host)
        self._buckets.get(source).tokens -= octets + OVERHEAD


@lru_cache(maxsize=MAX_SOURCES)
def _identify(host: str) -> tuple[IpAddress, int]:
    """Returns the address of a host, and the number of its source."""
    address = unmap(ipaddress.ip_address(host))
    if isinstance(address, ipaddress.IPv4Address):
        return address, -int(address)
    without_scope = ipaddress.IPv6Address(int(address))
    return without_scope, int(address) if address.is_link_local else int(address) >> _HOST_BITS
