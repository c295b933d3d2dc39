"""The UDP sockets of the built-in agent (RFC 3417, section 3)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from gateway.binder import Binder
from gateway.network import Address, open_udp
from gateway.snmp.decoding import MAX_MESSAGE

Admit = Callable[[str], bool]
"""Returns whether a datagram from an IP address is processed."""
ProcessMessage = Callable[[bytes, str], bytes | None]
"""Returns the response to a datagram from an IP address, or None."""

_MAX_DATAGRAM = MAX_MESSAGE + 1
"""Octets that are read of a datagram: more than in a valid message, so that a longer one is not mistaken for one."""
_MAX_DISCARDED = 32
"""Datagrams that are discarded in one turn of the event loop, at most."""
_MAX_ANCILLARY_DATA = 128

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # the number on Linux; Python has the name since 3.14
_PKTINFO = {
    socket.AF_INET: (socket.IPPROTO_IP, _IP_PKTINFO, _IP_PKTINFO),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, socket.IPV6_PKTINFO),
}
"""By address family: level, socket option, and type of the ancillary data with a datagram's destination address."""


class UdpServer:
    """Receives datagrams and sends the responses, each from the address that the datagram was sent to.

    On a host with several addresses, such as a cluster node, the kernel would choose the sender address otherwise.

    Attributes:
        unsent: number of responses that could not be sent: the send buffer was full, or there was no route.

    Args:
        admit: called with the source of each datagram.
        process_message: called on the event loop with each datagram that is admitted.
    """

    def __init__(self, admit: Admit, process_message: ProcessMessage) -> None:
        self.unsent = 0
        self._admit = admit
        self._process_message = process_message
        self._sockets: set[socket.socket] = set()
        self._binder = Binder(self._listen, open_socket=_open, kind=socket.SOCK_DGRAM, log="snmp")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the server listens on, as ``HOST:PORT``."""
        return self._binder.addresses

    @property
    def listening(self) -> Mapping[Address, bool]:
        """Whether the server listens on each of its addresses."""
        return self._binder.listening

    @property
    def pending(self) -> Mapping[Address, str]:
        """The addresses that it cannot listen on yet, and the reasons."""
        return self._binder.pending

    async def start(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Starts to listen; an empty host means all interfaces. An address for which that fails is tried again."""
        await self._binder.start([Address(*address) for address in addresses])

    async def prepare(self, addresses: Sequence[tuple[str, int]], rollback: AsyncExitStack) -> Callable[[], None]:
        """Prepares to listen on other addresses, and returns a function that does so; ``rollback`` closes them.

        Raises:
            StartError: a new address is in use, does not belong to this host, or is not permitted.
        """
        return await self._binder.prepare([Address(*address) for address in addresses], rollback)

    def close(self) -> None:
        """Stops listening. Idempotent."""
        self._binder.close()

    def _listen(self, sockets: Sequence[socket.socket]) -> None:
        """Listens on these sockets only."""
        loop = asyncio.get_running_loop()
        previous, self._sockets = self._sockets, {*sockets}
        for sock in self._sockets - previous:
            loop.add_reader(sock, self._receive, sock)
        for sock in previous - self._sockets:
            loop.remove_reader(sock)
            sock.close()

    def _receive(self, sock: socket.socket) -> None:
        """Processes one datagram, so that the event loop can do other work before the next one."""
        for _ in range(_MAX_DISCARDED):
            try:
                message, ancillary, _, sender = sock.recvmsg(_MAX_DATAGRAM, _MAX_ANCILLARY_DATA)
            except OSError:  # there is no datagram, or an earlier response was not delivered
                return
            if self._admit(sender[0]):
                response = self._process_message(message, sender[0])
                if response is not None:
                    self._send(sock, response, ancillary, sender)
                return

    def _send(
        self, sock: socket.socket, response: bytes, ancillary: Sequence[tuple[int, int, bytes]], receiver: Any
    ) -> None:
        """Sends a response from the address that the request was sent to, or drops it: the manager will ask again."""
        source = [_source_address(item) for item in ancillary if _is_pktinfo(item)]
        try:
            sock.sendmsg([response], source, 0, receiver)
        except OSError:
            self.unsent += 1


def _is_pktinfo(item: tuple[int, int, bytes]) -> bool:
    return any(item[:2] == (level, type_) for level, _, type_ in _PKTINFO.values())


def _source_address(item: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """Returns the ancillary data that makes the destination address of a datagram the source of the response.

    The interface is left to the routing table.
    """
    level, type_, data = item
    if level == socket.IPPROTO_IP:
        _, address, _ = struct.unpack("=I4s4s", data)  # in_pktinfo: interface, local address, address in the header
        return level, type_, struct.pack("=I4s4s", 0, address, bytes(4))
    address, interface = struct.unpack("=16sI", data)  # in6_pktinfo
    # a link-local address is not unique without its interface
    return level, type_, struct.pack("=16sI", address, interface if address.startswith(b"\xfe\x80") else 0)


def _open(family: int, address: tuple[Any, ...], *, dual: bool, reuse_port: bool = False) -> socket.socket:
    """Returns a bound socket that reports the destination address of each datagram."""
    sock = open_udp(family, address, dual=dual, reuse_port=reuse_port)
    level, option, _ = _PKTINFO[socket.AddressFamily(family)]
    sock.setsockopt(level, option, 1)
    return sock
