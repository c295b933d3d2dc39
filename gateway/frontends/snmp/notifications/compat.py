"""Notices in the form of other programs, so that rules which exist in a manager keep working without them.

What a form needs is in the ``details`` of a notice. ``kind`` says what it is about; a form whose keys are not all there
is not made. Other kinds, and keys that are not listed, are nothing to these forms.

============  ================  ========================================================  ==========  ==========
kind          key               value                                                     corosync    pacemaker
============  ================  ========================================================  ==========  ==========
``node``      ``node``          the node's name                                           needed      needed
              ``node_id``       its id in Corosync                                        needed
              ``address``       its address in ring 0                                     if known
              ``status``        Corosync's word: ``joined`` or ``left``                   needed
              ``description``   Pacemaker's word: ``member`` or ``lost``                              needed
``quorum``    ``node``          this node's name                                          needed
              ``node_id``       its id in Corosync                                        needed
              ``status``        ``quorate`` or ``not quorate``                            needed
``link``      ``node``          this node's name                                          needed
              ``node_id``       its id in Corosync                                        needed
              ``peer_id``       the id of the node at the other end                       needed
              ``number``        the number of the link                                    needed
              ``status``        ``operational`` or ``disconnected``                       needed
``fencing``   ``node``          the node that was to be fenced                                        needed
              ``task``          what was done, such as ``st_notify_fence``                            needed
              ``description``   Pacemaker's sentence about it                                         needed
              ``rc``            0 for success                                                         needed
``resource``  ``node``          where it runs, or ran                                                 needed
              ``resource``      its id                                                                needed
              ``task``          the operation, such as ``monitor``                                    needed
              ``description``   its result in words, such as ``not running``                          needed
              ``status``        how its execution went, a number                                      if known
              ``rc``            what it returned                                                      needed
              ``target_rc``     what it should have returned                                          if known
``attribute`` ``node``          whose attribute it is                                                 needed
              ``attribute``     its name                                                              needed
              ``value``         its value                                                             needed
============  ================  ========================================================  ==========  ==========

These are the names and the values of Pacemaker's ``CRM_alert_*``, where there are such.

Both programs send their objects without an instance, and so do these forms: rules match whole identifiers. As sent by
corosync-notifyd 3.1.7 and by the sample ``alert_snmp.sh`` of Pacemaker 2.1.5; other than these,

- ``sysUpTime`` is the time since the start, in hundredths of a second, not a date in seconds (corosync-notifyd), nor
  that of the host (alert_snmp);
- a node is called by its name, not by the address in its last ring, and its address is that in the first
  (corosync-notifyd takes the name that the last ring's address resolves to, or that address);
- the time is ``hrSystemDate.0`` in the syntax of DateAndTime, not a text without an instance (alert_snmp).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.alarms.notification import Notification, head
from gateway.snmp import oid as oids
from gateway.snmp.mib import syntax
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind


class _Object(NamedTuple):
    """An object of a notification.

    Attributes:
        number: the last number of its identifier.
        type: of its value.
        key: of the details that have it; empty where it never applies.
        default: what stands for a value that is not known; without one it is needed.
    """

    number: int
    type: Type
    key: str
    default: str | None = None


# --- COROSYNC-MIB ----------------------------------------------------------------------------------------------------

_COROSYNC_NOTICES = "1.3.6.1.4.1.35488.0"
_COROSYNC_OBJECTS = "1.3.6.1.4.1.35488.1"

_NODE_NAME = _Object(1, Type.OCTET_STRING, "node")
_NODE_ID = _Object(2, Type.GAUGE32, "node_id")

_COROSYNC: Mapping[str, tuple[int, Sequence[_Object]]] = {
    "node": (
        1,
        (_NODE_NAME, _NODE_ID, _Object(4, Type.OCTET_STRING, "address", ""), _Object(3, Type.OCTET_STRING, "status")),
    ),
    "quorum": (2, (_NODE_NAME, _NODE_ID, _Object(21, Type.OCTET_STRING, "status"))),
    "link": (
        4,
        (
            _NODE_NAME,
            _Object(5, Type.GAUGE32, "node_id"),
            _Object(2, Type.GAUGE32, "peer_id"),
            _Object(60, Type.INTEGER, "number"),
            _Object(61, Type.OCTET_STRING, "status"),
        ),
    ),
}
"""The number of the notification of each kind, and its objects in the order in which they are sent."""


def corosync(notice: Notification, uptime: float) -> Iterable[Sequence[VarBind]]:
    """Returns what corosync-notifyd would send: one notification, or none.

    Args:
        notice: what to tell.
        uptime: seconds since the start.
    """
    number, objects = _COROSYNC.get(notice.details.get("kind", ""), (0, ()))
    found = _varbinds(oids.parse(_COROSYNC_OBJECTS), objects, notice.details)
    if found:
        yield [*head(oids.parse(_COROSYNC_NOTICES) + oids.encode((number,)), uptime), *found]


# --- PACEMAKER-MIB ---------------------------------------------------------------------------------------------------

_PACEMAKER_OBJECTS = "1.3.6.1.4.1.32723.1"
_PACEMAKER_TRAP = oids.parse("1.3.6.1.4.1.32723.2.1")
_SYSTEM_DATE = oids.parse("1.3.6.1.2.1.25.1.2.0")
"""hrSystemDate.0 (RFC 2790)."""
_NO_TEXT, _NO_NUMBER = "n/a", str(2**31 - 1)
"""What the sample sends where there is nothing to send."""


def _pacemaker(needed: Sequence[str], known: Sequence[str] = ()) -> Sequence[_Object]:
    """Returns the objects of PACEMAKER-MIB's one notification, for a kind that needs some keys and may have others."""
    table = (
        ("node", Type.OCTET_STRING),
        ("resource", Type.OCTET_STRING),
        ("task", Type.OCTET_STRING),
        ("description", Type.OCTET_STRING),
        ("status", Type.INTEGER),
        ("rc", Type.INTEGER),
        ("target_rc", Type.INTEGER),
        ("attribute", Type.OCTET_STRING),
        ("value", Type.OCTET_STRING),
    )
    return tuple(
        _Object(
            number,
            kind,
            key if key in (*needed, *known) else "",
            None if key in needed else _NO_TEXT if kind is Type.OCTET_STRING else _NO_NUMBER,
        )
        for number, (key, kind) in enumerate(table, 1)
    )


