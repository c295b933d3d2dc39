"""``toyctl BOX``: a line for each toy, with its name and the tension of its spring."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import Line, split_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """A toy.

    Attributes:
        name: its name.
        spring: the tension of its spring, from 0 to 1.
    """

    name: str
    spring: float


def parse(output: bytes) -> tuple[Toy, ...]:
    """Parses the output of the tool.

    Raises:
        ParseError: a line is malformed.
    """
    return tuple(map(_parse_toy, split_lines(output)))


def _parse_toy(line: Line) -> Toy:
    line.check()
    name, _, spring = line.text.partition(" ")
    try:
        return Toy(name=name, spring=float(spring))
    except ValueError:
        raise ParseError(f"expected a toy and its spring, found {line.text[:60]!r}", line=line.number) from None
