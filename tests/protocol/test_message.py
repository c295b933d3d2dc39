"""The codec of SNMPv2c messages, compared with pysnmp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.message import CommunityCodec
from gateway.snmp.reply import Acknowledgement, ErrorResponse
from gateway.snmp.values import Type, VarBind
from tests.alarms.receivers import TOO_BIG, VARBINDS, acknowledge, community_pdu, pdu_of

Encode = Callable[[CommunityCodec, int, Sequence[VarBind]], bytes]

REFUSAL = "the receiver responds with the error tooBig"


def decoded_varbinds(pdu: Any) -> list[tuple[tuple[int, ...], Any]]:
    return [(tuple(name), value) for name, value in v2c.apiPDU.get_varbinds(pdu)]


@pytest.mark.parametrize(
    ("encode", "pdu_class"),
    [(CommunityCodec.encode_trap, rfc1905.SNMPv2TrapPDU), (CommunityCodec.encode_inform, rfc1905.InformRequestPDU)],
)
def test_pysnmp_decodes_notifications(encode: Encode, pdu_class: Any) -> None:
    data = encode(CommunityCodec("öffentlich"), 12, VARBINDS)
    decoded, rest = decoder.decode(data, asn1Spec=v2c.Message())
    assert (rest, decoded["community"].asOctets()) == (b"", "öffentlich".encode())
    pdu = community_pdu(data)
    assert pdu.tagSet == pdu_class.tagSet
    assert int(v2c.apiPDU.get_request_id(pdu)) == 12
    names = [oids.decode(varbind.oid) for varbind in VARBINDS]
    assert [name for name, _ in decoded_varbinds(pdu)] == names
    assert [type(value).__name__ for _, value in decoded_varbinds(pdu)] == [
        "TimeTicks",
        "ObjectIdentifier",
        "Integer",
        "OctetString",
        "IpAddress",
        "Counter32",
        "Gauge32",
        "Opaque",
        "Counter64",
    ]


def test_an_inform_octet_by_octet() -> None:
    varbind = VarBind(oids.parse("1.3.6.1.4.1"), Type.INTEGER, 5)
    inform = "3020 020101 040163 a618 020201f4 020100 020100 300c 300a 06052b06010401 020105"
    assert CommunityCodec("c").encode_inform(500, [varbind]) == bytes.fromhex(inform)


def test_only_a_reply_to_the_inform_is_accepted() -> None:
    codec = CommunityCodec("public")
    data = codec.encode_inform(99, VARBINDS)
    assert codec.decode_reply(*acknowledge(data)) == Acknowledgement(99)
    assert codec.decode_reply(*acknowledge(data, TOO_BIG)) == ErrorResponse(99, REFUSAL)
    with pytest.raises(DecodeError, match="the community"):
        CommunityCodec("private").decode_reply(*acknowledge(data))
    with pytest.raises(DecodeError, match="expected a Response-PDU, found INFORM_REQUEST"):
        codec.decode_reply(data)
    with pytest.raises(DecodeError, match="1 octets after the end"):
        codec.decode_reply(acknowledge(data)[0] + b"x")
    with pytest.raises(NotImplementedError):
        codec.encode_discovery()


def response(varbinds: Sequence[VarBind]) -> bytes:
    """Returns a message with a Response-PDU."""
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, b"public")
    v2c.apiMessage.set_pdu(message, pdu_of(rfc1905.ResponsePDU, 7, varbinds))
    return bytes(encoder.encode(message))


def test_responses_have_variables_of_all_types() -> None:
    name = oids.parse("1.3.6.1.4.1.2")
    exceptions = (Type.NO_SUCH_OBJECT, Type.NO_SUCH_INSTANCE, Type.END_OF_MIB_VIEW)
    varbinds = [*VARBINDS, *(VarBind(name, type_) for type_ in exceptions)]
    decoded = CommunityCodec("public").decode_response(response(varbinds))
    assert (decoded.request_id, decoded.error_status) == (7, "")
    assert decoded.varbinds == varbinds


def test_a_get_asks_for_variables_without_values() -> None:
    names = [oids.parse("1.3.6.1.2.1.1.1.0"), oids.parse("1.3.6.1.4.1.1")]
    pdu = community_pdu(CommunityCodec("c").encode_get(500, names))
    assert pdu.tagSet == rfc1905.GetRequestPDU.tagSet
    assert [(oids.encode(name), type(value).__name__) for name, value in decoded_varbinds(pdu)] == [
        (name, "Null") for name in names
    ]
