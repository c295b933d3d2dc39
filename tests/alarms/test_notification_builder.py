"""Tests of the notification that the gateway has started."""

from __future__ import annotations

import pytest

from gateway.alarms.alarm_table import Alarm
from gateway.alarms.notification_builder import NotificationBuilder
from gateway.catalog import CONDITIONS
from gateway.conditions.model import Severity
from tests.fakes import FakeClock

_BY_NAME = {condition.name: condition for condition in CONDITIONS}


def alarm(condition: str, name: str = "") -> Alarm:
    return Alarm(
        condition=_BY_NAME[condition], object=name, fields={}, first_seen=0.0, since=0.0, last_seen=0.0, active=True
    )


def test_the_start_has_the_gravest_severity_of_the_active_alarms() -> None:
    builder = NotificationBuilder(clock=FakeClock())
    quorum, node = alarm("quorum-lost"), alarm("node-lost", "node3")
    assert builder.started([quorum, node]).severity is Severity.CRITICAL
    assert builder.started([node]).severity is Severity.MAJOR
    assert builder.started([]).severity is Severity.INFO
    assert builder.heartbeat([quorum]).severity is Severity.INFO


@pytest.mark.parametrize("name", ["node", "n\u00f6de-"])
def test_the_text_of_the_start_ends_after_a_whole_name_and_counts_the_others(name: str) -> None:
    active = [alarm("node-lost", f"{name}{number}") for number in range(2384)]
    text = NotificationBuilder(clock=FakeClock()).started(active).text
    beginning, _, names = text.partition(": ")
    assert beginning == "The gateway has started, and 2,384 alarms are active"
    shown, _, more = names.rpartition(" and ")
    count = len(shown.split(", "))
    assert shown.split(", ") == [f"node-lost {name}{number}" for number in range(count)]
    assert more == f"{2384 - count:,} more"
    assert 200 < len(text.encode()) <= 255


def test_a_name_that_does_not_fit_is_not_cut() -> None:
    started = NotificationBuilder(clock=FakeClock()).started
    long = alarm("node-lost", "x" * 300)
    assert started([long]).text == "The gateway has started, and 1 alarm is active"
    short = "The gateway has started, and 2 alarms are active: quorum-lost and 1 more"
    assert started([alarm("quorum-lost"), long]).text == short
