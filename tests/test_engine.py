"""Runs the engine on a fake host: events, not time, decide which command ends when."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.engine.engine import Engine
from gateway.engine.library_record import MAX_FAILURES
from gateway.engine.mode import CollectorMode
from gateway.engine.prober import LARGE_OUTPUT
from gateway.errors import ParseError, UnreadableValue
from gateway.host.host import CommandResult, Tool
from gateway.host.library import LibraryAnswer, LibraryQuery, Stack
from gateway.host.local import LocalHost
from gateway.samples import Metric, SampleSet
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.parsing.partial import Parsed
from gateway.subsystems.probe import CommandError, Plan, Probe, Reading
from tests.conftest import Script, is_process, open_descriptors
from tests.fakes import MISSING, FakeClock, FakeHost, Result, printed
from tests.waiting import until

VALUE = Metric(name="value", help="The number that a command printed.", labels=("collector", "command"))

BAD = CommandResult(status=Status.FAILED, exit_status=1, stderr=b"bad")
HUNG = CommandResult(status=Status.TIMED_OUT)


def read(result: CommandResult) -> int:
    """Reads a number; fails in each way that parsers can fail."""
    if result.status is not Status.OK:
        raise CommandError(result.status, result.detail or "no output")
    try:
        return int(result.stdout)
    except ValueError:
        raise ParseError(f"expected a number, found {result.stdout[:20]!r}", line=3) from None


def probe(name: str, **settings: Any) -> Probe:
    return Probe(**{"name": name, "tool": name, "variants": ((),), "read": read, **settings})


@dataclass
class FakeCollector:
    """Makes a sample of each number that its probes read."""

    name: str
    probes: Sequence[Probe]
    present: bool = True
    files: Mapping[str, Reading] = field(default_factory=dict)
    fails: Exception | None = None
    duplicates: int = 0
    configurations: tuple[str, ...] = ()

    @property
    def presence_tools(self) -> tuple[str, ...]:
        return tuple(probe.tool for probe in self.probes)

    def plan(self, host: object) -> Plan | None:
        return Plan(probes=tuple(self.probes), files=self.files) if self.present else None

    def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
        if self.fails is not None:
            raise self.fails
        samples = SampleSet()
        for name, reading in readings.items():
            for number in range(self.duplicates + 1):
                samples.add(VALUE, None if reading.ok_value is None else reading.ok_value + number, self.name, name)
        return samples


def collector(name: str, *tools: str, **settings: Any) -> FakeCollector:
    return FakeCollector(name, [probe(tool) for tool in tools], **settings)


def values(snapshot: Snapshot, metric: Metric = VALUE) -> dict[tuple[str, ...], Any]:
    return dict(snapshot.samples_by_metric.get(metric, {}))


def latest(engine: Engine) -> Snapshot | None:
    return engine.latest


def statuses(snapshot: Snapshot) -> dict[str, str]:
    return {name: report.status.value for name, report in snapshot.collectors.items()}


# --- Shared runs -----------------------------------------------------------------------------------------------------


async def test_all_commands_of_all_collectors_start_at_once() -> None:
    tools = [f"tool{number}" for number in range(12)]
    barrier = asyncio.Barrier(len(tools))

    class Meeting(FakeHost):
        async def run(self, tool: str, *arguments: str) -> CommandResult:
            await barrier.wait()
            return await super().run(tool, *arguments)

    engine = Engine(Meeting(), [collector(name, *tools[at : at + 4]) for name, at in (("a", 0), ("b", 4), ("c", 8))])
    async with asyncio.timeout(5):
        snapshot = await engine.collect()
    assert len(values(snapshot)) == 12
    assert set(statuses(snapshot).values()) == {"ok"}


async def test_concurrent_callers_share_a_run_and_later_ones_do_not() -> None:
    host = FakeHost(held={"x": asyncio.Event()})
    engine = Engine(host, [collector("a", "x")])
    waiting = [asyncio.ensure_future(engine.collect()) for _ in range(200)]
    await until(lambda: bool(host.calls))
    late = asyncio.ensure_future(engine.collect())
    await asyncio.sleep(0)
    host.held["x"].set()
    snapshots = await asyncio.gather(*waiting, late)
    assert host.calls == ["x"]
    assert len({id(snapshot) for snapshot in snapshots}) == 1
    assert values(snapshots[0], self_metrics.RUNS) == {(): 1}

    again = await engine.collect()
    assert host.calls == ["x", "x"]
    assert again is not snapshots[0]
    assert values(again, self_metrics.RUNS) == {(): 2}


async def test_a_selection_of_collectors_does_not_wait_for_the_others() -> None:
    host = FakeHost(held={"x": asyncio.Event()})
    engine = Engine(host, [collector("a", "x"), collector("b", "y")])
    everything = asyncio.ensure_future(engine.collect())
    await until(lambda: len(host.calls) == 2)
    await engine.collect({"b"})  # the run in progress, if it has not ended yet
    before = len(host.calls)
    only = await engine.collect({"b"})
    assert host.calls[before:] == ["y"]
    assert statuses(only) == {"b": "ok"}
    assert values(only) == {("b", "y"): 1}
    assert latest(engine) is None
    host.held["x"].set()
    snapshot = await everything
    assert latest(engine) is snapshot


async def test_a_collector_never_runs_twice_at_the_same_time() -> None:
    """Whatever the callers select: each run costs the daemons of the cluster the same."""
    names = ("a", "b", "c")
    host = FakeHost(held={name: asyncio.Event() for name in names})
    clock = FakeClock(100)
    engine = Engine(host, [collector(name, name) for name in names], clock=clock)
    published: list[Snapshot] = []
    engine.subscribe(published.append)
    subsets = [{"a"}, {"a", "b"}, {"b", "c"}, {"c"}, {"a", "c"}, {"b"}, None, {"a", "b"}, None]
    callers = []
    for subset in subsets:
        callers.append(asyncio.ensure_future(engine.collect(subset)))
        await asyncio.sleep(0)
        clock.advance(1)
    assert host.calls == ["a", "b", "c"]
    for event in host.held.values():
        event.set()
    snapshots = await asyncio.gather(*callers)
    assert host.calls == ["a", "b", "c"]
    for subset, snapshot in zip(subsets, snapshots, strict=True):
        expected = set(names) if subset is None else subset
        assert set(snapshot.collectors) == expected
        assert values(snapshot) == {(name, name): 1 for name in expected}
        assert snapshot.started == min({"a": 100, "b": 101, "c": 102}[name] for name in expected)
    assert snapshots[1] is snapshots[7]
    assert snapshots[6] is snapshots[8]
    assert published == [snapshots[6]]
    assert values(published[0], self_metrics.RUNS) == {(): 3}


async def test_the_first_command_of_every_collector_starts_before_the_second_of_any() -> None:
    host = FakeHost(held={"b1": asyncio.Event()})
    engine = Engine(host, [collector(name, f"{name}1", f"{name}2") for name in ("a", "b", "c")])
    selection = asyncio.ensure_future(engine.collect({"b"}))
    await until(lambda: len(host.calls) == 2)
    everything = asyncio.ensure_future(engine.collect())
    await until(lambda: len(host.calls) == 6)
    assert host.calls == ["b1", "b2", "a1", "c1", "a2", "c2"]
    host.held["b1"].set()
    await asyncio.gather(selection, everything)
    host.calls.clear()
    await engine.collect()
    assert host.calls == ["a1", "b1", "c1", "a2", "b2", "c2"]


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    host = FakeHost(held={"x": asyncio.Event()})
    engine = Engine(host, [collector("a", "x")])
    first, second = asyncio.ensure_future(engine.collect()), asyncio.ensure_future(engine.collect())
    await until(lambda: bool(host.calls))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    host.held["x"].set()
    assert values(await second) == {("a", "x"): 1}


async def test_without_collectors_the_snapshot_is_empty() -> None:
    engine = Engine(FakeHost(), [])
    snapshot = await engine.collect()
    assert snapshot.collectors == {}
    assert values(snapshot, self_metrics.RUNS) == {(): 1}


async def test_large_output_is_parsed_and_translated_in_a_thread() -> None:
    threads: dict[str, str] = {}

    def recording_read(result: CommandResult) -> int:
        threads[f"read {len(result.stdout)}"] = threading.current_thread().name
        return read(result)

    class RecordingCollector(FakeCollector):
        def make_samples(self, readings: Mapping[str, Reading]) -> SampleSet:
            threads[f"samples {self.name}"] = threading.current_thread().name
            return super().make_samples(readings)

    limit = LARGE_OUTPUT
    host = FakeHost(results={"x": printed("1".rjust(limit)), "y": printed("1".rjust(limit + 1))})
    small, large = (
        RecordingCollector("small", [probe("x", read=recording_read)]),
        RecordingCollector("large", [probe("y", read=recording_read)]),
    )
    engine = Engine(host, [small, large])
    await engine.collect()
    await engine.close()
    assert threads.pop(f"read {limit}") == threads.pop("samples small") == "MainThread"
    assert len(threads) == 2
    assert all(name.startswith("parser") for name in threads.values())


# --- Time-outs -------------------------------------------------------------------------------------------------------


async def test_a_time_out_returns_what_is_known_and_counts_nothing() -> None:
    host = FakeHost(held={"x": asyncio.Event()})
    engine = Engine(host, [collector("a", "x", "y"), collector("b", "z")])
    partial = await engine.collect(timeout=0.05)
    assert values(partial) == {("a", "y"): 1, ("b", "z"): 1}
    assert statuses(partial) == {"a": "timed_out", "b": "ok"}
    assert values(partial, self_metrics.SCRAPE_SUCCESS) == {("a",): 0, ("b",): 1}
    (unfinished,) = partial.collectors["a"].failing
    assert (unfinished.name, unfinished.detail) == ("x", "did not finish before the scrape timed out")
    assert unfinished.duration >= 0.05  # as long as it has run until now
    assert values(partial, self_metrics.COMMAND_TIMEOUTS)["a", "x"] == 0
    assert self_metrics.COMMAND_FAILURES not in partial.samples_by_metric
    assert latest(engine) is None

    # the run continues, and later callers share its result; only its own deadline counts
    late = asyncio.ensure_future(engine.collect())
    await asyncio.sleep(0)
    host.results["x"] = HUNG
    host.held.pop("x").set()
    complete = await late
    assert sorted(host.calls) == ["x", "y", "z"]
    assert latest(engine) is complete
    assert values(complete, self_metrics.COMMAND_TIMEOUTS) == {("a", "x"): 1, ("a", "y"): 0, ("b", "z"): 0}
    assert values(complete, self_metrics.COMMAND_FAILURES) == {("a", "x", "timed_out"): 1}

    again = await engine.collect()
    assert values(again, self_metrics.COMMAND_TIMEOUTS)["a", "x"] == 2


async def test_callers_that_time_out_together_share_a_snapshot() -> None:
    host = FakeHost(held={"x": asyncio.Event(), "y": asyncio.Event()})
    engine = Engine(host, [collector("a", "x", "y", "z", duplicates=1)])
    snapshots = await asyncio.gather(*(engine.collect(timeout=0.05) for _ in range(200)))
    assert len({id(snapshot) for snapshot in snapshots}) == 1
    assert values(snapshots[0]) == {("a", "z"): 1}
    assert values(snapshots[0], self_metrics.SAMPLES_DROPPED) == {("a",): 0}
    host.held.pop("y").set()
    more = await engine.collect(timeout=0.05)
    assert values(more) == {("a", "y"): 1, ("a", "z"): 1}
    assert values(more, self_metrics.SAMPLES_DROPPED) == {("a",): 0}
    host.held.pop("x").set()
    await until(lambda: engine.latest is not None)
    assert engine.latest is not None
    assert values(engine.latest, self_metrics.SAMPLES_DROPPED) == {("a",): 3}


async def test_a_time_out_that_is_long_enough_changes_nothing() -> None:
    engine = Engine(FakeHost(), [collector("a", "x")])
    assert values(await engine.collect(timeout=5)) == {("a", "x"): 1}


# --- The minimum interval --------------------------------------------------------------------------------------------


async def test_within_the_minimum_interval_a_result_is_returned_again() -> None:
    clock, host = FakeClock(100), FakeHost()
    engine = Engine(host, [collector("a", "x"), collector("b", "y")], min_interval=10, clock=clock)
    published: list[Snapshot] = []
    engine.subscribe(published.append)
    first = await engine.collect(allow_recent=True)
    clock.advance(9.9)
    assert await engine.collect(allow_recent=True) is first
    only = await engine.collect({"b"}, allow_recent=True)
    assert (only.started, statuses(only)) == (100, {"b": "ok"})
    assert host.calls == ["x", "y"]
    clock.advance(0.1)
    second = await engine.collect(allow_recent=True)
    assert second.started == 110
    assert host.calls == ["x", "y"] * 2
    assert published == [first, second]


async def test_a_result_of_some_collectors_is_completed_by_new_runs() -> None:
    clock, host = FakeClock(100), FakeHost()
    engine = Engine(host, [collector("a", "x"), collector("b", "y")], min_interval=10, clock=clock)
    published: list[Snapshot] = []
    engine.subscribe(published.append)
    await engine.collect({"a"}, allow_recent=True)
    clock.advance(5)
    mixed = await engine.collect(allow_recent=True)
    assert host.calls == ["x", "y"]
    assert (mixed.started, statuses(mixed)) == (100, {"a": "ok", "b": "ok"})
    assert published == []  # alarms are evaluated on snapshots of new runs only
    assert await engine.collect(allow_recent=True) is mixed


async def test_alarms_and_snmp_always_get_a_new_run() -> None:
    clock, host = FakeClock(100), FakeHost(held={"y": asyncio.Event()})
    engine = Engine(host, [collector("a", "x"), collector("b", "y")], min_interval=10, clock=clock)
    await engine.collect({"a"}, allow_recent=True)
    mixed = asyncio.ensure_future(engine.collect(allow_recent=True))
    await until(lambda: host.calls == ["x", "y"])
    clock.advance(1)
    new = asyncio.ensure_future(engine.collect())  # it must not share the earlier result of a
    await until(lambda: host.calls == ["x", "y", "x"])
    host.held["y"].set()
    assert (await mixed).started == 100
    assert latest(engine) is await new
    assert host.calls == ["x", "y", "x"]


async def test_a_selection_of_nothing_is_never_old() -> None:
    clock = FakeClock(100)
    engine = Engine(FakeHost(), [collector("a", "x")], min_interval=10, clock=clock)
    for now in (100, 200):
        assert (await engine.collect([], allow_recent=True)).started == now
        clock.advance(100)


# --- Variants and static readings ------------------------------------------------------------------------------------

TWO_VARIANTS = (("--new",), ("--old",))


async def test_the_variant_that_works_is_remembered() -> None:
    host = FakeHost(results={"x --new": BAD, "x --old": printed("7")})
    engine = Engine(host, [FakeCollector("a", [probe("x", variants=TWO_VARIANTS)])])
    assert values(await engine.collect()) == {("a", "x"): 7}
    assert values(await engine.collect()) == {("a", "x"): 7}
    assert host.calls == ["x --new", "x --old", "x --old"]
    # an update may remove the old variant
    host.results.update({"x --new": printed("8"), "x --old": printed("usage:")})
    assert values(await engine.collect()) == {("a", "x"): 8}
    assert values(await engine.collect()) == {("a", "x"): 8}
    assert host.calls[3:] == ["x --old", "x --new", "x --new"]


@pytest.mark.parametrize("status", [Status.TIMED_OUT, Status.NOT_INSTALLED, Status.NOT_PERMITTED, Status.KILLED])
async def test_other_variants_are_not_tried_if_they_would_not_help(status: Status) -> None:
    host = FakeHost(results={"x --new": CommandResult(status=status)})
    engine = Engine(host, [FakeCollector("a", [probe("x", variants=TWO_VARIANTS)])])
    assert statuses(await engine.collect()) == {"a": status.value}
    assert host.calls == ["x --new"]


async def test_if_no_variant_works_the_newest_is_reported() -> None:
    host = FakeHost(results={"x --new": printed("garbage"), "x --old": BAD})
    engine = Engine(host, [FakeCollector("a", [probe("x", variants=TWO_VARIANTS)])])
    (report,) = (await engine.collect()).collectors["a"].commands
    assert (report.status, report.detail, report.line) == (
        Status.UNPARSABLE,
        "expected a number, found b'garbage'",
        3,
    )


async def test_a_static_reading_is_kept_until_the_tool_changes() -> None:
    host = FakeHost(identities={"x": "first"})
    engine = Engine(host, [FakeCollector("a", [probe("x", static=True)])])
    for _ in range(3):
        assert values(await engine.collect()) == {("a", "x"): 1}
    assert host.calls == ["x"]
    host.identities["x"] = "second"
    host.results["x"] = BAD
    for _ in range(2):
        assert values(await engine.collect()) == {}
    assert host.calls == ["x"] * 3
    host.results["x"] = printed("2")
    for _ in range(2):
        assert values(await engine.collect()) == {("a", "x"): 2}
    assert host.calls == ["x"] * 4


async def test_without_an_identity_no_reading_is_kept() -> None:
    host = FakeHost()
    engine = Engine(host, [FakeCollector("a", [probe("x", static=True)])])
    await engine.collect()
    await engine.collect()
    assert host.calls == ["x", "x"]


async def test_a_tool_does_not_run_while_the_socket_of_its_daemon_does_not_exist() -> None:
    host = FakeHost(lacking=["/run/x.sock"])
    one = FakeCollector("a", [probe("x", socket="/run/x.sock"), probe("y", socket="/run/y.sock")])
    engine = Engine(host, [one])
    report = (await engine.collect()).collectors["a"]
    assert host.calls == ["y"]
    assert [(command.status, command.detail) for command in report.commands] == [
        (Status.NOT_RUNNING, "there is no socket /run/x.sock"),
        (Status.OK, ""),
    ]
    host.lacking = []  # the daemon has been started
    assert (await engine.collect()).collectors["a"].status is Status.OK


# --- Modes -----------------------------------------------------------------------------------------------------------


async def test_an_absent_subsystem_runs_nothing_until_it_is_installed() -> None:
    host = FakeHost(results={"x": MISSING, "y": MISSING})
    engine = Engine(host, [collector("a", "x", "y")], modes={"a": CollectorMode.AUTO})
    snapshot = await engine.collect()
    assert (host.calls, statuses(snapshot)) == ([], {"a": "not_installed"})
    assert not snapshot.collectors["a"].present
    assert self_metrics.SCRAPE_SUCCESS not in snapshot.samples_by_metric
    flags = values(snapshot, self_metrics.COLLECTOR_STATE)["a",]
    assert flags == self_metrics.COLLECTOR_STATE.flags_for("not_installed")

    host.results["y"] = printed("5")  # installed later, without a restart; the missing tool is a failure now
    snapshot = await engine.collect()
    assert values(snapshot) == {("a", "y"): 5}
    assert values(snapshot, self_metrics.SCRAPE_SUCCESS) == {("a",): 0}


CONFIGURED = {"/etc/a.conf": b""}


async def test_a_tool_that_is_missing_while_its_package_is_upgraded_is_a_failure() -> None:
    host = FakeHost(files={**CONFIGURED})
    engine = Engine(host, [collector("a", "x", configurations=tuple(CONFIGURED))])
    await engine.collect()
    host.results["x"] = MISSING
    snapshot = await engine.collect()
    assert snapshot.collectors["a"].present
    assert values(snapshot, self_metrics.SCRAPE_SUCCESS) == {("a",): 0}
    flags = values(snapshot, self_metrics.COLLECTOR_STATE)["a",]
    assert flags == self_metrics.COLLECTOR_STATE.flags_for("not_installed")
    host.results["x"] = printed("5")
    assert values(await engine.collect(), self_metrics.SCRAPE_SUCCESS) == {("a",): 1}

    host.results["x"] = MISSING
    host.files.clear()  # now the subsystem was removed
    snapshot = await engine.collect()
    assert self_metrics.SCRAPE_SUCCESS not in snapshot.samples_by_metric
    report = snapshot.collectors["a"]
    assert (report.present, report.configured) == (False, False)


async def test_a_configuration_without_tools_from_the_start_is_no_failure() -> None:
    engine = Engine(
        FakeHost(results={"x": MISSING}, files={**CONFIGURED}), [collector("a", "x", configurations=tuple(CONFIGURED))]
    )
    for _ in range(2):
        snapshot = await engine.collect()
        assert self_metrics.SCRAPE_SUCCESS not in snapshot.samples_by_metric
        report = snapshot.collectors["a"]
        assert (report.present, report.configured) == (False, True)


async def test_a_configuration_of_something_else_shows_nothing() -> None:
    """The file exists, but the collector finds in it that its subsystem is not set up."""
    host = FakeHost(files={**CONFIGURED})
    each = collector("a", "x", configurations=tuple(CONFIGURED))
    engine = Engine(host, [each])
    assert (await engine.collect()).collectors["a"].present
    host.results["x"], each.present = MISSING, False
    for _ in range(2):
        report = (await engine.collect()).collectors["a"]
        assert (report.present, report.configured) == (False, False)


async def test_any_name_of_a_configuration_will_do() -> None:
    host = FakeHost(results={"x": MISSING}, directories={"/etc/a": ("key", "geo.conf")})
    for pattern, configured in (("/etc/a/*.conf", True), ("/etc/a/*.cfg", False), ("/etc/b/*.conf", False)):
        engine = Engine(host, [collector("a", "x", configurations=(pattern,))])
        assert (await engine.collect()).collectors["a"].configured is configured


async def test_a_configuration_that_cannot_be_read_may_exist() -> None:
    class Host(FakeHost):
        def read_file(self, path: str) -> bytes | None:
            raise PermissionError(path)

    engine = Engine(Host(results={"x": MISSING}), [collector("a", "x", configurations=tuple(CONFIGURED))])
    assert (await engine.collect()).collectors["a"].configured


DOWN = CommandResult(status=Status.NOT_RUNNING, detail="no daemon")


@pytest.mark.parametrize(
    ("results", "files", "settings", "unused"),
    [
        ({"x": DOWN, "y": DOWN}, {}, {}, True),
        ({"x": DOWN, "y": printed("1")}, {}, {}, False),
        ({"x": DOWN, "y": HUNG}, {}, {}, False),
        ({"x": DOWN, "y": HUNG}, {}, {"required": False}, False),
        ({"x": DOWN, "y": BAD}, {}, {"required": False}, True),
        ({"x": DOWN, "y": printed("1")}, {}, {"required": False}, False),
        ({"x": DOWN, "y": printed("1")}, {}, {"required": False, "static": True}, True),
        ({"x": DOWN, "y": DOWN}, CONFIGURED, {}, False),
    ],
)
async def test_a_subsystem_that_is_merely_installed_is_unused(
    results: dict[str, Result], files: dict[str, bytes], settings: dict[str, Any], *, unused: bool
) -> None:
    probes = [probe("x"), probe("y", **settings)]
    one = FakeCollector("a", probes, configurations=tuple(CONFIGURED))
    report = (await Engine(FakeHost(results=results, files=files), [one]).collect()).collectors["a"]
    assert report.unused == unused
    assert report.present
    without = FakeCollector("a", probes)
    assert not (await Engine(FakeHost(results=results), [without]).collect()).collectors["a"].unused


async def test_a_subsystem_that_is_configured_or_on_should_run() -> None:
    host = FakeHost(files={**CONFIGURED})
    collectors = [collector("a", "x", configurations=tuple(CONFIGURED)), collector("b", "y"), collector("c", "z")]
    engine = Engine(host, collectors, modes={"b": CollectorMode.ON})
    assert [engine.is_expected(name) for name in ("a", "b", "c")] == [True, True, False]
    host.files.clear()
    assert not engine.is_expected("a")


async def test_a_time_zone_that_is_changed_counts_from_the_next_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library keeps the time zone of a process, unless it is asked to look again."""
    try:
        for zone, seconds in (("UTC", 0), ("Asia/Tokyo", 9 * 3600)):
            monkeypatch.setenv("TZ", zone)
            await Engine(FakeHost(), [collector("a", "x")]).collect()
            assert time.localtime(0).tm_gmtoff == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_collector_that_is_on_fails_without_its_tool() -> None:
    engine = Engine(FakeHost(results={"x": MISSING}), [collector("a", "x")], modes={"a": CollectorMode.ON})
    snapshot = await engine.collect()
    assert snapshot.collectors["a"].present
    assert snapshot.collectors["a"].required
    assert values(snapshot, self_metrics.SCRAPE_SUCCESS) == {("a",): 0}
    assert values(snapshot, self_metrics.COMMAND_FAILURES) == {("a", "x", "not_installed"): 1}


