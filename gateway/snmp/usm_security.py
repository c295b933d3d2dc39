"""The keys, digests and ciphers of the User-based Security Model (RFC 3414, RFC 3826, RFC 7860).

A password becomes a key by hashing a megabyte of its repetitions. That key is localized: hashed together with the ID of
the engine that is authoritative for a message. A user can be configured with localized keys instead of passwords, which
are valid for that engine only; the keys for another engine cannot be computed from them.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import secrets
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from gateway.errors import DecodeError
from gateway.snmp.credentials import SecurityLevel, UsmUser
from gateway.snmp.usm_protocols import AUTH_PROTOCOLS, PRIV_PROTOCOLS

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:  # pragma: no cover - older versions of the library
    from cryptography.hazmat.primitives.ciphers.modes import CFB

_PASSWORD_OCTETS = 2**20
"""Octets that are hashed to make a key from a password, which they repeat (RFC 3414, appendix A.2)."""

SALT_OCTETS = 8
"""Octets of msgPrivacyParameters with AES."""


class LocalizedKeys(NamedTuple):
    """The keys of a user for one engine (RFC 3414, section 2.6).

    Attributes:
        auth: the authentication key; empty without authentication.
        priv: the privacy key; empty without privacy.
    """

    auth: bytes = b""
    priv: bytes = b""


class UserSecurity:
    """Localizes the keys of a user, and authenticates and encrypts messages with them.

    The constructor hashes a megabyte for each password, which takes some milliseconds.

    Args:
        user: the name, the protocols, and the passwords or localized keys.
    """

    def __init__(self, user: UsmUser) -> None:
        self._auth = AUTH_PROTOCOLS[user.auth]
        self._priv = PRIV_PROTOCOLS[user.priv]
        self._localized = LocalizedKeys(user.auth_key, user.priv_key)
        self._auth_key = self._priv_key = b""
        self._salts = itertools.count(secrets.randbits(64))
        if user.level >= SecurityLevel.AUTH_NO_PRIV and not user.auth_key:
            self._auth_key = self._hash_password(user.auth_password.encode())
        if user.level == SecurityLevel.AUTH_PRIV and not user.priv_key:
            self._priv_key = self._hash_password(user.priv_password.encode())

    @property
    def digest_length(self) -> int:
        """Octets of msgAuthenticationParameters; 0 without authentication."""
        return self._auth.digest_length

    def localize_keys(self, engine_id: bytes) -> LocalizedKeys:
        """Returns the user's keys for an engine; localized keys are returned as they were configured."""
        auth_key, priv_key = self._localized
        if self._auth_key:
            auth_key = self._localize(self._auth_key, engine_id)
        if self._priv_key:
            priv_key = self._localize(self._priv_key, engine_id)
            while len(priv_key) < self._priv.key_length:  # extended by its hash (draft-blumenthal-aes-usm-04)
                priv_key += hashlib.new(self._auth.hash, priv_key).digest()
        return LocalizedKeys(auth_key, priv_key[: self._priv.key_length])

    def authenticate(self, keys: LocalizedKeys, message: bytes, position: int) -> bytes:
        """Returns a message with its digest in place of the octets from a position."""
        end = position + self._auth.digest_length
        return message[:position] + self._digest(keys, message, position) + message[end:]

    def verify(self, keys: LocalizedKeys, digest: bytes, message: bytes, position: int) -> None:
        """Verifies the digest of an incoming message, in a time that does not depend on the digest.

        Raises:
            DecodeError: the digest is wrong.
        """
        if not keys.auth or not hmac.compare_digest(digest, self._digest(keys, message, position)):
            raise DecodeError("not authentic: the digest is wrong")

    def encrypt(self, keys: LocalizedKeys, boots: int, time: int, data: bytes) -> tuple[bytes, bytes]:
        """Returns an encrypted scoped PDU, and the salt for msgPrivacyParameters."""
        salt = (next(self._salts) % 2**64).to_bytes(SALT_OCTETS, "big")
        return _cipher(keys.priv, boots, time, salt).encryptor().update(data), salt

    def decrypt(self, keys: LocalizedKeys, boots: int, time: int, salt: bytes, data: bytes) -> bytes:
        """Returns a decrypted scoped PDU; with a wrong key it is random octets.

        Raises:
            DecodeError: the data cannot be decrypted.
        """
        if not keys.priv or len(salt) != SALT_OCTETS:
            raise DecodeError(f"not decrypted: expected a key and a salt of {SALT_OCTETS} octets")
        return _cipher(keys.priv, boots, time, salt).decryptor().update(data)

    def _digest(self, keys: LocalizedKeys, message: bytes, position: int) -> bytes:
        """Returns the digest of a message whose digest is replaced by zeros (RFC 3414, section 6.3)."""
        size = self._auth.digest_length
        zeroed = message[:position] + bytes(size) + message[position + size :]
        return hmac.digest(keys.auth, zeroed, self._auth.hash)[:size]

    def _hash_password(self, password: bytes) -> bytes:
        repeated = password * (_PASSWORD_OCTETS // len(password) + 1)
        return hashlib.new(self._auth.hash, repeated[:_PASSWORD_OCTETS]).digest()

    def _localize(self, key: bytes, engine_id: bytes) -> bytes:
        return hashlib.new(self._auth.hash, key + engine_id + key).digest()


def _cipher(key: bytes, boots: int, time: int, salt: bytes) -> Cipher[CFB]:
    """Returns AES in CFB mode; boots, time and salt are the initialization vector (RFC 3826, section 3.1.2.1)."""
    return Cipher(algorithms.AES(key), CFB(struct.pack(">II", boots, time) + salt))
