"""The texts of notifications that stand for others. Pure."""

from __future__ import annotations

from collections.abc import Sequence

READ_TABLE = " (read haClusterAlarmTable)"
"""Where a receiver finds what a summary leaves out."""

MAX_TEXT = 255
"""Octets of a text that SNMP shows (``haClusterNoticeText``)."""


def describe_active(number: int) -> str:
    """Returns how many alarms are active."""
    if number == 1:
        return "1 alarm is active"
    return f"{number:,} alarms are active" if number else "no alarms are active"


def append_names(text: str, names: Sequence[str], *, total: int, end: str = "", most: int = MAX_TEXT) -> str:
    """Returns a text followed by the names that fit, in their order, and by the number of the others.

    Args:
        text: the text.
        names: the names to show, as far as they fit.
        total: the number of all names.
        end: the end of the text.
        most: octets of the result, unless it is longer without any name.
    """
    for shown in range(min(len(names), MAX_TEXT), 0, -1):
        more = f" and {total - shown:,} more" if shown < total else ""
        complete = f"{text}: {', '.join(names[:shown])}{more}{end}"
        if len(complete.encode(errors="surrogatepass")) <= most:
            return complete
    return text + end