@pytest.mark.parametrize(("mode", "present"), [(CollectorMode.AUTO, False), (CollectorMode.ON, True)])
async def test_a_subsystem_without_configuration(mode: CollectorMode, present: bool) -> None:  # noqa: FBT001
    engine = Engine(FakeHost(), [collector("a", "x", present=False)], modes={"a": mode})
    report = (await engine.collect()).collectors["a"]
    assert (report.present, report.status) == (present, Status.NOT_INSTALLED)
    assert [command.detail for command in report.commands] == ["its configuration was not found"] * present


async def test_a_collector_that_is_off_does_not_exist() -> None:
    host = FakeHost()
    engine = Engine(host, [collector("a", "x"), collector("b", "y")], modes={"a": CollectorMode.OFF})
    assert engine.collector_names == ("b",)
    assert statuses(await engine.collect()) == {"b": "ok"}
    assert statuses(await engine.collect({"a", "b"})) == {"b": "ok"}
    assert host.calls == ["y", "y"]


async def test_an_optional_tool_may_be_missing_but_not_misbehave() -> None:
    expected = {
        MISSING.status: Status.OK,
        Status.NOT_RUNNING: Status.OK,
        Status.NOT_PERMITTED: Status.OK,
        Status.FAILED: Status.OK,
        Status.TIMED_OUT: Status.TIMED_OUT,
        Status.TOO_MUCH_OUTPUT: Status.TOO_MUCH_OUTPUT,
        Status.KILLED: Status.KILLED,
    }
    for status, outcome in expected.items():
        host = FakeHost(results={"extra": CommandResult(status=status)})
        engine = Engine(host, [FakeCollector("a", [probe("x"), probe("extra", required=False)])])
        assert (await engine.collect()).collectors["a"].status is outcome, status
    files = {"conf": Reading(status=Status.UNPARSABLE, detail="odd")}
    engine = Engine(FakeHost(), [collector("a", "x", files=files)])
    assert (await engine.collect()).collectors["a"].status is Status.OK


