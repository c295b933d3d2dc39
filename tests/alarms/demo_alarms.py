"""The alarm service over the demo's cluster, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.alarms.notification import Notification
from gateway.alarms.service import AlarmService
from gateway.catalog import CONDITION_BY_NAME
from gateway.engine.engine import Engine
from gateway.host.replay import DEMO, REMOVAL_TIME, Recording, ReplayHost
from tests.config_values import alarm_settings
from tests.fakes import FakeClock
from tests.subsystems import make_collectors


class Recorder:
    """Keeps the notifications that are published.

    Attributes:
        notifications: all of them.
        error: what ``publish`` raises, or None.
    """

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.error: Exception | None = None

    def publish(self, notification: Notification) -> None:
        if self.error is not None:
            raise self.error
        self.notifications.append(notification)

    @property
    def summaries(self) -> list[str]:
        return [f"{each.change} {each.condition} {each.object}".strip() for each in self.notifications]


class Setting:
    """An alarm service over the demo's cluster, whose clock a test advances."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.host = ReplayHost(Recording.load(DEMO), clock=self.clock)
        self.engine = Engine(self.host, make_collectors(), clock=self.clock)
        self.recorder = Recorder()
        self.changes = 0
        self.alarms = AlarmService(
            self.engine,
            self.recorder.publish,
            alarm_settings(**settings),
            on_change=self._on_change,
            clock=self.clock,
            removal_time=REMOVAL_TIME,
        )
        self.engine.subscribe(self.alarms.on_snapshot)

    def _on_change(self) -> None:
        self.changes += 1

    async def situation(self, name: str) -> list[str]:
        """Advances to a step of the time line, collects, and returns what is published because of that."""
        before = len(self.recorder.notifications)
        self.clock.advance(1000)
        while self.host.step.situation != name:
            self.clock.advance(10)
        await self.engine.collect()
        return self.recorder.summaries[before:]

    async def lasting(self, name: str) -> list[str]:
        """Advances to a step that lasts for the hold-down of lost nodes, and returns what is published in it."""
        before = len(self.recorder.notifications)
        await self.situation(name)
        self.clock.advance(CONDITION_BY_NAME["node-lost"].hold)
        await self.engine.collect()
        return self.recorder.summaries[before:]


@asynccontextmanager
async def make_setting(**settings: Any) -> AsyncIterator[Setting]:
    """Makes a setting whose cluster was collected once."""
    setting = Setting(**settings)
    await setting.engine.collect()
    try:
        yield setting
    finally:
        await setting.alarms.close()
        await setting.engine.close()
