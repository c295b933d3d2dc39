"""Local times without a time zone, in the hours in which clocks are changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import ParseError
from gateway.subsystems.parsing.timestamps import unix_time
from tests.time_zones import time_zone

BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""The moment at which clocks in Berlin are put back, from 3:00 to 2:00."""


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    with time_zone("Europe/Berlin"):
        yield


def readings(form: str) -> dict[int, float | None]:
    """Returns what is read of the local time so many minutes after the clocks are put back."""
    results: dict[int, float | None] = {}
    for minutes in range(-120, 121, 7):
        moment = (BACK + timedelta(minutes=minutes)).timestamp()
        try:
            results[minutes] = unix_time(time.strftime(form, time.localtime(moment)), what="it")
        except ParseError:
            results[minutes] = None
    return results


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%a %b %e %H:%M:%S %Y"])
def test_a_time_in_the_hour_that_comes_twice_is_unknown(form: str) -> None:
    for minutes, reading in readings(form).items():
        moment = (BACK + timedelta(minutes=minutes)).timestamp()
        assert reading == (None if -60 <= minutes < 60 else moment), minutes


def test_a_time_with_a_zone_is_known() -> None:
    assert set(readings("%Y-%m-%d %H:%M:%S %z").values()) == {
        (BACK + timedelta(minutes=minutes)).timestamp() for minutes in range(-120, 121, 7)
    }


def test_a_time_in_the_hour_that_is_left_out_is_unknown() -> None:
    with pytest.raises(ParseError, match="is ambiguous"):
        unix_time("2027-03-28 02:30:00", what="it")
