"""The replies of a receiver to a notification, independent of the version of SNMP."""

from __future__ import annotations

from typing import NamedTuple


class Acknowledgement(NamedTuple):
    """A Response-PDU without an error: the receiver has accepted the InformRequest-PDU with this request-id."""

    request_id: int


class ErrorResponse(NamedTuple):
    """A Response-PDU with an error: the receiver got the InformRequest-PDU with this request-id and refuses it."""

    request_id: int
    reason: str


class ErrorReport(NamedTuple):
    """A Report-PDU: the receiver discards the messages of this user, for example because of a wrong password."""

    reason: str


class Resend(NamedTuple):
    """The receiver has sent its engine id, boots or time: encode and send the last message again, at once."""


Reply = Acknowledgement | ErrorResponse | ErrorReport | Resend
