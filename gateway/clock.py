"""Time, as a parameter."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def time(self) -> float:
        """Returns Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        ...


class SystemClock:
    """This machine's clocks."""

    def time(self) -> float:
        """Returns Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Returns seconds that never go back."""
        return time.monotonic()
