"""What a notification channel is: the code that delivers notifications to one target, over some protocol.

A new channel is one module with a subclass of ``Channel`` that implements ``deliver``. Queueing, retries, statistics
and the state of the target are the business of ``delivery``.

The errors of a delivery::

    DeliveryError           not delivered; another attempt may succeed
     ├─ RefusedError        not delivered, and another attempt would not help
     └─ NoReceiverError     there is no receiver and there never was one: not a failure
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.alarms.notification import Notification
from gateway.errors import GatewayError


class DeliveryError(GatewayError):
    """A notification was not delivered, and another attempt may succeed. The message gives the reason."""


class RefusedError(DeliveryError):
    """A notification was not delivered, and another attempt would not help."""


class NoReceiverError(DeliveryError):
    """There is no receiver and there has been none since the start: not a failure, and nothing is logged."""


class DeliveryResult(StrEnum):
    """What is certain about a notification that was delivered."""

    SENT = "sent"
    """It was sent. The protocol has no acknowledgement."""
    ACKNOWLEDGED = "acknowledged"
    """The receiver acknowledged it."""


@dataclass(slots=True, kw_only=True)
class DeliveryStats:
    """Counts what became of the notifications to one target. The channel counts messages, the delivery notifications.

    Attributes:
        sent: messages that were sent, each counted once.
        acknowledged: messages that the receiver acknowledged.
        retries: how often a message was sent again.
        failed: attempts at a notification that were given up, if only until the next attempt.
        dropped: notifications that will never be sent, or never again.
    """

    sent: int = 0
    acknowledged: int = 0
    retries: int = 0
    failed: int = 0
    dropped: int = 0


class Channel(Protocol):
    """Delivers notifications to one target. Subclasses implement ``deliver`` and override the rest if they need to."""

    async def start(self) -> None:
        """Prepares the channel."""
        return

    def accepts(self, notification: Notification) -> bool:  # noqa: ARG002 - for subclasses
        """Returns whether the channel has anything to send for a notification; others are not queued."""
        return True

    def supersedes(self, newer: Notification, older: Notification) -> bool:  # noqa: ARG002 - for subclasses
        """Returns whether a notification that waits need not be delivered, because a repetition has all of it."""
        return False

    @abstractmethod
    async def deliver(self, notification: Notification, stats: DeliveryStats) -> DeliveryResult:
        """Makes one attempt to deliver a notification, and counts sent, acknowledged and repeated messages.

        After a failed attempt it is called again with the same object, or, if that was dropped, with the next one. A
        channel that sends several messages for a notification must not repeat those that it delivered before.

        Raises:
            DeliveryError: the notification was not delivered, as far as the channel can know.
        """
        ...

    def was_sent(self, notification: Notification) -> bool:  # noqa: ARG002 - for subclasses
        """Returns whether all of the last notification was sent even though ``deliver`` failed or was cancelled."""
        return False

    async def close(self) -> None:
        """Releases what the channel holds. Idempotent."""
        return
