"""The status page: what it shows, that everything in it is text, and that it stays usable in a large cluster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta, timezone
from html.parser import HTMLParser

import pytest
from lxml import html

from gateway.alarms.overview import MAX_ACTIVE, MAX_CHANGES
from gateway.catalog import SUMMARIES
from gateway.conditions.model import CLUSTER, Source
from gateway.conditions.view import ClusterView
from gateway.frontends.prometheus.status_page.html import MAX_TEXT, tag
from gateway.frontends.prometheus.status_page.page import StatusPage
from gateway.frontends.prometheus.status_page.tables import MAX_ROWS
from gateway.printable import printable
from gateway.snapshot import CollectorReport, CommandReport, Snapshot
from gateway.status import Status
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import metrics as sbd_metrics
from gateway.summary import Cell, Description, Summary, moment
from tests import goldens
from tests.alarms.snapshots import DC, Sample, make_snapshot, node
from tests.conftest import Script
from tests.http_server import NO_ALARMS, ScriptCollector, request, serving
from tests.status_pages import demo_pages, overview_of, render

VOID = {"meta", "link"}


class Outline(HTMLParser):
    """Checks that elements are nested properly, and collects their names and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, Mapping[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def text_of(page: str) -> str:
    return str(html.document_fromstring(page).text_content())


def section(page: str, key: str) -> str:
    """Returns the text of a section, with single blanks."""
    (element,) = html.document_fromstring(page).xpath("//section[@id=$key]", key=key)
    return " ".join(" ".join(element.itertext()).split())


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    return asyncio.run(demo_pages())


# --- The demo --------------------------------------------------------------------------------------------------------


@pytest.mark.golden
@pytest.mark.parametrize("situation", ["healthy", "quorum-lost", "bundle"])
def test_pages_of_the_demo(situation: str, pages: Mapping[str, str]) -> None:
    goldens.check(f"demo/{situation}.html", pages[situation])


def test_documents_are_well_formed(pages: Mapping[str, str]) -> None:
    for page in pages.values():
        assert page.startswith("<!DOCTYPE html>\n<html lang=")
        elements = outline(page).seen
        names = [name for name, _ in elements]
        assert not {"script", "style", "img", "iframe", "form"} & set(names)
        assert not any(key.startswith("on") or key == "style" for _, attributes in elements for key in attributes)
        keys = [attributes["id"] for _, attributes in elements if "id" in attributes]
        assert len(keys) == len(set(keys))
        targets = {attributes.get("href") or "" for name, attributes in elements if name == "a"}
        assert {target[1:] for target in targets if target.startswith("#")} <= set(keys)
        assert names.count("h1") == names.count("main") == 1
        assert names.count("caption") == names.count("table")
        assert all("scope" in attributes for name, attributes in elements if name == "th")


@pytest.mark.parametrize(
    ("situation", "key", "expected"),
    [
        ("healthy", "quorum", "quorate, 3 of 3 votes"),
        ("healthy", "node", "3 of 3 nodes online"),
        ("healthy", "drbd", "1 of 1 volumes up to date"),
        ("node-lost", "node", "node3 Warning: offline"),
        ("node-lost", "alarms", "node3 is not online"),
        ("quorum-lost", "quorum", "Problem: no quorum, 1 of 3 votes"),
        ("quorum-lost", "alarms", "What to do: Check the network first"),
        ("quorum-lost", "changes", "raised (critical) This node's partition has lost quorum"),
        ("quorum-lost", "cluster", "running without quorum"),
        ("recovery", "changes", "cleared This node's partition has quorum again"),
        ("recovery", "drbd", "SyncSource"),
        ("resource-failed", "resource", "vip node1 monitor"),
        ("moved", "resource", "Constraints that keep a resource off a node"),
        ("moved", "cluster", "Tickets"),
        ("fenced", "fencing", "node3 reboot Success"),
        ("device-replaced", "sbd", "1 of 2 devices healthy"),
        ("arbitrated", "qdevice", "connected, votes"),
        ("arbitrator-lost", "qdevice", "Problem: connect failed"),
        ("arbitrator-lost", "alarms", "it is not connected to 10.77.7.3:5403 (connect failed)"),
        ("arbitrator-one-left", "qnetd", "1 of 2 nodes connected"),
        ("arbitrator-one-left", "qnetd", "2 geo Problem: not connected"),
        ("arbitrator-one-left", "alarms", "Only 1 of 2 nodes of cluster geo is connected to this arbitrator"),
        ("arbitrator", "qnetd", "2 of 2 nodes connected"),
        ("geo", "booth", "2 of 2 tickets held"),
        ("geo-conflict", "booth", "several sites hold a ticket"),
        ("geo-conflict", "alarms", "Several sites hold the ticket manual: 10.61.0.1, 10.61.0.2"),
        ("bundle", "resource", "Problem: "),
        ("bundle", "alarms", "web-docker-0 on node1 is blocked"),
    ],
)
def test_what_an_operator_looks_for(situation: str, key: str, expected: str, pages: Mapping[str, str]) -> None:
    assert expected.lower() in section(pages[situation], key).lower()


# --- What is unknown -------------------------------------------------------------------------------------------------


def without(snapshot: Snapshot, collector: str, report: CollectorReport | None) -> Snapshot:
    """Returns a snapshot without the samples of a collector."""
    samples = {
        metric: family
        for metric, family in snapshot.samples_by_metric.items()
        if not metric.name.startswith(f"ha_cluster_{collector}_")
    }
    reports = {name: known for name, known in snapshot.collectors.items() if name != collector}
    return replace(
        snapshot, samples_by_metric=samples, collectors=reports if report is None else {**reports, collector: report}
    )


HEALTHY = make_snapshot(
    DC,
    node("n1", "online", "dc"),
    (pacemaker_metrics.RESOURCES, (True, False, False, False, False), ("n1", "a", "started", "true", "ocf:x", "", "")),
    (corosync_metrics.QUORATE, 1, ()),
    (corosync_metrics.QUORUM_VOTES, 1, ("total_votes",)),
    (corosync_metrics.QUORUM_VOTES, 1, ("expected_votes",)),
    (corosync_metrics.MEMBER_VOTES, 1, ("1", "n1", "true")),
)


def timed_out(collector: str, command: str) -> CollectorReport:
    report = CommandReport(name=command, tool=command, status=Status.TIMED_OUT, detail="killed after 5 s")
    return CollectorReport(name=collector, commands=(report,))


@pytest.mark.parametrize(
    ("collector", "command", "keys"),
    [
        ("pacemaker", "crm_mon", ("cluster", "node", "fencing", "resource")),
        ("corosync", "corosync-quorumtool", ("quorum",)),
        ("corosync", "corosync-cfgtool", ("link",)),
        ("drbd", "drbdsetup", ("drbd",)),
        ("sbd", "dump /dev/sda", ("sbd",)),
    ],
)
def test_a_collector_that_fails_shows_unknown_and_no_zero(collector: str, command: str, keys: tuple[str, ...]) -> None:
    snapshot = without(HEALTHY, collector, timed_out(collector, command))
    page = render(snapshot, overview_of(snapshot))
    for key in keys:
        text = section(page, key)
        assert "unknown" in text
        assert f"{command}: timed out (killed after 5 s). What it would show is unknown." in text
        assert not any(word in text for word in ("0 of", "There are no", "No instance", "is empty")), text
    assert f"{collector} Warning: timed out" in section(page, "collector")


def test_a_subsystem_that_does_not_run_has_not_failed() -> None:
    command = CommandReport(
        name="drbdsetup", tool="drbdsetup", status=Status.NOT_RUNNING, detail="DRBD's kernel module is not loaded"
    )
    snapshot = without(HEALTHY, "drbd", CollectorReport(name="drbd", commands=(command,)))
    page = render(snapshot, overview_of(snapshot))
    assert "the kernel module is not loaded" in section(page, "drbd")
    assert "drbdsetup: not running (DRBD's kernel module is not loaded)." in section(page, "drbd")
    assert "What it would show" not in section(page, "drbd")
    assert "no collector fails" in section(page, "collector")
    assert "warning" not in section(page, "collector").lower()


def test_a_collector_that_is_off_and_a_subsystem_that_is_not_set_up() -> None:
    snapshot = without(without(HEALTHY, "drbd", CollectorReport(name="drbd", present=False)), "sbd", None)
    page = render(snapshot, overview_of(snapshot))
    assert "Not set up on this host: DRBD." in text_of(page)
    assert 'id="drbd"' not in page
    assert 'href="#drbd"' not in page
    assert "unknown The collector sbd is switched off." in section(page, "sbd")


def test_a_host_that_is_no_cluster_node_shows_only_what_it_has(pages: Mapping[str, str]) -> None:
    page = pages["arbitrator-one-left"]
    assert "Host node1 not a cluster node" in text_of(page)
    tiles = html.document_fromstring(page).xpath("//nav//strong/text()")
    assert tiles == ["Quorum arbitrator", "The gateway"]
    assert "Not set up on this host: Quorum, Quorum device, The cluster, Nodes, Fencing" in text_of(page)


def test_a_remote_node_does_not_show_corosync_as_unknown(pages: Mapping[str, str]) -> None:
    page = pages["remote-node"]
    assert "Cluster edge as seen by edge1" in text_of(page)
    assert "Not set up on this host: Quorum, Quorum device, Quorum arbitrator, Links" in text_of(page)
    assert "remote node edge1" in section(page, "cluster")


@pytest.mark.parametrize("member", ["node1 (this node) 1 1 Warning: alive, does not vote", "node2 2 1"])
def test_the_quorum_device_of_each_member(member: str, pages: Mapping[str, str]) -> None:
    assert member in section(pages["arbitrator-lost"], "quorum")


def test_before_the_first_evaluation_alarms_are_unknown() -> None:
    page = render(HEALTHY, replace(NO_ALARMS, evaluated=False))
    assert "Unknown: no snapshot has been evaluated yet." in section(page, "alarms")
    assert "Alarms unknown" in text_of(page)
    assert "No alarm is active." in section(render(HEALTHY, NO_ALARMS), "alarms")


def test_an_alarm_without_new_evidence_says_so() -> None:
    lost = make_snapshot(DC, node("n1", "online"), node("n2"))
    page = render(lost, overview_of(lost, without(lost, "pacemaker", timed_out("pacemaker", "crm_mon"))))
    assert "n2 is not online" in section(page, "alarms")
    assert "not confirmed by the last collection" in section(page, "alarms")
    assert "has not shown" not in section(render(lost, overview_of(lost)), "alarms")


# --- A bug -----------------------------------------------------------------------------------------------------------


def _broken(view: ClusterView) -> Description:
    raise LookupError("bug")


def test_a_bug_costs_one_section() -> None:
    failures: list[str] = []
    unwritable = Description(headline=Cell(3))  # type: ignore[arg-type]  # a bug in a summary
    summaries = [
        Summary(category=replace(CLUSTER, name="First", title="First"), source=Source(), describe=_broken),
        Summary(
            category=replace(CLUSTER, name="Second", title="Second"), source=Source(), describe=lambda _: unwritable
        ),
        *SUMMARIES,
    ]
    page = render(HEALTHY, NO_ALARMS, summaries=summaries, on_error=lambda name, error: failures.append(name))
    assert failures == ["section 'First' of the status page", "section 'Second' of the status page"]
    assert "missing because of a bug" in section(page, "first")
    assert "unknown" in section(page, "second")
    assert "quorate, 1 of 1 votes" in section(page, "quorum")


@pytest.mark.parametrize(("seconds", "hours"), [(253402300799.0, 1), (-62135596800.0, -1), (1e300, 0)])
def test_a_time_that_no_calendar_has(seconds: float, hours: int) -> None:
    impossible = Description(headline=moment(seconds))
    summaries = [Summary(category=CLUSTER, source=Source(), describe=lambda _: impossible)]
    page = render(HEALTHY, NO_ALARMS, summaries=summaries, zone=timezone(timedelta(hours=hours)))
    assert "at an impossible time" in section(page, "cluster")


# --- Hostile names ---------------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]></td></table><h1>x",
    "&lt;b&gt; &amp; &#60;",
    "{object} %s {0}",
    "line\nbreak\ttab",
    "\u202egnp.exe\u2066",
    "\x00\x1b[31m\x85",
    "\udcff surrogate",
    "javascript:alert(1)",
    "ä€𝄞",
    "x" * 4000,
    "<" * 4000,
]


