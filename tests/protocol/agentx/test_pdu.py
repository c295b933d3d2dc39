"""The encoding of messages in both byte orders, compared with bytes written by hand, and damaged messages."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.agentx.codes import CloseReason, ErrorCode, HeaderFlag, PduType, rfc_name
from gateway.snmp.agentx.encoding import encode_varbind
from gateway.snmp.agentx.messages import (
    AddAgentCaps,
    CleanupSet,
    Close,
    CommitSet,
    Get,
    GetBulk,
    GetNext,
    IndexAllocate,
    IndexDeallocate,
    Notify,
    Open,
    Pdu,
    Ping,
    Register,
    RemoveAgentCaps,
    Response,
    TestSet,
    UndoSet,
    Unregister,
)
from gateway.snmp.agentx.pdu import HEADER_SIZE, MAX_PAYLOAD, Header, decode, decode_header, encode, encode_response
from gateway.snmp.values import SearchRange, Type, VarBind
from tests.protocol.agentx.strategies import OCTET_STRING, OID, RANGE, VARBIND

ENTERPRISES = oids.parse("1.3.6.1.4.1")
NAME = "01040000 00000001"
LITTLE = "01040000 01000000"
VARBIND_1 = VarBind(ENTERPRISES, Type.INTEGER, 1)
RANGE_1 = SearchRange(ENTERPRISES, b"", include=True)

CASES: list[tuple[Pdu, int, str, str]] = [
    # PDU, header flags without the byte order, and payload in both byte orders
    (
        Open(timeout=5, id=ENTERPRISES, description=b"abc"),
        0x00,
        f"05000000 {NAME} 00000003 61626300",
        f"05000000 {LITTLE} 03000000 61626300",
    ),
    (Close(reason=CloseReason.SHUTDOWN), 0x00, "05000000", "05000000"),
    (Close(reason=99), 0x00, "63000000", "63000000"),
    (Register(subtree=ENTERPRISES, priority=9, timeout=2), 0x00, f"02090000 {NAME}", f"02090000 {LITTLE}"),
    (
        Register(subtree=ENTERPRISES, range_subid=6, upper_bound=258, instance=True, context=b"c"),
        0x09,
        f"00000001 63000000 007f0600 {NAME} 00000102",
        f"01000000 63000000 007f0600 {LITTLE} 02010000",
    ),
    (Unregister(subtree=ENTERPRISES, priority=9), 0x00, f"00090000 {NAME}", f"00090000 {LITTLE}"),
    (
        Unregister(subtree=ENTERPRISES, range_subid=6, upper_bound=258),
        0x00,
        f"007f0600 {NAME} 00000102",
        f"007f0600 {LITTLE} 02010000",
    ),
    (Get(ranges=(RANGE_1,)), 0x00, "01040100 00000001 00000000", "01040100 01000000 00000000"),
    (Get(ranges=()), 0x00, "", ""),
    (
        GetNext(ranges=(RANGE_1,), context=b"abcde"),
        0x08,
        "00000005 6162636465000000 01040100 00000001 00000000",
        "05000000 6162636465000000 01040100 01000000 00000000",
    ),
    (
        GetBulk(ranges=(RANGE_1,), non_repeaters=1, max_repetitions=258),
        0x00,
        "00010102 01040100 00000001 00000000",
        "01000201 01040100 01000000 00000000",
    ),
    (TestSet(varbinds=(VARBIND_1,)), 0x00, f"00020000 {NAME} 00000001", f"02000000 {LITTLE} 01000000"),
    (CommitSet(), 0x00, "", ""),
    (UndoSet(), 0x00, "", ""),
    (CleanupSet(), 0x00, "", ""),
    (Notify(varbinds=(VARBIND_1,)), 0x00, f"00020000 {NAME} 00000001", f"02000000 {LITTLE} 01000000"),
    (Ping(), 0x00, "", ""),
    (Ping(context=b"c"), 0x08, "00000001 63000000", "01000000 63000000"),
    (IndexAllocate(varbinds=(VARBIND_1,), new=True), 0x02, f"00020000 {NAME} 00000001", f"02000000 {LITTLE} 01000000"),
    (IndexAllocate(varbinds=(VARBIND_1,), any=True), 0x04, f"00020000 {NAME} 00000001", f"02000000 {LITTLE} 01000000"),
    (IndexDeallocate(varbinds=(VARBIND_1,)), 0x00, f"00020000 {NAME} 00000001", f"02000000 {LITTLE} 01000000"),
    (AddAgentCaps(id=ENTERPRISES, description=b"a"), 0x00, f"{NAME} 00000001 61000000", f"{LITTLE} 01000000 61000000"),
    (RemoveAgentCaps(id=ENTERPRISES), 0x00, NAME, LITTLE),
    (
        Response(up_time=258, error=ErrorCode.DUPLICATE_REGISTRATION, index=1, varbinds=encode_varbind(VARBIND_1)),
        0x00,
        f"00000102 0107 0001 00020000 {NAME} 00000001",
        f"02010000 0701 0100 02000000 {LITTLE} 01000000",
    ),
    (Response(error=999), 0x00, "00000000 03e7 0000", "00000000 e703 0000"),
]
IDS = [type(case[0]).__name__ for case in CASES]


@pytest.mark.parametrize(("pdu", "flags", "big", "little"), CASES, ids=IDS)
def test_messages_in_both_byte_orders(pdu: Pdu, flags: int, big: str, little: str) -> None:
    payload = bytes.fromhex(big)
    head = struct.pack(">BBBBIIII", 1, pdu.type, flags | 0x10, 0, 7, 8, 9, len(payload))
    data = encode(pdu, session_id=7, transaction_id=8, packet_id=9)
    assert data == head + payload
    header = decode_header(data)
    assert header == Header(1, pdu.type, flags | 0x10, 7, 8, 9, len(payload))
    assert decode(header, payload) == pdu
    head = struct.pack("<BBBBIIII", 1, pdu.type, flags, 0, 7, 8, 9, len(payload))
    assert decode_header(head) == header._replace(flags=flags)
    assert decode(decode_header(head), bytes.fromhex(little)) == pdu


def test_messages_cover_every_type() -> None:
    assert {case[0].type for case in CASES} == set(PduType)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CommitSet(), UndoSet()),
        (Notify(varbinds=()), TestSet(varbinds=())),
        (Get(ranges=()), GetNext(ranges=())),
        (Unregister(subtree=b""), Register(subtree=b"")),
    ],
)
def test_pdus_of_different_types_are_not_equal(one: Pdu, other: Pdu) -> None:
    assert one != other


def test_a_response_to_a_request() -> None:
    request = Header(1, PduType.GET, 0x18, 7, 8, 9, 100)
    varbinds = encode_varbind(VARBIND_1)
    data = encode_response(request, varbinds)
    assert data == encode(Response(varbinds=varbinds), session_id=7, transaction_id=8, packet_id=9)
    data = encode_response(request, error=ErrorCode.NOT_WRITABLE, index=2)
    assert data == encode(Response(error=17, index=2), session_id=7, transaction_id=8, packet_id=9)


def test_a_response_that_is_too_large() -> None:
    request = Header(1, PduType.GET, 0x10, 7, 8, 9, 100)
    largest = encode_response(request, bytes(MAX_PAYLOAD - 8))
    assert decode_header(largest).payload_length == MAX_PAYLOAD
    data = encode_response(request, bytes(MAX_PAYLOAD - 4))
    assert decode(decode_header(data), data[HEADER_SIZE:]) == Response(error=ErrorCode.TOO_BIG)


@pytest.mark.parametrize(
    "pdu",
    [
        Open(timeout=256),
        Open(timeout=-1),
        Close(reason=256),
        Register(subtree=b"", priority=300),
        Register(subtree=b"", range_subid=1, upper_bound=2**32),
        GetBulk(ranges=(), max_repetitions=65536),
        Notify(varbinds=(VarBind(b"", Type.GAUGE32, -1),)),
        Notify(varbinds=(VarBind(b"", Type.OCTET_STRING, bytes(MAX_PAYLOAD)),)),
        Response(error=65536),
    ],
)
def test_a_message_that_cannot_be_encoded_is_refused(pdu: Pdu) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(pdu, session_id=1, transaction_id=1, packet_id=1)


@pytest.mark.parametrize(
    ("number", "codes", "name"),
    [
        (0, ErrorCode, "noError"),
        (257, ErrorCode, "notOpen"),
        (263, ErrorCode, "duplicateRegistration"),
        (999, ErrorCode, "999"),
        (5, CloseReason, "shutdown"),
        (6, CloseReason, "byManager"),
        (0, CloseReason, "0"),
    ],
)
def test_numbers_have_the_names_of_the_rfc(number: int, codes: type[ErrorCode | CloseReason], name: str) -> None:
    assert rfc_name(number, codes) == name


# --- Damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("02 05 10 00 00000001 00000001 00000001 00000000", "AgentX version 2, expected 1"),
        ("00" * 20, "AgentX version 0, expected 1"),
        ("01 05 10 00 00000001 00000001 00000001 00100004", "the payload has 1048580 bytes, at most 1048576"),
        ("01 05 10 00 00000001 00000001 00000001 ffffffff", "the payload has 4294967295 bytes"),
        ("01 05 00 00 01000000 01000000 01000000 00001001", "the payload has 17825792 bytes"),
        ("01 05 10 00 00000001 00000001 00000001 00000006", "the payload has 6 bytes, which is not a multiple of 4"),
    ],
)
def test_a_damaged_header_is_a_decode_error(head: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_header(bytes.fromhex(head))


def header(type_: int, flags: int = 0x10) -> Header:
    return Header(1, type_, flags, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("type_", "flags", "payload", "message"),
    [
        (0, 0x10, "", "unknown PDU type 0"),
        (19, 0x10, "", "unknown PDU type 19"),
        (PduType.CLOSE, 0x10, "", "expected 4 bytes at 0, found 0"),
        (PduType.CLOSE, 0x10, "05000000 00000000", "4 bytes after the end of Close"),
        (PduType.COMMIT_SET, 0x10, "00000000", "4 bytes after the end of CommitSet"),
        (PduType.PING, 0x18, "", "expected 4 bytes at 0, found 0"),
        (PduType.PING, 0x10, "00000001 63000000", "8 bytes after the end of Ping"),
        (PduType.GET_NEXT, 0x18, "00000009 61000000", "expected a string of 9 bytes, found 4"),
        (PduType.GET_NEXT, 0x10, "01040000 00000001", "an incomplete one"),
        (PduType.GET_BULK, 0x10, "0001", "expected 4 bytes"),
        (PduType.TEST_SET, 0x10, "00090000 00000000", "unknown value type 9"),
        (PduType.REGISTER, 0x10, f"00000600 {NAME}", "expected 4 bytes"),
        (PduType.RESPONSE, 0x10, "00000000", "expected 8 bytes at 0, found 4"),
        (PduType.RESPONSE, 0x10, "00000000 00000000 00020000", "expected 4 bytes"),
    ],
)
def test_a_damaged_payload_is_a_decode_error(type_: int, flags: int, payload: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode(header(type_, flags), bytes.fromhex(payload))


def test_pdus_without_a_context_ignore_its_flag() -> None:
    """Section 6.1.1 lists the PDUs that have a context."""
    flags = HeaderFlag.NON_DEFAULT_CONTEXT | HeaderFlag.NETWORK_BYTE_ORDER
    assert decode(header(PduType.COMMIT_SET, flags), b"") == CommitSet()
    assert decode(header(PduType.CLOSE, flags), b"\5\0\0\0") == Close(reason=5)


def test_an_empty_context_is_the_default_context() -> None:
    assert decode(header(PduType.PING, 0x18), bytes(4)) == Ping()


# --- Properties ------------------------------------------------------------------------------------------------------

BYTE = st.integers(0, 255)
CONTEXT = st.just(b"") | OCTET_STRING
REGION = {
    "subtree": OID,
    "priority": BYTE,
    "range_subid": st.integers(1, 255),
    "upper_bound": st.integers(0, oids.MAX_SUBID),
}
RANGES = st.lists(RANGE, max_size=4).map(tuple)
VARBINDS = st.lists(VARBIND, max_size=4).map(tuple)
NUMBER = st.integers(0, 65535)
PDU: st.SearchStrategy[Pdu] = st.one_of(
    st.builds(Open, timeout=BYTE, id=OID, description=OCTET_STRING),
    st.builds(Close, reason=BYTE),
    st.builds(Register, **REGION, timeout=BYTE, instance=st.booleans(), context=CONTEXT),
    st.builds(Unregister, **REGION, context=CONTEXT),
    st.builds(Get, ranges=RANGES, context=CONTEXT),
    st.builds(GetNext, ranges=RANGES, context=CONTEXT),
    st.builds(GetBulk, ranges=RANGES, non_repeaters=NUMBER, max_repetitions=NUMBER, context=CONTEXT),
    st.builds(TestSet, varbinds=VARBINDS, context=CONTEXT),
    st.sampled_from([CommitSet(), UndoSet(), CleanupSet()]),
    st.builds(Notify, varbinds=VARBINDS, context=CONTEXT),
    st.builds(Ping, context=CONTEXT),
    st.builds(IndexAllocate, varbinds=VARBINDS, new=st.booleans(), any=st.booleans(), context=CONTEXT),
    st.builds(IndexDeallocate, varbinds=VARBINDS, context=CONTEXT),
    st.builds(AddAgentCaps, id=OID, description=OCTET_STRING, context=CONTEXT),
    st.builds(RemoveAgentCaps, id=OID, context=CONTEXT),
    st.builds(
        Response,
        up_time=st.integers(0, 2**32 - 1),
        error=NUMBER,
        index=NUMBER,
        varbinds=VARBINDS.map(lambda varbinds: b"".join(map(encode_varbind, varbinds))),
    ),
)
UINT32 = st.integers(0, 2**32 - 1)


@given(PDU, UINT32, UINT32, UINT32)
def test_decoding_reverses_encoding(pdu: Pdu, session_id: int, transaction_id: int, packet_id: int) -> None:
    data = encode(pdu, session_id=session_id, transaction_id=transaction_id, packet_id=packet_id)
    head = decode_header(data)
    assert head[3:] == (session_id, transaction_id, packet_id, len(data) - HEADER_SIZE)
    assert decode(head, data[HEADER_SIZE:]) == pdu


def try_decode(data: bytes) -> None:
    """Decodes a message; any error but DecodeError is a failure."""
    with contextlib.suppress(DecodeError):
        head = decode_header(data)
        decode(head, data[HEADER_SIZE : HEADER_SIZE + head.payload_length])


@given(PDU, st.data())
def test_damaged_messages_raise_only_decode_errors(pdu: Pdu, data: st.DataObject) -> None:
    message = bytearray(encode(pdu, session_id=1, transaction_id=2, packet_id=3))
    for position in data.draw(st.lists(st.integers(0, len(message) - 1), min_size=1, max_size=4)):
        message[position] = data.draw(BYTE)
    try_decode(bytes(message))
    head = decode_header(encode(pdu, session_id=1, transaction_id=2, packet_id=3))
    with contextlib.suppress(DecodeError):
        decode(head, bytes(message[HEADER_SIZE : data.draw(st.integers(HEADER_SIZE, len(message)))]))


@given(st.binary(min_size=HEADER_SIZE, max_size=200))
@example(bytes([1]) * 200)
def test_random_bytes_raise_only_decode_errors(data: bytes) -> None:
    try_decode(data)
    for type_ in range(20):
        for flags in (0x10, 0x1F, 0x00, 0x0F):
            with contextlib.suppress(DecodeError):
                decode(header(type_, flags), data)
