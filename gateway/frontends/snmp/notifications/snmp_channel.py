"""What the channels over SNMP share: one notification becomes several messages, which are delivered in order."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from dataclasses import dataclass

from gateway.alarms.channel import Channel, DeliveryResult, DeliveryStats, RefusedError
from gateway.alarms.notification import Notification
from gateway.frontends.snmp.notifications.header import SnmpNotification
from gateway.frontends.snmp.notifications.rendering import Renderer

PACE = 0.01
"""Seconds between two messages that are not acknowledged: receivers lose packets of a burst."""


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How far the delivery of a notification has come, over all attempts.

    Attributes:
        notification: the notification being delivered.
        remaining: its messages that were neither sent for good nor refused.
        refusal: the first reason why a message will not be delivered; empty if there is none.
        unsent: whether a message was refused before it was sent, or by its receiver.
    """

    notification: Notification
    remaining: deque[SnmpNotification]
    refusal: str = ""
    unsent: bool = False


class SnmpChannel(Channel):
    """Delivers a notification as the SNMP notifications that it is rendered to.

    Subclasses deliver one message in ``_send``. An attempt continues with the message at which the last one failed. A
    message that is refused costs itself only: the others are delivered, and the attempt ends as refused.

    Args:
        renderer: renders notifications.
        pace: seconds between two messages that are not acknowledged.
    """

    def __init__(self, renderer: Renderer, *, pace: float = PACE) -> None:
        self._renderer = renderer
        self._pace = pace
        self._progress: _Progress | None = None

    def accepts(self, notification: Notification) -> bool:
        """Returns whether a notification is rendered to any message."""
        return self._renderer.accepts(notification)

    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        """Delivers the messages of a notification that earlier attempts did not deliver."""
        progress = self._progress
        if progress is None or progress.notification is not notification:
            progress = self._progress = self._begin(notification)
        result = DeliveryResult.SENT
        while progress.remaining:
            try:
                result = await self._send(progress.remaining[0], stats)
            except RefusedError as error:
                progress.refusal = progress.refusal or str(error)
                progress.unsent = True
                progress.remaining.popleft()
                continue
            progress.remaining.popleft()
            if result is DeliveryResult.SENT:
                await asyncio.sleep(self._pace)
                progress.refusal = progress.refusal or self._late_error()
        if progress.refusal:
            raise RefusedError(progress.refusal)
        return result

    def was_sent(self, notification: Notification) -> bool:
        """Returns whether all messages of a notification were sent."""
        progress = self._progress
        if progress is None or progress.notification is not notification:
            return False
        return not progress.remaining and not progress.unsent

    def _begin(self, notification: Notification) -> _Progress:
        messages = deque(self._renderer.render(notification))
        if not messages:
            return _Progress(notification=notification, remaining=messages, refusal="not rendered", unsent=True)
        return _Progress(notification=notification, remaining=messages)

    @abstractmethod
    async def _send(self, message: SnmpNotification, stats: DeliveryStats) -> DeliveryResult:
        """Sends one message, waits for its acknowledgement if it has one, and counts it.

        Raises:
            DeliveryError: it was not delivered.
        """

    def _late_error(self) -> str:
        """Returns an error that became known after a message was sent; empty if there is none."""
        return ""
