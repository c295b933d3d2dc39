"""SBD's metrics."""

from __future__ import annotations

from gateway.samples import Metric, ObjectByLabel, gauge

DEVICES = gauge(
    "sbd_devices",
    "An SBD device, and whether its header can be read.",
    "device",
    "status",
    drop_in=True,
    mib="haClusterSbdDeviceStatus",
)
TIMEOUTS = gauge(
    "sbd_timeouts",
    "Timeouts in the header of an SBD device, in seconds.",
    "device",
    "type",
    drop_in=True,
    mib=ObjectByLabel(
        label="type",
        objects={
            "watchdog": "haClusterSbdDeviceWatchdog",
            "allocate": "haClusterSbdDeviceAllocate",
            "loop": "haClusterSbdDeviceLoop",
            "msgwait": "haClusterSbdDeviceMsgwait",
        },
    ),
)
DEVICE_COUNT = gauge(
    "sbd_device_count",
    "How many devices SBD is configured with; 0 is diskless SBD.",
    mib="haClusterSbdDeviceCount",
)
SLOTS = gauge(
    "sbd_slots",
    "A node's slot on an SBD device, and the message in it.",
    "device",
    "node",
    "message",
    mib="haClusterSbdSlotMessage",
)
WATCHDOG_TIMEOUT = gauge(
    "sbd_watchdog_timeout_seconds",
    "Watchdog timeout in SBD's configuration, which counts where there is no device.",
    mib="haClusterSbdWatchdogTimeout",
)
INFO = gauge(
    "sbd_info",
    "How SBD is configured.",
    "watchdog_device",
    "pacemaker",
    "startmode",
    "delay_start",
    mib={
        "watchdog_device": "haClusterSbdWatchdogDevice",
        "pacemaker": "haClusterSbdPacemaker",
        "startmode": "haClusterSbdStartMode",
        "delay_start": "haClusterSbdDelayStart",
    },
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
"""Every metric, in the order of this file."""
