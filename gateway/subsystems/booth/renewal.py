"""What successive snapshots show of the renewals of a ticket, as opposed to what the configuration says. Pure.

The configuration that the gateway reads need not be that of boothd: it was changed, and boothd not yet restarted, or it
is a copy that was forgotten.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_JITTER = 2.0
"""Seconds by which the printed expiry of a ticket can differ although it was not renewed."""

_TOLERANCE = 10.0
"""Seconds by which a validity may be shorter than the configured one, because clocks differ."""


class Renewal(NamedTuple):
    """The last renewal that was observed.

    Attributes:
        expiry: when the ticket expires, in Unix seconds.
        seen: when that was last seen, in Unix seconds.
        started: the same on the monotonic clock.
        interval: seconds by which the renewal has moved the expiry; 0 if none was observed.
        validity: the seconds for which the ticket can have been valid after the renewal, at most.
    """

    expiry: float
    seen: float
    started: float
    interval: float = 0.0
    validity: float = math.inf

    def followed_by(self, later: Renewal) -> Renewal:
        """Returns what is known after the ticket was seen again."""
        is_clock_changed = abs((later.seen - self.seen) - (later.started - self.started)) > _JITTER
        moved = later.expiry - self.expiry
        if is_clock_changed or moved < -_JITTER:
            return later
        if moved <= _JITTER:
            return self._replace(seen=later.seen, started=later.started)
        return later._replace(interval=moved, validity=later.expiry - self.seen)

    def contradicts(self, validity: float) -> bool:
        """Returns whether the ticket is certainly valid for less time than is configured."""
        return validity > self.validity + _TOLERANCE
