"""The codec of SNMPv2c messages (RFC 1901)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from gateway.errors import DecodeError
from gateway.snmp import ber
from gateway.snmp.ber import PduTag
from gateway.snmp.decoding import SNMPV2C, ReceivedPdu, decode_community_message
from gateway.snmp.oid import Oid
from gateway.snmp.reply import Acknowledgement, ErrorResponse, Reply
from gateway.snmp.values import Type, VarBind


def encode_community_message(community: bytes, pdu: bytes) -> bytes:
    """Encodes an SNMPv2c message with an encoded PDU."""
    return ber.sequence(ber.integer(SNMPV2C), ber.octets(community), pdu)


class CommunityCodec:
    """Encodes SNMPv2c messages with a community, and decodes the responses to them.

    Args:
        community: the community that every message carries, unencrypted.

    Attributes:
        ready: whether an inform can be encoded; always true.
        synchronized: whether an inform would be accepted at once; always true.
    """

    ready = synchronized = True

    def __init__(self, community: str) -> None:
        self._community = community.encode()

    def encode_get(self, request_id: int, names: Sequence[Oid]) -> bytes:
        """Returns a message with a GetRequest-PDU."""
        return self._encode(PduTag.GET_REQUEST, request_id, [VarBind(name, Type.NULL) for name in names])

    def encode_trap(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an SNMPv2-Trap-PDU."""
        return self._encode(PduTag.SNMPV2_TRAP, request_id, varbinds)

    def encode_inform(self, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        """Returns a message with an InformRequest-PDU."""
        return self._encode(PduTag.INFORM_REQUEST, request_id, varbinds)

    def encode_discovery(self) -> bytes:
        """Raises NotImplementedError: SNMPv2c has no discovery."""
        raise NotImplementedError

    def end_try(self) -> bool:
        """Returns True: without a reply, nothing is known about the receiver."""
        return True

    def decode_response(self, data: bytes) -> ReceivedPdu:
        """Returns the Response-PDU of a message.

        Raises:
            DecodeError: the message is malformed, has another version or community, or carries another PDU.
        """
        message = decode_community_message(data)
        if message.version != SNMPV2C or not hmac.compare_digest(message.community, self._community):
            raise DecodeError("expected SNMPv2c and the community of the request")
        if message.pdu.tag is not PduTag.RESPONSE:
            raise DecodeError(f"expected a Response-PDU, found {message.pdu.tag.name}")
        return message.pdu

    def decode_reply(self, data: bytes) -> Reply:
        """Returns the reply of a receiver to a notification.

        Raises:
            DecodeError: as in ``decode_response``.
        """
        return reply_of(self.decode_response(data))

    def _encode(self, tag: PduTag, request_id: int, varbinds: Sequence[VarBind]) -> bytes:
        return encode_community_message(self._community, ber.pdu(tag, request_id, varbinds))


def reply_of(response: ReceivedPdu) -> Reply:
    """Returns the reply to a notification that a Response-PDU contains."""
    if response.error_status:
        reason = f"the receiver responds with the error {response.error_status}"
        return ErrorResponse(response.request_id, reason)
    return Acknowledgement(response.request_id)
