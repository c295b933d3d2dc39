"""The arbitrator: corosync-qnetd, and the clusters that are connected to it."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.qnetd import conditions, facts, metrics, mib_rows, summary
from gateway.subsystems.qnetd.collector import QnetdCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec


def _make_collector(values: OptionValues) -> QnetdCollector:
    del values
    return QnetdCollector()


SUBSYSTEM = Subsystem(
    name="qnetd",
    title="Arbitrator",
    tools=(
        ToolSpec(
            name="corosync-qnetd-tool",
            purpose="clusters and nodes that are connected to the arbitrator on this host",
        ),
    ),
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    accumulators=facts.ACCUMULATORS,
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "Run systemctl start corosync-qnetd. If this host is not an arbitrator, remove the package "
        'corosync-qnetd, or set qnetd = "off" in [collectors].',
        Status.NOT_PERMITTED: "Only root and coroqnetd may use the socket of corosync-qnetd. Open it to the group of "
        "the gateway with the drop-in from docs/install.md, Install it on an arbitrator. Where sudo works, "
        'prefix = ["sudo", "-n", "-u", "coroqnetd"] in [tools.corosync-qnetd-tool] will do as well.',
    },
)
