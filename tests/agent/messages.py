"""SNMP messages, encoded and decoded by pysnmp."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters  # type: ignore[import-untyped]

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid


def pdu(pdu_class: Any, names: Sequence[str], **bulk: int) -> Any:
    """Returns a PDU that requests variables; ``bulk`` has the fields of a GetBulkRequest."""
    request_pdu = pdu_class()
    api = v2c.apiBulkPDU if pdu_class is rfc1905.GetBulkRequestPDU else v2c.apiPDU
    api.set_defaults(request_pdu)
    api.set_varbinds(request_pdu, [(rfc1902.ObjectName(name), rfc1902.Null("")) for name in names])
    if bulk:
        api.set_non_repeaters(request_pdu, bulk["non_repeaters"])
        api.set_max_repetitions(request_pdu, bulk["max_repetitions"])
    return request_pdu


def community_message(request_pdu: Any, community: str | bytes = "public") -> bytes:
    """Returns an SNMPv2c message."""
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, community)
    v2c.apiMessage.set_pdu(message, request_pdu)
    encoded = encoder.encode(message)
    assert isinstance(encoded, bytes)
    return encoded


def get_request(names: Sequence[str]) -> bytes:
    return community_message(pdu(rfc1905.GetRequestPDU, names))


def get_bulk_request(names: Sequence[str], *, non_repeaters: int = 0, max_repetitions: int = 10) -> bytes:
    request_pdu = pdu(rfc1905.GetBulkRequestPDU, names, non_repeaters=non_repeaters, max_repetitions=max_repetitions)
    return community_message(request_pdu)


def message_v3(
    request_pdu: Any, *, engine_id: bytes, user: bytes = b"nobody", flags: int = 4, size: int = 65507, boots: int = 0
) -> bytes:
    """Returns a message with the security level noAuthNoPriv."""
    message = SNMPv3Message()
    message[0] = 3
    for position, value in enumerate((1, size, bytes([flags]), 3)):
        message[1][position] = value
    parameters = UsmSecurityParameters()
    for position, value in enumerate((engine_id, boots, 0, user, b"", b"")):
        parameters[position] = value
    message[2] = encoder.encode(parameters)
    scoped = ScopedPDU()
    scoped[0], scoped[1] = engine_id, b""
    loose = {"verifyConstraints": False, "matchTags": False, "matchConstraints": False}
    scoped.setComponentByPosition(2)
    scoped[2].setComponentByType(request_pdu.tagSet, request_pdu, **loose)
    message[3].setComponentByPosition(0, scoped, **loose)
    encoded = encoder.encode(message)
    assert isinstance(encoded, bytes)
    return encoded


class DecodedResponse(NamedTuple):
    error_status: int
    error_index: int
    varbinds: list[tuple[Oid, Any]]


def decode_response(encoded: bytes | None) -> DecodedResponse:
    """Decodes a response of either version."""
    assert encoded is not None
    version = encoded[4] if encoded[1] < 0x80 else encoded[4 + (encoded[1] & 0x7F)]
    if version == 3:
        message, rest = decoder.decode(encoded, asn1Spec=SNMPv3Message())
        response_pdu = message[3][0][2].getComponent()
    else:
        message, rest = decoder.decode(encoded, asn1Spec=v2c.Message())
        response_pdu = v2c.apiMessage.get_pdu(message)
    assert rest == b""
    return DecodedResponse(
        int(v2c.apiPDU.get_error_status(response_pdu)),
        int(v2c.apiPDU.get_error_index(response_pdu, muteErrors=True)),
        [(oids.encode(name), value) for name, value in v2c.apiPDU.get_varbinds(response_pdu)],
    )


def damage(valid: bytes, source: random.Random) -> bytes:
    """Returns a message with some random octets, sometimes truncated."""
    octets = bytearray(valid)
    for _ in range(source.randrange(1, 4)):
        octets[source.randrange(len(octets))] = source.randrange(256)
    return bytes(octets[: source.randrange(len(octets) + 1)] if source.random() < 0.2 else octets)
