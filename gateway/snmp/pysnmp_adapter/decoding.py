"""Reads the PDUs (RFC 3416) that the agent's engine has decoded."""

from __future__ import annotations

from typing import Any

from pysnmp.proto import rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp import oid as oids
from gateway.snmp.ber import PduTag
from gateway.snmp.oid import Oid

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
