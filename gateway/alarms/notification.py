"""A notice: one thing to tell, and the variables of the SNMP notification that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.conditions.model import QUORUM_LOSS, Category, Severity
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib
from gateway.snmp.mib.syntax import SampleValue
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind

SYS_UP_TIME = oids.parse("1.3.6.1.2.1.1.3.0")
SNMP_TRAP_OID = oids.parse("1.3.6.1.6.3.1.1.4.1.0")
"""The first two variables of every notification (RFC 3416, section 4.2.6)."""

_SCALAR = oids.encode((0,))


class Change(StrEnum):
    """What has happened to a condition."""

    RAISED = "raised"
    CLEARED = "cleared"
    INFO = "info"
    """Neither: a start, a heartbeat, a test."""


def notification_name(category: Category, change: Change) -> str:
    """Returns the name of the notification in HA-CLUSTER-MIB that announces a change of a condition."""
    if category is QUORUM_LOSS:
        return "haClusterQuorumLost" if change is Change.RAISED else "haClusterQuorumRegained"
    return f"haCluster{category.name}{'Alarm' if change is Change.RAISED else 'Clear'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing to tell.

    Attributes:
        sequence: counts the notices of this gateway since its start, from 1.
        time: when it happened, in Unix seconds.
        condition: the name of the condition, such as ``quorum-lost``.
        severity: how grave that is.
        change: whether it was raised or cleared.
        object: what it is about, such as a node; empty where it is the cluster or this node.
        node: the node whose gateway tells it.
        cluster: the cluster's name; empty where it has none.
        text: what has happened, in one sentence.
        notification: the name of the notification in HA-CLUSTER-MIB.
        details: what else is known of the object, for notifications in the form of other programs.
    """

    sequence: int
    time: float
    condition: str
    severity: Severity
    change: Change
    object: str
    node: str
    cluster: str
    text: str
    notification: str
    details: Mapping[str, str] = field(default_factory=dict)


def values(notice: Notification) -> Mapping[str, SampleValue]:
    """Returns the values of the MIB's objects that are about the last notice."""
    return {
        "haClusterNoticeSequence": notice.sequence,
        "haClusterNoticeTime": notice.time,
        "haClusterNoticeCondition": notice.condition,
        "haClusterNoticeSeverity": notice.severity,
        "haClusterNoticeChange": notice.change,
        "haClusterNoticeObject": notice.object,
        "haClusterNoticeNode": notice.node,
        "haClusterName": notice.cluster,
        "haClusterNoticeText": notice.text,
    }


def varbinds(notice: Notification, mib: Mib, *, uptime: float) -> list[VarBind]:
    """Returns the variables of a notice's notification, ``sysUpTime.0`` and ``snmpTrapOID.0`` first.

    Args:
        notice: what to tell.
        mib: the MIB that it is told by.
        uptime: seconds since the gateway has started.
    """
    notification = mib.notifications[notice.notification]
    found = values(notice)
    return [*head(notification.oid, uptime), *(_varbind(mib, name, found[name]) for name in notification.objects)]


def head(notification: Oid, uptime: float) -> list[VarBind]:
    """Returns the two variables with which a notification begins.

    Args:
        notification: its identifier.
        uptime: seconds since the start; ``sysUpTime`` counts hundredths in 32 bits, and starts over.
    """
    return [
        VarBind(SYS_UP_TIME, Type.TIME_TICKS, int(uptime * 100) % 2**32),
        VarBind(SNMP_TRAP_OID, Type.OBJECT_IDENTIFIER, notification),
    ]


def _varbind(mib: Mib, name: str, raw: SampleValue) -> VarBind:
    target = mib[name]
    assert target.syntax is not None
    value = target.syntax.convert(raw)
    assert value is not None
    return VarBind(target.oid + _SCALAR, target.syntax.type, value)
