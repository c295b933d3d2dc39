"""Receivers of notifications that play their part within a test's own process, and what they receive."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Self

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.alarms.notice import Change, Notice, Severity
from tests.snmptrapd import HOST

TOO_BIG = 1

Answer = Callable[[bytes], Sequence[bytes]]
"""Returns what a receiver answers to a message."""


def notice(sequence: int = 1, **changes: Any) -> Notice:
    """Returns a notice of a node that is lost."""
    values: dict[str, Any] = {
        "sequence": sequence,
        "time": 1_700_000_000.0,
        "condition": "node-lost",
        "severity": Severity.MAJOR,
        "change": Change.RAISED,
        "object": "node2",
        "node": "node1",
        "cluster": "demo",
        "text": "Node node2 is offline",
        "notification": "haClusterNodeAlarm",
    }
    return Notice(**{**values, **changes})


class Receiver:
    """A UDP socket on the loopback address that keeps what arrives, and answers as it is told; a context manager.

    Attributes:
        port: where it listens.
        messages: what has arrived.
        times: when, on the loop's clock.
    """

    def __init__(self, answer: Answer = lambda message: ()) -> None:
        self.answer = answer
        self.messages: list[bytes] = []
        self.times: list[float] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._readable)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends something to whoever has sent last."""
        self._socket.sendto(data, self._sender)

    def _readable(self) -> None:
        data, self._sender = self._socket.recvfrom(65535)
        self.times.append(asyncio.get_running_loop().time())
        self.messages.append(data)
        for answer in self.answer(data):
            self.send(answer)


def community_pdu(message: bytes) -> Any:
    """Returns the PDU of a message of SNMPv2c."""
    return v2c.apiMessage.get_pdu(decoder.decode(message, asn1Spec=v2c.Message())[0])


def acknowledge(message: bytes, status: int = 0) -> list[bytes]:
    """Returns the answer to an inform of SNMPv2c."""
    decoded, _ = decoder.decode(message, asn1Spec=v2c.Message())
    request = v2c.apiMessage.get_pdu(decoded)
    pdu = rfc1905.ResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, v2c.apiPDU.get_request_id(request))
    v2c.apiPDU.set_error_status(pdu, status)
    v2c.apiPDU.set_varbinds(pdu, v2c.apiPDU.get_varbinds(request))
    answer = v2c.Message()
    v2c.apiMessage.set_defaults(answer)
    v2c.apiMessage.set_community(answer, v2c.apiMessage.get_community(decoded))
    v2c.apiMessage.set_pdu(answer, pdu)
    return [bytes(encoder.encode(answer))]


def sequences(messages: Sequence[bytes]) -> list[int]:
    """Returns the sequence numbers of notices in messages of SNMPv2c."""
    return [int(v2c.apiPDU.get_varbinds(community_pdu(message))[2][1]) for message in messages]
