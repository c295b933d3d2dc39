"""The targets of notifications that the gateway sends by UDP."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.snmp.credentials import UsmUser

DEFAULT_PORT = 162
"""snmp-trap."""

DEFAULT_TIMEOUT = 1.0
"""Seconds until an unacknowledged inform is sent again."""

DEFAULT_RETRIES = 5
"""How often an unacknowledged inform is sent again."""


class TargetKind(StrEnum):
    """How notifications are sent to a target; the names are those of haClusterTargetKind."""

    AGENTX = "agentx"
    """Through the master agent, to the sinks that are configured there."""
    TRAP = "trap"
    """Sent once, without an acknowledgement (RFC 3416, section 4.2.6)."""
    INFORM = "inform"
    """Sent until the receiver acknowledges it (RFC 3416, section 4.2.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver that the gateway sends notifications to by UDP.

    Attributes:
        host: the name or address of the receiver.
        port: the UDP port of the receiver.
        kind: ``TRAP`` or ``INFORM``.
        community: the community for SNMPv2c; empty if there is a user.
        user: the user for SNMPv3, or None.
        engine_id: the engine id of the receiver, for informs over SNMPv3; empty to discover it.
        timeout: seconds until an unacknowledged inform is sent again.
        retries: how often it is sent again before the attempt is given up.
    """

    host: str
    port: int = DEFAULT_PORT
    kind: TargetKind
    community: str = field(default="", repr=False)
    user: UsmUser | None = None
    engine_id: bytes = b""
    timeout: float = DEFAULT_TIMEOUT
    retries: int = DEFAULT_RETRIES

    @property
    def name(self) -> str:
        """``HOST:PORT``, which is unique among the targets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its deliveries, as for every kind of target."""
        return (self.name,)
