"""Encodes messages of SNMPv3 (RFC 3412, section 6) with the User-based Security Model (RFC 3414)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import NamedTuple

from gateway.snmp import ber
from gateway.snmp.credentials import SecurityLevel
from gateway.snmp.decoding import MAX_MESSAGE, SNMPV3, USER_BASED
from gateway.snmp.usm_security import LocalizedKeys, UserSecurity


class MsgFlags(IntFlag):
    """The bits of msgFlags (RFC 3412, section 6.4)."""

    NONE = 0
    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


LEVEL_FLAGS: Mapping[SecurityLevel, MsgFlags] = {
    SecurityLevel.NO_AUTH_NO_PRIV: MsgFlags.NONE,
    SecurityLevel.AUTH_NO_PRIV: MsgFlags.AUTH,
    SecurityLevel.AUTH_PRIV: MsgFlags.AUTH | MsgFlags.PRIV,
}
"""The bits of msgFlags for each security level."""


def encode_scoped_pdu(context_engine_id: bytes, pdu: bytes) -> bytes:
    """Encodes a scoped PDU (RFC 3412, section 6.8) with an encoded PDU, for the default context."""
    return ber.sequence(ber.octets(context_engine_id), ber.octets(b""), pdu)


class SecurityParameters(NamedTuple):
    """The security parameters of USM (RFC 3414, section 2.4) that do not depend on the rest of a message.

    Attributes:
        engine_id: msgAuthoritativeEngineID.
        boots: msgAuthoritativeEngineBoots.
        time: msgAuthoritativeEngineTime.
        user_name: msgUserName.
    """

    engine_id: bytes
    boots: int
    time: int
    user_name: bytes


def encode_usm_message(
    *,
    message_id: int,
    flags: MsgFlags,
    parameters: SecurityParameters,
    scoped_pdu: bytes,
    security: UserSecurity,
    keys: LocalizedKeys,
) -> bytes:
    """Encodes an SNMPv3 message, encrypted and authenticated as its flags say.

    Args:
        message_id: msgID.
        flags: msgFlags.
        parameters: the authoritative engine and the user.
        scoped_pdu: the encoded scoped PDU.
        security: the user's protocols.
        keys: the user's keys for the engine.
    """
    engine_id, boots, time, user_name = parameters
    data, salt = scoped_pdu, b""
    if MsgFlags.PRIV in flags:
        encrypted, salt = security.encrypt(keys, boots, time, scoped_pdu)
        data = ber.octets(encrypted)
    digest = bytes(security.digest_length) if MsgFlags.AUTH in flags else b""
    fields = (
        ber.octets(engine_id),
        ber.integer(boots),
        ber.integer(time),
        ber.octets(user_name),
        ber.octets(digest),
        ber.octets(salt),
    )
    header = (ber.integer(message_id), ber.integer(MAX_MESSAGE), ber.octets(bytes([flags])), ber.integer(USER_BASED))
    message = ber.sequence(ber.integer(SNMPV3), ber.sequence(*header), ber.octets(ber.sequence(*fields)), data)
    if MsgFlags.AUTH in flags:
        after_digest = len(fields[-1]) + len(data)
        message = security.authenticate(keys, message, len(message) - after_digest - len(digest))
    return message
