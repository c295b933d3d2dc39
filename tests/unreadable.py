"""The values that a parser could not read, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.errors import UnreadableValue
from gateway.subsystems.parsing.partial import Parsed


def reasons(parsed: Parsed[Any]) -> list[str]:
    """Returns the reasons in the result of a parser, each after its line if that is known."""
    return reasons_of(parsed.unreadable)


def reasons_of(values: Iterable[UnreadableValue]) -> list[str]:
    """Returns the reasons of values, each after its line if that is known."""
    return [item.reason if item.line is None else f"line {item.line}: {item.reason}" for item in values]
