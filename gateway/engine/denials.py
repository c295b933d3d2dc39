"""Remembers which tools were denied their permission: asking again at every scrape fills the logs of the daemons.

``sbd``, ``sudo``, Corosync and Pacemaker log every attempt of a user without the permission, and a permission that is
missing now is usually missing a moment later. Until the pause after an attempt has passed, its reading stays in effect.

To a user without the permission, some tools report that the daemon is not running. So if one tool of a collector was
denied, the pause also holds for those that have reported this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.backoff import DENIED, Backoff
from gateway.clock import Clock
from gateway.status import Status
from gateway.subsystems.probe import Reading

_Key = tuple[str, str]
"""The names of a collector and of one of its probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """An attempt that was denied, or to which a daemon seemed not to be running.

    Attributes:
        reading: its reading.
        identity: the tool's file: another one may have the permission.
        until: when the next attempt may be made, on the monotonic clock; 0 if it was not denied itself.
        attempts: how many attempts in a row were denied.
    """

    reading: Reading
    identity: object
    until: float = 0.0
    attempts: int = 0


class Denials:
    """The last attempts that were denied, by probe.

    Args:
        clock: measures the pauses.
        backoff: the pauses.
    """

    def __init__(self, clock: Clock, backoff: Backoff = DENIED) -> None:
        self._clock = clock
        self._backoff = backoff
        self._failures: dict[_Key, _Failure] = {}

    def denied_reading(self, key: _Key, identify: Callable[[], object]) -> Reading | None:
        """Returns the reading of the last attempt if it, or another one of its collector, was denied just now.

        Args:
            key: the probe.
            identify: returns the identity of its tool.
        """
        failure = self._failures.get(key)
        if failure is None:
            return None
        until = max(other.until for (collector, _), other in self._failures.items() if collector == key[0])
        if self._clock.monotonic() >= (failure.until or until) or failure.identity != identify():
            return None
        return failure.reading

    def record(self, key: _Key, identify: Callable[[], object], reading: Reading) -> None:
        """Records the reading of an attempt; the other arguments are those of ``denied_reading``."""
        previous = self._failures.pop(key, None)
        if reading.status is Status.NOT_RUNNING:
            self._failures[key] = _Failure(reading=reading, identity=identify())
        elif reading.status is Status.NOT_PERMITTED:
            attempts = previous.attempts if previous is not None else 0
            until = self._clock.monotonic() + self._backoff.pause(attempts)
            self._failures[key] = _Failure(reading=reading, identity=identify(), until=until, attempts=attempts + 1)

    def clear(self) -> None:
        """Forgets everything: the configuration has changed, and with it perhaps the prefix of a tool."""
        self._failures.clear()
