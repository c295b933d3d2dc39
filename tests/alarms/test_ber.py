"""BER, octet for octet as pyasn1 writes it, but for its mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.agentx import oid as oids
from gateway.agentx.encoding import Type, VarBind
from gateway.alarms import ber
from gateway.alarms.messages import CommunityMessages, Tag
from tests.alarms.receivers import pdu_of
from tests.alarms.test_messages import VALUES

SUBIDS = st.tuples(st.integers(0, 2), st.integers(0, 39)).flatmap(
    lambda first: st.lists(st.integers(0, 2**32 - 1), max_size=20).map(lambda others: (*first, *others))
)


EDGES = [number for bits in (7, 8, 15, 16, 31, 32, 63) for number in (2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1)]


@given(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(EDGES))
def test_numbers(number: int) -> None:
    """Here pyasn1 is no model: it writes -128 in two octets, against X.690, section 8.3.2."""
    written = ber.integer(number)
    assert decoder.decode(written) == (number, b"")
    content = written[2:]
    assert len(content) == 1 or content[0] not in {0x00, 0xFF} or (content[0] ^ content[1]) & 0x80


@given(st.integers(0, 2**64 - 1))
def test_numbers_without_a_sign(number: int) -> None:
    assert ber.integer(number, Type.COUNTER64) == encoder.encode(rfc1902.Counter64(number))


@given(SUBIDS)
def test_identifiers(subids: tuple[int, ...]) -> None:
    assert ber.identifier(oids.encode(subids)) == encoder.encode(univ.ObjectIdentifier(subids))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths(size: int) -> None:
    assert ber.octets(bytes(size)) == encoder.encode(univ.OctetString(bytes(size)))


@pytest.mark.parametrize(("tag", "kind"), [(Tag.TRAP, rfc1905.SNMPv2TrapPDU), (Tag.INFORM, rfc1905.InformRequestPDU)])
def test_pdus_with_values_of_all_types(tag: Tag, kind: type) -> None:
    for number in (0, 1, 2**31 - 1):
        assert ber.pdu(tag, number, VALUES) == encoder.encode(pdu_of(kind, number, VALUES))
    assert ber.pdu(Tag.GET, 0, ()) == encoder.encode(pdu_of(rfc1905.GetRequestPDU, 0, ()))


def test_a_message() -> None:
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, b"public")
    v2c.apiMessage.set_pdu(message, pdu_of(rfc1905.SNMPv2TrapPDU, 7, VALUES))
    assert CommunityMessages("public").trap(7, VALUES) == encoder.encode(message)


def test_what_has_no_value_is_not_written() -> None:
    with pytest.raises(AssertionError):
        ber.varbind(VarBind(oids.parse("1.3.6.1"), Type.NULL))
