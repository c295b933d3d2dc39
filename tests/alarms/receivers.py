"""Receivers of notifications within the process of a test, and helpers to read and answer their messages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message  # type: ignore[import-untyped]

from gateway.clock import Clock
from gateway.snmp import oid as oids
from gateway.snmp.credentials import UsmUser
from gateway.snmp.engine import EngineIdentity
from gateway.snmp.mib.module import mib
from gateway.snmp.usm import UsmCodec
from gateway.snmp.usm_encoding import MsgFlags
from gateway.snmp.values import Type, VarBind
from tests.fakes import FakeClock
from tests.snmptrapd import HOST, Received

TOO_BIG = 1
THEIRS = bytes.fromhex("80001f8805") + b"manager"
"""The engine id of the managers."""

_SEQUENCE = oids.dotted(mib()["haClusterNoticeSequence"].oid) + ".0"
_USM_STATS = (1, 3, 6, 1, 6, 3, 15, 1, 1)

Answer = Callable[[bytes], Sequence[bytes]]
"""Returns the datagrams with which a receiver answers a message."""


VARBINDS = (
    VarBind(oids.parse("1.3.6.1.2.1.1.3.0"), Type.TIME_TICKS, 2**32 - 1),
    VarBind(oids.parse("1.3.6.1.6.3.1.1.4.1.0"), Type.OBJECT_IDENTIFIER, oids.parse("1.3.6.1.4.1.1.0.1")),
    VarBind(oids.parse("1.3.6.1.4.1.1.1"), Type.INTEGER, -5),
    VarBind(oids.parse("1.3.6.1.4.1.1.2"), Type.OCTET_STRING, b"\x00text\xff"),
    VarBind(oids.parse("1.3.6.1.4.1.1.3"), Type.IP_ADDRESS, b"\xc0\x00\x02\x01"),
    VarBind(oids.parse("1.3.6.1.4.1.1.4"), Type.COUNTER32, 7),
    VarBind(oids.parse("1.3.6.1.4.1.1.5"), Type.GAUGE32, 2**32 - 1),
    VarBind(oids.parse("1.3.6.1.4.1.1.6"), Type.OPAQUE, b"x"),
    VarBind(oids.parse("1.3.6.1.4.1.1.7"), Type.COUNTER64, 2**64 - 1),
)
"""A variable of each type that a notification carries."""

OF_PYSNMP: Mapping[Type, Callable[[Any], Any]] = {
    Type.INTEGER: rfc1902.Integer32,
    Type.OCTET_STRING: rfc1902.OctetString,
    Type.OBJECT_IDENTIFIER: lambda oid: rfc1902.ObjectIdentifier(oids.decode(oid)),
    Type.IP_ADDRESS: rfc1902.IpAddress,
    Type.COUNTER32: rfc1902.Counter32,
    Type.GAUGE32: rfc1902.Gauge32,
    Type.TIME_TICKS: rfc1902.TimeTicks,
    Type.OPAQUE: rfc1902.Opaque,
    Type.COUNTER64: rfc1902.Counter64,
    Type.NO_SUCH_OBJECT: rfc1905.NoSuchObject,
    Type.NO_SUCH_INSTANCE: rfc1905.NoSuchInstance,
    Type.END_OF_MIB_VIEW: rfc1905.EndOfMibView,
}
"""The functions that make a value of pysnmp, by type."""


def pdu_of(kind: Any, request_id: int, varbinds: Sequence[VarBind]) -> Any:
    """Returns a PDU of pysnmp."""
    pdu = kind()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_varbinds(
        pdu, [(rfc1902.ObjectIdentifier(oids.decode(oid)), OF_PYSNMP[kind](value)) for oid, kind, value in varbinds]
    )
    return pdu


class Manager(UsmCodec):
    """The codec of a manager, which is another SNMP engine than the gateway."""

    def __init__(self, user: UsmUser, *, boots: int = 7, engine_id: bytes = THEIRS, clock: Clock | None = None) -> None:
        super().__init__(user, EngineIdentity(engine_id=engine_id, boots=boots), clock=clock or FakeClock(1000))
        self.time = 500

    def answer(self, question: bytes, pdu: Any, flags: MsgFlags | None = None) -> bytes:
        """Returns a message with the msgID of a question."""
        return self.answer_with(question, bytes(encoder.encode(pdu)), flags)

    def answer_with(self, question: bytes, pdu: bytes, flags: MsgFlags | None = None) -> bytes:
        """Returns a message with the msgID of a question, and an encoded PDU."""
        decoded, _ = decoder.decode(question, asn1Spec=SNMPv3Message())
        self._id = int(decoded["msgGlobalData"]["msgID"])
        self._own_engine.synchronize(self._identity.boots, self.time, self._clock.monotonic())
        return self._encode(self._own_engine, self._level if flags is None else flags, pdu)

    def acknowledge(self, question: bytes, request_id: int, varbinds: Sequence[VarBind] = (), status: int = 0) -> bytes:
        """Returns the response to an inform."""
        pdu = pdu_of(rfc1905.ResponsePDU, request_id, varbinds)
        v2c.apiPDU.set_error_status(pdu, status)
        return self.answer(question, pdu)

    def report(self, question: bytes, *numbers: int, flags: MsgFlags = MsgFlags.NONE) -> bytes:
        """Returns a Report-PDU with a counter: the last number of one in usmStats, or a complete identifier."""
        pdu = pdu_of(rfc1905.ReportPDU, 0, ())
        name = rfc1902.ObjectIdentifier(numbers if len(numbers) > 1 else (*_USM_STATS, *numbers, 0))
        v2c.apiPDU.set_varbinds(pdu, [(name, rfc1902.Counter32(1))])
        return self.answer(question, pdu, flags)

    def _next_message_id(self, engine: Any) -> int:
        return self._id


class Receiver:
    """A UDP socket on the loopback address that records the messages that arrive, and answers them.

    A context manager.

    Attributes:
        answer: returns the answers to a message.
        port: where it listens.
        messages: the messages that have arrived.
        times: when each of them arrived, on the clock of the event loop.
    """

    def __init__(self, answer: Answer = lambda message: ()) -> None:
        self.answer = answer
        self.messages: list[bytes] = []
        self.times: list[float] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind((HOST, 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._on_readable)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends a datagram to the sender of the last message."""
        self._socket.sendto(data, self._sender)

    def _on_readable(self) -> None:
        data, self._sender = self._socket.recvfrom(65535)
        self.times.append(asyncio.get_running_loop().time())
        self.messages.append(data)
        for answer in self.answer(data):
            self.send(answer)


def community_pdu(message: bytes) -> Any:
    """Returns the PDU of a message of SNMPv2c."""
    return v2c.apiMessage.get_pdu(decoder.decode(message, asn1Spec=v2c.Message())[0])


def acknowledge(message: bytes, status: int = 0) -> list[bytes]:
    """Returns the response to an inform of SNMPv2c, as the only datagram."""
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
    """Returns the sequence numbers of the notifications in messages of SNMPv2c."""
    return [int(v2c.apiPDU.get_varbinds(community_pdu(message))[2][1]) for message in messages]


def numbers(received: Sequence[Received]) -> list[int | bytes | str]:
    """Returns the sequence numbers of notifications that snmptrapd has received."""
    return [notification.varbinds[_SEQUENCE][1] for notification in received]
