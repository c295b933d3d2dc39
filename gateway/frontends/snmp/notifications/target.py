"""Who is told: the receivers of notifications, and as whom the gateway speaks to them.

What a user and an identity are is described by what is asked of them: those of the SNMP frontend are such.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

DEFAULT_PORT = 162
"""snmp-trap."""


class TargetKind(StrEnum):
    """How notifications are sent to a target; the names are those of haClusterTargetKind."""

    AGENTX = "agentx"
    """Through the master agent, to its own sinks."""
    TRAP = "trap"
    """Sent once: nobody answers (RFC 3416, section 4.2.6)."""
    INFORM = "inform"
    """Sent until it is acknowledged (RFC 3416, section 4.2.7)."""


class User(Protocol):
    """A user of the User-based Security Model (RFC 3414); the protocols are named as ``messages`` names them."""

    @property
    def name(self) -> str:
        """At most 32 octets."""
        ...

    @property
    def auth(self) -> str:
        """How messages are authenticated."""
        ...

    @property
    def auth_password(self) -> str:
        """For that."""
        ...

    @property
    def priv(self) -> str:
        """How messages are encrypted."""
        ...

    @property
    def priv_password(self) -> str:
        """For that."""
        ...


class Identity(Protocol):
    """Who the gateway is to SNMPv3 (RFC 3414, section 2.2)."""

    @property
    def engine_id(self) -> bytes:
        """The snmpEngineID: 5 to 32 octets."""
        ...

    @property
    def boots(self) -> int:
        """The snmpEngineBoots."""
        ...

    @property
    def time(self) -> int:
        """The snmpEngineTime: seconds since the boots were counted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver that the gateway speaks to directly.

    Attributes:
        host: its name or address.
        port: its UDP port.
        kind: ``TRAP`` or ``INFORM``.
        community: for SNMPv2c; empty where there is a user.
        user: for SNMPv3, or None.
        timeout: seconds until an inform without an answer is sent again.
        retries: how often that is done until the delivery is given up for the time being.
    """

    host: str
    port: int = DEFAULT_PORT
    kind: TargetKind
    community: str = field(default="", repr=False)
    user: User | None = None
    timeout: float = 1.0
    retries: int = 5

    @property
    def name(self) -> str:
        """``HOST:PORT``, which tells targets apart."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
