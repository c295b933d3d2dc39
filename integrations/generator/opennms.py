"""The events and the data collection for OpenNMS."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import Mib, NotificationType, Object
from integrations.generator import watched
from integrations.generator.watched import Table

UEI = "uei.opennms.org/vendor/ha-cluster-gateway/traps"
SEVERITIES = {"critical": "Critical", "major": "Major", "minor": "Minor", "warning": "Warning"}
"""The severities of OpenNMS by those of the MIB; the others are those of notifications without an alarm."""
OTHERS = {"haClusterStarted": "Normal", "haClusterHeartbeat": "Normal", "haClusterTest": "Normal"}
_MAX_ALIAS = 19
_RAISES, _CLEARS = ("1", "2")
_COMMENT = " Generated from HA-CLUSTER-MIB: see README.md. "
_STORAGE = "org.opennms.netmgt.collection.support.IndexStorageStrategy"
_PERSISTENCE = "org.opennms.netmgt.collection.support.PersistAllSelectorStrategy"


def _document(root: Element) -> str:
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!--{_COMMENT}-->\n{body}\n'


def _leaf(parent: Element, name: str, text: str, **attributes: str) -> None:
    SubElement(parent, name, attributes).text = text


# --- Events ----------------------------------------------------------------------------------------------------------


def events(mib: Mib) -> str:
    """Returns the definitions of events: one for each notification, and one for each severity of an alarm."""
    root = Element("events", xmlns="http://xmlns.opennms.org/xsd/eventconf")
    for notification in mib.notifications.values():
        if notification.name.endswith(("Alarm", "Lost")):
            for severity in SEVERITIES:
                _event(root, mib, notification, severity)
        else:
            _event(root, mib, notification, "")
    return _document(root)


def _event(root: Element, mib: Mib, notification: NotificationType, severity: str) -> None:
    """Adds an event. The variables have the same order in all notifications, and count from 1."""
    place = {name: number for number, name in enumerate(notification.objects, 1)}
    event = SubElement(root, "event")
    mask = SubElement(event, "mask")
    specific = oids.decode(notification.oid)[-1]
    for name, value in (("id", f".{oids.dotted(mib.root)}"), ("generic", "6"), ("specific", str(specific))):
        element = SubElement(mask, "maskelement")
        _leaf(element, "mename", name)
        _leaf(element, "mevalue", value)
    if severity:
        syntax = mib["haClusterNoticeSeverity"].syntax
        assert syntax is not None
        number = next(number for number, word in syntax.names.items() if word == severity)
        varbind = SubElement(mask, "varbind")
        _leaf(varbind, "vbnumber", str(place["haClusterNoticeSeverity"]))
        _leaf(varbind, "vbvalue", str(number))
    _leaf(event, "uei", f"{UEI}/{notification.name}" + (f"/{severity}" if severity else ""))
    _leaf(event, "event-label", f"HA-CLUSTER-MIB: {notification.name}" + (f", {severity}" if severity else ""))
    text = f"%parm[#{place['haClusterNoticeText']}]%"
    where = f"%parm[#{place['haClusterName']}]%, reported by %parm[#{place['haClusterNoticeNode']}]%"
    _leaf(event, "descr", f"<p>{text}</p><p>Cluster {where}.</p><p>{notification.description}</p>")
    _leaf(event, "logmsg", f"{text} (cluster {where})", dest="logndisplay")
    clears = notification.name.endswith(("Clear", "Regained"))
    _leaf(
        event,
        "severity",
        SEVERITIES.get(severity) or ("Cleared" if clears else OTHERS.get(notification.name, "Warning")),
    )
    if severity:
        _leaf(event, "operinstruct", f"%parm[#{len(place) + 1}]%")  # haClusterNoticeAction
    key = f"haCluster:%nodeid%:%parm[#{place['haClusterNoticeCondition']}]%:%parm[#{place['haClusterNoticeObject']}]%"
    if severity:
        SubElement(event, "alarm-data", {"reduction-key": key, "alarm-type": _RAISES, "auto-clean": "false"})
    elif clears:
        keys = {"reduction-key": f"{key}:clear", "alarm-type": _CLEARS, "clear-key": key, "auto-clean": "false"}
        SubElement(event, "alarm-data", keys)


# --- Data collection -------------------------------------------------------------------------------------------------


def data_collection(mib: Mib) -> str:
    """Returns a group of data collection: a resource type and a group for each table, and a group of scalars."""
    root = Element(
        "datacollection-group", xmlns="http://xmlns.opennms.org/xsd/config/datacollection", name="HA-Cluster"
    )
    aliases: dict[str, str] = {}
    for table in watched.TABLES:
        name = table.row.removesuffix("Entry")
        labels = " ".join(f"${{{label}}}" for label in table.label)
        kind = SubElement(
            root, "resourceType", name=name, label=f"HA cluster: {table.title}", resourceLabel=f"{labels} (${{index}})"
        )
        SubElement(kind, "persistenceSelectorStrategy", {"class": _PERSISTENCE})
        SubElement(kind, "storageStrategy", {"class": _STORAGE})
    group = SubElement(root, "group", name="ha-cluster-scalars", ifType="ignore")
    for entry in watched.scalars(mib):
        _object(group, entry, "0", aliases)
    for table in watched.TABLES:
        _group(root, mib, table, aliases)
    system = SubElement(root, "systemDef", name="HA cluster")
    _leaf(system, "sysoidMask", ".1.3.6.1.4.1.8072.")
    collect = SubElement(system, "collect")
    for group in root.findall("group"):
        _leaf(collect, "includeGroup", group.attrib["name"])
    return _document(root)


def _group(root: Element, mib: Mib, table: Table, aliases: dict[str, str]) -> None:
    name = table.row.removesuffix("Entry")
    group = SubElement(root, "group", name=f"ha-cluster-{name}", ifType="all")
    for label in table.label:
        attributes = {"oid": f".{oids.dotted(mib[label].oid)}", "instance": name, "alias": label, "type": "string"}
        SubElement(group, "mibObj", attributes)
    for column in table.columns:
        _object(group, mib[column], name, aliases)


def _object(group: Element, entry: Object, instance: str, aliases: dict[str, str]) -> None:
    assert entry.syntax is not None
    kind = "counter" if entry.syntax.name == "Counter64" else "gauge"
    attributes = {"instance": instance, "alias": _alias(entry.name, aliases), "type": kind}
    SubElement(group, "mibObj", {"oid": f".{oids.dotted(entry.oid)}", **attributes})


def _alias(name: str, aliases: dict[str, str]) -> str:
    """Returns a name of at most 19 characters, the most that RRD has: the beginnings of the words.

    Raises:
        ValueError: another object has it.
    """
    words = [word.capitalize() for word in watched.words(name).split()]
    length = next(n for n in range(_MAX_ALIAS, 0, -1) if sum(len(word[:n]) for word in words) <= _MAX_ALIAS - 2)
    alias = "ha" + "".join(word[:length] for word in words)
    if aliases.setdefault(alias, name) != name:
        raise ValueError(f"{name} and {aliases[alias]} have the same alias {alias}")
    return alias
