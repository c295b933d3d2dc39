"""The configuration of snmptt, as ``snmpttconvertmib`` makes it of the MIB."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.snmp import oid as oids
from gateway.snmp.mib import module
from gateway.snmp.mib.module import Mib, NotificationType

_HINTS = re.compile(
    r"^(\w+) NOTIFICATION-TYPE\n"
    r"(?:(?!::=)[\s\S])*?"
    r'--#SUMMARY "(.*)"\n\s*--#ARGUMENTS \{(.*)\}\n\s*--#SEVERITY (\w+)\n',
    re.MULTILINE,
)
"""The comments in the MIB that are meant for snmptt: the line to print, its variables from 0, and the severity."""
_HEADER = "#\n# The events of ha-cluster-gateway for snmptt. Generated from HA-CLUSTER-MIB: see README.md.\n#\n"


def configuration(mib: Mib) -> str:
    """Returns the configuration: an event for each notification."""
    hints = {
        name: (summary, arguments, severity) for name, summary, arguments, severity in _HINTS.findall(module.text())
    }
    return _HEADER + "".join(
        line for notification in mib.notifications.values() for line in _event(notification, *hints[notification.name])
    )


def _event(notification: NotificationType, summary: str, arguments: str, severity: str) -> Iterator[str]:
    yield f'EVENT {notification.name} .{oids.dotted(notification.oid)} "Status Events" {severity}\n'
    for argument in arguments.split(","):
        summary = summary.replace("%s", f"${int(argument) + 1}", 1)
    yield f"FORMAT {summary}\nSDESC\n{notification.description}\nVariables:\n"
    yield from (f"  {number}: {name}\n" for number, name in enumerate(notification.objects, 1))
    yield "EDESC\n#\n#\n#\n"
