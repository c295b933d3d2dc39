"""Messages of a master agent: the decoder, and a whole connection."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from structlog.testing import capture_logs

from gateway.errors import DecodeError
from gateway.frontends.snmp.subagent.connection import Connection
from gateway.snmp import oid as oids
from gateway.snmp.agentx.encoding import Reader, encode_varbind
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    CleanupSet,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    IndexAllocate,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    Response,
    TestSet,
    UndoSet,
    Unregister,
)
from gateway.snmp.agentx.pdu import HEADER_SIZE, decode, decode_header, encode
from gateway.snmp.agentx.session import Session
from gateway.snmp.values import SearchRange
from tests.agent.mib import COLUMN, ROOT, SMALL_MIB
from tests.alarms.receivers import VARBINDS
from tests.fuzz.target import Target, outcome, refusal

_OID = oids.parse(ROOT)
_RANGES = (SearchRange(oids.parse(f"{COLUMN}.1"), oids.parse(f"{COLUMN}.4")), SearchRange(_OID, b""))
_VARBINDS = tuple(VARBINDS)
_PDUS: tuple[Pdu, ...] = (
    Open(timeout=5, id=_OID, description=b"description"),
    Close(reason=5),
    Register(subtree=_OID, priority=100, timeout=3, range_subid=2, upper_bound=9, instance=True),
    Unregister(subtree=_OID, context=b"context"),
    Get(ranges=_RANGES),
    GetNext(ranges=_RANGES),
    GetBulk(ranges=_RANGES, non_repeaters=1, max_repetitions=5),
    GetNext(ranges=_RANGES, context=b"context"),
    TestSet(varbinds=_VARBINDS),
    CommitSet(),
    UndoSet(),
    CleanupSet(),
    Notify(varbinds=_VARBINDS),
    Ping(context=b"x"),
    IndexAllocate(varbinds=_VARBINDS, new=True),
    AddAgentCaps(id=_OID, description=b"caps"),
    Response(up_time=7, error=0, index=0, varbinds=b"".join(map(encode_varbind, _VARBINDS))),
)


def _encode(pdu: Pdu, packet_id: int = 1, session_id: int = 9) -> bytes:
    return encode(pdu, session_id=session_id, transaction_id=2, packet_id=packet_id)


def _check_pdu(data: bytes) -> str:
    """Checks that a message is refused, or the same after encoding and decoding it."""
    if len(data) < HEADER_SIZE:
        return "short"
    try:
        header = decode_header(data)
        pdu = decode(header, data[HEADER_SIZE : HEADER_SIZE + header.payload_length])
    except DecodeError as error:
        return refusal(error)
    again = _encode(pdu)
    assert decode(decode_header(again), again[HEADER_SIZE:]) == _normalized(pdu)
    if isinstance(pdu, Response):
        Reader(pdu.varbinds).varbinds()
    return outcome(pdu)


def _normalized(pdu: Pdu) -> Pdu:
    """Returns the PDU without an upper bound if it has no range: that is not encoded."""
    if isinstance(pdu, Unregister) and not pdu.range_subid:
        return dataclasses.replace(pdu, upper_bound=0)
    return pdu


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        pass


_ACCEPTED = tuple(_encode(Response(), packet_id) for packet_id in (1, 2))


def _converse(data: bytes, size: int, *, is_open: bool) -> tuple[bytes, str]:
    """Returns what a subagent sends to a master agent that sends data in parts of a size, and its last state."""
    session = Session()
    connection = Connection(session, SMALL_MIB)
    transport = _Transport()
    connection.connection_made(transport)
    session.open(id=_OID, description=b"d")
    if is_open:
        _receive(connection, _ACCEPTED[0])
        session.register(_OID)
        _receive(connection, _ACCEPTED[1])
    for start in range(0, len(data), size):
        _receive(connection, data[start : start + size])
    return bytes(transport.written + session.data_to_send()), session.state.name


def _receive(connection: Connection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


def _check_connection(data: bytes) -> str:
    """Checks that a connection logs no bug, and sends the same valid messages however its input is divided."""
    results = []
    for is_open in (False, True):
        with capture_logs() as logs:
            sent, state = _converse(data, 4096, is_open=is_open)
            assert (sent, state) == _converse(data, 1 + len(data) // 20, is_open=is_open)
        assert not logs, logs
        for message in _messages(sent):
            header = decode_header(message)
            decode(header, message[HEADER_SIZE:])
        results.append(f"{state} {len(sent) > 200}")
    return " / ".join(results)


def _messages(data: bytes) -> Iterator[bytes]:
    while data:
        size = HEADER_SIZE + decode_header(data).payload_length
        yield data[:size]
        data = data[size:]


def _fix_lengths(data: bytes) -> bytes:
    """Returns a message with the length of what follows, which is padded."""
    if len(data) < HEADER_SIZE:
        return data
    data += b"\0" * (-len(data) % 4)
    order = ">" if data[2] & 0x10 else "<"
    return data[:16] + struct.pack(f"{order}I", len(data) - HEADER_SIZE) + data[HEADER_SIZE:]


def _little_endian(message: bytes) -> bytes:
    """Returns the header of a message in the other byte order; its payload has to be empty."""
    numbers = struct.unpack(">IIII", message[4:HEADER_SIZE])
    return message[:2] + bytes([message[2] & ~0x10]) + message[3:4] + struct.pack("<IIII", *numbers)


def _pdus() -> Target:
    seeds = [*map(_encode, _PDUS), _little_endian(_encode(CommitSet()))]
    return Target(check=_check_pdu, seeds=seeds, repair=_fix_lengths)


def _connection() -> Target:
    requests = [_encode(pdu, 10 + number) for number, pdu in enumerate(_PDUS)]
    seeds = [b"".join(_ACCEPTED), b"".join(requests), *requests]
    return Target(check=_check_connection, seeds=seeds, tokens=requests, seconds=0.15, seconds_per_kib=0.03)


TARGETS: Mapping[str, Callable[[], Target]] = {"agentx pdu": partial(_pdus), "agentx connection": _connection}
