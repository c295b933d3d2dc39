"""Who may ask over SNMP, and as whom the gateway speaks: communities (SNMPv2c) and users (SNMPv3).

None of them shows a password, or a community's name, when it is printed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

NONE = "none"

AUTH = (NONE, "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512")
"""How messages are authenticated: HMAC with SHA-1 (RFC 3414) or SHA-2 (RFC 7860)."""

PRIV = (NONE, "AES", "AES-192", "AES-256")
"""How messages are encrypted: AES in CFB mode with 128 bits (RFC 3826), or more, as the industry does it."""

MIN_PASSWORD = 8
"""Characters of a password (RFC 3414, section 11.2)."""

MAX_NAME = 32
"""Octets of a user's name (RFC 3414, section 5: usmUserName)."""


class SecurityLevel(IntEnum):
    """What a message is protected by, in the numbers of SnmpSecurityLevel (RFC 3411, section 5)."""

    NO_AUTH_NO_PRIV = 1
    AUTH_NO_PRIV = 2
    AUTH_PRIV = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """A community: whoever knows its name may read."""

    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsmUser:
    """A user of the User-based Security Model (RFC 3414).

    Attributes:
        name: of the user, at most 32 octets.
        auth: one of ``AUTH``.
        auth_password: at least 8 characters; empty without authentication.
        priv: one of ``PRIV``.
        priv_password: at least 8 characters; empty without privacy.
    """

    name: str
    auth: str = NONE
    auth_password: str = field(default="", repr=False)
    priv: str = NONE
    priv_password: str = field(default="", repr=False)

    @property
    def level(self) -> SecurityLevel:
        """How well messages of this user have to be protected: as well as they can be."""
        if self.priv != NONE:
            return SecurityLevel.AUTH_PRIV
        return SecurityLevel.AUTH_NO_PRIV if self.auth != NONE else SecurityLevel.NO_AUTH_NO_PRIV


def is_insecure(communities: Sequence[Community], users: Sequence[UsmUser]) -> bool:
    """Returns whether one of them can be used by whoever listens on the network."""
    return bool(communities) or any(user.auth == NONE for user in users)


def is_loopback(host: str) -> bool:
    """Returns whether an address, or the name localhost, can be reached from this host only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