def hostile_samples(name: str) -> Iterator[Sample]:
    """Yields samples in which each label has a hostile value."""
    yield from (DC, node(name, "online", "unclean"), node("n1", "online"))
    failed = (False, True, True, True, None)
    yield pacemaker_metrics.RESOURCES, failed, (name, name, name, "false", name, name, name)
    yield pacemaker_metrics.FAILED_ACTIONS, 1, (name, name, name, name, name)
    yield pacemaker_metrics.FAILED_ACTION_REASONS, 1, (name, name, name, name, name, name)
    yield pacemaker_metrics.FENCE_EVENTS, 1, (name, name, name, name, name)
    yield pacemaker_metrics.FENCE_EVENT_REASONS, 1, (name, name, name, name)
    yield pacemaker_metrics.BANS, -1, (name, name, name, name)
    yield pacemaker_metrics.TICKETS, (True, False, False), (name,)
    yield corosync_metrics.QUORATE, 1, ()
    yield corosync_metrics.MEMBER_VOTES, 1, (name, name, "true")
    yield corosync_metrics.QUORUM_FLAGS, 1, (name,)
    yield corosync_metrics.LINK_CONNECTED, 0, (name, name, name, name)
    yield corosync_metrics.RINGS, 0, (name, name, f"{name}1", name)
    yield sbd_metrics.DEVICES, 1, (name, name)
    yield sbd_metrics.SLOTS, 1, (name, name, name)
    yield sbd_metrics.SLOT_SENDER, 1, (name, name, name)
    yield sbd_metrics.INFO, 1, (name, name, name, name)
    yield drbd_metrics.RESOURCES, 1, (name, name, name, name)
    yield drbd_metrics.CONNECTIONS, 1, (name, name, name, name, name)
    yield drbd_metrics.SPLIT_BRAIN, 1, (name, name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str) -> None:
    harmless, hostile = (make_snapshot(*hostile_samples(each)) for each in ("harmless", name))
    expected = outline(render(harmless, overview_of(harmless)))
    page = render(hostile, replace(overview_of(hostile), cluster=name, node=name))
    found = outline(page)
    # the elements and their attributes are the same, whatever the names are
    assert sorted(tag for tag, _ in found.seen) == sorted(tag for tag, _ in expected.seen)
    assert {key for _, each in found.seen for key in each} == {key for _, each in expected.seen for key in each}
    shown = name if len(name) <= MAX_TEXT else f"{name[: MAX_TEXT - 1]}…"
    assert text_of(page).count(printable(shown)) > 20
    assert not any(character in page for character in "\u202e\u2066\x00\x1b\x85\udcff")