# --- Bugs ------------------------------------------------------------------------------------------------------------


def broken(error: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise error

    return fail


class BrokenPlan(FakeCollector):
    def plan(self, host: object) -> Plan | None:
        raise LookupError("of the plan")


class BrokenHost(FakeHost):
    async def run(self, tool: str, *arguments: str) -> CommandResult:
        if tool == "x":
            raise RuntimeError("of the host")
        return await super().run(tool, *arguments)


class BrokenIdentity(FakeHost):
    def identity(self, tool: str) -> object:
        raise ValueError("of the identity")


class BrokenFind(FakeHost):
    def find(self, tool: str) -> str | None:
        if tool == "x":
            raise OSError(5, "of the search")
        return super().find(tool)


@pytest.mark.parametrize(
    ("host", "bad", "command", "detail"),
    [
        (FakeHost(), collector("a", "x", fails=KeyError("odd")), "samples", "KeyError: 'odd'"),
        (FakeHost(), collector("a", "x", fails=TypeError("two\n  lines")), "samples", "TypeError: two lines"),
        (FakeHost(), BrokenPlan("a", [probe("x")]), "plan", "LookupError: of the plan"),
        (
            FakeHost(),
            FakeCollector("a", [probe("x", read=broken(AttributeError("parser")))]),
            "x",
            "AttributeError: parser",
        ),
        (BrokenHost(), collector("a", "x"), "x", "RuntimeError: of the host"),
        (BrokenIdentity(), FakeCollector("a", [probe("x", static=True)]), "x", "ValueError: of the identity"),
        (BrokenFind(), collector("a", "x"), "plan", "OSError: [Errno 5] of the search"),
    ],
)
async def test_a_bug_affects_its_collector_only_and_is_logged_once_with_its_traceback(
    host: FakeHost, bad: FakeCollector, command: str, detail: str
) -> None:
    engine = Engine(host, [bad, collector("b", "y")])
    with capture_logs() as logs:
        first = await engine.collect()
        second = await engine.collect()
    for snapshot in (first, second):
        assert statuses(snapshot) == {"a": "failed", "b": "ok"}
        assert values(snapshot) == {("b", "y"): 1}
        assert values(snapshot, self_metrics.SCRAPE_SUCCESS) == {("a",): 0, ("b",): 1}
        (failing,) = snapshot.collectors["a"].failing
        assert (failing.name, failing.detail) == (command, f"internal error: {detail}")
    assert values(second, self_metrics.COMMAND_FAILURES) == {("a", command, "failed"): 2}
    (event,) = [event for event in logs if event["collector"] == "a"]
    assert event["log_level"] == "warning"
    assert (event["command"], event["reason"]) == (command, f"internal error: {detail}")
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert detail.partition(":")[0] in event["exception"]


async def test_a_bug_in_a_thread_affects_its_collector_only() -> None:
    host = FakeHost(results={"x": printed("1".rjust(LARGE_OUTPUT + 1))})
    engine = Engine(host, [collector("a", "x", fails=KeyError("odd")), collector("b", "y")])
    assert statuses(await engine.collect()) == {"a": "failed", "b": "ok"}
    await engine.close()


# --- The log ---------------------------------------------------------------------------------------------------------


def events(logs: Sequence[EventDict]) -> list[tuple[str, ...]]:
    keys = ("log_level", "event", "collector", "state", "command", "reason", "line", "others")
    return [tuple(str(event[key]) for key in keys if key in event) for event in logs]


async def test_a_change_of_state_is_logged_once() -> None:
    host = FakeHost(results={"z": MISSING})
    engine = Engine(host, [collector("a", "x", "y"), collector("b", "z")])

    async def changes(**results: Result) -> list[tuple[str, ...]]:
        host.results.update(results)
        with capture_logs() as logs:
            for _ in range(3):
                await engine.collect()
        return events(logs)

    assert await changes() == [
        ("info", "subsystem absent", "b", "not_installed"),
        ("info", "collector ready", "a", "ok"),
    ]
    assert await changes() == []
    failing = ("warning", "collector failing", "a")
    number = "expected a number, found b'?'"
    assert await changes(x=printed("?")) == [(*failing, "unparsable", "x", number, "3")]
    assert await changes(y=HUNG) == [(*failing, "unparsable", "y", "no output", "x: unparsable")]
    assert await changes(x=BAD) == [(*failing, "failed", "x", "no output", "y: timed_out")]
    assert await changes(x=printed("1")) == [(*failing, "timed_out", "y", "no output")]
    assert await changes(y=printed("1")) == [("warning", "collector state changed", "a", "ok")]
    assert await changes(z=printed("1")) == [("warning", "collector state changed", "b", "ok")]
    stopped = CommandResult(status=Status.NOT_RUNNING)
    assert await changes(z=stopped) == [("info", "subsystem not running", "b", "not_running", "z", "no output")]


async def test_the_tool_is_logged_if_the_command_has_another_name() -> None:
    host = FakeHost(results={"sbd": HUNG})
    engine = Engine(host, [FakeCollector("a", [probe("dump /dev/x", tool="sbd")])])
    with capture_logs() as logs:
        await engine.collect()
    assert [(event["command"], event["tool"]) for event in logs] == [("dump /dev/x", "sbd")]


async def test_the_deadline_of_an_impatient_scraper_is_not_a_failure_of_the_tool() -> None:
    """A scraper may send any time-out: nobody else must see a failing collector because of it."""
    host = FakeHost(held={"x": asyncio.Event()})
    engine = Engine(host, [collector("a", "x"), collector("b", "y")])
    published: list[Snapshot] = []
    engine.subscribe(published.append)
    with capture_logs() as logs:
        for _ in range(3):
            host.held["x"].clear()
            patient = asyncio.ensure_future(engine.collect())
            assert statuses(await engine.collect(timeout=0.001)) == {"a": "timed_out", "b": "ok"}
            host.held["x"].set()
            assert statuses(await patient) == {"a": "ok", "b": "ok"}
    assert sorted(events(logs)) == [("info", "collector ready", name, "ok") for name in ("a", "b")]
    assert [statuses(snapshot) for snapshot in published] == [{"a": "ok", "b": "ok"}] * 3
    assert values(published[-1], self_metrics.COMMAND_TIMEOUTS) == {("a", "x"): 0, ("b", "y"): 0}
    assert self_metrics.COMMAND_FAILURES not in published[-1].samples_by_metric


# --- Time ------------------------------------------------------------------------------------------------------------


async def test_durations_by_collector() -> None:
    clock = FakeClock(100, epoch=1_000_000)
    host = FakeHost(held={"x": asyncio.Event(), "y": asyncio.Event()})
    engine = Engine(host, [collector("a", "x"), collector("b", "y"), collector("c")], clock=clock)
    running = asyncio.ensure_future(engine.collect())
    await until(lambda: len(host.calls) == 2)
    for tool, seconds in (("x", 2), ("y", 3)):
        clock.advance(seconds)
        host.held[tool].set()
        for _ in range(5):
            await asyncio.sleep(0)
    snapshot = await running
    assert (snapshot.time, snapshot.started) == (1_000_100, 100)
    # a collector without tools is always absent
    assert values(snapshot, self_metrics.SCRAPE_DURATION) == {("a",): 2, ("b",): 5}
    assert values(snapshot, self_metrics.COMMAND_DURATION) == {("a", "x"): 0.01, ("b", "y"): 0.01}


# --- Closing ---------------------------------------------------------------------------------------------------------


async def test_closing_ends_runs_in_progress_with_their_processes(script: Script, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    path = script(f"echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 1000")
    engine = Engine(LocalHost({"slow": Tool(path=str(path), timeout=600)}), [collector("a", "slow")])
    before = open_descriptors()
    waiting = [asyncio.ensure_future(engine.collect()) for _ in range(3)]
    await until(pid.exists)
    partial = await engine.collect(timeout=0.01)
    assert statuses(partial) == {"a": "timed_out"}
    await engine.close()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )
    assert not is_process(pid.read_text())
    assert open_descriptors() == before
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_an_idle_engine_leaves_no_tasks() -> None:
    engine = Engine(FakeHost(), [collector("a", "x")])
    await engine.collect()
    await engine.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- Values that cannot be read --------------------------------------------------------------------------------------


def partial_collector(unreadable: Mapping[str, tuple[UnreadableValue, ...]]) -> FakeCollector:
    """Returns a collector of the command x, which prints what the dictionary says."""

    def read_partially(result: CommandResult) -> Parsed[int]:
        return Parsed(value=read(result), unreadable=unreadable["x"])

    return FakeCollector("a", [probe("x", read=read_partially)], files={"conf": Reading(status=Status.OK, value=7)})


async def test_values_that_cannot_be_read_are_counted_and_logged_once_per_change() -> None:
    first, second = (UnreadableValue(reason=reason, line=line) for reason, line in (("one", 4), ("two", None)))
    unreadable: dict[str, tuple[UnreadableValue, ...]] = {}
    engine = Engine(FakeHost(), [partial_collector(unreadable)])
    total = 0
    for values_now, events in (
        ((first,), [("warning", "values unreadable", 1, "one", 4)]),
        ((first,), []),
        ((UnreadableValue(reason="one", line=9),), []),  # the same value in another line
        ((first, second), [("warning", "values unreadable", 2, "one", 4)]),
        ((), [("info", "values readable again", None, None, None)]),
        ((), []),
    ):
        unreadable["x"] = values_now
        with capture_logs() as logs:
            snapshot = await engine.collect()
        total += len(values_now)
        assert values(snapshot) == {("a", "x"): 1, ("a", "conf"): 7}
        assert statuses(snapshot) == {"a": "ok"}
        assert values(snapshot, self_metrics.VALUES_UNREADABLE) == {("a", "x"): total, ("a", "conf"): 0}
        shown = [event for event in logs if event["event"].startswith("values")]
        assert [
            (event["log_level"], event["event"], event.get("values"), event.get("reason"), event.get("line"))
            for event in shown
        ] == events
        assert all((event["collector"], event["command"]) == ("a", "x") for event in shown)


async def test_values_that_cannot_be_read_are_counted_once_per_run() -> None:
    host = FakeHost(held={"y": asyncio.Event()})
    unreadable = {"x": (UnreadableValue(reason="one"),)}
    engine = Engine(host, [partial_collector(unreadable), collector("b", "y")])
    for _ in range(2):
        snapshot = await engine.collect(timeout=0.05)
        assert values(snapshot, self_metrics.VALUES_UNREADABLE)["a", "x"] == 1
    host.held.pop("y").set()
    await until(lambda: engine.latest is not None)
    assert engine.latest is not None
    assert values(engine.latest, self_metrics.VALUES_UNREADABLE)["a", "x"] == 1


async def test_a_failed_command_says_nothing_about_its_values() -> None:
    host = FakeHost()
    engine = Engine(host, [partial_collector({"x": (UnreadableValue(reason="one"),)})])
    await engine.collect()
    host.results["x"] = BAD
    with capture_logs() as logs:
        snapshot = await engine.collect()
    assert [event["event"] for event in logs] == ["collector failing"]
    assert values(snapshot, self_metrics.VALUES_UNREADABLE)["a", "x"] == 1


# --- Libraries -------------------------------------------------------------------------------------------------------

QUERY = LibraryQuery(stack=Stack.PACEMAKER, name="status")
REFUSED = LibraryAnswer(result=CommandResult(status=Status.FAILED, detail="refused"), version="lib.so.1")
UNTESTED = LibraryAnswer(result=CommandResult(status=Status.NOT_INSTALLED, detail="unknown"), permanent=True)
PAUSED = LibraryAnswer(result=CommandResult(status=Status.NOT_RUNNING, detail="next start in 3 s"), skipped=True)


def answered(text: str) -> LibraryAnswer:
    return LibraryAnswer(result=printed(text), version="lib.so.1")


def library_engine(host: FakeHost, **settings: Any) -> Engine:
    return Engine(host, [FakeCollector("a", [probe("x", library=QUERY, **settings)])])


def sources(snapshot: Snapshot) -> dict[tuple[str, ...], Any]:
    names = self_metrics.COMMAND_SOURCE.states
    return {
        labels: [name for name, flag in zip(names, flags, strict=True) if flag]
        for labels, flags in values(snapshot, self_metrics.COMMAND_SOURCE).items()
    }


async def test_a_library_answers_in_place_of_the_tool() -> None:
    host = FakeHost(libraries={"x": answered("5")})
    snapshot = await library_engine(host).collect()
    assert host.calls == ["library status"]
    assert values(snapshot) == {("a", "x"): 5}
    assert sources(snapshot) == {("a", "x"): ["library"]}
    assert snapshot.collectors["a"].commands[0].library == "lib.so.1"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (REFUSED, "refused"),
        (UNTESTED, "unknown"),
        (answered("<half"), "expected a number, found b'<half'"),
        (LibraryAnswer(result=CommandResult(status=Status.KILLED, detail="has ended")), "has ended"),
        (LibraryAnswer(result=HUNG), "no output"),
    ],
)
async def test_without_a_complete_answer_the_tool_runs_in_the_same_run(answer: LibraryAnswer, reason: str) -> None:
    host = FakeHost({"x": printed("7")}, libraries={"x": answer})
    with capture_logs() as logs:
        engine = library_engine(host)
        snapshots = [await engine.collect() for _ in range(3)]
    assert [values(snapshot) for snapshot in snapshots] == [{("a", "x"): 7}] * 3
    assert statuses(snapshots[0]) == {"a": "ok"}
    assert sources(snapshots[0]) == {("a", "x"): ["tool"]}
    assert values(snapshots[-1], self_metrics.COMMAND_FAILURES) == {}
    assert [log["reason"] for log in logs if log["event"] == "tool in use"] == [reason]


