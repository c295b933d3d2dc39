"""A tool that is not permitted is not asked at every scrape, and its state stays visible."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from gateway.backoff import DENIED
from gateway.engine.prober import Prober
from gateway.host.host import CommandResult
from gateway.host.sectors import SectorRequest
from gateway.status import Status
from gateway.subsystems.probe import CommandError, Probe, Reading
from tests.fakes import FakeClock, FakeHost, printed

REFUSED = CommandResult(status=Status.NOT_PERMITTED, detail="Permission denied")


def read(result: CommandResult) -> bytes:
    if result.status is not Status.OK:
        raise CommandError(result.status, result.detail)
    return result.stdout


PROBE = Probe(name="x", tool="x", read=read)


class Denied:
    """A tool without permission, and what reads it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.host = FakeHost(results={"x": REFUSED}, identities={"x": 1})
        self.prober = Prober(self.host, clock=self.clock)

    async def read(self, probe: Probe = PROBE) -> Reading:
        return await self.prober.read("collector", probe)

    async def attempts(self, seconds: int) -> list[float]:
        """Returns when the tool was run, if it is read every second."""
        times = []
        for second in range(seconds):
            before = len(self.host.calls)
            assert (await self.read()).status is Status.NOT_PERMITTED
            if len(self.host.calls) > before:
                times.append(float(second))
            self.clock.advance(1)
        return times


async def test_the_pauses_grow_to_a_minute_and_the_state_stays() -> None:
    times = await Denied().attempts(600)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert 5 <= pauses[0] <= 10
    assert all(30 <= pause <= 60 for pause in pauses[3:])
    assert len(times) < 25  # instead of 600


async def test_a_permission_is_noticed_after_the_pause() -> None:
    denied = Denied()
    await denied.attempts(300)
    denied.host.results["x"] = printed("fine")
    denied.clock.advance(DENIED.longest)
    reading = await denied.read()
    assert (reading.status, reading.value) == (Status.OK, b"fine")
    denied.host.results["x"] = REFUSED
    assert (await denied.read()).status is Status.NOT_PERMITTED  # at once: the last attempt had succeeded


def replace_tool(denied: Denied) -> None:
    denied.host.identities["x"] = 2


def reload(denied: Denied) -> None:
    denied.prober.forget_denials()


@pytest.mark.parametrize("change", [replace_tool, reload])
async def test_a_change_is_noticed_at_once(change: Callable[[Denied], None]) -> None:
    denied = Denied()
    await denied.read()
    denied.host.results["x"] = printed("fine")
    assert (await denied.read()).status is Status.NOT_PERMITTED
    change(denied)
    assert (await denied.read()).status is Status.OK


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.NOT_RUNNING])
async def test_other_failures_are_tried_every_time(status: Status) -> None:
    denied = Denied()
    denied.host.results["x"] = CommandResult(status=status, detail="x")
    for _ in range(5):
        await denied.read()
    assert len(denied.host.calls) == 5


async def test_a_device_is_opened_every_time() -> None:
    """That leaves no trace in any log."""
    denied = Denied()
    denied.host.devices["/dev/sdx"] = REFUSED
    probe = Probe(name="x", tool="x", read=read, sectors=SectorRequest(path="/dev/sdx", count=1, size=1))
    assert (await denied.read(probe)).status is Status.NOT_PERMITTED
    denied.host.devices["/dev/sdx"] = printed("fine")
    assert (await denied.read(probe)).status is Status.OK


async def test_a_tool_to_which_the_daemon_seems_not_to_run_waits_with_the_others() -> None:
    """As ``corosync-quorumtool`` beside ``corosync-cfgtool``."""
    denied = Denied()
    denied.host.results["y"] = CommandResult(status=Status.NOT_RUNNING, detail="cannot connect")
    other = Probe(name="y", tool="y", read=read)
    for _ in range(2):
        await denied.read()
        assert (await denied.read(other)).status is Status.NOT_RUNNING
    assert denied.host.calls == ["x", "y"]
    denied.host.results.update(x=printed("fine"), y=printed("fine"))
    denied.clock.advance(DENIED.longest)
    assert [(await denied.read(probe)).status for probe in (PROBE, other)] == [Status.OK] * 2