def test_only_markup_is_markup() -> None:
    element = tag("p", tag("b", "1 < 2"), ["a", None, ["<i>"]], title='"x"', hidden=True, open=False)
    assert element.source == '<p title="&quot;x&quot;" hidden><b>1 &lt; 2</b>\na&lt;i&gt;</p>\n'


# --- Large clusters --------------------------------------------------------------------------------------------------


def large(instances: int, *, failed: int = 0, nodes: int = 32) -> Snapshot:
    """Returns a snapshot of a large cluster."""
    running, broken = (True, False, False, False, False), (True, False, False, True, False)
    return make_snapshot(
        DC,
        *(node(f"n{number}", "online") for number in range(nodes)),
        *(
            (
                pacemaker_metrics.RESOURCES,
                broken if number < failed else running,
                (f"n{number % nodes}", f"resource-{number}", "started", "true", "ocf:heartbeat:Dummy", "", ""),
            )
            for number in range(instances)
        ),
    )


def test_a_large_cluster_is_folded_and_failures_come_first() -> None:
    snapshot = large(2400, failed=3)
    page = render(snapshot, overview_of(snapshot))
    assert len(page) < 500_000
    (resources,) = html.document_fromstring(page).xpath("//section[@id='resource']")
    details = resources.xpath(".//details")
    assert len(details) == 32
    assert not any("open" in element.attrib for element in details)
    tables = resources.xpath(".//table")
    assert len(tables[0].xpath("./tbody/tr")) == 3
    assert "resource-0 n0 Problem: started, failed" in section(page, "resource")
    assert details[0].xpath(".//tbody/tr[1]/th")[0].text_content() == "resource-0"
    unfolded = render(snapshot, overview_of(snapshot), unfolded=True)
    assert all("open" in element.attrib for element in html.document_fromstring(unfolded).xpath("//details"))


