"""The status page, as it shows the situations of the demo and snapshots that tests make."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from gateway.alarms.overview import AlarmOverview
from gateway.alarms.service import AlarmService
from gateway.catalog import SUMMARIES
from gateway.engine.engine import Engine
from gateway.frontends.prometheus.exposition import OnError
from gateway.frontends.prometheus.status_page.page import StatusFormat
from gateway.frontends.prometheus.status_page.template import Layout
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.publication import Publication
from gateway.snapshot import Snapshot
from gateway.summary import Summary
from tests.config_values import alarm_settings
from tests.fakes import FakeClock
from tests.subsystems import WITHOUT_MODULE, make_collectors

NOW = 1_795_820_000.0
"""The time of all pages, 2026-11-27 22:53:20 UTC."""


def raise_bug(name: str, error: Exception) -> None:
    raise AssertionError(name) from error


def render(
    snapshot: Snapshot,
    alarms: AlarmOverview,
    *,
    summaries: Sequence[Summary] = SUMMARIES,
    on_error: OnError = raise_bug,
    clock: FakeClock | None = None,
    **layout: Any,
) -> str:
    """Returns the page about a snapshot."""
    form = Layout(**{"paused": False, "unfolded": False, "stylesheet": "status.css", "zone": UTC, **layout})
    publication = Publication(clock=clock or FakeClock(snapshot.started, epoch=snapshot.time - snapshot.started))
    page_format = StatusFormat(layout=form, overview=lambda: alarms, summaries=summaries)
    return page_format.encoder(snapshot)(publication.merge(snapshot), on_error).decode()


def alarm_service(clock: FakeClock) -> AlarmService:
    """Returns an alarm service that notifies nobody."""
    host = ReplayHost(Recording.load(DEMO), clock=clock)
    return AlarmService(Engine(host, (), clock=clock), lambda _: None, alarm_settings(), clock=clock)


def overview_of(*snapshots: Snapshot) -> AlarmOverview:
    """Returns the alarms after some snapshots."""

    async def evaluate() -> AlarmOverview:
        clock = FakeClock(epoch=NOW)
        alarms = alarm_service(clock)
        for snapshot in snapshots:
            clock.advance(60)
            alarms.on_snapshot(snapshot)
        return alarms.overview()

    return asyncio.run(evaluate())


async def demo_pages(**layout: Any) -> Mapping[str, str]:
    """Returns the pages at the end of each step of the demo, by the name of the situation."""
    recording, clock = Recording.load(DEMO), FakeClock(epoch=NOW)
    host = ReplayHost(recording, clock=clock)
    engine = Engine(host, make_collectors(options=WITHOUT_MODULE), clock=clock)
    alarms = AlarmService(engine, lambda _: None, alarm_settings(), clock=clock)
    engine.subscribe(alarms.on_snapshot)
    pages = {}
    for step in recording.steps:
        for share in (0.1, 0.8):
            clock.advance(step.seconds * share)
            snapshot = await engine.collect()
        pages[step.situation] = render(snapshot, alarms.overview(), clock=clock, **layout)
        clock.advance(step.seconds * 0.1)
    await engine.close()
    return pages
