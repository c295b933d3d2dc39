"""When a collector runs: the values of the options under ``[collectors]``."""

from __future__ import annotations

from enum import StrEnum


class CollectorMode(StrEnum):
    """Whether and when a collector runs."""

    AUTO = "auto"
    """Whenever its subsystem exists on this host."""
    ON = "on"
    """Always; a missing tool is a failure."""
    OFF = "off"
    """Never."""
