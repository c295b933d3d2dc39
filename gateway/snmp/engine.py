"""The identity of an SNMP engine: snmpEngineID, snmpEngineBoots and snmpEngineTime (RFC 3411, section 5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.clock import Clock, SystemClock

MIN_ENGINE_ID, MAX_ENGINE_ID = 5, 32
"""Octets of an snmpEngineID."""

MAX_BOOTS = 2**31 - 1
"""The value that snmpEngineBoots never leaves; no message is authentic with it (RFC 3414, section 2.2.2)."""

TIME_WINDOW = 150
"""Seconds within which a message is timely (RFC 3414, section 3.2, step 7)."""

_ENTERPRISE = 8072
"""The enterprise number of Net-SNMP; HA-CLUSTER-MIB is registered below its netSnmpPlaypen by default."""
_FORMAT_OCTETS = 5
"""The format of an engine id that consists of administratively assigned octets."""
_RANDOM_OCTETS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineIdentity:
    """The identity of an SNMP engine during one boot.

    Attributes:
        engine_id: snmpEngineID, 5 to 32 octets.
        boots: snmpEngineBoots.
        started: time of the boot on the monotonic clock.
        clock: measures snmpEngineTime.
    """

    engine_id: bytes
    boots: int
    started: float = field(default_factory=SystemClock().monotonic, compare=False)
    clock: Clock = field(default_factory=SystemClock, compare=False)

    @property
    def time(self) -> int:
        """snmpEngineTime: seconds since the boot. It does not follow steps of the wall clock."""
        return int(self.clock.monotonic() - self.started)


def new_engine_id(random: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """Returns a unique engine id: the enterprise number of Net-SNMP and random octets."""
    prefix = (0x8000_0000 | _ENTERPRISE).to_bytes(4, "big")
    return prefix + bytes([_FORMAT_OCTETS]) + random(_RANDOM_OCTETS)
