"""The authentication and privacy protocols of the User-based Security Model that the gateway supports.

This is the only list of them: the configuration takes its names from here, and the codec its digests and keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

NONE = "none"
"""The configuration's name for no authentication or no privacy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProtocol:
    """An authentication protocol.

    Attributes:
        name: name in the configuration.
        hash: the name of the hash function; empty for no authentication.
        digest_length: octets of msgAuthenticationParameters, the truncated HMAC.
    """

    name: str
    hash: str
    digest_length: int

    @property
    def key_length(self) -> int:
        """Octets of a localized key, which are those of the hash; 0 for no authentication."""
        return hashlib.new(self.hash).digest_size if self.hash else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivProtocol:
    """A privacy protocol.

    Attributes:
        name: name in the configuration.
        key_length: octets of its keys; 0 for no privacy.
    """

    name: str
    key_length: int


AUTH_PROTOCOLS: Mapping[str, AuthProtocol] = {
    protocol.name: protocol
    for protocol in (
        AuthProtocol(name=NONE, hash="", digest_length=0),
        AuthProtocol(name="SHA", hash="sha1", digest_length=12),  # RFC 3414
        AuthProtocol(name="SHA-224", hash="sha224", digest_length=16),  # RFC 7860, as those that follow
        AuthProtocol(name="SHA-256", hash="sha256", digest_length=24),
        AuthProtocol(name="SHA-384", hash="sha384", digest_length=32),
        AuthProtocol(name="SHA-512", hash="sha512", digest_length=48),
    )
}
"""Authentication protocols by name."""

PRIV_PROTOCOLS: Mapping[str, PrivProtocol] = {
    protocol.name: protocol
    for protocol in (
        PrivProtocol(name=NONE, key_length=0),
        PrivProtocol(name="AES", key_length=16),  # RFC 3826
        PrivProtocol(name="AES-192", key_length=24),  # draft-blumenthal-aes-usm-04, as the next
        PrivProtocol(name="AES-256", key_length=32),
    )
}
"""Privacy protocols by name: AES in CFB mode. Long keys are derived as Net-SNMP derives them."""
