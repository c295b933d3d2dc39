"""Token buckets: how often something may happen, and how often at once."""

from __future__ import annotations

from collections.abc import Hashable

from gateway.clock import Clock

MAX_SOURCES = 1024
"""Sources whose buckets are known; one more, and the one that has been silent for the longest time is forgotten."""


class TokenBucket:
    """A number of tokens that grows with time, up to a limit.

    Args:
        rate: tokens that are added each second.
        burst: the tokens of a full bucket.
        clock: measures the time.

    Attributes:
        tokens: the tokens at the last ``refill``; the user of the bucket subtracts those that it takes.
    """

    __slots__ = ("_burst", "_clock", "_rate", "_updated", "tokens")

    def __init__(self, *, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._updated = clock.monotonic()
        self.tokens = float(burst)

    def refill(self) -> None:
        """Adds the tokens for the time since the last call."""
        now = self._clock.monotonic()
        self.tokens = min(self._burst, self.tokens + (now - self._updated) * self._rate)
        self._updated = now

    def take(self) -> bool:
        """Takes a token, and returns whether there was one."""
        self.refill()
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class SourceBuckets:
    """A token bucket for each source.

    Args:
        rate: tokens that a source gets each second.
        burst: tokens of a source that has been silent for long.
        clock: measures the time.
    """

    def __init__(self, *, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[Hashable, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def get(self, source: Hashable) -> TokenBucket:
        """Returns the bucket of a source, refilled."""
        bucket = self._buckets.pop(source, None)
        bucket = bucket or TokenBucket(rate=self._rate, burst=self._burst, clock=self._clock)
        bucket.refill()
        self._buckets[source] = bucket  # at the end: the order is that of the last use
        if len(self._buckets) > MAX_SOURCES:
            del self._buckets[next(iter(self._buckets))]
        return bucket
