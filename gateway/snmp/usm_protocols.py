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
        identifier: its object identifier below snmpAuthProtocols.
        hash: the name of the hash function; empty for no authentication.
        digest_length: octets of msgAuthenticationParameters, the truncated HMAC.
    """

    name: str
    identifier: tuple[int, ...]
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
        identifier: its object identifier.
        key_length: octets of its keys; 0 for no privacy.
    """

    name: str
    identifier: tuple[int, ...]
    key_length: int


_SNMP_AUTH_PROTOCOLS = (1, 3, 6, 1, 6, 3, 10, 1, 1)
_SNMP_PRIV_PROTOCOLS = (1, 3, 6, 1, 6, 3, 10, 1, 2)
_BLUMENTHAL = (1, 3, 6, 1, 4, 1, 9, 12, 6, 1)
"""draft-blumenthal-aes-usm-04; long keys are derived as Net-SNMP derives them."""


def _auth(name: str, number: int, hash_name: str, digest_length: int) -> AuthProtocol:
    identifier = (*_SNMP_AUTH_PROTOCOLS, number)
    return AuthProtocol(name=name, identifier=identifier, hash=hash_name, digest_length=digest_length)


def _priv(name: str, arc: tuple[int, ...], number: int, key_length: int) -> PrivProtocol:
    return PrivProtocol(name=name, identifier=(*arc, number), key_length=key_length)


AUTH_PROTOCOLS: Mapping[str, AuthProtocol] = {
    protocol.name: protocol
    for protocol in (
        _auth(NONE, 1, "", 0),  # usmNoAuthProtocol
        _auth("SHA", 3, "sha1", 12),  # usmHMACSHAAuthProtocol (RFC 3414)
        _auth("SHA-224", 4, "sha224", 16),  # usmHMAC128SHA224AuthProtocol (RFC 7860), and so the following
        _auth("SHA-256", 5, "sha256", 24),
        _auth("SHA-384", 6, "sha384", 32),
        _auth("SHA-512", 7, "sha512", 48),
    )
}
"""Authentication protocols by name."""

PRIV_PROTOCOLS: Mapping[str, PrivProtocol] = {
    protocol.name: protocol
    for protocol in (
        _priv(NONE, _SNMP_PRIV_PROTOCOLS, 1, 0),  # usmNoPrivProtocol
        _priv("AES", _SNMP_PRIV_PROTOCOLS, 4, 16),  # RFC 3826
        _priv("AES-192", _BLUMENTHAL, 1, 24),
        _priv("AES-256", _BLUMENTHAL, 2, 32),
    )
}
"""Privacy protocols by name: AES in CFB mode."""
