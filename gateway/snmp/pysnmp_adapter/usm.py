"""The messages of SNMPv3 (RFC 3412), and keys, digests and ciphers of USM (RFC 3414, RFC 3826, RFC 7860)."""

from __future__ import annotations

from typing import Any, NamedTuple

from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message  # type: ignore[import-untyped]
from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import (  # type: ignore[import-untyped]
    SnmpUSMSecurityModel,
    UsmSecurityParameters,
)

from gateway.errors import DecodeError
from gateway.snmp.credentials import SecurityLevel, UsmUser
from gateway.snmp.pysnmp_adapter.decoding import DecodedPdu, decode
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS

# --- Messages --------------------------------------------------------------------------------------------------------


class UsmMessage(NamedTuple):
    """An SNMPv3 message (RFC 3412, section 6) with the security parameters of USM (RFC 3414, section 2.4).

    Attributes:
        message_id: msgID.
        flags: msgFlags.
        engine_id: msgAuthoritativeEngineID.
        boots: msgAuthoritativeEngineBoots.
        time: msgAuthoritativeEngineTime.
        user_name: msgUserName.
        digest: msgAuthenticationParameters.
        salt: msgPrivacyParameters.
        pdu: the PDU if the message is plain text, else None.
        encrypted_pdu: the encrypted scoped PDU if the message is encrypted, else empty.
    """

    message_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user_name: bytes
    digest: bytes
    salt: bytes
    pdu: DecodedPdu | None
    encrypted_pdu: bytes


def decode_usm_message(data: bytes) -> UsmMessage:
    """Decodes an SNMPv3 message without verifying or decrypting it.

    Raises:
        DecodeError: the octets are not an SNMPv3 message.
    """
    message = decode(data, SNMPv3Message())
    parameters = decode(message["msgSecurityParameters"].asOctets(), UsmSecurityParameters())
    scoped = message["msgData"]
    encrypted = scoped.getName() == "encryptedPDU"
    return UsmMessage(
        message_id=int(message["msgGlobalData"]["msgID"]),
        flags=message["msgGlobalData"]["msgFlags"].asOctets()[0],
        engine_id=parameters["msgAuthoritativeEngineId"].asOctets(),
        boots=int(parameters["msgAuthoritativeEngineBoots"]),
        time=int(parameters["msgAuthoritativeEngineTime"]),
        user_name=parameters["msgUserName"].asOctets(),
        digest=parameters["msgAuthenticationParameters"].asOctets(),
        salt=parameters["msgPrivacyParameters"].asOctets(),
        pdu=None if encrypted else DecodedPdu(scoped["plaintext"]["data"].getComponent()),
        encrypted_pdu=scoped["encryptedPDU"].asOctets() if encrypted else b"",
    )


def decode_scoped_pdu(data: bytes) -> DecodedPdu:
    """Decodes a scoped PDU (RFC 3412, section 6.8) and returns its PDU.

    Raises:
        DecodeError: the octets are not a scoped PDU, as after decryption with a wrong key.
    """
    return DecodedPdu(decode(data, ScopedPDU())["data"].getComponent())


# --- Security --------------------------------------------------------------------------------------------------------


class LocalizedKeys(NamedTuple):
    """The keys of a user for one engine (RFC 3414, section 2.6), as pysnmp stores them.

    Attributes:
        auth: the authentication key; None without authentication.
        priv: the privacy key; None without privacy.
    """

    auth: Any = None
    priv: Any = None


class UserSecurity:
    """Localizes the keys of a user, and authenticates and encrypts messages with them.

    The constructor hashes a megabyte for each password, which takes some milliseconds.

    Args:
        user: the name, the protocols and the passwords.
    """

    def __init__(self, user: UsmUser) -> None:
        self._auth_protocol = AUTH_PROTOCOLS[user.auth].identifier
        self._auth: Any = SnmpUSMSecurityModel.AUTH_SERVICES[self._auth_protocol]
        self._priv: Any = SnmpUSMSecurityModel.PRIV_SERVICES[PRIV_PROTOCOLS[user.priv].identifier]
        self._auth_key: Any = None
        self._priv_key: Any = None
        if user.level >= SecurityLevel.AUTH_NO_PRIV:
            self._auth_key = self._auth.hash_passphrase(user.auth_password.encode())
        if user.level == SecurityLevel.AUTH_PRIV:
            self._priv_key = self._priv.hash_passphrase(self._auth_protocol, user.priv_password.encode())

    def localize_keys(self, engine_id: bytes) -> LocalizedKeys:
        """Returns the user's keys for an engine."""
        auth_key = priv_key = None
        if self._auth_key is not None:
            auth_key = self._auth.localize_key(self._auth_key, OctetString(engine_id))
        if self._priv_key is not None:
            priv_key = self._priv.localize_key(self._auth_protocol, self._priv_key, OctetString(engine_id))
        return LocalizedKeys(auth_key, priv_key)

    def authenticate(self, keys: LocalizedKeys, message: bytes) -> bytes:
        """Returns an outgoing message with its digest in place of the zeros of msgAuthenticationParameters."""
        return bytes(self._auth.authenticate_outgoing_message(keys.auth, message))

    def verify(self, keys: LocalizedKeys, digest: bytes, message: bytes) -> None:
        """Verifies the digest of an incoming message.

        Raises:
            DecodeError: the digest is wrong.
        """
        try:
            self._auth.authenticate_incoming_message(keys.auth, OctetString(digest), message)
        except Exception as error:  # noqa: BLE001 - damaged input makes pysnmp raise its own errors and any other
            raise DecodeError(f"not authentic: {error}") from None

    def encrypt(self, keys: LocalizedKeys, boots: int, time: int, data: bytes) -> tuple[bytes, bytes]:
        """Returns an encrypted scoped PDU, and the salt for msgPrivacyParameters."""
        encrypted, salt = self._priv.encrypt_data(keys.priv, (boots, time, None), data)
        return bytes(encrypted), bytes(salt)

    def decrypt(self, keys: LocalizedKeys, boots: int, time: int, salt: bytes, data: bytes) -> bytes:
        """Returns a decrypted scoped PDU; with a wrong key it is random octets.

        Raises:
            DecodeError: the data cannot be decrypted.
        """
        try:
            plain = self._priv.decrypt_data(keys.priv, (boots, time, OctetString(salt)), OctetString(data))
        except Exception as error:  # noqa: BLE001 - damaged input makes pysnmp raise its own errors and any other
            raise DecodeError(f"not decrypted: {error}") from None
        return bytes(plain)
