"""The rows of HA-CLUSTER-MIB that show booth's metrics."""

from __future__ import annotations

from gateway.samples import MibRow

MIB_ROWS: tuple[MibRow, ...] = (
    MibRow(
        entry="haClusterBoothDaemonEntry",
        index=("configuration",),
        columns={
            "configuration": "haClusterBoothConfiguration",
            "type": "haClusterBoothType",
            "address": "haClusterBoothAddress",
        },
    ),
    MibRow(
        entry="haClusterBoothTicketEntry",
        index=("configuration", "ticket"),
        columns={
            "ticket": "haClusterBoothTicketName",
            "mode": "haClusterBoothTicketMode",
            "leader": "haClusterBoothTicketLeader",
            "sites": "haClusterBoothTicketConflict",
        },
    ),
    MibRow(
        entry="haClusterBoothPeerEntry",
        index=("configuration", "peer"),
        columns={"peer": "haClusterBoothPeerAddress", "type": "haClusterBoothPeerType"},
    ),
)
"""The rows of HA-CLUSTER-MIB that show these metrics."""
