"""Exponential back-off with jitter: the pauses between attempts at something that keeps failing."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

_MAX_DOUBLINGS = 32
"""Doublings after which a pause no longer grows: it keeps the power of two within a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A schedule of pauses, each up to twice as long as the one before.

    A random half of every pause keeps the gateways of a cluster from retrying in step.

    Attributes:
        first: seconds of the first pause, at most.
        longest: seconds of any pause, at most.
        least: seconds of any pause, at least.
        jitter: returns a random number from 0 to 1.
    """

    first: float
    longest: float
    least: float = 0.0
    jitter: Callable[[], float] = random.random

    def pause(self, retries: int) -> float:
        """Returns the seconds to wait after this many earlier retries; the first pause is ``pause(0)``."""
        upper = min(self.longest, self.first * 2.0 ** min(retries, _MAX_DOUBLINGS))
        return max(self.least, upper * (1 + self.jitter()) / 2)


DENIED = Backoff(first=10.0, longest=60.0)
"""The pauses after an attempt without the permission, which daemons log. A permission is noticed within a minute."""