def test_a_page_is_bounded() -> None:
    snapshot = large(2400, failed=2400)
    alarms = overview_of(snapshot)
    assert (len(alarms.active), alarms.active_count) == (MAX_ACTIVE, 2400)
    page = render(snapshot, alarms)
    assert "1900 more alarms are active" in section(page, "alarms")
    assert f"{2400 - MAX_ROWS} more are not shown" in section(page, "resource")
    assert "2400 active alarms: 2400 major" in text_of(page)
    assert len(page) < 1_500_000


def seconds_to_render(snapshot: Snapshot) -> float:
    alarms = overview_of(snapshot)
    started = time.process_time()
    render(snapshot, alarms)
    return time.process_time() - started


def test_the_time_is_linear() -> None:
    small, ten_times = large(480, failed=24), large(4800, failed=240)
    ratios = sorted(seconds_to_render(ten_times) / seconds_to_render(small) for _ in range(5))
    assert ratios[0] < 20


def test_changes_are_bounded() -> None:
    well, ill = large(120), large(120, failed=120)
    alarms = overview_of(well, ill, well)
    assert len(alarms.changes) == MAX_CHANGES
    assert alarms.changes[0].change.value == "cleared"


# --- Served ----------------------------------------------------------------------------------------------------------


async def test_the_page_and_its_stylesheet_have_a_strict_policy(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("echo 5")})) as served:
        async with served.get("/") as response:
            assert response.status == 200
            page = await response.text()
        headers = response.headers
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Refresh"] == "15"
        assert "simple ok" in section(page, "collector")
        (stylesheet,) = html.document_fromstring(page).xpath("//link/@href")
        async with served.get(f"/{stylesheet}") as response:
            assert response.headers["Content-Type"] == "text/css; charset=utf-8"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "max-age" in response.headers["Cache-Control"]
            assert "url(" not in await response.text()
        async with served.get(f"/{stylesheet}", headers={"If-None-Match": response.headers["ETag"]}) as cached:
            assert (cached.status, await cached.read()) == (304, b"")


