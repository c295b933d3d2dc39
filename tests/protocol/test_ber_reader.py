"""The decoder of BER: what it reads is what the encoder wrote, and damaged octets raise one error at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.ber_reader import BerReader
from gateway.snmp.decoding import MAX_MESSAGE, decode_community_message, decode_scoped_pdu, decode_usm_message
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind
from tests.protocol.variables import OIDS, VALUES

Decode = Callable[[bytes], Any]

DECODERS: tuple[Decode, ...] = (
    decode_community_message,
    decode_usm_message,
    decode_scoped_pdu,
    lambda data: BerReader(data).varbind(),
    lambda data: BerReader(data).identifier(),
    lambda data: BerReader(data).integer(),
)


@given(OIDS, VALUES)
def test_a_variable_is_read_as_it_was_encoded(name: Oid, value: tuple[Type, Any]) -> None:
    varbind = VarBind(name, *value)
    reader = BerReader(ber.varbind(varbind))
    assert reader.varbind() == varbind
    assert reader.is_at_end


@given(st.binary(max_size=300))
def test_any_octets_are_decoded_or_raise_a_decode_error(data: bytes) -> None:
    for decode in DECODERS:
        with contextlib.suppress(DecodeError):
            decode(data)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "expected another value, found the end"),
        ("02", "a value ends before its length"),
        ("02 05 01", "expected 5 octets, found 1"),
        ("02 80 01 00 00", "expected a length of at most 4 octets, found 0"),
        ("02 85 00 00 00 00 01 05", "expected a length of at most 4 octets, found 5"),
        ("02 84 ff ff ff ff", "expected 4294967295 octets, found 0"),
        ("02 00", "expected an integer of 1 to 9 octets, found 0"),
        ("02 0a 00 00 00 00 00 00 00 00 00 01", "expected an integer of 1 to 9 octets, found 10"),
        ("02 05 00 80 00 00 00", "expected an integer from -2147483648 to 2147483647, found 2147483648"),
        ("04 01 05", "expected the tag 0x02, found 0x04"),
    ],
)
def test_a_damaged_integer_is_a_decode_error(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        BerReader(bytes.fromhex(octets)).integer()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "incomplete"),
        (b"\x2b\x86", "incomplete"),
        (b"\x2b" + b"\xff" * 4 + b"\x7f", "expected sub-identifiers from 0 to 4294967295"),
        (b"\x2b" + b"\xff" * 5 + b"\x7f", "a sub-identifier has more than 5 octets"),
        (b"\x2b" + b"\x01" * 127, "more than 128 sub-identifiers"),
    ],
)
def test_damaged_object_identifiers(content: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        BerReader(ber.tagged(Type.OBJECT_IDENTIFIER, content)).identifier()


def test_the_longest_object_identifier() -> None:
    oid = oids.encode((2, 2**32 - 81, *[2**32 - 1] * 126))
    assert BerReader(ber.identifier(oid)).identifier() == oid


def community_message(varbinds: bytes) -> bytes:
    pdu = ber.tagged(PduTag.RESPONSE, ber.integer(5) + ber.integer(0) * 2 + ber.sequence(varbinds))
    return ber.sequence(ber.integer(1), ber.octets(b"public"), pdu)


SMALLEST_VARBIND = ber.sequence(bytes.fromhex("06012b"), bytes.fromhex("0500"))
LARGEST_NAME = ber.sequence(ber.identifier(oids.encode([1, 3, *[2**32 - 1] * 126])), bytes.fromhex("0500"))


@pytest.mark.parametrize("varbinds", [SMALLEST_VARBIND * 1150, LARGEST_NAME * 12, b"\x30\x00" * 4000])
def test_no_message_keeps_the_event_loop_busy(varbinds: bytes) -> None:
    message = community_message(varbinds)
    assert MAX_MESSAGE // 2 < len(message) <= MAX_MESSAGE
    began = time.process_time()
    with contextlib.suppress(DecodeError):
        assert decode_community_message(message).pdu.varbinds
    assert time.process_time() - began < 0.05


def test_a_large_message_is_not_decoded() -> None:
    with pytest.raises(DecodeError, match="the message has more than 8192 octets"):
        decode_community_message(community_message(SMALLEST_VARBIND * 9000))
