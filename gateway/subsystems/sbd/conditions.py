"""SBD's conditions: its devices, their timeouts, and messages that were left in their slots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from gateway.conditions.matching import is_among, names_in, read_from, samples_where
from gateway.conditions.model import SBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import Accumulator, ClusterView
from gateway.status import Status
from gateway.subsystems.sbd import metrics

SBD_CONFIGURATION = read_from("sbd", "configuration")

healthy_devices = names_in(metrics.DEVICES, lambda row: row["status"] == "healthy", about="{device}")


def _devices(view: ClusterView, command: str) -> Mapping[str, Status]:
    """Returns how reading the header (``dump``) or the slots (``list``) of each configured device ended."""
    report = view.snapshot.collectors.get("sbd")
    runs = () if report is None else report.commands
    prefix = f"{command} "
    return {run.name.removeprefix(prefix): run.status for run in runs if run.name.startswith(prefix)}


DISKLESS_AFTER = 600.0
"""Seconds for which the configuration must name no device before SBD counts as diskless."""


def diskless_since(view: ClusterView, before: float | None) -> float | None:
    """Returns when the configuration stopped naming devices, on the monotonic clock; None if it names some."""
    if not view.has_succeeded("sbd", "configuration"):
        return before
    if _devices(view, "dump"):
        return None
    return view.snapshot.started if before is None else before


def _is_removed(view: ClusterView, device: str) -> bool:
    """Returns whether a device was removed from the configuration.

    That the configuration names no device at all proves nothing at first: somebody may be writing it.
    """
    if configured := _devices(view, "dump"):
        return device not in configured
    since = view.accumulated(diskless_since)
    return since is not None and view.snapshot.started - since >= DISKLESS_AFTER


DEVICE_GONE = Gone(
    "the configuration of SBD names other devices and no longer this one, or has named none for ten minutes",
    "SBD's device {device} is no longer configured",
    lambda view, finding: _is_removed(view, finding.object),
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

_SEPARATOR = ", "


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
        devices = _SEPARATOR.join(key.device for key, _ in of_node)
        yield Finding(node, {"node": node, "message": message, "sender": sender, "devices": devices})


def _devices_left(view: ClusterView, finding: Finding) -> Collection[str]:
    """Returns the devices that had the message and were not removed from the configuration."""
    return [device for device in finding.fields["devices"].split(_SEPARATOR) if not _is_removed(view, device)]


def _node_slots(view: ClusterView, finding: Finding) -> Mapping[str, bool] | None:
    """Returns for each device that had the message whether the node has a slot on it; None if that is unknown.

    All devices must have been read, because a message on any of them is a message. An empty list proves nothing: every
    node on which SBD has started has a slot.
    """
    statuses = _devices(view, "list")
    slots = view.fact(messages)
    are_read = all(
        status is Status.OK and view.has_read_everything("sbd", f"list {device}") for device, status in statuses.items()
    )
    devices = _devices_left(view, finding)
    are_listed = {*devices} <= {key.device for key in slots}
    if not (are_read and are_listed and {*devices} <= statuses.keys()):
        return None
    return {device: SlotKey(device, finding.object) in slots for device in devices}


def has_no_message(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node still has a slot that had the message; if it had one still, it would be a finding."""
    node_slots = _node_slots(view, finding)
    return node_slots is not None and any(node_slots.values())


def has_no_slot(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the node no longer has a slot on any device that had the message and is still configured."""
    node_slots = _node_slots(view, finding)
    return node_slots is not None and not any(node_slots.values())


ACCUMULATORS: tuple[Accumulator, ...] = (diskless_since,)

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="sbd-device",
        severity=Severity.MAJOR,
        category=SBD,
        about="the device",
        raised="SBD's device {device} cannot be read",
        cleared="SBD's device {device} can be read again",
        meaning="This node cannot fence through the disk. With too few readable devices, it fences itself.",
        action="Run `sbd -d DEVICE dump`, then check the disk, the paths to it (`multipath -ll`) and the storage "
        "network.",
        source=SBD_CONFIGURATION,
        find=samples_where(metrics.DEVICES, lambda row: row["status"] == "unhealthy", about="{device}"),
        absent=Absent("the header of the device can be read", is_among(healthy_devices)),
        gone=DEVICE_GONE,
        local=True,
    ),
    Condition(
        name="sbd-timeouts",
        severity=Severity.WARNING,
        category=SBD,
        about="the device",
        raised="SBD's device {device}: msgwait ({msgwait} s) is less than twice watchdog ({watchdog} s)",
        cleared="The msgwait of SBD's device {device} is long enough now",
        meaning="A node may be considered fenced before its watchdog has reset it.",
        action="Stop the cluster on all nodes that use the device, then run `sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT "
        "create` with a MSGWAIT of at least twice WATCHDOG. Set `stonith-timeout` to more than MSGWAIT.",
        source=SBD_CONFIGURATION,
        find=find_short_timeouts,
        absent=Absent("the header of the device has a msgwait that is long enough", has_timeouts),
        gone=DEVICE_GONE,
        local=True,
    ),
    Condition(
        name="sbd-message",
        severity=Severity.WARNING,
        category=SBD,
        about="the node",
        raised="SBD: {message} from {sender} to {node} is still on {devices}",
        cleared="No message to fence {node} is left in SBD's slots",
        meaning="The node was fenced, or should have been, and SBD has not started on it since. With "
        "SBD_STARTMODE=clean it does not start before the slot is cleared.",
        action="Find out why the node was fenced. When it may return, run `sbd -d DEVICE message NODE clear` and "
        "start the cluster on it.",
        source=SBD_CONFIGURATION,
        find=find_left_messages,
        absent=Absent("its slots on the devices that had the message have another content", has_no_message),
        gone=Gone(
            "no device that had the message is configured any more, or only other nodes have slots there",
            "{node} no longer has a slot on {devices}, or SBD no longer uses the device",
            has_no_slot,
        ),
        hold=300.0,
        local=True,
    ),
)