async def test_a_paused_page_does_not_refresh() -> None:
    async with serving() as served:
        for query, header, link in (
            ("", "15", "?refresh=0"),
            ("?refresh=0", None, "."),
            ("?show=all", "15", "?refresh=0&amp;show=all"),
            ("?refresh=0&show=all", None, "?show=all"),
            ("?refresh=x&show=%3Cscript%3E", "15", "?refresh=0"),
        ):
            async with served.get(f"/{query}") as response:
                assert response.headers.get("Refresh") == header
                assert f'href="{link}"' in await response.text()


async def test_a_page_and_a_scrape_share_a_run(script: Script) -> None:
    async with serving(ScriptCollector({"x": script("sleep 0.3; echo 5")})) as served:
        bodies = await asyncio.gather(*(served.raw(request(path, "Connection: close")) for path in ("/", "/metrics")))
        assert all(body.startswith(b"HTTP/1.1 200 ") for body in bodies)
        assert served.collectors[0].plans == 1


async def test_a_large_page_is_written_in_a_thread(script: Script) -> None:
    threads: list[int] = []

    def describe(view: ClusterView) -> Description:
        threads.append(threading.get_ident())
        return Description(headline=Cell("x"))

    summary = Summary(category=CLUSTER, source=Source(), describe=describe)
    async with serving(ScriptCollector({"x": script("echo 5")}, extra_samples=5000)) as served:
        status_page = StatusPage(
            served.engine, served.server.pages, overview=lambda: NO_ALARMS, routes=tuple, summaries=[summary]
        )
        snapshot = await served.engine.collect()
        page_format = status_page.format(paused=False, unfolded=False)
        await served.server.pages.get(snapshot, page_format, compress=False)
    assert threads
    assert threading.get_ident() not in threads
