"""IP addresses, of either version. Pure."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def unmap(address: IpAddress) -> IpAddress:
    """Returns the IPv4 address that is mapped to an IPv6 address (RFC 4291, section 2.5.5.2), or the address itself.

    Sockets for both versions report IPv4 addresses as mapped.
    """
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