async def test_if_both_fail_the_tool_says_why() -> None:
    host = FakeHost({"x": BAD}, libraries={"x": REFUSED})
    with capture_logs() as logs:
        report = (await library_engine(host).collect()).collectors["a"]
    assert (report.status, report.commands[0].detail) == (Status.FAILED, "no output")
    assert [log["event"] for log in logs] == ["collector failing"]


async def test_a_library_that_keeps_failing_is_left_alone_until_it_is_replaced() -> None:
    host = FakeHost({"x": printed("7")}, libraries={"x": REFUSED}, identities={"x": "version 1"})
    engine = library_engine(host)
    for _ in range(MAX_FAILURES + 5):
        assert values(await engine.collect()) == {("a", "x"): 7}
    assert host.calls.count("library status") == MAX_FAILURES
    host.libraries["x"] = answered("5")
    assert values(await engine.collect()) == {("a", "x"): 7}
    host.identities["x"] = "version 2"
    assert values(await engine.collect()) == {("a", "x"): 5}


async def test_only_failures_in_a_row_count() -> None:
    """Neither those while the cluster is stopped, nor pauses between two starts of the reader."""
    host = FakeHost({"x": printed("7")}, libraries={"x": REFUSED})
    engine = library_engine(host)
    for answer, result in [
        (REFUSED, printed("7")),
        (answered("5"), printed("7")),
        (REFUSED, BAD),
        (PAUSED, printed("7")),
    ]:
        host.libraries["x"], host.results["x"] = answer, result
        for _ in range(MAX_FAILURES - 1):
            await engine.collect()
    host.libraries["x"] = answered("5")
    assert values(await engine.collect()) == {("a", "x"): 5}


