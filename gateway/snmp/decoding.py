"""Decodes messages of SNMPv2c (RFC 1901) and SNMPv3 (RFC 3412, section 6), and the PDUs in them (RFC 3416, section 3).

The messages come from anyone who can send a datagram. Whatever they contain, decoding them either succeeds or raises
``DecodeError``, in a time that is proportional to their size, which ``MAX_MESSAGE`` limits. A PDU decodes its variables
only when they are read: the acknowledgement of a notification needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import DecodeError
from gateway.snmp.agentx.codes import ErrorCode, rfc_name
from gateway.snmp.ber import PduTag
from gateway.snmp.ber_reader import MAX_INTEGER32, BerReader
from gateway.snmp.credentials import MAX_NAME
from gateway.snmp.engine import MAX_BOOTS, MAX_ENGINE_ID
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

MAX_MESSAGE = 8192
"""Octets of a message that is accepted; msgMaxSize announces it. A Response repeats the variables of the notification,
which are a quarter of this at most."""

SNMPV2C, SNMPV3 = 1, 3
"""The version in a message."""
USER_BASED = 3
"""msgSecurityModel of USM (RFC 3411, section 5: SnmpSecurityModel)."""

_MIN_MAX_SIZE = 484
"""The smallest msgMaxSize (RFC 3412, section 6.3)."""
_MAX_COMMUNITY = 255
_MAX_DIGEST = 64
_MAX_SALT = 32
_TAGS = {int(tag): tag for tag in PduTag}


# --- PDUs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedPdu:
    """A PDU whose variables are not decoded yet.

    Attributes:
        tag: the type of the PDU.
        request_id: the request-id.
        status: error-status, or non-repeaters of a GetBulkRequest-PDU.
        index: error-index, or max-repetitions of a GetBulkRequest-PDU.
    """

    tag: PduTag
    request_id: int
    status: int
    index: int
    _data: bytes
    _start: int
    _end: int

    @property
    def error_status(self) -> str:
        """The error-status by its name in RFC 3416, such as ``tooBig``; empty for noError."""
        return rfc_name(self.status, ErrorCode) if self.status else ""

    @property
    def encoded_varbinds(self) -> bytes:
        """The variables in BER, without the tag and length of the list."""
        return self._data[self._start : self._end]

    @property
    def names(self) -> Iterator[Oid]:
        """The names of the variables, decoded one by one.

        Raises:
            DecodeError: a variable is malformed, even if only its value is, because the response may repeat it.
        """
        reader = BerReader(self._data, self._start, self._end)
        while not reader.is_at_end:
            yield reader.varbind().oid

    @property
    def varbinds(self) -> list[VarBind]:
        """The variables.

        Raises:
            DecodeError: a variable is malformed.
        """
        reader, varbinds = BerReader(self._data, self._start, self._end), []
        while not reader.is_at_end:
            varbinds.append(reader.varbind())
        return varbinds

    @property
    def first_name(self) -> Oid | None:
        """The name of the first variable; None if there is no variable.

        Raises:
            DecodeError: the variable is malformed.
        """
        reader = BerReader(self._data, self._start, self._end)
        return None if reader.is_at_end else reader.varbind().oid


def _decode_pdu(reader: BerReader, data: bytes) -> ReceivedPdu:
    tag = _TAGS.get(reader.peek_tag())
    if tag is None:
        raise DecodeError(f"expected a PDU, found the tag {reader.peek_tag():#04x}")
    fields = reader.nested(tag)
    request_id, status, index = fields.integer(), fields.integer(), fields.integer()
    varbinds = fields.nested()
    fields.expect_end("the PDU")
    return ReceivedPdu(
        tag=tag,
        request_id=request_id,
        status=status,
        index=index,
        _data=data,
        _start=varbinds.position,
        _end=fields.position,
    )


# --- SNMPv2c ---------------------------------------------------------------------------------------------------------


class CommunityMessage(NamedTuple):
    """An SNMPv2c message (RFC 1901)."""

    version: int
    community: bytes
    pdu: ReceivedPdu


def decode_version(data: bytes) -> int:
    """Decodes the version of a message: 0 for SNMPv1, 1 for SNMPv2c, 3 for SNMPv3.

    Raises:
        DecodeError: the octets are not a message.
    """
    return _open(data).integer(0, MAX_INTEGER32)


def decode_community_message(data: bytes) -> CommunityMessage:
    """Decodes an SNMPv2c message.

    Raises:
        DecodeError: the octets are not an SNMPv2c message.
    """
    message = _open(data)
    version = message.integer(0, MAX_INTEGER32)
    community = message.octets(_MAX_COMMUNITY)
    pdu = _decode_pdu(message, data)
    message.expect_end("the message")
    return CommunityMessage(version, community, pdu)


# --- SNMPv3 ----------------------------------------------------------------------------------------------------------


class UnknownSecurityModelError(DecodeError):
    """A message has another security model than USM."""


class ScopedPdu(NamedTuple):
    """A scoped PDU (RFC 3412, section 6.8)."""

    context_engine_id: bytes
    context_name: bytes
    pdu: ReceivedPdu


@dataclass(frozen=True, slots=True, kw_only=True)
class UsmMessage:
    """An SNMPv3 message (RFC 3412, section 6) with the security parameters of USM (RFC 3414, section 2.4).

    Attributes:
        message_id: msgID.
        max_size: msgMaxSize.
        flags: msgFlags.
        engine_id: msgAuthoritativeEngineID.
        boots: msgAuthoritativeEngineBoots.
        time: msgAuthoritativeEngineTime.
        user_name: msgUserName.
        digest: msgAuthenticationParameters.
        digest_position: the position of the digest in the message.
        salt: msgPrivacyParameters.
        scoped_pdu: the scoped PDU if the message is plain text, else None.
        encrypted_pdu: the encrypted scoped PDU if the message is encrypted, else empty.
    """

    message_id: int
    max_size: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user_name: bytes
    digest: bytes
    digest_position: int
    salt: bytes
    scoped_pdu: ScopedPdu | None
    encrypted_pdu: bytes

    @property
    def pdu(self) -> ReceivedPdu | None:
        """The PDU if the message is plain text, else None."""
        return None if self.scoped_pdu is None else self.scoped_pdu.pdu


def decode_usm_message(data: bytes) -> UsmMessage:
    """Decodes an SNMPv3 message without verifying or decrypting it.

    Raises:
        DecodeError: the octets are not an SNMPv3 message with the security parameters of USM.
    """
    message = _open(data)
    message.integer(SNMPV3, SNMPV3)
    message_id, max_size, flags = _decode_header(message.nested())
    parameters = message.nested(Type.OCTET_STRING).nested()
    engine_id = parameters.octets(MAX_ENGINE_ID)
    boots, time = parameters.integer(0, MAX_BOOTS), parameters.integer(0, MAX_INTEGER32)
    user_name = parameters.octets(MAX_NAME)
    digest = parameters.octets(_MAX_DIGEST)
    digest_position = parameters.position - len(digest)
    salt = parameters.octets(_MAX_SALT)
    parameters.expect_end("msgSecurityParameters")
    is_encrypted = message.peek_tag() == Type.OCTET_STRING
    encrypted = message.octets() if is_encrypted else b""
    scoped_pdu = None if is_encrypted else _decode_scoped_pdu(message, data)
    message.expect_end("the message")
    return UsmMessage(
        message_id=message_id,
        max_size=max_size,
        flags=flags,
        engine_id=engine_id,
        boots=boots,
        time=time,
        user_name=user_name,
        digest=digest,
        digest_position=digest_position,
        salt=salt,
        scoped_pdu=scoped_pdu,
        encrypted_pdu=encrypted,
    )


def _decode_header(header: BerReader) -> tuple[int, int, int]:
    """Returns msgID, msgMaxSize and msgFlags."""
    message_id = header.integer(0, MAX_INTEGER32)
    max_size = header.integer(_MIN_MAX_SIZE, MAX_INTEGER32)
    flags = header.octets(1)
    if header.integer(1) != USER_BASED:
        raise UnknownSecurityModelError("expected the User-based Security Model")
    header.expect_end("msgGlobalData")
    return message_id, max_size, flags[0] if flags else 0


def decode_scoped_pdu(data: bytes) -> ScopedPdu:
    """Decodes a scoped PDU (RFC 3412, section 6.8) that was encrypted.

    Octets after it are ignored: ciphers that work on blocks pad it.

    Raises:
        DecodeError: the octets are not a scoped PDU, as after decryption with a wrong key.
    """
    try:
        return _decode_scoped_pdu(BerReader(data), data)
    except DecodeError as error:
        raise DecodeError(f"expected ScopedPDU: {error}") from None


def _decode_scoped_pdu(message: BerReader, data: bytes) -> ScopedPdu:
    scoped = message.nested()
    scoped_pdu = ScopedPdu(scoped.octets(), scoped.octets(), _decode_pdu(scoped, data))
    scoped.expect_end("the scoped PDU")
    return scoped_pdu


def _open(data: bytes) -> BerReader:
    """Returns a reader of the fields of a message.

    Raises:
        DecodeError: the octets are not exactly one SEQUENCE, or are too many.
    """
    if len(data) > MAX_MESSAGE:
        raise DecodeError(f"the message has more than {MAX_MESSAGE} octets")
    reader = BerReader(data)
    fields = reader.nested()
    reader.expect_end("the message")
    return fields
