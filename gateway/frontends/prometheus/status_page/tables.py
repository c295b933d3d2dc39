"""Cells and tables as HTML. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.frontends.prometheus.status_page.html import Child, Markup, tag
from gateway.summary import Cell, Health, Row, Table, health_of_row

MAX_ROWS = 500
"""Rows of a table that are shown; it counts the others. Those that a person has to look at come first."""

_WORDS = {Health.UNKNOWN: "", Health.WARNING: "Warning: ", Health.PROBLEM: "Problem: "}
"""What a screen reader says before a value. Others see a sign, besides the color."""

FormatTime = Callable[[float], Markup]
"""Returns a moment in Unix seconds as an element."""


def render_cell(cell: Cell, format_time: FormatTime) -> Iterator[Child]:
    """Yields the content of a cell."""
    if word := _WORDS.get(cell.health):
        yield tag("span", word, class_="hidden")
    if cell.time is not None:
        yield format_time(cell.time)
    else:
        yield "unknown" if cell.text is None else cell.text


def render_table(table: Table, key: str, format_time: FormatTime, *, complete: bool, is_open: bool) -> Child:
    """Returns a table, folded if it has a headline and is not open; or a sentence in place of an empty one.

    Args:
        table: the table.
        key: identifies it in the document.
        format_time: returns moments.
        complete: whether everything that it lists is known.
        is_open: whether it is unfolded from the start.
    """
    heading = tag("h3", table.caption, id=key)
    if not table.rows:
        if not table.empty:
            return None
        text = table.empty if complete else "unknown"
        return tag("div", heading, tag("p", text, class_=None if complete else Health.UNKNOWN.value))
    body = _table(table, key, format_time)
    if table.headline is None:
        return tag("div", heading, body)
    headline = tag("span", *render_cell(table.headline, format_time), class_=_class(table.headline))
    return tag("details", tag("summary", heading, " ", headline), body, open=is_open)


def _table(table: Table, key: str, format_time: FormatTime) -> Child:
    shown, hidden = table.rows[:MAX_ROWS], len(table.rows) - MAX_ROWS
    grid = tag(
        "table",
        tag("caption", table.caption, class_="hidden"),
        tag("thead", tag("tr", *(tag("th", column, scope="col") for column in table.columns))),
        tag("tbody", *(_row(row, format_time) for row in shown)),
    )
    # a wide table is scrolled with the keyboard, too
    region = tag("div", grid, class_="scroll", tabindex="0", role="group", aria_labelledby=key)
    return [region, tag("p", f"{hidden} more are not shown; all are among the metrics.") if hidden > 0 else None]


def _row(row: Row, format_time: FormatTime) -> Markup:
    health = health_of_row(row)
    first, *others = row
    return tag(
        "tr",
        tag("th", *render_cell(first, format_time), scope="row", class_=_class(first)),
        *(tag("td", *render_cell(cell, format_time), class_=_class(cell)) for cell in others),
        class_=health.value if health in (Health.WARNING, Health.PROBLEM) else None,
    )


def _class(cell: Cell) -> str | None:
    return None if cell.health is Health.NONE else cell.health.value
