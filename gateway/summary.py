"""What a person has to know about a part of the cluster: facts and tables, in no format. Pure.

Subsystems declare their summaries beside their conditions, and the status page shows all of them, whatever they are. A
summary describes one view of a snapshot. A value that is not known is a cell without text; no summary replaces it by
another value. What is wrong, since when, and what to do about it is said by alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gateway.conditions.model import Category, Source
from gateway.conditions.view import ClusterView


class Health(StrEnum):
    """Whether a person has to look at a value, the most urgent last."""

    NONE = "none"
    """The value says nothing about health."""
    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


_RANK = {health: rank for rank, health in enumerate(Health)}


class Cell(NamedTuple):
    """One value.

    Attributes:
        text: the value in words; None if it is unknown.
        health: whether a person has to look at it.
        time: the value as a moment in Unix seconds, which is shown instead of the text.
    """

    text: str | None
    health: Health = Health.NONE
    time: float | None = None


UNKNOWN = Cell(None, Health.UNKNOWN)
"""A value that nothing shows."""

NOT_SET_UP = Cell("not set up on this host")
"""The headline of a part that this host does not have, so that there is nothing to describe."""


class Fact(NamedTuple):
    """A value with its name."""

    name: str
    value: Cell


Row = tuple[Cell, ...]
"""The values of one object, in the order of the columns; the first one names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A list of objects.

    Attributes:
        caption: what it lists.
        columns: the headings of the columns.
        rows: the objects, those that a person has to look at first.
        headline: the rows in a few words; a table with one may be folded.
        empty: the sentence for a table without rows; empty if such a table is left out.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    headline: Cell | None = None
    empty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a summary says about one view.

    Attributes:
        headline: the most important in a few words.
        facts: single values.
        tables: lists of objects.
    """

    headline: Cell
    facts: tuple[Fact, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A part of the cluster that a person wants to know about.

    Attributes:
        category: its title, and its place among the others.
        source: what it is read from; what is missing without it is unknown.
        describe: describes a view; parts of the source may be missing from it.
    """

    category: Category
    source: Source
    describe: Callable[[ClusterView], Description]


def worst(healths: Iterable[Health]) -> Health:
    """Returns the most urgent health."""
    return max(healths, key=_RANK.__getitem__, default=Health.NONE)


def health_of_row(row: Row) -> Health:
    """Returns the most urgent health of the cells of a row."""
    return worst(cell.health for cell in row)


def urgent_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Returns rows, those that a person has to look at first; rows of equal health keep their order."""
    return tuple(sorted(rows, key=lambda row: -_RANK[health_of_row(row)]))


def number(value: float | None, unit: str = "") -> Cell:
    """Returns a number as a cell."""
    return UNKNOWN if value is None else Cell(f"{value:g}{unit}")


def moment(time: float | None) -> Cell:
    """Returns a time in Unix seconds as a cell."""
    return UNKNOWN if time is None else Cell("", time=time)


def yes_or_no(value: object, *, bad: bool | None = None, health: Health = Health.WARNING) -> Cell:
    """Returns a truth value as a cell.

    Args:
        value: true, false, or None if it is unknown.
        bad: the value that a person has to look at, or None if neither is.
        health: the health of that value.
    """
    if value is None:
        return UNKNOWN
    return Cell("yes" if value else "no", health if bad is not None and bool(value) is bad else Health.NONE)


def count_of(count: int, total: int, what: str, *, health: Health = Health.WARNING) -> Cell:
    """Returns ``2 of 3 nodes online`` as a cell, with this health if some are missing."""
    return Cell(f"{count} of {total} {what}", Health.OK if count == total else health)
