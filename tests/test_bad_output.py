"""Bad output of each tool, in the whole program: only the samples of that tool are missing.

The fault matrix has more ways in which tools fail.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway.app.collection import build_engine, build_local_host
from gateway.config.loader import load
from gateway.config.subsystem_options import TOOLS
from gateway.frontends.prometheus.server import MetricsServer
from gateway.publication import Publication
from tests.config_values import server_settings
from tests.fault_matrix import COMMANDS, Command
from tests.programs import (
    CFGTOOL,
    CIBADMIN,
    CMAPCTL,
    COLLECTORS,
    CRM_MON,
    QUORUMTOOL,
    SBD_DUMP,
    SBD_LIST,
    FakeCluster,
)

XML = (CRM_MON, CIBADMIN)

Page = dict[str, str]
"""The values on a page by names and labels."""


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
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: value for name, _, value in samples}

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
    return {name: float(page[f'ha_cluster_scrape_success{{collector="{name}"}}']) for name in COLLECTORS}


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
            assert command.is_in(page) or (command.line, kind) == (CFGTOOL, "truncated"), kind
            assert success(page) == dict.fromkeys(COLLECTORS, 1), kind
            (event,) = events
            assert (event["event"], event["command"]) == ("values unreadable", command.name), kind
            continue
        assert not command.is_in(page), kind
        assert all(other.is_in(page) for other in COMMANDS if other is not command), kind
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
    assert all(command.is_in(page) for command in COMMANDS)
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
