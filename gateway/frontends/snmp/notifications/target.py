"""The targets of notifications that the gateway sends by UDP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.snmp.credentials import UsmUser

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
    user: UsmUser | None = None
    timeout: float = 1.0
    retries: int = 5

    @property
    def name(self) -> str:
        """``HOST:PORT``, which tells targets apart."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
