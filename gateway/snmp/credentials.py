"""The credentials of SNMP: communities (SNMPv2c) and users (SNMPv3).

Their ``repr`` shows neither passwords nor community names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.snmp.usm_protocols import NONE

MIN_PASSWORD = 8
"""Characters of a password (RFC 3414, section 11.2)."""

MAX_NAME = 32
"""Octets of a user's name (RFC 3414, section 5: usmUserName)."""


class SecurityLevel(IntEnum):
    """The protection of a message, with the values of SnmpSecurityLevel (RFC 3411, section 5)."""

    NO_AUTH_NO_PRIV = 1
    AUTH_NO_PRIV = 2
    AUTH_PRIV = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """A community; everyone who knows its name may read."""

    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsmUser:
    """A user of the User-based Security Model (RFC 3414).

    Attributes:
        name: user name of at most 32 octets.
        auth: name of an authentication protocol in ``AUTH_PROTOCOLS``.
        auth_password: at least 8 characters; empty without authentication.
        priv: name of a privacy protocol in ``PRIV_PROTOCOLS``.
        priv_password: at least 8 characters; empty without privacy.
    """

    name: str
    auth: str = NONE
    auth_password: str = field(default="", repr=False)
    priv: str = NONE
    priv_password: str = field(default="", repr=False)

    @property
    def level(self) -> SecurityLevel:
        """The highest security level of this user, which is also the only one that the gateway accepts and uses."""
        if self.priv != NONE:
            return SecurityLevel.AUTH_PRIV
        return SecurityLevel.AUTH_NO_PRIV if self.auth != NONE else SecurityLevel.NO_AUTH_NO_PRIV


def is_insecure(communities: Sequence[Community], users: Sequence[UsmUser]) -> bool:
    """Returns whether an eavesdropper could use one of these credentials."""
    return bool(communities) or any(user.auth == NONE for user in users)


def is_loopback(host: str) -> bool:
    """Returns whether an address, or the name localhost, is reachable from this host only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
