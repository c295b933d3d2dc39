"""SBD's conditions: its devices and their timeouts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.conditions.matching import evidence_from, samples_where
from gateway.conditions.model import SBD, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.sbd import metrics

SBD_CONFIGURATION = evidence_from("sbd", "configuration")


def sbd_timeouts(view: ClusterView) -> Iterator[Finding]:
    """Finds devices after whose msgwait a node may still be alive."""
    timeouts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in view.rows(metrics.TIMEOUTS):
        timeouts[str(row["device"])][str(row["type"])] = float(row["value"])
    for device, found in timeouts.items():
        msgwait, watchdog = found.get("msgwait"), found.get("watchdog")
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
        meaning="Fencing over this disk does not work from here; with too few devices the node fences itself.",
        action="`sbd -d DEVICE dump`, then look at the disk and its path.",
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
        meaning="A node may count as fenced before its watchdog has ended it.",
        action="Create the device anew with fitting timeouts (`sbd -d DEVICE -1 WATCHDOG -4 MSGWAIT create`).",
        find=sbd_timeouts,
        has_evidence=SBD_CONFIGURATION,
        local=True,
    ),
)
