"""The socket of one receiver: it is opened anew if sending fails, and the refusal of a datagram costs only that one."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from gateway.alarms.channel import DeliveryError, RefusedError
from gateway.alarms.resolver import ReceiverAddresses
from gateway.frontends.snmp.notifications.receiver_socket import ReceiverSocket, transmit, udp_socket
from tests.alarms.receivers import Receiver
from tests.ports import free_port
from tests.snmptrapd import HOST
from tests.waiting import until


class FullSocket(socket.socket):
    """A socket without buffer space."""

    def send(self, data: Any, flags: int = 0) -> int:
        """Raises the error of a full buffer."""
        raise OSError(errno.ENOBUFS, "No buffer space available")


async def test_a_failed_socket_is_replaced() -> None:
    with Receiver() as receiver:
        addresses = ReceiverAddresses(HOST, receiver.port)
        await addresses.start()
        tested = ReceiverSocket(addresses, lambda datagram: None)
        await tested.send(b"one")
        (await tested.open()).shutdown(socket.SHUT_WR)
        await tested.send(b"two")
        await until(lambda: receiver.messages == [b"one", b"two"])
        tested.close()
        await addresses.close()


async def test_if_a_new_socket_fails_too_the_datagram_is_not_delivered() -> None:
    sockets = [FullSocket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    with Receiver() as receiver:
        addresses = ReceiverAddresses(HOST, receiver.port)
        await addresses.start()
        made = iter([*sockets, udp_socket(socket.AF_INET)])
        tested = ReceiverSocket(addresses, lambda datagram: None, make_socket=lambda family: next(made))
        with pytest.raises(DeliveryError, match="No buffer space available"):
            await tested.send(b"one")
        tested.close()
        await tested.send(b"two")
        await until(lambda: receiver.messages == [b"two"])
        tested.close()
        await addresses.close()


async def test_a_datagram_that_is_too_large_is_refused() -> None:
    addresses = ReceiverAddresses(HOST, free_port())
    await addresses.start()
    tested = ReceiverSocket(addresses, lambda datagram: None)
    with pytest.raises(RefusedError, match="a message of 65508 octets is too large"):
        await tested.send(bytes(65_508))
    tested.close()
    await addresses.close()


async def test_a_socket_without_a_route_is_not_opened() -> None:
    addresses = ReceiverAddresses("255.255.255.255", 162)  # broadcasts are not permitted
    await addresses.start()
    tested = ReceiverSocket(addresses, lambda datagram: None)
    with pytest.raises(DeliveryError, match="Permission denied"):
        await tested.send(b"one")
    await addresses.close()


def test_the_refusal_of_one_datagram_does_not_cost_the_next() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((HOST, free_port()))
        sock.send(b"to nobody")
        transmit(sock, b"to nobody")
        with pytest.raises(ConnectionRefusedError):
            sock.send(b"to nobody")
