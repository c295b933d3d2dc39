"""A UDP socket that is connected to one receiver, and is opened anew when the address changes or sending fails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from gateway.alarms.channel import DeliveryError, RefusedError
from gateway.alarms.resolver import ReceiverAddresses, SocketAddress
from gateway.snmp.decoding import MAX_MESSAGE

_BATCH = 16
"""Datagrams that are read in one turn of the event loop."""


def udp_socket(family: int) -> socket.socket:
    """Returns a non-blocking UDP socket."""
    return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)


class ReceiverSocket:
    """Sends datagrams to a receiver, and reads those that it sends back.

    The socket is connected: only datagrams from the receiver arrive, and the kernel reports that nothing listens there.

    Args:
        addresses: the addresses of the receiver.
        on_datagram: called with each datagram that arrives.
        make_socket: returns a new socket of an address family.

    Attributes:
        error: the last error that the kernel reported for an earlier datagram, until it is cleared; empty if none.
    """

    def __init__(
        self,
        addresses: ReceiverAddresses,
        on_datagram: Callable[[bytes], None],
        *,
        make_socket: Callable[[int], socket.socket] = udp_socket,
    ) -> None:
        self.error = ""
        self._addresses = addresses
        self._on_datagram = on_datagram
        self._make_socket = make_socket
        self._socket: socket.socket | None = None
        self._address: SocketAddress | None = None

    async def open(self) -> socket.socket:
        """Returns the socket, connected to the current address of the receiver.

        Raises:
            DeliveryError: the address is unknown, or no route leads to it.
        """
        address = await self._addresses.current()
        if self._socket is not None and address == self._address:
            return self._socket
        self.close()
        sock = self._make_socket(address.family)
        try:
            sock.connect(address.name)
        except OSError as error:
            sock.close()
            raise DeliveryError(_reason(error)) from None
        asyncio.get_running_loop().add_reader(sock, self._on_readable, sock)
        self._socket, self._address = sock, address
        return sock

    async def send(self, datagram: bytes) -> None:
        """Sends a datagram. If that fails, tries a new socket: the address of this node may have changed.

        Raises:
            DeliveryError: it cannot be sent.
            RefusedError: it is too large.
        """
        try:
            transmit(await self.open(), datagram)
        except OSError:
            self.close()
            try:
                transmit(await self.open(), datagram)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    raise RefusedError(f"a message of {len(datagram)} octets is too large") from None
                raise DeliveryError(_reason(error)) from None

    def send_now(self, datagram: bytes) -> None:
        """Sends a datagram if the socket is open and that is possible at once."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                transmit(self._socket, datagram)

    def close(self) -> None:
        """Closes the socket; ``send`` opens a new one."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _on_readable(self, sock: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                datagram = sock.recv(MAX_MESSAGE + 1)  # the decoder refuses longer ones
            except BlockingIOError:
                return
            except OSError as error:  # about an earlier datagram; mostly that nothing listens there
                self.error = _reason(error)
            else:
                self._on_datagram(datagram)


def transmit(sock: socket.socket, datagram: bytes) -> None:
    """Sends a datagram on a connected socket.

    Raises:
        OSError: it cannot be sent.
    """
    try:
        sock.send(datagram)
    except ConnectionRefusedError:  # the refusal of an earlier datagram; this one has not been sent
        sock.send(datagram)


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens there"
    return error.strerror or str(error)
