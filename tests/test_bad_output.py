"""Bad output and misbehavior of each tool, in the whole program: only the samples of that tool are missing."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.assembly import build_engine, build_local_host
from gateway.config.loader import load
from gateway.config.subsystem_options import TOOLS
from gateway.frontends.prometheus.server import MetricsServer
from gateway.publication import Publication
from gateway.subsystems import SUBSYSTEMS
from tests.config_values import server_settings
from tests.conftest import open_descriptors
from tests.programs import (
    CFGTOOL,
    CIBADMIN,
    CMAPCTL,
    CRM_MON,
    DRBDSETUP,
    QUORUMTOOL,
    SBD_DUMP,
    SBD_LIST,
    FakeCluster,
)

COLLECTORS = tuple(subsystem.name for subsystem in SUBSYSTEMS)


@dataclass(frozen=True)
class Command:
    """A command, and a metric that only this command provides."""

    line: str
    collector: str
    name: str
    family: str
    labels: tuple[tuple[str, str], ...] = ()
    variants: tuple[str, ...] = ()
    required: bool = True

    @property
    def tool(self) -> str:
        return self.line.partition(" ")[0]


COMMANDS = (
    Command(CRM_MON, "pacemaker", "crm_mon", "ha_cluster_pacemaker_nodes", variants=("crm_mon -1 -X --inactive",)),
    Command(
        CIBADMIN,
        "pacemaker",
        "cibadmin",
        "ha_cluster_pacemaker_location_constraints",
        variants=("cibadmin --query --local",),
    ),
    Command(QUORUMTOOL, "corosync", "corosync-quorumtool", "ha_cluster_corosync_quorum_votes"),
    Command(CFGTOOL, "corosync", "corosync-cfgtool", "ha_cluster_corosync_rings"),
    Command(CMAPCTL, "corosync", "corosync-cmapctl", "ha_cluster_corosync_totem_retransmits_total", required=False),
    Command(SBD_DUMP, "sbd", "dump /dev/loop0", "ha_cluster_sbd_timeouts", (("device", "/dev/loop0"),)),
    Command(SBD_LIST, "sbd", "list /dev/loop0", "ha_cluster_sbd_slots", (("device", "/dev/loop0"),), required=False),
    Command(DRBDSETUP, "drbd", "drbdsetup", "ha_cluster_drbd_resources"),
)
XML = (CRM_MON, CIBADMIN)

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Page = dict[str, list[tuple[dict[str, str], float]]]


Scrape = Callable[[], Awaitable[Page]]


@contextlib.asynccontextmanager
async def serving(cluster: FakeCluster, **flags: Any) -> AsyncIterator[Scrape]:
    """Runs a server, and returns a function that scrapes it."""
    limits = {f"tools.{tool.name}.max_output": 300_000 for tool in TOOLS}
    config = load(cluster.config, {**limits, **flags})
    engine = build_engine(config, build_local_host(config))
    server = MetricsServer(engine, Publication(), **server_settings())
    await server.start()

    async def get() -> Page:
        async with session.get(f"http://{server.addresses[0]}/metrics") as response:
            assert response.status == 200
            text = await response.text()
        page: Page = {}
        for name, labels, value in SAMPLE.findall(text):
            page.setdefault(name, []).append((dict(LABEL.findall(labels)), float(value)))
        return page

    async with aiohttp.ClientSession() as session:
        yield get
    await server.close()
    await engine.close()


@pytest.fixture
async def scrape(cluster: FakeCluster) -> AsyncIterator[Scrape]:
    async with serving(cluster) as get:
        yield get


async def scrape_and_log(scrape: Scrape) -> tuple[Page, list[EventDict]]:
    """Scrapes, and returns the page and the warnings that were logged."""
    with capture_logs() as logs:
        page = await scrape()
    return page, [event for event in logs if event["log_level"] in {"warning", "error", "critical"}]


def success(page: Page) -> dict[str, float]:
    return {labels["collector"]: value for labels, value in page["ha_cluster_scrape_success"]}


def has(page: Page, command: Command) -> bool:
    return any(set(command.labels) <= set(labels.items()) for labels, _ in page.get(command.family, ()))


def failures(page: Page) -> dict[tuple[str, str], float]:
    counted = page.get("ha_cluster_gateway_command_failures_total", ())
    return {(labels["command"], labels["reason"]): value for labels, value in counted}


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>
<%(root)s><summary>&e;</summary></%(root)s>
"""
EXTERNAL = b"""<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<%(root)s><nodes><node name="&secret;" id="1"/></nodes></%(root)s>
"""


