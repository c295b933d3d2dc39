"""The keys of SNMPv3 users, compared with the RFC and with pysnmp."""

from __future__ import annotations

import dataclasses

import pytest
from pysnmp.proto.rfc1902 import OctetString  # type: ignore[import-untyped]
from pysnmp.proto.secmod.eso.priv import aes192, aes256  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.auth import hmacsha  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3414.service import SnmpUSMSecurityModel  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc3826.priv import aes  # type: ignore[import-untyped]
from pysnmp.proto.secmod.rfc7860.auth import hmacsha2  # type: ignore[import-untyped]

from gateway.errors import DecodeError
from gateway.snmp.credentials import UsmUser
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, NONE, PRIV_PROTOCOLS
from gateway.snmp.usm_security import LocalizedKeys, UserSecurity

ENGINE_ID = bytes.fromhex("000000000000000000000002")
USER = UsmUser(name="u", auth="SHA", auth_password="maplesyrup", priv="AES", priv_password="maplesyrup")

AUTH_OF_PYSNMP = {
    "SHA": hmacsha.HmacSha.SERVICE_ID,
    "SHA-224": hmacsha2.HmacSha2.SHA224_SERVICE_ID,
    "SHA-256": hmacsha2.HmacSha2.SHA256_SERVICE_ID,
    "SHA-384": hmacsha2.HmacSha2.SAH384_SERVICE_ID,
    "SHA-512": hmacsha2.HmacSha2.SHA512_SERVICE_ID,
}
PRIV_OF_PYSNMP = {
    "AES": aes.Aes.SERVICE_ID,
    "AES-192": aes192.AesBlumenthal192.SERVICE_ID,
    "AES-256": aes256.AesBlumenthal256.SERVICE_ID,
}


def test_the_key_of_the_example_in_the_rfc() -> None:
    """RFC 3414, appendix A.3.2."""
    auth, priv = UserSecurity(USER).localize_keys(ENGINE_ID)
    assert auth == bytes.fromhex("6695febc9288e36282235fc7151f128497b38f3f")
    assert priv == auth[:16]


@pytest.mark.parametrize("priv", [priv for priv in PRIV_PROTOCOLS if priv != NONE])
@pytest.mark.parametrize("auth", [auth for auth in AUTH_PROTOCOLS if auth != NONE])
def test_keys_are_those_of_pysnmp(auth: str, priv: str) -> None:
    user = dataclasses.replace(USER, auth=auth, priv=priv, priv_password="another password")
    auth_id, priv_id = AUTH_OF_PYSNMP[auth], PRIV_OF_PYSNMP[priv]
    auth_service = SnmpUSMSecurityModel.AUTH_SERVICES[auth_id]
    priv_service = SnmpUSMSecurityModel.PRIV_SERVICES[priv_id]
    auth_key = auth_service.localize_key(auth_service.hash_passphrase(b"maplesyrup"), OctetString(ENGINE_ID))
    priv_master = priv_service.hash_passphrase(auth_id, b"another password")
    priv_key = priv_service.localize_key(auth_id, priv_master, OctetString(ENGINE_ID))
    keys = UserSecurity(user).localize_keys(ENGINE_ID)
    assert keys == LocalizedKeys(bytes(auth_key), bytes(priv_key))
    assert AUTH_PROTOCOLS[auth].digest_length == auth_service.digest_length
    assert (len(keys.auth), len(keys.priv)) == (AUTH_PROTOCOLS[auth].key_length, PRIV_PROTOCOLS[priv].key_length)


def test_localized_keys_replace_passwords() -> None:
    keys = UserSecurity(USER).localize_keys(ENGINE_ID)
    localized = UsmUser(name="u", auth="SHA", auth_key=keys.auth, priv="AES", priv_key=keys.priv)
    assert UserSecurity(localized).localize_keys(ENGINE_ID) == keys
    assert localized.level == USER.level
    assert keys.auth.hex() not in repr(localized)


def test_only_the_whole_digest_of_the_message_is_authentic() -> None:
    security = UserSecurity(USER)
    keys = security.localize_keys(ENGINE_ID)
    message = security.authenticate(keys, b"head" + bytes(12) + b"tail", 4)
    digest = message[4:16]
    security.verify(keys, digest, message, 4)
    for wrong in (digest[:-1], digest[:-1] + bytes([digest[-1] ^ 1]), b"", digest * 2):
        with pytest.raises(DecodeError, match="not authentic"):
            security.verify(keys, wrong, message, 4)
    with pytest.raises(DecodeError, match="not authentic"):
        security.verify(keys, digest, message + b"x", 4)


def test_data_without_a_valid_salt_are_not_decrypted() -> None:
    security = UserSecurity(USER)
    keys = security.localize_keys(ENGINE_ID)
    encrypted, salt = security.encrypt(keys, 1, 2, b"secret")
    assert security.decrypt(keys, 1, 2, salt, encrypted) == b"secret"
    with pytest.raises(DecodeError, match="expected a key and a salt of 8 octets"):
        security.decrypt(keys, 1, 2, salt[:-1], encrypted)
