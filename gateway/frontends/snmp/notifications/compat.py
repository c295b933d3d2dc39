"""Notifications in the forms of other programs, so that existing rules in a manager keep working without these.

What a form needs is in the details of a notification (``gateway.alarms.details``). A form is left out if a key that it
needs has no known value; kinds and keys that are not in this table do not matter to any form.

============  ================  ==========  ==========
kind          key               corosync    pacemaker
============  ================  ==========  ==========
``node``      ``node``          needed      needed
              ``node_id``       needed
              ``address``       if known
              ``status``        needed
              ``description``               needed
``quorum``    ``node``          needed
              ``node_id``       needed
              ``status``        needed
``link``      ``node``          needed
              ``node_id``       needed
              ``peer_id``       needed
              ``number``        needed
              ``status``        needed
``fencing``   ``node``                      needed
              ``task``                      needed
              ``description``               needed
              ``rc``                        needed
``resource``  ``node``                      needed
              ``resource``                  needed
              ``task``                      needed
              ``description``               needed
              ``status``                    if known
              ``rc``                        needed
              ``target_rc``                 if known
``attribute`` ``node``                      needed
              ``attribute``                 needed
              ``value``                     needed
============  ================  ==========  ==========

Both programs send their objects without an instance, and so do these forms: rules match whole identifiers. The forms
are those of corosync-notifyd 3.1.7 and of the sample agent ``alert_snmp.sh`` of Pacemaker 2.1.5, with these exceptions:

- ``sysUpTime`` is the time since the start in hundredths of a second. It is not a date in seconds (corosync-notifyd),
  and not the uptime of the host (alert_snmp).
- A node has its name, not the address in its last ring, and its address is the one in the first ring. corosync-notifyd
  sends the name that the last ring's address resolves to, or that address.
- The time is ``hrSystemDate.0`` in the syntax of DateAndTime, not a text without an instance (alert_snmp).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gateway.alarms.notification import Details, Notification
from gateway.frontends.snmp.notifications.header import SnmpNotification, header
from gateway.snmp import oid as oids
from gateway.snmp.mib import syntax
from gateway.snmp.oid import Oid
from gateway.snmp.values import Type, VarBind


class _Object(NamedTuple):
    """An object of a notification.

    Attributes:
        number: the last number of its identifier.
        type: the type of its value.
        key: the key of the details that have the value; empty if it never applies.
        default: replaces an unknown value; if it is None, the value is needed.
    """

    number: int
    type: Type
    key: str
    default: str | None = None


# --- COROSYNC-MIB ----------------------------------------------------------------------------------------------------

_COROSYNC_NOTIFICATIONS = "1.3.6.1.4.1.35488.0"
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


def render_corosync(notification: Notification, details: Details) -> SnmpNotification:
    """Returns the notification that corosync-notifyd would send, or nothing."""
    number, objects = _COROSYNC.get(details.get("kind", ""), (0, ()))
    varbinds = _varbinds(oids.parse(_COROSYNC_OBJECTS), objects, details)
    if not varbinds:
        return ()
    identifier = oids.parse(_COROSYNC_NOTIFICATIONS) + oids.encode((number,))
    return [*header(identifier, notification.uptime), *varbinds]


# --- PACEMAKER-MIB ---------------------------------------------------------------------------------------------------

_PACEMAKER_OBJECTS = "1.3.6.1.4.1.32723.1"
_PACEMAKER_TRAP = oids.parse("1.3.6.1.4.1.32723.2.1")
_SYSTEM_DATE = oids.parse("1.3.6.1.2.1.25.1.2.0")
"""hrSystemDate.0 (RFC 2790)."""
_NO_TEXT, _NO_NUMBER = "n/a", str(2**31 - 1)
"""The values that the sample agent sends for unknown ones."""


def _pacemaker(needed: Sequence[str], optional: Sequence[str] = ()) -> Sequence[_Object]:
    """Returns the objects of PACEMAKER-MIB's one notification.

    Args:
        needed: the keys that a kind needs.
        optional: the keys that it may have.
    """
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
            key if key in (*needed, *optional) else "",
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


def render_pacemaker(notification: Notification, details: Details) -> SnmpNotification:
    """Returns the notification that ``alert_snmp.sh`` would send, or nothing."""
    kind = details.get("kind", "")
    varbinds = _varbinds(oids.parse(_PACEMAKER_OBJECTS), _PACEMAKER.get(kind, ()), details)
    if not varbinds or (kind == "resource" and _is_left_out(details)):
        return ()
    date = VarBind(_SYSTEM_DATE, Type.OCTET_STRING, syntax.date_and_time(notification.time))
    return [*header(_PACEMAKER_TRAP, notification.uptime), *varbinds, date]


def _is_left_out(details: Details) -> bool:
    """Returns whether the sample agent leaves an operation out: a successful monitor, or one that was cancelled."""
    succeeded = details["rc"] == details.get("target_rc")
    return details["description"] == "Cancelled" or (details["task"] == "monitor" and succeeded)


# --- Both ------------------------------------------------------------------------------------------------------------

FORMS: Mapping[str, Callable[[Notification, Details], SnmpNotification]] = {
    "corosync": render_corosync,
    "pacemaker": render_pacemaker,
}
"""The forms by name."""

_CONVERTERS = {Type.INTEGER: syntax.integer(-(2**31), 2**31 - 1), Type.GAUGE32: syntax.gauge(0, 2**32 - 1)}


def _varbinds(root: Oid, objects: Sequence[_Object], details: Details) -> list[VarBind]:
    """Returns the variables of objects, or none at all if a value that is needed is unknown."""
    varbinds = []
    for number, value_type, key, default in objects:
        text = details.get(key, "") if key else ""
        convert = _CONVERTERS.get(value_type, syntax.text)
        value = convert(text) if text else None
        if value is None and default is not None:
            value = convert(default)
        if value is None:
            return []
        varbinds.append(VarBind(root + oids.encode((number,)), value_type, value))
    return varbinds
