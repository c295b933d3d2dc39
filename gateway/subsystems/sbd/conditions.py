"""SBD's conditions: its devices, their timeouts, and messages that were left in their slots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.conditions.matching import is_among, names_in, read_from, samples_where
from gateway.conditions.model import SBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView
from gateway.status import Status
from gateway.subsystems.sbd import metrics

SBD_CONFIGURATION = read_from("sbd", "configuration")

healthy_devices = names_in(metrics.DEVICES, lambda row: row["status"] == "healthy", about="{device}")


def _devices(view: ClusterView, command: str) -> Mapping[str, Status]:
    """Returns the status of ``sbd dump`` or ``sbd list`` for each device in SBD's configuration."""
    report = view.snapshot.collectors.get("sbd")
    runs = () if report is None else report.commands
    prefix = f"{command} "
    return {run.name.removeprefix(prefix): run.status for run in runs if run.name.startswith(prefix)}


def is_device_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the configuration no longer names a device."""
    return finding.object not in _devices(view, "dump")


DEVICE_GONE = Gone(
    "the configuration of SBD no longer names the device",
    "SBD's device {device} is no longer configured",
    is_device_gone,
)


def _timeouts(view: ClusterView) -> Mapping[str, Mapping[str, float]]:
    """Returns the timeouts of each device in seconds, by their type."""
    timeouts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in view.rows(metrics.TIMEOUTS):
        timeouts[str(row["device"])][str(row["type"])] = float(row["value"])
    return timeouts


def find_short_timeouts(view: ClusterView) -> Iterator[Finding]:
    """Yields the devices on which a node may outlive msgwait, because it is shorter than twice the watchdog timeout."""
    for device, seconds in _timeouts(view).items():
        msgwait, watchdog = seconds.get("msgwait"), seconds.get("watchdog")
        if msgwait is not None and watchdog is not None and msgwait < 2 * watchdog:
            yield Finding(device, {"device": device, "msgwait": f"{msgwait:g}", "watchdog": f"{watchdog:g}"})


def has_timeouts(view: ClusterView, finding: Finding) -> bool:
    """Returns whether both timeouts of a device are known; if they did not fit, they would be a finding."""
    return {"msgwait", "watchdog"} <= _timeouts(view).get(finding.object, {}).keys()


# --- Messages in slots -----------------------------------------------------------------------------------------------

FENCING_MESSAGES = frozenset({"reset", "off", "crashdump"})
"""The messages by which a node is fenced. sbd clears them when it starts on that node."""


class SlotKey(NamedTuple):
    """The slot of a node on a device."""

    device: str
    node: str


def messages(view: ClusterView) -> Mapping[SlotKey, str]:
    """Returns the message in each slot."""
    return {SlotKey(str(row["device"]), str(row["node"])): str(row["message"]) for row in view.rows(metrics.SLOTS)}


def find_left_messages(view: ClusterView) -> Iterator[Finding]:
    """Yields the nodes that have a message to fence them in a slot on any device."""
    senders = {
        SlotKey(str(row["device"]), str(row["node"])): str(row["sender"]) for row in view.rows(metrics.SLOT_SENDER)
    }
    slots: defaultdict[str, list[tuple[SlotKey, str]]] = defaultdict(list)
    for key, message in view.fact(messages).items():
        if message in FENCING_MESSAGES:
            slots[key.node].append((key, message))
    for node, of_node in slots.items():
        first, message = of_node[0]
        sender = senders.get(first, "an unknown sender")
        devices = ", ".join(key.device for key, _ in of_node)
        yield Finding(node, {"node": node, "message": message, "sender": sender, "devices": devices})


def _all_slots_are_read(view: ClusterView) -> bool:
    """Returns whether the slots of all devices were read."""
    return all(
        status is Status.OK and view.has_read_everything("sbd", f"list {device}")
        for device, status in _devices(view, "list").items()
    )


def has_no_message(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the slots of all devices were read, and the node has one, which would be a finding otherwise."""
    return _all_slots_are_read(view) and any(key.node == finding.object for key in view.fact(messages))


def has_no_slot(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the slots of all devices were read, and the node has none."""
    return _all_slots_are_read(view) and not any(key.node == finding.object for key in view.fact(messages))


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="sbd-device",
        severity=Severity.MAJOR,
        category=SBD,
        about="the device",
        raised="SBD's device {device} cannot be read",
        cleared="SBD's device {device} can be read again",
        meaning="This node cannot fence through the disk. With too few readable devices, it fences itself.",
        action="Run `sbd -d DEVICE dump`, then check the disk and its path.",
        source=SBD_CONFIGURATION,
        find=samples_where(metrics.DEVICES, lambda row: row["status"] == "unhealthy", about="{device}"),
        absent=Absent("`sbd dump` can read the device", is_among(healthy_devices)),
        gone=DEVICE_GONE,
        local=True,
    ),
    Condition(
        name="sbd-timeouts",
        severity=Severity.WARNING,
        category=SBD,
        about="the device",
        raised="SBD's device {device}: msgwait ({msgwait} s) is less than twice watchdog ({watchdog} s)",
        cleared="The timeouts of SBD's device {device} fit together",
        meaning="A node may be considered fenced before its watchdog has reset it.",
        action="Initialize the device again with a longer msgwait: `sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT create`.",
        source=SBD_CONFIGURATION,
        find=find_short_timeouts,
        absent=Absent("`sbd dump` prints a msgwait that is long enough", has_timeouts),
        gone=DEVICE_GONE,
        local=True,
    ),
    Condition(
        name="sbd-message",
        severity=Severity.WARNING,
        category=SBD,
        about="the node",
        raised="SBD: {message} from {sender} to {node} is left on {devices}",
        cleared="No message to fence {node} is left in SBD's slots",
        meaning="The node was fenced, or should have been, and SBD has not started on it since. With "
        "`SBD_STARTMODE=clean` it does not start before the slot is cleared.",
        action="Find out why the node was fenced. If it is in order, run `sbd -d DEVICE message NODE clear` and start "
        "the cluster on it.",
        source=SBD_CONFIGURATION,
        find=find_left_messages,
        absent=Absent("`sbd list` shows another content of its slots on all devices", has_no_message),
        gone=Gone(
            "`sbd list` no longer lists the node on any device",
            "{node} no longer has a slot on SBD's devices",
            has_no_slot,
        ),
        hold=300.0,
        local=True,
    ),
)
