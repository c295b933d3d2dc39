"""SBD's metrics."""

from __future__ import annotations

from gateway.samples import MILLI, Metric, ObjectByLabel, gauge

DEVICES = gauge(
    "sbd_devices",
    "SBD devices, and whether their header can be read; always 1.",
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
DEVICES_CONFIGURED = gauge(
    "sbd_devices_configured",
    "Number of devices that SBD is configured with; 0 means diskless SBD.",
    mib="haClusterSbdDevicesConfigured",
)
SLOTS = gauge(
    "sbd_slots",
    "Slots of nodes on an SBD device, with the message in the slot; always 1.",
    "device",
    "node",
    "message",
    mib="haClusterSbdSlotMessage",
)
SLOT_SENDER = gauge(
    "sbd_slot_sender",
    "Nodes that wrote the last message in a slot on an SBD device; always 1.",
    "device",
    "node",
    "sender",
    mib="haClusterSbdSlotSender",
)
WATCHDOG_TIMEOUT = gauge(
    "sbd_watchdog_timeout_seconds",
    "Watchdog timeout in the configuration of SBD; devices override it.",
    mib="haClusterSbdWatchdogTimeout",
    mib_factor=MILLI,
)
INFO = gauge(
    "sbd_info",
    "Information about the configuration of SBD; always 1.",
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
