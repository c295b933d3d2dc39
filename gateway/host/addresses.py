"""The IP addresses of this host, from the kernel (rtnetlink(7)): what getifaddrs(3) returns, in one short exchange."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator

_GET_ADDRESSES = 22  # RTM_GETADDR
_NEW_ADDRESS = 20  # RTM_NEWADDR
_REQUEST_ALL = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_LAST_MESSAGES = frozenset({2, 3})  # NLMSG_ERROR, NLMSG_DONE
_ADDRESS, _LOCAL = 1, 2  # IFA_ADDRESS, IFA_LOCAL

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_INTERFACE_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, length of the prefix, flags, scope, interface
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type

_TIMEOUT = 1.0
"""Seconds. The kernel has every answer ready when it is read."""

_BUFFER_SIZE = 64 * 1024
_MAX_BUFFERS = 64
"""Answers that are read at most: enough for some ten thousand addresses."""


def own_addresses() -> frozenset[str]:
    """Returns the addresses of all interfaces, without the scope of IPv6; none if the kernel may not be asked."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(_TIMEOUT)
        request = _INTERFACE_ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        sock.send(_HEADER.pack(_HEADER.size + len(request), _GET_ADDRESSES, _REQUEST_ALL, 1, 0) + request)
        return frozenset(_receive(sock))
    return frozenset()


def _receive(sock: socket.socket) -> Iterator[str]:
    for _ in range(_MAX_BUFFERS):
        for kind, message in _split(sock.recv(_BUFFER_SIZE), _HEADER):
            if kind in _LAST_MESSAGES:
                return
            if kind == _NEW_ADDRESS and (address := _address(message)) is not None:
                yield address


def _split(data: bytes, header: struct.Struct) -> Iterator[tuple[int, bytes]]:
    """Yields the type and the content of messages or attributes, whose headers begin with length and type."""
    while len(data) >= header.size:
        length, kind = header.unpack_from(data)[:2]
        if length < header.size:
            return
        yield kind, data[header.size : length]
        data = data[(length + 3) & ~3 :]


def _address(message: bytes) -> str | None:
    """Returns the address in a message; that of this end where an interface leads to one peer only."""
    attributes = dict(_split(message[_INTERFACE_ADDRESS.size :], _ATTRIBUTE))
    packed = attributes.get(_LOCAL) or attributes.get(_ADDRESS)
    return None if packed is None or len(packed) not in {4, 16} else str(ipaddress.ip_address(packed))
