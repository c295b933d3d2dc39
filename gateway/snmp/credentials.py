"""The credentials of SNMP: communities (SNMPv2c) and users (SNMPv3).

Their ``repr`` shows neither passwords, keys nor community names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.snmp.oid import Oid
from gateway.snmp.usm_protocols import NONE

MIN_PASSWORD = 8
"""Characters of a password (RFC 3414, section 11.2)."""

MAX_COMMUNITY = 255
"""Octets of a community, as configured; the protocol sets no limit."""

MAX_NAME = 32
"""Octets of a user's name (RFC 3414, section 5: usmUserName)."""


class SecurityLevel(IntEnum):
    """The protection of a message, with the values of SnmpSecurityLevel (RFC 3411, section 5)."""

    NO_AUTH_NO_PRIV = 1
    AUTH_NO_PRIV = 2
    AUTH_PRIV = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """A community; everyone who knows its name may read.

    Attributes:
        name: the name, which is a secret.
        view: the subtrees that it may read; empty for everything.
    """

    name: str = field(repr=False)
    view: tuple[Oid, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsmUser:
    """A user of the User-based Security Model (RFC 3414).

    Attributes:
        name: user name of at most 32 octets.
        auth: name of an authentication protocol in ``AUTH_PROTOCOLS``.
        auth_password: at least 8 characters; empty without authentication, or with ``auth_key``.
        auth_key: the localized key instead of the password; it is valid for one engine.
        priv: name of a privacy protocol in ``PRIV_PROTOCOLS``.
        priv_password: at least 8 characters; empty without privacy, or with ``priv_key``.
        priv_key: the localized key instead of the password; it is valid for one engine.
        view: the subtrees that the user may read from the built-in agent; empty for everything.
    """

    name: str
    auth: str = NONE
    auth_password: str = field(default="", repr=False)
    auth_key: bytes = field(default=b"", repr=False)
    priv: str = NONE
    priv_password: str = field(default="", repr=False)
    priv_key: bytes = field(default=b"", repr=False)
    view: tuple[Oid, ...] = ()

    @property
    def level(self) -> SecurityLevel:
        """The highest security level of this user, which is also the only one that the gateway accepts and uses."""
        if self.priv != NONE:
            return SecurityLevel.AUTH_PRIV
        return SecurityLevel.AUTH_NO_PRIV if self.auth != NONE else SecurityLevel.NO_AUTH_NO_PRIV

    @property
    def has_localized_key(self) -> bool:
        """Whether a key is valid for one engine only, whose id must be known in advance."""
        return bool(self.auth_key or self.priv_key)


def is_insecure(communities: Sequence[Community], users: Sequence[UsmUser]) -> bool:
    """Returns whether an eavesdropper could use one of these credentials."""
    return bool(communities) or any(user.auth == NONE for user in users)


def is_loopback(host: str) -> bool:
    """Returns whether an address, or the name localhost, is reachable from this host only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
