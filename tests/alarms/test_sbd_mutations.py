"""SBD's inputs, damaged in one place, neither raise nor clear an alarm; a test of every place.

The inputs are the configuration, the output of ``sbd dump`` and ``sbd list``, and the sectors of the devices.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from gateway.alarms.alarm_table import AlarmTable
from gateway.alarms.notification import Change
from gateway.catalog import ACCUMULATORS
from gateway.conditions.model import Reason
from gateway.conditions.view import ClusterView
from gateway.host.host import CommandResult
from gateway.host.sectors import Sectors
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.sbd.collector import CONFIGURATIONS
from gateway.subsystems.sbd.options import Source
from tests import series
from tests.alarms.mutations import LONG, Event, mutations
from tests.fakes import FakeHost
from tests.sbd_image import header, mailbox, slot
from tests.subsystems import make_collector

pytestmark = pytest.mark.no_cover  # thousands of similar inputs: four times as fast without

A, B, C = (f"/dev/disk/by-id/scsi-{letter}" for letter in "abc")

CONFIGURATION = f"""\
# SBD_DEVICE=""
SBD_DEVICE="{A};{B};{C}"
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_WATCHDOG_DEV=/dev/watchdog
SBD_WATCHDOG_TIMEOUT=5
"""
DUMP = """\
==Dumping header on disk {device}
Header version     : 2.1
UUID               : 6d2f4f6c-2d0e-4c8e-9a53-1b7f0a9d6e11
Number of slots    : 255
Sector size        : 512
Timeout (watchdog) : 5
Timeout (allocate) : 2
Timeout (loop)     : 1
Timeout (msgwait)  : {msgwait}
==Header on disk {device} is dumped
"""
NOT_DUMPED = "==Header on disk {device} NOT dumped\nsbd failed; please check the logs.\n"


@dataclass(frozen=True, kw_only=True)
class State:
    """What SBD's inputs are.

    Attributes:
        configuration: the content of the file.
        results: how each command ended, or the read of each device, by the name of the probe.
        source: how the devices are read.
    """

    configuration: bytes = CONFIGURATION.encode()
    results: Mapping[str, CommandResult] = field(default_factory=dict)
    source: Source = Source.TOOL

    def with_result(self, name: str, result: CommandResult) -> State:
        return replace(self, results={**self.results, name: result})


def of_tool(*, msgwait: int, message: str, is_broken: bool) -> State:
    """Returns the state of three devices as sbd prints it; the last one may be broken."""
    results = {}
    for device in (A, B, C):
        results[f"dump {device}"] = series.ended(DUMP.format(device=device, msgwait=msgwait).encode())
        results[f"list {device}"] = series.ended(f"0\tred\tclear\t\n1\tblue\t{message}\tred\n".encode())
    if is_broken:
        dumped = DUMP.format(device=C, msgwait=10).splitlines(keepends=True)[0].encode()
        results[f"dump {C}"] = series.ended(dumped, 1, NOT_DUMPED.format(device=C).encode())
        results[f"list {C}"] = series.ended(b"", 1, f"== Slots on disk {C} NOT dumped\n".encode())
    return State(results=results)


def sectors_of(*sectors: bytes, error: int = 0, sector_size: int = 512) -> CommandResult:
    body = Sectors(sector_size=sector_size, sectors=tuple(each[:65] for each in sectors), error=error).encode()
    return series.ended(body)


def content(*, msgwait: int, code: int, slots: int = 2) -> Sequence[bytes]:
    return (header(msgwait=msgwait, slots=slots), slot(b"red"), mailbox(), slot(b"blue"), mailbox(code, b"red"))


def of_device(*, msgwait: int, code: int, is_broken: bool) -> State:
    """Returns the state of three devices as they are read in-process; the last one may be broken."""
    sectors = content(msgwait=msgwait, code=code)
    results = {}
    for device in (A, B, C):
        results[f"dump {device}"] = sectors_of(sectors[0])
        results[f"list {device}"] = sectors_of(*sectors)
    if is_broken:
        results[f"dump {C}"] = results[f"list {C}"] = sectors_of(error=errno.EIO)
    return State(results=results, source=Source.DEVICE)


def of_one_device() -> State:
    """Returns the state of one device with a message, as sbd prints it."""
    return replace(of_tool(msgwait=10, message="reset", is_broken=False), configuration=f"SBD_DEVICE={A}\n".encode())


STATES = {
    "message on one device, sbd": of_one_device(),
    "well, sbd": of_tool(msgwait=10, message="clear", is_broken=False),
    "alarms, sbd": of_tool(msgwait=9, message="off", is_broken=True),
    "well, devices": of_device(msgwait=10, code=0, is_broken=False),
    "alarms, devices": of_device(msgwait=9, code=3, is_broken=True),
}

ALARMS = {("sbd-device", C), ("sbd-timeouts", A), ("sbd-timeouts", B), ("sbd-message", "blue")}


def snapshot(state: State, started: float) -> Snapshot:
    host = FakeHost(files={CONFIGURATIONS[0]: state.configuration}, devices={"any": series.ended(b"")})
    collector = make_collector("sbd", options={"sbd.source": state.source})
    plan = collector.plan(host)
    assert plan is not None
    readings = {**plan.files, **series.readings(plan.probes, state.results)}
    commands = tuple(
        CommandReport(name=name, status=reading.status, unreadable=reading.unreadable)
        for name, reading in readings.items()
    )
    return Snapshot(
        samples_by_metric=collector.make_samples(readings).samples_by_metric,
        collectors={"sbd": CollectorReport(name="sbd", commands=commands)},
        started=started,
    )


def walk(*states: State) -> list[list[Event]]:
    """Returns what each state raises and clears; in the first state, what is wrong already."""
    table, view, steps = AlarmTable(disabled={"collector-failing"}), None, []
    for number, state in enumerate(states):
        now = number * LONG
        view = ClusterView(snapshot(state, now), view, accumulators=ACCUMULATORS)
        events = table.evaluate(view, now=now, time=now)
        events += table.on_timer(now=now + LONG / 2)
        step = [Event(each.change, each.alarm.condition.name, each.alarm.object, each.reason) for each in events]
        if number == 0:
            step = [Event(Change.RAISED, alarm.condition.name, alarm.object, "none") for alarm in table.active]
        steps.append(step)
    return steps


def changes(state: State, damaged_state: State) -> list[Event]:
    """Returns what is raised or cleared because of damage: at the start, and between two intact states."""
    active = {event[1:3] for event in walk(state)[0]}
    at_start = [event for event in walk(damaged_state)[0] if event[1:3] not in active]
    return [*at_start, *(event for step in walk(state, damaged_state, state)[1:] for event in step)]


# --- Damage ----------------------------------------------------------------------------------------------------------

ENDS: Mapping[str, CommandResult] = {
    "not installed": CommandResult(status=Status.NOT_INSTALLED),
    "not permitted": CommandResult(status=Status.NOT_PERMITTED, detail="Permission denied"),
    "not started": CommandResult(status=Status.FAILED, detail="Too many open files"),
    "killed": CommandResult(status=Status.KILLED, signal=9),
    "too much output": CommandResult(status=Status.TOO_MUCH_OUTPUT),
    "timed out": CommandResult(status=Status.TIMED_OUT),
}
STATUSES = (1, 2, 69, 102, 124, 127)


def damaged_outputs(output: bytes) -> Iterator[tuple[str, CommandResult]]:
    """Yields every damage of the output of a tool."""
    for what, damaged in mutations("", output):
        for status in (0, 1):
            yield f"{what}, status {status}", series.ended(damaged, status, b"boom\n" * status)
    lines = output.splitlines(keepends=True)
    for index, line in enumerate(lines):
        before, after = b"".join(lines[:index]), b"".join(lines[index:])
        yield f"doubled {line!r}", series.ended(before + line + after)
        yield f"noise before {line!r}", series.ended(before + b"warning: blah blah: 7\n" + after)
    for status in STATUSES:
        yield f"status {status}", series.ended(output, status)
        yield f"empty, status {status}", series.ended(b"", status, b"boom\n")
    yield "CRLF", series.ended(output.replace(b"\n", b"\r\n"))
    yield from ENDS.items()


def damaged_reads(body: bytes) -> Iterator[tuple[str, CommandResult]]:
    """Yields every damage of a read that is not one of the device itself."""
    for length in range(0, len(body), 13):
        yield f"cut off after {length} bytes", series.ended(body[:length])
    for error in (errno.EIO, errno.ENXIO, errno.ENOENT):
        sectors = Sectors.decode(body).sectors
        for count in range(1, len(sectors)):
            yield f"error {error} after {count} sectors", sectors_of(*sectors[:count], error=error)
    yield from ENDS.items()


def damaged(state: State) -> Iterator[tuple[str, State]]:
    """Yields a state with every damage of each of its inputs, and what it is."""
    text = state.configuration
    for what, damage in mutations("", text):
        yield f"configuration: {what}", replace(state, configuration=damage)
    for name in (f"{action} {device}" for device in (A, C) for action in ("dump", "list")):
        result = state.results[name]
        damages = damaged_outputs if state.source is Source.TOOL else damaged_reads
        for what, damaged_result in damages(result.stdout):
            yield f"{name}: {what}", state.with_result(name, damaged_result)


EXCEPTIONS: Mapping[str, str] = {
    r"^dump \S+: timed out$": "a device that does not answer is unhealthy",
    r"^dump \S+: cut off before b'Header version .*, status 1$": "sbd has begun, printed no header and failed",
    r"^configuration: b'(dev|disk|by-id|scsi-[abc])' = ": "the configuration names another device",
    r"^list \S+: b'blue' = b'(frobnicated|-1)'": "any word is the name of a node",
    r"^list \S+: (without|cut off before) b'1.*, status 0$": "sbd exits with 0 only if it has listed all slots",
}
"""Damage that is evidence, or that cannot be told from it, and why."""


def is_exception(what: str) -> bool:
    return any(re.search(pattern, what) for pattern in EXCEPTIONS)


@pytest.mark.parametrize("name", STATES)
def test_damage_changes_no_alarm(name: str) -> None:
    state = STATES[name]
    unexpected = {
        what: events
        for what, damaged_state in damaged(state)
        if not is_exception(what) and (events := changes(state, damaged_state))
    }
    assert unexpected == {}


def test_every_exception_occurs() -> None:
    whats = {what for state in STATES.values() for what, _ in damaged(state)}
    assert {pattern for pattern in EXCEPTIONS if not any(re.search(pattern, what) for what in whats)} == set()


@pytest.mark.parametrize("source", ["sbd", "devices"])
def test_the_states_raise_and_clear_their_alarms(source: str) -> None:
    well, alarms = STATES[f"well, {source}"], STATES[f"alarms, {source}"]
    first, raised, cleared = walk(well, alarms, well)
    assert first == []
    assert {event[1:3] for event in raised} == ALARMS
    assert {(event.change, event.reason) for event in cleared} == {(Change.CLEARED, Reason.RECOVERED)}
    assert {event[1:3] for event in cleared} == ALARMS


# --- What the devices show -------------------------------------------------------------------------------------------

FIELDS: Mapping[range, str] = {
    range(9): "sbd-device",  # magic and version
    range(12, 16): "sbd-device",  # sector size
    range(16, 20): "sbd-timeouts",
    range(28, 32): "sbd-timeouts",
}
"""The bytes of a header that a condition is about."""


def test_a_wrong_byte_in_a_header_raises_what_it_means() -> None:
    state = STATES["well, devices"]
    for index in range(65):
        sector = bytearray(header(slots=2))
        sector[index] ^= 0xFF
        steps = walk(state, state.with_result(f"dump {A}", sectors_of(bytes(sector))), state)
        condition = next((name for field, name in FIELDS.items() if index in field), None)
        raised = {event[1:3] for step in steps for event in step}
        assert raised <= ({(condition, A)} if condition else set()), index
        assert raised or condition != "sbd-device", index


def test_a_wrong_byte_in_a_slot_is_about_messages_only() -> None:
    state = STATES["well, devices"]
    for number in range(1, 5):
        for index in range(65):
            sectors = list(content(msgwait=10, code=0))
            sectors[number] = bytes(
                byte ^ (0xFF if place == index else 0) for place, byte in enumerate(sectors[number])
            )
            _, damaged_step, _ = walk(state, state.with_result(f"list {A}", sectors_of(*sectors)), state)
            assert damaged_step == [], (number, index)


# --- The configuration -----------------------------------------------------------------------------------------------


def without_devices(state: State) -> State:
    return replace(state, configuration=b"SBD_PACEMAKER=yes\nSBD_DEVICE=\n")


def with_devices(state: State, *devices: str) -> State:
    return replace(state, configuration=f'SBD_DEVICE="{";".join(devices)}"\n'.encode())


def test_a_configuration_without_devices_means_diskless_only_after_some_time() -> None:
    alarms = STATES["alarms, sbd"]
    empty = without_devices(alarms)
    assert walk(alarms, empty, alarms)[1:] == [[], []]
    _, first, later = walk(alarms, empty, empty)
    assert first == []
    assert {(event.condition, event.object, event.reason) for event in later} == {
        (condition, about, Reason.GONE) for condition, about in ALARMS
    }


def test_a_device_that_is_removed_is_gone_with_its_messages() -> None:
    alarms = STATES["alarms, sbd"]
    only_on_a = alarms.with_result(f"list {B}", series.ended(b"0\tred\tclear\t\n1\tblue\tclear\t\n"))
    others = with_devices(only_on_a, B)
    _, removed = walk(only_on_a, others)
    assert {(event.condition, event.object, event.reason) for event in removed} == {
        ("sbd-device", C, Reason.GONE),
        ("sbd-timeouts", A, Reason.GONE),
        ("sbd-message", "blue", Reason.GONE),
    }


def test_a_message_is_gone_with_the_slot_of_its_node() -> None:
    well = STATES["well, sbd"]
    message = well.with_result(f"list {A}", series.ended(b"0\tred\tclear\t\n1\tblue\toff\tred\n"))
    empty = well.with_result(f"list {A}", series.ended(b""))
    other = well.with_result(f"list {A}", series.ended(b"0\tred\tclear\t\n"))
    assert walk(message, empty, other)[1:] == [[], [Event(Change.CLEARED, "sbd-message", "blue", Reason.GONE)]]
