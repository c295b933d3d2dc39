"""The codec of SNMPv2c messages (RFC 1901) that carry notifications and the replies to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp.reply import Acknowledgement, ErrorResponse, Reply
from gateway.snmp.values import VarBind

_VERSION = 1
"""The version field of an SNMPv2c message."""


class CommunityCodec:
    """Encodes SNMPv2c messages with a community, and decodes the replies to them.

    Args:
        community: the community name.

    Attributes:
        ready: whether an inform can be encoded; always true.
    """

    ready = True

    def __init__(self, community: str) -> None:
        self._community = community.encode()

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an SNMPv2-Trap-PDU."""
        return self._encode(ber.pdu(ber.PduTag.SNMPV2_TRAP, request_id, varbinds))

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an InformRequest-PDU."""
        return self._encode(ber.pdu(ber.PduTag.INFORM_REQUEST, request_id, varbinds))

    def encode_discovery(self) -> bytes:
        """Raises NotImplementedError: SNMPv2c has no discovery."""
        raise NotImplementedError

    def decode_reply(self, data: bytes) -> Reply:
        """Decodes the reply of a receiver.

        Raises:
            DecodeError: the message is malformed, has another version or community, or carries no Response-PDU.
        """
        message = decode_ber(data, v2c.Message())
        if int(message["version"]) != _VERSION or message["community"].asOctets() != self._community:
            raise DecodeError("expected SNMPv2c and the community of the target")
        return decode_response(message["data"].getComponent())

    def _encode(self, pdu: bytes) -> bytes:
        return ber.sequence(ber.integer(_VERSION), ber.octets(self._community), pdu)


def decode_ber(data: bytes, syntax: Any) -> Any:
    """Decodes a value of an ASN.1 syntax.

    Raises:
        DecodeError: the octets are not one value of this syntax.
    """
    try:
        value, rest = decoder.decode(data, asn1Spec=syntax)
    except Exception as error:  # noqa: BLE001 - damaged input makes pyasn1 raise its own errors and any other
        raise DecodeError(f"expected {type(syntax).__name__}: {error}") from None
    if rest:
        raise DecodeError(f"{len(rest)} octets after the end of {type(syntax).__name__}")
    return value


def decode_response(pdu: Any) -> Reply:
    """Returns the reply that a Response-PDU contains.

    Raises:
        DecodeError: it is another PDU.
    """
    if pdu.tagSet != rfc1905.ResponsePDU.tagSet:
        raise DecodeError(f"expected a Response-PDU, found {type(pdu).__name__}")
    request_id, status = int(v2c.apiPDU.get_request_id(pdu)), v2c.apiPDU.get_error_status(pdu)
    if int(status):
        return ErrorResponse(request_id, f"the receiver responds with the error {status.prettyPrint()}")
    return Acknowledgement(request_id)
