"""Tickets whose settings in the configuration are not those of boothd: a copy that was forgotten, or no restart yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.alarms.notification import Change
from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import facts
from gateway.subsystems.booth import metrics as booth
from tests.alarms.arbitration_walks import ANSWERS, HERE, expires, peer
from tests.alarms.single_condition import Alarms
from tests.alarms.snapshots import Sample, make_snapshot

STEP = 15
"""Seconds between two snapshots."""


def held(validity: float, renewal: float) -> tuple[Sample, ...]:
    """Returns the samples of a ticket that this site holds, with the settings of a configuration."""
    numbers = {booth.TICKET_VALIDITY: validity, booth.TICKET_RENEWAL: renewal, booth.TICKET_RETRY: 15}
    return (
        ANSWERS,
        HERE,
        (booth.TICKET_INFO, 1, ("booth", "db", "automatic", "192.0.2.1")),
        (booth.TICKET_STATE, booth.TICKET_STATE.flags_for("granted"), ("booth", "db")),
        *((metric, number, ("booth", "db")) for metric, number in numbers.items()),
    )


class Walk:
    """The alarms of a condition while time passes.

    Args:
        condition: the name of the condition.
        samples: what does not change.
    """

    def __init__(self, condition: str, samples: tuple[Sample, ...]) -> None:
        self._alarms = Alarms(condition)
        self._samples = samples

    def at(self, now: float, *samples: Sample, stepped: float = 0.0) -> list[Change]:
        """Returns what changes at a time of the clock, which was put forward by some seconds since the start."""
        snapshot = make_snapshot(*self._samples, *samples, started=now - stepped)
        return [event[0] for event in self._alarms.evaluate(replace(snapshot, time=now))]


def expiries(validity: float, renewal: float, *, until: float) -> Iterator[tuple[float, float]]:
    """Yields times, and the expiry then, of a ticket that is renewed."""
    for now in range(0, int(until), STEP):
        yield float(now), now - now % renewal + validity


@pytest.mark.parametrize(("validity", "renewal"), [(600, 300), (60, 30), (300, 290), (300, 20)])
def test_a_ticket_that_is_renewed_as_configured_never_expires(validity: float, renewal: float) -> None:
    walk = Walk("booth-ticket-expiring", held(validity, renewal))
    for now, expiry in expiries(validity, renewal, until=2 * validity):
        assert walk.at(now, expires(expiry + now % 2)) == [], now  # the printed time varies by a second
    late = [change for now in range(0, int(validity), STEP) for change in walk.at(2 * validity + now, expires(expiry))]
    assert late == [Change.RAISED]


def test_half_of_the_time_after_a_renewal_that_is_due_is_left_for_late_ones() -> None:
    walk = Walk("booth-ticket-expiring", held(600, 300))
    assert [walk.at(now, expires(600)) for now in (0, 449, 451)] == [[], [], [Change.RAISED]]
    assert walk.at(452, expires(452 + 151)) == [Change.CLEARED]


def test_a_ticket_that_is_valid_for_less_time_than_configured_is_not_about_to_expire() -> None:
    walk = Walk("booth-ticket-expiring", held(600, 300))
    changes = {now: walk.at(now, expires(expiry)) for now, expiry in expiries(60, 30, until=300)}
    # the alarm that was active at the start is over as soon as a renewal has been observed
    assert {now: changed for now, changed in changes.items() if changed} == {30: [Change.CLEARED]}
    assert walk.at(361, expires(330)) == [Change.RAISED]  # it has expired


def test_a_clock_that_is_put_forward_is_no_renewal() -> None:
    walk = Walk("booth-ticket-expiring", held(600, 300))
    assert walk.at(0, expires(600)) == []
    assert walk.at(460, expires(600)) == [Change.RAISED]
    assert walk.at(460 + 60 + STEP, expires(660), stepped=60) == []


def test_members_are_not_expected_more_often_than_the_ticket_is_renewed() -> None:
    walk = Walk("booth-peer-unreachable", held(600, 30))
    for now, expiry in expiries(600, 300, until=1500):
        heard = peer("192.0.2.2", heard=now - now % 300, received=9 + int(now // 300))
        changes = walk.at(now, expires(expiry), *heard)
        assert now < 300 or changes in ([], [Change.CLEARED]), now
    assert walk.at(now + 600, expires(now + 1000), *heard) == [Change.RAISED]


def test_nothing_is_kept_of_a_ticket_that_no_site_holds() -> None:
    view = ClusterView(make_snapshot(*held(60, 30), expires(60)), accumulators=facts.ACCUMULATORS)
    observed = view.accumulated(facts.renewals)
    assert list(observed) == ["booth/db"]
    lost = (booth.TICKET_INFO, 1, ("booth", "db", "automatic", ""))
    view = ClusterView(make_snapshot(ANSWERS, lost), view, accumulators=facts.ACCUMULATORS)
    assert not view.accumulated(facts.renewals)
