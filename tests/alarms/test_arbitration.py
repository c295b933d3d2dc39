"""What is no problem of a quorum device or of booth although it looks like one, and what ends with a configuration."""

from __future__ import annotations

import pytest

from gateway.alarms.notification import Change
from gateway.conditions.model import Reason
from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.booth import metrics as booth
from gateway.subsystems.corosync import metrics as corosync
from tests import series
from tests.alarms.arbitration_walks import ANSWERS, BOOTH, DOWN, ONE_PEER, UP, peer, state
from tests.alarms.single_condition import Alarms, raised
from tests.alarms.snapshots import Sample, make_snapshot
from tests.alarms.stack_inputs import QDEVICE_SECTION
from tests.fakes import FakeHost
from tests.subsystems import make_collector

COROSYNC_DOWN: Sample = (corosync.UP, 0, ())
OTHER: Sample = (booth.UP, 1, ("other",))
NOT_RUNNING = series.ended(b"", 2, b"corosync-qdevice-tool: Can't connect to QDevice socket (is QDevice running?)\n")


class ClosedHost(FakeHost):
    """A host on which this user may read no file."""

    def read_file(self, path: str) -> bytes | None:
        """Raises PermissionError."""
        raise PermissionError(path)


def qdevice_up(result: CommandResult, host: FakeHost) -> float | None:
    """Returns whether corosync-qdevice runs, or None if that is not published."""
    page = series.collected(make_collector("qdevice"), {"corosync-qdevice-tool": result}, host)
    return page.get(series.key("qdevice_up"))


def conf(text: str) -> FakeHost:
    return FakeHost(files={"/etc/corosync/corosync.conf": text.encode()})


def test_a_quorum_device_is_down_only_if_it_is_certainly_configured() -> None:
    assert qdevice_up(NOT_RUNNING, conf(QDEVICE_SECTION)) == 0
    assert qdevice_up(NOT_RUNNING, ClosedHost()) is None
    assert qdevice_up(NOT_RUNNING, conf("totem {\n}\n")) is None
    assert qdevice_up(NOT_RUNNING, conf("totem {\n")) is None
    assert qdevice_up(CommandResult(status=Status.TIMED_OUT), conf(QDEVICE_SECTION)) is None


@pytest.mark.parametrize("samples", [(DOWN,), (UP, state("disconnected"))])
def test_a_quorum_device_casts_no_vote_on_a_node_that_was_stopped(samples: tuple[Sample, ...]) -> None:
    """That Corosync does not run is a condition of its own."""
    assert Alarms("qdevice-no-vote").evaluate(make_snapshot(*samples, COROSYNC_DOWN)) == []
    alarms = Alarms("qdevice-no-vote")
    alarms.evaluate(make_snapshot())
    assert alarms.evaluate(make_snapshot(*samples, COROSYNC_DOWN)) == []
    assert [event[0] for event in alarms.evaluate(make_snapshot(*samples))] == [Change.RAISED]
    assert alarms.evaluate(make_snapshot(*samples, COROSYNC_DOWN)) == []  # and none is cleared for that


def test_members_of_a_booth_without_tickets_have_nothing_to_say() -> None:
    alarms = Alarms("booth-peer-unreachable")
    alarms.evaluate(make_snapshot(ANSWERS))
    assert alarms.evaluate(make_snapshot(ANSWERS, *peer("192.0.2.2", received=0))) == []
    ticket = (booth.TICKET_INFO, 1, ("booth", "db", "automatic", ""))
    events = alarms.evaluate(make_snapshot(ANSWERS, ticket, *peer("192.0.2.2", received=0)))
    assert [event[0] for event in events] == [Change.RAISED]


@pytest.mark.parametrize("name", BOOTH)
def test_alarms_of_booth_are_gone_with_their_configuration(name: str) -> None:
    alarms = raised(name, BOOTH[name])
    assert alarms.evaluate(make_snapshot(ONE_PEER, failing={"configurations": Status.NOT_PERMITTED})) == []
    (event,) = alarms.evaluate(make_snapshot(OTHER))
    assert event[:3] == (Change.CLEARED, BOOTH[name].object, Reason.GONE)
