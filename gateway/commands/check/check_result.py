"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check.

    Attributes:
        good: whether nothing is wrong.
        subject: what was checked.
        text: the result, in a few words.
        advice: what to do; empty if nothing has to be done.
        running: whether what was to be checked runs. If it does not, that may be intended, and nothing is known.
    """

    good: bool
    subject: str
    text: str
    advice: str = ""
    running: bool = True

    @property
    def label(self) -> str:
        """The result in four characters."""
        return "FAIL" if not self.good else "ok  " if self.running else "down"


def plural(number: int, noun: str) -> str:
    """Returns a number with its noun, such as "1 line" or "3 lines"; only nouns that take an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
