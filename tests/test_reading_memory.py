"""Outputs that have not changed are not parsed again, and everything else is."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest

from gateway.engine.reading_memory import ReadingMemory
from gateway.host.host import CommandResult
from gateway.status import Status
from gateway.subsystems.pacemaker.collector import PacemakerCollector
from gateway.subsystems.probe import Probe, read_result
from tests.fakes import FakeHost
from tests.programs import ROOT
from tests.series import ended

DATA = ROOT / "tests" / "data"
KEY = ("pacemaker", "crm_mon")
OUTPUTS = tuple(path.read_bytes() for path in sorted((DATA / "lab").glob("*/crm_mon-*.stdout")))
HEALTHY = (DATA / "lab" / "healthy" / "crm_mon-X.stdout").read_bytes()
TIMES = (b"Mon Nov 23 20:15:19 2026", b"Mon Nov 23 20:15:24 2026", b"2027-11-02 08:00:00Z", b"", b"yesterday", b"&#38;")


def probes(parsed: list[bytes]) -> dict[str, Probe]:
    """Returns the probes of the collector, which note what they parse."""
    plan = PacemakerCollector(corosync_configuration="/etc/corosync/corosync.conf").plan(FakeHost())
    return {probe.name: noting(probe, parsed) for probe in plan.probes}


def noting(probe: Probe, parsed: list[bytes]) -> Probe:
    def read(result: CommandResult) -> object:
        parsed.append(result.stdout)
        return probe.read(result)

    return replace(probe, read=read)


def at(time: bytes, output: bytes = HEALTHY) -> bytes:
    """Returns an output with another time of the last update."""
    before, start, rest = output.partition(b'<last_update time="')
    return before + start + time + rest[rest.index(b'"') :]


def check(outputs: tuple[CommandResult, ...]) -> list[bytes]:
    """Reads outputs one after the other, compares each reading with one of its own, and returns what was parsed."""
    parsed: list[bytes] = []
    memory, probe, other = ReadingMemory(), probes(parsed)["crm_mon"], probes([])["crm_mon"]
    for result in outputs:
        assert memory.read(KEY, probe, result) == read_result(other, result)
    return parsed


def test_the_outputs_of_the_lab_in_any_order() -> None:
    order = random.Random(4).choices(OUTPUTS, k=400)
    assert len(check(tuple(ended(output) for output in [*order, *OUTPUTS]))) > len(OUTPUTS)


def test_an_output_that_differs_only_in_its_time_is_parsed_once() -> None:
    assert check(tuple(ended(at(time)) for time in TIMES[:3])) == [at(TIMES[0])]


@pytest.mark.parametrize(("first", "second"), list(product(TIMES, TIMES)))
def test_times_that_can_and_cannot_be_read(first: bytes, second: bytes) -> None:
    check((ended(at(first)), ended(at(second)), ended(at(first))))


def test_any_other_change_is_seen() -> None:
    source = random.Random(5)
    for _ in range(300):
        place = source.randrange(len(HEALTHY))
        changed = HEALTHY[:place] + bytes([HEALTHY[place] ^ 1 << source.randrange(7)]) + HEALTHY[place + 1 :]
        check((ended(HEALTHY), ended(changed), ended(HEALTHY)))


def test_how_the_command_ended_counts_as_well() -> None:
    results = (ended(HEALTHY), ended(HEALTHY, 1), ended(HEALTHY, 1, b"warning"), ended(HEALTHY, 1, b"warning"))
    assert len(check(results)) == 3


def test_a_failure_is_not_remembered() -> None:
    killed = CommandResult(status=Status.TIMED_OUT, stdout=HEALTHY)
    assert len(check((ended(HEALTHY), killed, killed, ended(HEALTHY), ended(HEALTHY)))) == 4


def test_the_duration_and_the_size_are_those_of_the_newest_output() -> None:
    memory, probe = ReadingMemory(), probes([])["crm_mon"]
    memory.read(KEY, probe, ended(at(TIMES[0])))
    reading = memory.read(KEY, probe, replace(ended(at(TIMES[2])), duration=0.25))
    assert (reading.duration, reading.size) == (0.25, len(at(TIMES[2])))


def test_probes_are_remembered_one_by_one() -> None:
    parsed: list[bytes] = []
    memory, by_name = ReadingMemory(), probes(parsed)
    constraints = (DATA / "lab" / "healthy" / "cibadmin-constraints.stdout").read_bytes()
    for _ in range(3):
        memory.read(KEY, by_name["crm_mon"], ended(HEALTHY))
        memory.read(("pacemaker", "cibadmin"), by_name["cibadmin"], ended(constraints))
    assert parsed == [HEALTHY, constraints]
