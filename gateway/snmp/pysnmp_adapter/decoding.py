"""Decodes PDUs (RFC 3416) and SNMPv2c messages (RFC 1901).

Decoding is slow compared with ``gateway.snmp.ber``, which encodes: a millisecond for each message. That is good enough
for the replies to notifications and for single responses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.oid import Oid
from gateway.snmp.values import EMPTY, OCTETS, Type, VarBind

_TAGS = {
    pdu.tagSet: tag
    for pdu, tag in (
        (rfc1905.GetRequestPDU, PduTag.GET_REQUEST),
        (rfc1905.GetNextRequestPDU, PduTag.GET_NEXT_REQUEST),
        (rfc1905.ResponsePDU, PduTag.RESPONSE),
        (rfc1905.SetRequestPDU, PduTag.SET_REQUEST),
        (rfc1905.GetBulkRequestPDU, PduTag.GET_BULK_REQUEST),
        (rfc1905.InformRequestPDU, PduTag.INFORM_REQUEST),
        (rfc1905.SNMPv2TrapPDU, PduTag.SNMPV2_TRAP),
        (rfc1905.ReportPDU, PduTag.REPORT),
    )
}


class DecodedPdu:
    """A PDU (RFC 3416, section 3), read from the object that pysnmp has decoded.

    Args:
        pdu: pysnmp's object.
    """

    __slots__ = ("_pdu",)

    def __init__(self, pdu: Any) -> None:
        self._pdu = pdu

    @property
    def tag(self) -> PduTag:
        """The type of the PDU."""
        return _TAGS[self._pdu.tagSet]

    @property
    def request_id(self) -> int:
        """The request-id."""
        return int(v2c.apiPDU.get_request_id(self._pdu))

    @property
    def error_status(self) -> str:
        """The error-status by its name in RFC 3416, such as ``tooBig``; empty for noError."""
        status = v2c.apiPDU.get_error_status(self._pdu)
        return str(status.prettyPrint()) if int(status) else ""

    @property
    def non_repeaters(self) -> int:
        """The field non-repeaters of a GetBulkRequest-PDU."""
        return int(v2c.apiBulkPDU.get_non_repeaters(self._pdu))

    @property
    def max_repetitions(self) -> int:
        """The field max-repetitions of a GetBulkRequest-PDU."""
        return int(v2c.apiBulkPDU.get_max_repetitions(self._pdu))

    @property
    def names(self) -> list[Oid]:
        """The names of the variables.

        Raises:
            DecodeError: a name has too many sub-identifiers, or too large ones.
        """
        try:
            return [oids.encode(name) for name, _ in v2c.apiPDU.get_varbinds(self._pdu)]
        except ValueError as error:
            raise DecodeError(str(error)) from None

    @property
    def varbinds(self) -> list[VarBind]:
        """The variables.

        Raises:
            DecodeError: a name or an object identifier has too many sub-identifiers, or too large ones.
        """
        values = (value for _, value in v2c.apiPDU.get_varbinds(self._pdu))
        return [_varbind(name, value) for name, value in zip(self.names, values, strict=True)]


class CommunityMessage(NamedTuple):
    """An SNMPv2c message (RFC 1901)."""

    version: int
    community: bytes
    pdu: DecodedPdu


def decode_community_message(data: bytes) -> CommunityMessage:
    """Decodes an SNMPv2c message.

    Raises:
        DecodeError: the octets are not an SNMPv2c message.
    """
    message = decode(data, v2c.Message())
    pdu = DecodedPdu(message["data"].getComponent())
    return CommunityMessage(int(message["version"]), message["community"].asOctets(), pdu)


def _varbind(name: Oid, value: Any) -> VarBind:
    tag = value.tagSet.superTags[-1]
    type_ = Type(tag.tagClass | tag.tagId)
    if type_ in EMPTY:
        return VarBind(name, type_)
    if type_ in OCTETS:
        return VarBind(name, type_, value.asOctets())
    if type_ is not Type.OBJECT_IDENTIFIER:
        return VarBind(name, type_, int(value))
    try:
        return VarBind(name, type_, oids.encode(value))
    except ValueError as error:
        raise DecodeError(str(error)) from None


def decode(data: bytes, syntax: Any) -> Any:
    """Decodes a value of an ASN.1 syntax.

    Raises:
        DecodeError: the octets are not exactly one value of this syntax.
    """
    try:
        value, rest = decoder.decode(data, asn1Spec=syntax)
    except Exception as error:  # noqa: BLE001 - damaged input makes pyasn1 raise its own errors and any other
        raise DecodeError(f"expected {type(syntax).__name__}: {error}") from None
    if rest:
        raise DecodeError(f"{len(rest)} octets after the end of {type(syntax).__name__}")
    return value
