"""The encoder of BER, compared octet by octet with pyasn1, aside from pyasn1's mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.message import CommunityCodec
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind
from tests.alarms.receivers import OF_PYSNMP, VARBINDS, pdu_of
from tests.protocol.variables import OIDS, VALUES

EDGES = [number for bits in (7, 8, 15, 16, 31, 32, 63) for number in (2**bits - 1, 2**bits, -(2**bits), -(2**bits) - 1)]


@given(OIDS, VALUES)
def test_pyasn1_decodes_variable_bindings(name: Oid, value: tuple[Type, Any]) -> None:
    type_, content = value
    theirs = OF_PYSNMP[type_]("" if content is None else content)
    varbind = v2c.VarBind()
    v2c.apiVarBind.set_oid_value(varbind, (rfc1902.ObjectName(oids.decode(name)), theirs))
    ours = ber.varbind(VarBind(name, type_, content))
    assert decoder.decode(ours, asn1Spec=v2c.VarBind()) == (varbind, b"")
    assert len(ours) <= len(encoder.encode(varbind))  # pyasn1 encodes -128 in two octets, against X.690, section 8.3.2


@pytest.mark.parametrize(
    ("name", "encoded"),
    [("0.0", "00"), ("1.3", "2b"), ("2.39", "77"), ("2.999", "8837"), ("1.3.127.128.4294967295", "2b7f81008fffffff7f")],
)
def test_object_identifiers_are_encoded_in_base_128(name: str, encoded: str) -> None:
    assert ber.identifier(oids.parse(name))[2:].hex() == encoded


@given(OIDS)
def test_object_identifiers_are_encoded_as_by_pyasn1(oid: Oid) -> None:
    assert ber.identifier(oid) == encoder.encode(univ.ObjectIdentifier(oids.decode(oid)))


def test_missing_sub_identifiers_are_encoded_as_zeros() -> None:
    assert ber.identifier(b"") == b"\x06\x01\x00"
    assert ber.identifier(oids.parse("1")) == bytes([6, 1, 40])


@given(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(EDGES))
def test_integers_have_the_shortest_encoding(number: int) -> None:
    """Not compared with pyasn1, which violates X.690, section 8.3.2: it encodes -128 in two octets."""
    encoded = ber.integer(number)
    assert decoder.decode(encoded) == (number, b"")
    content = encoded[2:]
    assert len(content) == 1 or content[0] not in {0x00, 0xFF} or (content[0] ^ content[1]) & 0x80


@given(st.integers(0, 2**64 - 1))
def test_unsigned_integers_have_the_octets_of_pyasn1(number: int) -> None:
    assert ber.integer(number, Type.COUNTER64) == encoder.encode(rfc1902.Counter64(number))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_lengths_have_the_octets_of_pyasn1(size: int) -> None:
    assert ber.octets(bytes(size)) == encoder.encode(univ.OctetString(bytes(size)))


@pytest.mark.parametrize(
    ("tag", "pdu_class"),
    [(PduTag.SNMPV2_TRAP, rfc1905.SNMPv2TrapPDU), (PduTag.INFORM_REQUEST, rfc1905.InformRequestPDU)],
)
def test_pdus_with_values_of_all_types_are_encoded_as_by_pysnmp(tag: PduTag, pdu_class: type) -> None:
    for number in (0, 1, 2**31 - 1):
        assert ber.pdu(tag, number, VARBINDS) == encoder.encode(pdu_of(pdu_class, number, VARBINDS))
    assert ber.pdu(PduTag.GET_REQUEST, 0, ()) == encoder.encode(pdu_of(rfc1905.GetRequestPDU, 0, ()))


def test_a_trap_is_encoded_as_by_pysnmp() -> None:
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, b"public")
    v2c.apiMessage.set_pdu(message, pdu_of(rfc1905.SNMPv2TrapPDU, 7, VARBINDS))
    assert CommunityCodec("public").encode_trap(7, VARBINDS) == encoder.encode(message)
