"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended, as ``check`` prints it."""

    OK = "ok"
    FAIL = "FAIL"
    """Something has to be changed: the only outcome that makes the exit status 1."""
    DOWN = "down"
    """What was to be checked does not run. That may be intended, and nothing else is known about it."""
    SKIP = "skip"
    """Nothing was checked: it is optional, and not installed, not configured or not visible to this user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check.

    Attributes:
        outcome: how it ended.
        subject: what was checked.
        text: the result, in a few words.
        advice: what to do; empty if nothing has to be done.
    """

    outcome: Outcome = Outcome.OK
    subject: str
    text: str
    advice: str = ""

    @property
    def label(self) -> str:
        """The outcome in four characters."""
        return f"{self.outcome.value:4}"


def plural(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 line" or "3 lines"; only nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
