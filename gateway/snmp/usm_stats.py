"""The statistics of the User-based Security Model (RFC 3414, section 5: usmStats).

An engine counts the messages that it discards, and names the counter in the Report-PDU that it sends back.
"""

from __future__ import annotations

from enum import Enum

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid

USM_STATS = oids.parse("1.3.6.1.6.3.15.1.1")
"""The group usmStats."""


class UsmStatistic(Enum):
    """A counter of usmStats; the value is the name of the object."""

    UNSUPPORTED_SECURITY_LEVELS = "usmStatsUnsupportedSecLevels"
    NOT_IN_TIME_WINDOWS = "usmStatsNotInTimeWindows"
    UNKNOWN_USER_NAMES = "usmStatsUnknownUserNames"
    UNKNOWN_ENGINE_IDS = "usmStatsUnknownEngineIDs"
    WRONG_DIGESTS = "usmStatsWrongDigests"
    DECRYPTION_ERRORS = "usmStatsDecryptionErrors"

    @property
    def oid(self) -> Oid:
        """The object identifier of the object, without the instance's 0."""
        return _OIDS[self]


_OIDS = {statistic: USM_STATS + oids.encode((number,)) for number, statistic in enumerate(UsmStatistic, 1)}
_BY_OID = {oid: statistic for statistic, oid in _OIDS.items()}


def reported_statistic(name: Oid) -> UsmStatistic | None:
    """Returns the counter that a variable of a Report-PDU names; None for another variable."""
    return _BY_OID.get(name[: len(USM_STATS) + 4])
