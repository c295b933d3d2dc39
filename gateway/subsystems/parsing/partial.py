"""What parsers return if they cannot read a part of an output: the rest of it, and the parts that are missing.

A bad line costs that line. A parser raises ``ParseError`` only if it does not understand the structure of the output.
For a single value, it reads with ``UnreadableValues.read``, which turns the error into an absent value, and returns
all such values in ``Parsed.unreadable``; the gateway counts and logs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

from gateway.errors import ParseError, UnreadableValue

_T = TypeVar("_T")
_P = ParamSpec("_P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed(Generic[_T]):
    """The result of a parser.

    Attributes:
        value: what was read.
        unreadable: the values that are absent from it because they could not be read.
    """

    value: _T
    unreadable: tuple[UnreadableValue, ...] = ()


_MAX_VALUES = 10_000
"""The number of unreadable values in an output above which it is not in a known format at all."""


class UnreadableValues:
    """Collects the values of one output that cannot be read."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[UnreadableValue] = []

    def __bool__(self) -> bool:
        """Returns whether there are any."""
        return bool(self._values)

    def add(self, reason: str, *, line: int | None = None, incomplete: tuple[str, ...] = ()) -> None:
        """Adds a value; the arguments are its attributes.

        Raises:
            ParseError: there are too many.
        """
        if len(self._values) >= _MAX_VALUES:
            raise ParseError(
                f"more than {_MAX_VALUES} values cannot be read, the last one because: {reason}", line=line
            )
        self._values.append(UnreadableValue(reason=reason, line=line, incomplete=incomplete))

    def read(self, read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """Returns what a function returns, or None if it raises ``ParseError``, which is added."""
        try:
            return read(*args, **kwargs)
        except ParseError as error:
            self.add(error.reason, line=error.line)
            return None

    def parsed(self, value: _T) -> Parsed[_T]:
        """Returns the result of a parser that has read everything else."""
        return Parsed(value=value, unreadable=tuple(self._values))
