"""The report of the benchmark: one line for each number, with its target and the verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report.

    Attributes:
        name: the measurement, beginning with the letter of its part.
        value: the number.
        target: the limit for the number.
        detail: the numbers that it was computed from.
        at_least: whether larger is better.
    """

    name: str
    value: float
    target: float
    detail: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        verdict = "ok  " if self.met else "MISS"
        bound = "at least" if self.at_least else "at most"
        return f"{verdict}  {self.name:58} {self.value:6.2f}  ({bound} {self.target:.2f})  {self.detail}"


def time_ratio(name: str, ours: float, peer: float, target: float) -> Result:
    """Returns the ratio of two times in seconds."""
    return Result(name, ours / peer, target, f"{ours * 1000:.1f} : {peer * 1000:.1f} ms")