def bad_outputs(command: Command, cluster: FakeCluster) -> dict[str, bytes]:
    """Returns invalid outputs of a command, by description."""
    good = cluster.printed(command.line)
    outputs = {
        "garbage": b"\x00\x01\xfe\xffgarbage\x7f" * 50,
        "words": b"Lorem ipsum dolor sit amet.\nconsectetur: 1\n",
        "not UTF-8": good[: len(good) // 2] + b"\xff\xfe" + good[len(good) // 2 :],
        "NUL": good[: len(good) // 2] + b"\0" + good[len(good) // 2 :],
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "oversized": good + b"\n" * 400_000,
    }
    if command.line in XML:
        root = b"cib" if command.line == CIBADMIN else b"pacemaker-result"
        outputs["billion laughs"] = BOMB % {b"root": root}
        outputs["external entity"] = EXTERNAL % {b"root": root}
        outputs["deep"] = b"<%s>" % root + b"<a>" * 50_000
    return outputs


# valid: a device without slots
VALID = {(SBD_LIST, "empty")}
BY_LINE = (QUORUMTOOL, CFGTOOL, CMAPCTL, SBD_DUMP, SBD_LIST)
# costs a line, not the output
PARTIAL = {(line, kind) for line in BY_LINE for kind in ("not UTF-8", "NUL")} | {
    (SBD_LIST, "truncated"),
    (CFGTOOL, "truncated"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
async def test_bad_output_affects_that_command_only(command: Command, cluster: FakeCluster) -> None:
    for kind, output in bad_outputs(command, cluster).items():
        for line in (command.line, *command.variants):
            cluster.prints(line, output)
        async with serving(cluster) as scrape:
            page, events = await scrape_and_log(scrape)
        if (command.line, kind) in PARTIAL:
            # the line that is cut off may be that of the only link
            assert has(page, command) or (command.line, kind) == (CFGTOOL, "truncated"), kind
            assert success(page) == dict.fromkeys(COLLECTORS, 1), kind
            (event,) = events
            assert (event["event"], event["command"]) == ("values unreadable", command.name), kind
            continue
        assert not has(page, command), kind
        assert all(has(page, other) for other in COMMANDS if other is not command), kind
        valid = (command.line, kind) in VALID
        assert success(page) == {**dict.fromkeys(COLLECTORS, 1), command.collector: int(valid)}, kind
        assert b"root:" not in repr(page).encode()
        if valid:
            assert events == []
        else:
            assert_one_event(events, command, "too_much_output" if kind == "oversized" else "unparsable", kind)


async def test_a_recovery_is_logged_once(cluster: FakeCluster, scrape: Scrape) -> None:
    page, events = await scrape_and_log(scrape)
    assert success(page) == dict.fromkeys(COLLECTORS, 1)
    assert all(has(page, command) for command in COMMANDS)
    assert events == []
    cluster.prints(CFGTOOL, b"?")
    page = await scrape()
    assert success(page)["corosync"] == 0
    cluster.prints(CFGTOOL, cluster.printed(CFGTOOL))
    for count in (1, 0):
        page, events = await scrape_and_log(scrape)
        assert success(page) == dict.fromkeys(COLLECTORS, 1)
        assert [(event["event"], event["collector"]) for event in events] == [
            ("collector state changed", "corosync")
        ] * count


def assert_one_event(events: list[EventDict], command: Command, state: str, kind: str) -> None:
    (event,) = events
    assert (event["log_level"], event["event"]) == ("warning", "collector failing"), kind
    assert (event["collector"], event["command"], event["state"]) == (command.collector, command.name, state), kind
    assert event.get("tool", event["command"]) == command.tool, kind
    assert event["reason"], kind
    assert "internal error" not in event["reason"], (kind, event["reason"])
    assert "\n" not in event["reason"], kind
    assert event.get("line", 1) >= 1, kind


MISBEHAVIORS = {
    "is killed": ("{good}; kill -SEGV $$", "killed"),
    "prints without end": ("yes", "too_much_output"),
    "fails": ("echo oh no >&2; exit 1", "failed"),
    "is refused": ("echo 'Permission denied' >&2; exit 1", "not_permitted"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
async def test_misbehavior_affects_that_command_only(command: Command, cluster: FakeCluster, scrape: Scrape) -> None:
    await scrape()
    before = open_descriptors()
    good = cluster.directory / "good"
    good.write_bytes(cluster.printed(command.line))
    expected: dict[tuple[str, str], int] = {}
    for kind, (script, state) in MISBEHAVIORS.items():
        for line in (command.line, *command.variants):
            cluster.does(line, script.format(good=f"cat '{good}'"))
        page, events = await scrape_and_log(scrape)
        counts = command.required or state not in {"failed", "not_permitted"}
        assert not has(page, command), kind
        assert all(has(page, other) for other in COMMANDS if other is not command), kind
        assert success(page) == {**dict.fromkeys(COLLECTORS, 1), command.collector: 1 - counts}, kind
        expected[command.name, state] = expected.get((command.name, state), 0) + 1
        assert failures(page) == expected, kind
        if counts:
            assert_one_event(events, command, state, kind)
        else:
            assert [event for event in events if event["event"] == "collector failing"] == [], kind
    assert open_descriptors() == before


async def test_a_hanging_tool_affects_that_command_only(tmp_path: Path) -> None:
    async def page_without(command: Command) -> Page:
        directory = tmp_path / command.name.replace("/", "_")
        directory.mkdir()
        cluster = FakeCluster(directory)
        good = directory / "good"
        good.write_bytes(cluster.printed(command.line))
        output = f"cat '{good}'; " if command.required else ""  # incomplete output is discarded
        cluster.does(command.line, f"{output}sleep 1000")
        async with serving(cluster, **{f"tools.{command.tool}.timeout": 1.5}) as scrape:
            return await scrape()

    with capture_logs() as logs:
        pages = await asyncio.gather(*map(page_without, COMMANDS))
    events = [event for event in logs if event["log_level"] == "warning"]
    assert len(events) == len(COMMANDS)
    for command, page in zip(COMMANDS, pages, strict=True):
        assert not has(page, command)
        assert all(has(page, other) for other in COMMANDS if other is not command)
        assert success(page) == {**dict.fromkeys(COLLECTORS, 1), command.collector: 0}
        assert failures(page) == {(command.name, "timed_out"): 1}
        assert_one_event([event for event in events if event["command"] == command.name], command, "timed_out", "hangs")


@contextlib.contextmanager
def unavailable(cluster: FakeCluster, tool: str, mode: int | None) -> Any:
    """Removes a tool for a while, or changes its permissions."""
    path = cluster.path(tool)
    aside = path.with_name("aside")
    if mode is None:
        path.rename(aside)
        yield
        aside.rename(path)
    else:
        path.chmod(mode)
        yield
        path.chmod(0o755)


@pytest.mark.parametrize("tool", ["crm_mon", "cibadmin", "corosync-quorumtool", "corosync-cfgtool"])
async def test_a_missing_or_forbidden_tool_affects_its_own_samples_only(
    tool: str, cluster: FakeCluster, scrape: Scrape
) -> None:
    (command,) = (command for command in COMMANDS if command.tool == tool)
    await scrape()
    for mode, state in ((None, "not_installed"), (0o644, "not_permitted")):
        with unavailable(cluster, tool, mode):
            page, events = await scrape_and_log(scrape)
        assert not has(page, command)
        assert all(has(page, other) for other in COMMANDS if other is not command)
        assert success(page) == {**dict.fromkeys(COLLECTORS, 1), command.collector: 0}
        assert_one_event(events, command, state, state)
    page = await scrape()
    assert success(page) == dict.fromkeys(COLLECTORS, 1)


@pytest.mark.parametrize(("tool", "collector"), [("sbd", "sbd"), ("drbdsetup", "drbd")])
async def test_the_only_tool_of_a_subsystem(tool: str, collector: str, cluster: FakeCluster, scrape: Scrape) -> None:
    await scrape()
    others = {name: 1 for name in COLLECTORS if name != collector}
    with unavailable(cluster, tool, None):
        page, events = await scrape_and_log(scrape)
    # a failure while the subsystem is configured; that of DRBD depends on the machine of the test
    assert success(page) in ([{**others, collector: 0}] if collector == "sbd" else [{**others, collector: 0}, others])
    assert [event["state"] for event in events] == ["not_installed"]
    with unavailable(cluster, tool, 0o644):
        page, events = await scrape_and_log(scrape)
    assert success(page) == {**others, collector: 0}
    assert [event["state"] for event in events] == ["not_permitted"]
