"""The two variables with which every SNMP notification begins (RFC 3416, section 4.2.6)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.snmp import oid as oids
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

SYS_UP_TIME = oids.parse("1.3.6.1.2.1.1.3.0")
SNMP_TRAP_OID = oids.parse("1.3.6.1.6.3.1.1.4.1.0")

SnmpNotification = Sequence[VarBind]
"""The variables of one SNMP notification, ``sysUpTime.0`` and ``snmpTrapOID.0`` first."""


def header(notification: Oid, uptime: float) -> SnmpNotification:
    """Returns ``sysUpTime.0`` and ``snmpTrapOID.0``.

    Args:
        notification: the identifier of the notification.
        uptime: seconds since the start; ``sysUpTime`` counts hundredths in 32 bits, and wraps around.
    """
    return [
        VarBind(SYS_UP_TIME, Type.TIME_TICKS, int(uptime * 100) % 2**32),
        VarBind(SNMP_TRAP_OID, Type.OBJECT_IDENTIFIER, notification),
    ]