_PACEMAKER: Mapping[str, Sequence[_Object]] = {
    "node": _pacemaker(("node", "description")),
    "fencing": _pacemaker(("node", "task", "description", "rc")),
    "resource": _pacemaker(("node", "resource", "task", "description", "rc"), ("status", "target_rc")),
    "attribute": _pacemaker(("node", "attribute", "value")),
}


def pacemaker(notice: Notification, uptime: float) -> Iterable[Sequence[VarBind]]:
    """Returns what ``alert_snmp.sh`` would send: one notification, or none.

    Args:
        notice: what to tell.
        uptime: seconds since the start.
    """
    details = notice.details
    kind = details.get("kind", "")
    found = _varbinds(oids.parse(_PACEMAKER_OBJECTS), _PACEMAKER.get(kind, ()), details)
    if found and not (kind == "resource" and _is_routine(details)):
        date = VarBind(_SYSTEM_DATE, Type.OCTET_STRING, syntax.date_and_time(notice.time))
        yield [*head(_PACEMAKER_TRAP, uptime), *found, date]


def _is_routine(details: Mapping[str, str]) -> bool:
    """Returns whether the sample leaves an operation out: a monitor that went well, or one that was cancelled."""
    well = details["rc"] == details.get("target_rc")
    return details["description"] == "Cancelled" or (details["task"] == "monitor" and well)


# --- Both ------------------------------------------------------------------------------------------------------------

FORMS: Mapping[str, Callable[[Notification, float], Iterable[Sequence[VarBind]]]] = {
    "corosync": corosync,
    "pacemaker": pacemaker,
}
"""The forms by name."""

_NUMBERS = {Type.INTEGER: syntax.scaled(0, -(2**31), 2**31 - 1), Type.GAUGE32: syntax.scaled(0, 0, 2**32 - 1)}


def _varbinds(root: Oid, objects: Sequence[_Object], details: Mapping[str, str]) -> list[VarBind]:
    """Returns the variables of objects; none where one that is needed is not known."""
    found = []
    for number, kind, key, default in objects:
        known = details.get(key, "") if key else ""
        convert = _NUMBERS.get(kind, syntax.text)
        value = convert(known) if known else None
        if value is None and default is not None:
            value = convert(default)
        if value is None:
            return []
        found.append(VarBind(root + oids.encode((number,)), kind, value))
    return found
