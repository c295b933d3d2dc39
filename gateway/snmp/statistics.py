"""The counters that an SNMP engine keeps about the messages that it receives."""

from __future__ import annotations

from enum import Enum

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.usm_stats import UsmStatistic

SNMP = oids.parse("1.3.6.1.2.1.11")
"""The group snmp (RFC 3418)."""
MPD_STATS = oids.parse("1.3.6.1.6.3.11.2.1")
"""The group snmpMPDStats (RFC 3412)."""
TARGET_OBJECTS = oids.parse("1.3.6.1.6.3.12.1")
"""The group snmpTargetObjects (RFC 3413)."""


class MessageStatistic(Enum):
    """A counter that is not of USM; the value is the group, and the number of the object in it."""

    IN_PACKETS = SNMP, 1
    BAD_VERSIONS = SNMP, 3
    BAD_COMMUNITY_NAMES = SNMP, 4
    BAD_COMMUNITY_USES = SNMP, 5
    ASN_PARSE_ERRORS = SNMP, 6
    SILENT_DROPS = SNMP, 31
    PROXY_DROPS = SNMP, 32
    UNKNOWN_SECURITY_MODELS = MPD_STATS, 1
    INVALID_MESSAGES = MPD_STATS, 2
    UNKNOWN_PDU_HANDLERS = MPD_STATS, 3
    UNKNOWN_CONTEXTS = TARGET_OBJECTS, 5

    @property
    def oid(self) -> Oid:
        """The object identifier of the object, without the instance's 0."""
        group, number = self.value
        return group + oids.encode((number,))


Statistic = MessageStatistic | UsmStatistic
