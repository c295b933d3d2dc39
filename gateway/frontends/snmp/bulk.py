"""GETBULK (RFC 3416, section 4.2.3), for all sources and encodings. The limits of a response are parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice

from gateway.frontends.snmp.variable import END_OF_MIB_VIEW, Variable
from gateway.frontends.snmp.variable_source import Rows
from gateway.snmp.values import SearchRange


def get_bulk(rows: Rows, *, max_repetitions: int) -> list[Variable]:
    """Returns the variables of a response: the non-repeaters, then at most so many repetitions."""
    with closing(rows):
        variables = list(next(rows))
        for row in islice(rows, max(0, max_repetitions)):
            variables += row
    return variables


def limited(rows: Rows, *, size_of: Callable[[Variable], int], max_size: int) -> Rows:
    """Yields rows, and ends before a repetition that might exceed a size.

    A repetition is expected to be as large as the largest so far. Rows are requested one by one, so that few are
    fetched needlessly.

    Args:
        rows: the rows of a response.
        size_of: returns the size of a variable.
        max_size: the size of all variables that is not exceeded, if repetitions are of equal size.
    """
    with closing(rows):
        non_repeaters = next(rows)
        size, largest = sum(map(size_of, non_repeaters)), 0
        yield non_repeaters
        while size + largest <= max_size and (row := next(rows, None)) is not None:
            row_size = sum(map(size_of, row))
            size += row_size
            largest = max(largest, row_size)
            yield row


def successive_rows(
    get_next: Callable[[Sequence[SearchRange]], list[Variable]], ranges: Sequence[SearchRange], *, non_repeaters: int
) -> Rows:
    """Yields the rows of a response by one GETNEXT for each row."""
    yield get_next(ranges[:non_repeaters])
    repeaters = list(ranges[non_repeaters:])
    while repeaters:
        row = get_next(repeaters)
        yield row
        if ended(row):
            return
        repeaters = [SearchRange(variable.oid, searched.end) for variable, searched in zip(row, repeaters, strict=True)]


def ended(row: Sequence[Variable]) -> bool:
    """Returns whether every range of a row has ended."""
    return row[0].cell is END_OF_MIB_VIEW and all(variable.cell is END_OF_MIB_VIEW for variable in row)
