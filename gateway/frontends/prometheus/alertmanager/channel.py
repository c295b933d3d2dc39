"""Delivers notifications to one Alertmanager as alerts.

Alertmanager forgets an alert at its end. An alert that is active ends some time in the future, and is sent again before
that; if the gateway dies, the alert expires.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.alarms.channel import Channel, DeliveryResult, DeliveryStats, RefusedError
from gateway.alarms.delivery import BACKOFF, Delivery
from gateway.alarms.notification import BurstRole, Change, Notification, NotificationKind
from gateway.alarms.resolver import ReceiverAddresses
from gateway.backoff import Backoff
from gateway.frontends.prometheus.alertmanager.alerts import Alert, AlertBuilder, encode
from gateway.frontends.prometheus.alertmanager.client import AlertmanagerClient
from gateway.frontends.prometheus.alertmanager.target import KIND, Alertmanagers

_REPETITIONS = 4
"""Repetitions after which an alert that was not repeated ends. Prometheus waits as long."""

_MAX_ALERTS = 64
"""Alerts in one request."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Progress:
    """How far the delivery of a notification has come, over all attempts.

    Attributes:
        notification: the notification.
        remaining: the alerts of each request that was not answered yet.
        attempted: whether the first of them was sent before.
        refusal: why a request was refused; None if none was.
    """

    notification: Notification
    remaining: deque[Sequence[Alert]]
    attempted: bool = False
    refusal: RefusedError | None = None


class AlertmanagerChannel(Channel):
    """Delivers notifications to one Alertmanager.

    Args:
        client: sends the requests.
        builder: translates notifications.
        lifetime: seconds after which an alert that is active ends unless it is sent again.
        clock: returns the time in Unix seconds.
    """

    def __init__(
        self,
        client: AlertmanagerClient,
        builder: AlertBuilder,
        *,
        lifetime: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._builder = builder
        self._lifetime = lifetime
        self._clock = clock
        self._progress: _Progress | None = None

    async def start(self) -> None:
        """Prepares the client."""
        await self._client.start()

    async def close(self) -> None:
        """Closes the client."""
        await self._client.close()

    def accepts(self, notification: Notification) -> bool:
        """Returns whether a notification is about alarms, or is a test. A test has its end already, and needs no clear.

        Alertmanager does not notify of an alert that has ended before it would notify. It gets every alarm of a burst,
        as it groups alerts itself, and no summary.
        """
        if notification.kind is NotificationKind.TEST:
            return notification.change is not Change.CLEARED
        if notification.burst is BurstRole.SUMMARY:
            return False
        return notification.kind in {NotificationKind.CONDITION, NotificationKind.REPETITION}

    def supersedes(self, newer: Notification, older: Notification) -> bool:
        """Returns whether a repetition has what an older notification says about active alarms."""
        is_repetition = newer.kind is NotificationKind.REPETITION
        is_event = older.kind is NotificationKind.CONDITION
        is_about_active = older.kind is NotificationKind.REPETITION or (is_event and older.change is Change.RAISED)
        return is_repetition and is_about_active

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        """Sends the requests of a notification that were not answered before.

        Raises:
            RefusedError: a request was refused; the others were sent nevertheless.
            DeliveryError: the first of those that remain was not delivered.
        """
        progress = self._progress
        if progress is None or progress.notification is not notification:
            progress = self._progress = self._begin(notification)
        while progress.remaining:
            if progress.attempted:
                stats.retries += 1
            else:
                stats.sent += 1
                progress.attempted = True
            try:
                await self._client.post(encode(progress.remaining[0], expires=self._clock() + self._lifetime))
                stats.acknowledged += 1
            except RefusedError as error:
                progress.refusal = error
            progress.remaining.popleft()
            progress.attempted = False
        if progress.refusal is not None:
            raise progress.refusal
        return DeliveryResult.ACKNOWLEDGED

    def _begin(self, notification: Notification) -> _Progress:
        alerts = self._builder.build(notification)
        batches = [alerts[start : start + _MAX_ALERTS] for start in range(0, len(alerts), _MAX_ALERTS)]
        # a repetition without alerts shows whether Alertmanager can be reached, before it is needed
        return _Progress(notification=notification, remaining=deque(batches or [()]))


def alertmanager_deliveries(
    groups: Sequence[Alertmanagers], *, repeat_interval: float, backoff: Backoff = BACKOFF
) -> list[Delivery]:
    """Returns a delivery for each Alertmanager: a member that is down delays no other.

    Args:
        groups: the clusters of Alertmanagers.
        repeat_interval: seconds between two repetitions of active alarms.
        backoff: the pauses between two attempts.
    """
    deliveries = []
    for group in groups:
        for url in group.urls:
            client = AlertmanagerClient(url, group, ReceiverAddresses(url.host, url.port))
            builder = AlertBuilder(group.labels)
            channel = AlertmanagerChannel(client, builder, lifetime=_REPETITIONS * repeat_interval)
            settings = (url, group, repeat_interval)
            deliveries.append(Delivery(url.text, KIND, channel, settings=settings, backoff=backoff))
    return deliveries
