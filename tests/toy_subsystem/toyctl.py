"""``toyctl BOX``: a line for each toy, with its name and the tension of its spring."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import ParseError
from gateway.subsystems.parsing.text import complete_lines


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
    return tuple(_parse_toy(line, number) for number, line in enumerate(complete_lines(output), 1))


def _parse_toy(line: str, number: int) -> Toy:
    name, _, spring = line.partition(" ")
    try:
        return Toy(name=name, spring=float(spring))
    except ValueError:
        raise ParseError(f"expected a toy and its spring, found {line[:60]!r}", line=number) from None
