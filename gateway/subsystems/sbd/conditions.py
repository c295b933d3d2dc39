"""SBD's conditions: its devices and their timeouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.conditions.matching import is_among, is_not_among, names_in, read_from, samples_where
from gateway.conditions.model import SBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.sbd import metrics

SBD_CONFIGURATION = read_from("sbd", "configuration")

configured_devices = names_in(metrics.DEVICES, about="{device}")
devices_with_timeouts = names_in(metrics.TIMEOUTS, lambda row: row["type"] == "msgwait", about="{device}")

DEVICE_GONE = Gone(
    "the configuration of SBD no longer names the device",
    "SBD's device {device} is no longer configured",
    is_not_among(configured_devices),
)


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
        source=SBD_CONFIGURATION,
        absent=Absent("`sbd dump` can read the device", is_among(configured_devices)),
        gone=DEVICE_GONE,
        local=True,
    ),
    Condition(
        name="sbd-timeouts",
        severity=Severity.WARNING,
        category=SBD,
        about="the device",
        raised="SBD's device {device}: msgwait {msgwait} s is under twice the watchdog's {watchdog} s",
        cleared="The timeouts of SBD's device {device} fit together",
        meaning="A node may be considered fenced before its watchdog has reset it.",
        action="Initialise the device again with a longer msgwait: `sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT create`.",
        source=SBD_CONFIGURATION,
        find=find_short_timeouts,
        absent=Absent("`sbd dump` prints a msgwait that is long enough", is_among(devices_with_timeouts)),
        gone=DEVICE_GONE,
        local=True,
    ),
)
