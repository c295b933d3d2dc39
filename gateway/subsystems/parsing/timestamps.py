"""Parsing of times as Pacemaker's tools print them.

The summary and the history have local time without a time zone in the C locale (``Tue May  5 12:04:36 2020``). Failures
and fencing events have ISO 8601 with or without a time zone (``2026-11-23 06:57:20Z``, ``2026-11-23 07:57:20 +01:00``).
Some versions use ISO 8601 for the summary as well.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gateway.errors import ParseError

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})", re.ASCII)
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))? ?(?:(Z)|([+-])(\d{2}):?(\d{2}))?", re.ASCII
)


def unix_time(text: str | None, *, what: str) -> float | None:
    """Parses a time into Unix seconds.

    A time without a time zone is in this host's zone, because the tool ran on this host. In the hour that a clock
    shows twice when it is put back, such a time cannot be read.

    Args:
        text: the time as printed.
        what: what it is the time of, for the error message.

    Returns:
        Unix seconds; None if the text is absent or empty.

    Raises:
        ParseError: the text is not a time, or that of two moments.
    """
    text = (text or "").strip()
    if not text:
        return None
    try:
        if match := _CTIME.fullmatch(text):
            month, day, hour, minute, second, year = match.groups()
            return _local_time(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        if match := _ISO.fullmatch(text):
            return _iso_time(match)
    except (ValueError, OverflowError):
        pass  # the format is right, but no such day or hour exists
    except _AmbiguousTimeError:
        raise ParseError(f"{what} is ambiguous: the clock shows {text!r} twice, or never, as it is changed") from None
    raise ParseError(f"expected {what} as a time, found {text[:60]!r}")


class _AmbiguousTimeError(Exception):
    """A local time is that of two moments, or of none."""


def _local_time(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float:  # noqa: PLR0917
    local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - naive on purpose: local time
    time = local.timestamp()
    if local.replace(fold=1).timestamp() != time:
        raise _AmbiguousTimeError
    return time


def _iso_time(match: re.Match[str]) -> float:
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, utc, sign, hours, minutes = match.groups()[6:]
    seconds = float(f"0.{fraction}") if fraction else 0.0
    if not utc and not sign:
        return _local_time(year, month, day, hour, minute, second) + seconds
    offset = 0 if utc else int(hours) * 3600 + int(minutes) * 60
    as_if_utc = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    return as_if_utc + seconds - (-offset if sign == "-" else offset)
