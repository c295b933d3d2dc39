"""The UDP sockets of the built-in agent (RFC 3417, section 3)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from gateway.errors import StartError
from gateway.network import Address, bind, socket_address

Answer = Callable[[bytes], bytes | None]
"""Returns the answer to a datagram, if there is one."""

_LARGEST = 65535
_ANCILLARY = 128

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Linux's number; Python has the name from 3.14 on
_PKTINFO = {
    socket.AF_INET: (socket.IPPROTO_IP, _IP_PKTINFO, _IP_PKTINFO),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, socket.IPV6_PKTINFO),
}
"""By family: level, the option that asks for it, and the type of the message that tells where a datagram came in."""


class UdpServer:
    """Answers datagrams, each from the address that it was sent to.

    That is not a matter of course: on a host with several addresses, such as a cluster's, the kernel would choose one.

    Args:
        answer: called with each datagram, on the event loop.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._sockets: list[socket.socket] = []
        self._log = structlog.get_logger("snmp")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that are listened on, as ``HOST:PORT``."""
        return tuple(str(socket_address(sock)) for sock in self._sockets)

    async def start(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Listens; on all interfaces where a host is empty.

        Raises:
            StartError: an address is in use, not this host's, or not permitted; then none is listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            for address in addresses:
                self._sockets += await bind(Address(*address), open_socket=_open, kind=socket.SOCK_DGRAM)
        except StartError:
            self.close()
            raise
        for sock in self._sockets:
            loop.add_reader(sock, self._receive, sock)

    def close(self) -> None:
        """Stops listening."""
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _receive(self, sock: socket.socket) -> None:
        """Answers one datagram: the loop comes back for the next, and has something else done in between."""
        # an error is a datagram that was lost, or the report that an answer could not be delivered
        with contextlib.suppress(OSError):
            message, ancillary, _, sender = sock.recvmsg(_LARGEST, _ANCILLARY)
            answer = self._answer(message)
            if answer is not None:
                sock.sendmsg([answer], [_outgoing(item) for item in ancillary if _is_pktinfo(item)], 0, sender)


def _is_pktinfo(item: tuple[int, int, bytes]) -> bool:
    return any(item[:2] == (level, kind) for level, _, kind in _PKTINFO.values())


def _outgoing(item: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """Returns what makes an answer leave from the address that was asked, by whatever interface leads to the sender."""
    level, kind, data = item
    if level == socket.IPPROTO_IP:
        _, address, _ = struct.unpack("=I4s4s", data)  # in_pktinfo: interface, local address, address in the header
        return level, kind, struct.pack("=I4s4s", 0, address, bytes(4))
    address, interface = struct.unpack("=16sI", data)  # in6_pktinfo
    # a link-local address means nothing without its interface
    return level, kind, struct.pack("=16sI", address, interface if address.startswith(b"\xfe\x80") else 0)


def _open(family: int, address: tuple[Any, ...], *, dual: bool) -> socket.socket:
    """Returns a socket that says which of this host's addresses each datagram came to."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.settimeout(0)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        level, option, _ = _PKTINFO[socket.AddressFamily(family)]
        sock.setsockopt(level, option, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock
