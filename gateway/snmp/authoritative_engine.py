"""An engine that is authoritative for SNMPv3 messages, and its clock (RFC 3414, sections 2.1 and 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import DecodeError
from gateway.snmp.engine import MAX_BOOTS, TIME_WINDOW
from gateway.snmp.usm_security import LocalizedKeys


@dataclass(slots=True, kw_only=True, eq=False)
class AuthoritativeEngine:
    """An authoritative engine, as far as authentic messages have made it known.

    Attributes:
        id: snmpEngineID; empty for an unknown engine.
        keys: the user's keys for this engine.
        boots: snmpEngineBoots; 0 if unknown.
        time: snmpEngineTime at ``synchronized``.
        synchronized: the time of the last synchronization on the local monotonic clock; None if there was none.
        latest_time: latestReceivedEngineTime.
    """

    id: bytes
    keys: LocalizedKeys
    boots: int = 0
    time: int = 0
    synchronized: float | None = None
    latest_time: int = 0

    @property
    def is_synchronized(self) -> bool:
        """Whether boots and time are known."""
        return self.synchronized is not None

    def time_at(self, now: float) -> int:
        """Returns snmpEngineTime at a time of the local clock; 0 if it is unknown (RFC 3414, section 2.3)."""
        return 0 if self.synchronized is None else self.time + int(now - self.synchronized)

    def synchronize(self, boots: int, time: int, now: float) -> None:
        """Sets boots and time."""
        self.boots, self.time, self.latest_time, self.synchronized = boots, time, time, now

    def update(self, boots: int, time: int, now: float) -> None:
        """Updates boots and time from an authentic message if they are later (RFC 3414, section 3.2, step 7b).

        Raises:
            DecodeError: the message is outdated.
        """
        if boots == MAX_BOOTS:
            raise DecodeError("the reply is outdated")
        if not self.is_synchronized or (boots, time) > (self.boots, self.latest_time):
            self.synchronize(boots, time, now)
        elif boots != self.boots or time < self.time_at(now) - TIME_WINDOW:
            raise DecodeError("the reply is outdated")
