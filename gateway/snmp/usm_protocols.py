"""The authentication and privacy protocols of the User-based Security Model that the gateway supports.

This is the only list of them: the configuration takes its names from here, the codec its digest lengths, and the
adapter of pysnmp its identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NONE = "none"
"""The configuration's name for no authentication or no privacy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthProtocol:
    """An authentication protocol.

    Attributes:
        name: name in the configuration.
        identifier: its object identifier below snmpAuthProtocols, which is also the identifier that pysnmp uses.
        digest_length: octets of msgAuthenticationParameters, the truncated HMAC.
    """

    name: str
    identifier: tuple[int, ...]
    digest_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivProtocol:
    """A privacy protocol.

    Attributes:
        name: name in the configuration.
        identifier: its object identifier, which is also the identifier that pysnmp uses.
    """

    name: str
    identifier: tuple[int, ...]


_SNMP_AUTH_PROTOCOLS = (1, 3, 6, 1, 6, 3, 10, 1, 1)
_SNMP_PRIV_PROTOCOLS = (1, 3, 6, 1, 6, 3, 10, 1, 2)
_BLUMENTHAL = (1, 3, 6, 1, 4, 1, 9, 12, 6, 1)
"""draft-blumenthal-aes-usm-04; long keys are derived as Net-SNMP derives them."""


def _auth(name: str, number: int, digest_length: int) -> AuthProtocol:
    return AuthProtocol(name=name, identifier=(*_SNMP_AUTH_PROTOCOLS, number), digest_length=digest_length)


AUTH_PROTOCOLS: Mapping[str, AuthProtocol] = {
    protocol.name: protocol
    for protocol in (
        _auth(NONE, 1, 0),  # usmNoAuthProtocol
        _auth("SHA", 3, 12),  # usmHMACSHAAuthProtocol (RFC 3414)
        _auth("SHA-224", 4, 16),  # usmHMAC128SHA224AuthProtocol (RFC 7860), and so the following
        _auth("SHA-256", 5, 24),
        _auth("SHA-384", 6, 32),
        _auth("SHA-512", 7, 48),
    )
}
"""Authentication protocols by name."""

PRIV_PROTOCOLS: Mapping[str, PrivProtocol] = {
    protocol.name: protocol
    for protocol in (
        PrivProtocol(name=NONE, identifier=(*_SNMP_PRIV_PROTOCOLS, 1)),  # usmNoPrivProtocol
        PrivProtocol(name="AES", identifier=(*_SNMP_PRIV_PROTOCOLS, 4)),  # RFC 3826
        PrivProtocol(name="AES-192", identifier=(*_BLUMENTHAL, 1)),
        PrivProtocol(name="AES-256", identifier=(*_BLUMENTHAL, 2)),
    )
}
"""Privacy protocols by name: AES in CFB mode."""
