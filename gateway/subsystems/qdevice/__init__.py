"""The quorum device of this node: corosync-qdevice, and its connection to the arbitrator."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.qdevice import conditions, metrics, summary
from gateway.subsystems.qdevice.collector import QdeviceCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec

_TOOL = ToolSpec(
    name="corosync-qdevice-tool", purpose="connection and vote of the quorum device", output_limit=64 << 10
)


def _make_collector(values: OptionValues) -> QdeviceCollector:
    return QdeviceCollector(configuration=values[CONFIG])


SUBSYSTEM = Subsystem(
    name="qdevice",
    title="Quorum device",
    tools=(_TOOL,),
    metrics=metrics.METRICS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "If corosync.conf configures a quorum device, run systemctl start corosync-qdevice. If it "
        "stops again, journalctl -u corosync-qdevice shows why, such as an arbitrator that requires TLS.",
        Status.NOT_PERMITTED: "Only root may use the socket of corosync-qdevice. Open it to the group haclient with "
        "the drop-in corosync-qdevice.conf,\n      in /usr/share/doc/ha-cluster-gateway/examples, or in "
        "packaging/corosync-qdevice of the project. In its directory, run\n"
        "          install -D -m 644 corosync-qdevice.conf "
        "/etc/systemd/system/corosync-qdevice.service.d/ha-cluster-gateway.conf\n"
        "          systemctl daemon-reload\n"
        "          systemctl restart corosync-qdevice",
    },
)
