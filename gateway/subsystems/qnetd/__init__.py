"""The arbitrator: corosync-qnetd, and the clusters that are connected to it."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.qnetd import conditions, facts, metrics, mib_rows, role, summary
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
            output_limit=4 << 20,  # a thousand clusters of eight nodes
        ),
    ),
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    describe_host=role.describe_host,
    accumulators=facts.ACCUMULATORS,
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "Run systemctl start corosync-qnetd. If this host is not an arbitrator, remove the package "
        'corosync-qnetd, or set qnetd = "off" in [collectors].',
        Status.NOT_PERMITTED: "Only root and coroqnetd may use the socket of corosync-qnetd. Open it to the group "
        "haclient with the drop-in corosync-qnetd.conf,\n      in /usr/share/doc/ha-cluster-gateway/examples, or in "
        "packaging/corosync-qnetd of the project. In its directory, run\n"
        "          install -D -m 644 corosync-qnetd.conf "
        "/etc/systemd/system/corosync-qnetd.service.d/ha-cluster-gateway.conf\n"
        "          systemctl daemon-reload\n"
        "          systemctl restart corosync-qnetd",
    },
)
