"""What a receiver may answer to a notification."""

from __future__ import annotations

from typing import NamedTuple


class Acknowledged(NamedTuple):
    """The receiver has the notification of that request id."""

    request_id: int


class Refused(NamedTuple):
    """The receiver has the notification of that request id, and does not want it."""

    request_id: int
    reason: str


class Rejected(NamedTuple):
    """The receiver does not take messages of this user."""

    reason: str


class Again(NamedTuple):
    """What is known of the receiver has changed: what was sent last is to be sent once more, at once."""


Answer = Acknowledged | Refused | Rejected | Again
