"""An SNMPv2c manager that sends one request after the other; starting a program for each would take longer."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Mapping, Sequence

from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.decoding import decode_community_message
from gateway.snmp.mib.module import mib
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind
from tests.snmptrapd import COMMUNITY, HOST

_V2C = 1
"""The number of SNMPv2c in a message."""
_REPETITIONS = 10


def connected(port: int, *, timeout: float = 5.0) -> socket.socket:
    """Returns a socket that is connected to an agent on the loopback address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    sock.connect((HOST, port))
    return sock


class Manager:
    """A manager of one agent.

    Args:
        sock: a socket that is connected to the agent.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._ids = itertools.count(1)

    def value(self, name: str, *index: str) -> bytes | int | None:
        """Returns the value of an object, given by name and by the texts of its index; None if there is none.

        Raises:
            TimeoutError: the agent did not respond.
        """
        (variable,) = self._request(PduTag.GET_REQUEST, mib()[name].oid + _encoded(index))
        return variable.value

    def column(self, name: str) -> Mapping[Oid, bytes | int]:
        """Returns the values of a column by their indexes.

        Raises:
            TimeoutError: the agent did not respond.
        """
        values: dict[Oid, bytes | int] = {}
        start = last = mib()[name].oid
        while True:
            for oid, _, value in self._request(PduTag.GET_BULK_REQUEST, last, index=_REPETITIONS):
                if value is None or not oid.startswith(start):
                    return values
                values[oid.removeprefix(start)] = value
                last = oid

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def _request(self, tag: PduTag, name: Oid, *, index: int = 0) -> Sequence[VarBind]:
        number = next(self._ids)
        pdu = ber.encoded_pdu(tag, number, ber.varbind(VarBind(name, Type.NULL)), index=index)
        self._socket.send(ber.sequence(ber.integer(_V2C), ber.octets(COMMUNITY.encode()), pdu))
        while (response := decode_community_message(self._socket.recv(65535)).pdu).request_id != number:
            pass  # the late response to an earlier request
        assert not response.error_status, response.error_status
        return response.varbinds


def _encoded(index: Sequence[str]) -> Oid:
    """Returns the identifier of an instance: 0 for a scalar, otherwise length and characters of each text."""
    return b"".join(oids.encode((len(text), *text.encode())) for text in index) or oids.INSTANCE
