"""The clock, passed as a parameter so that tests can control time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def time(self) -> float:
        """Returns Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def time(self) -> float:
        """Returns Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        return time.monotonic()
