"""The rows of HA-CLUSTER-MIB that show SBD's metrics."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterSbdDeviceEntry",
        index=("device",),
        columns={"device": "haClusterSbdDeviceName", "status": "haClusterSbdDeviceStatus"},
    ),
    MibRow(
        entry="haClusterSbdSlotEntry",
        index=("device", "node"),
        columns={
            "device": "haClusterSbdSlotDevice",
            "node": "haClusterSbdSlotNode",
            "message": "haClusterSbdSlotMessage",
            "sender": "haClusterSbdSlotSender",
        },
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
