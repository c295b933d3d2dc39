"""SBD's conditions: its devices and their timeouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.conditions.matching import evidence_from, samples_where
from gateway.conditions.model import SBD, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.sbd import metrics

SBD_CONFIGURATION = evidence_from("sbd", "configuration")


def find_short_timeouts(view: ClusterView) -> Iterator[Finding]:
    """Yields the devices on which a node may outlive msgwait, because it is shorter than twice the watchdog timeout."""
    timeouts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in view.rows(metrics.TIMEOUTS):
        timeouts[str(row["device"])][str(row["type"])] = float(row["value"])
    for device, seconds in timeouts.items():
        msgwait, watchdog = seconds.get("msgwait"), seconds.get("watchdog")
        if msgwait is not None and watchdog is not None and msgwait < 2 * watchdog:
            yield Finding(device, {"device": device, "msgwait": f"{msgwait:g}", "watchdog": f"{watchdog:g}"})


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
        find=samples_where(metrics.DEVICES, lambda row: row["status"] == "unhealthy", about="{device}"),
        has_evidence=SBD_CONFIGURATION,
        local=True,
    ),
    Condition(
        name="sbd-timeouts",
        severity=Severity.WARNING,
        category=SBD,
        about="the device",
        raised="SBD's device {device}: msgwait of {msgwait} s is less than twice the watchdog timeout of {watchdog} s",
        cleared="The timeouts of SBD's device {device} fit together",
        meaning="A node may be considered fenced before its watchdog has reset it.",
        action="Initialise the device again with a longer msgwait: `sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT create`.",
        find=find_short_timeouts,
        has_evidence=SBD_CONFIGURATION,
        local=True,
    ),
)
