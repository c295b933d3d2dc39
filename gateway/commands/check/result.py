"""What ``check`` has found out about one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was looked at.

    Attributes:
        good: whether it is as it should be, or may well be so.
        subject: what was looked at.
        text: what was found.
        advice: what to do; empty where nothing is to be done.
    """

    good: bool
    subject: str
    text: str
    advice: str = ""