async def test_an_untested_library_is_not_asked_again() -> None:
    host = FakeHost({"x": printed("7")}, libraries={"x": UNTESTED})
    engine = library_engine(host)
    for _ in range(3):
        assert values(await engine.collect()) == {("a", "x"): 7}
    assert host.calls == ["library status", "x", "x", "x"]


async def test_what_only_a_library_reads_is_left_out_without_it() -> None:
    engine = library_engine(FakeHost(), library_only=True, required=False)
    assert (await engine.collect()).collectors["a"].commands == ()

    host = FakeHost(libraries={"x": UNTESTED})
    engine = library_engine(host, library_only=True, required=False)
    assert statuses(await engine.collect()) == {"a": "ok"}
    assert (await engine.collect()).collectors["a"].commands == ()
    assert host.calls == ["library status"]


async def test_what_only_a_library_reads_is_not_tried_each_time_if_it_is_refused() -> None:
    """Corosync logs each attempt."""
    refused = LibraryAnswer(result=CommandResult(status=Status.NOT_PERMITTED, detail="refused"), version="lib.so.1")
    host = FakeHost(libraries={"x": refused})
    engine = library_engine(host, library_only=True, required=False)
    for _ in range(3):
        assert statuses(await engine.collect()) == {"a": "ok"}
    assert host.calls == ["library status"]


async def test_the_tool_stands_in_for_a_library_that_has_answered() -> None:
    host = FakeHost({"x": printed("7")}, libraries={"x": answered("5")})
    engine = library_engine(host, library_only=True, required=False)
    await engine.collect()
    host.libraries["x"] = REFUSED
    assert values(await engine.collect()) == {("a", "x"): 7}
