"""Corosync: membership, quorum and links."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.corosync import conditions, facts, metrics, mib_rows, options, role, summary
from gateway.subsystems.corosync.collector import CorosyncCollector
from gateway.subsystems.corosync_conf import CONFIG
from gateway.subsystems.library_source import choose_source
from gateway.subsystems.subsystem import Subsystem, ToolSpec

_TOOLS = (
    ToolSpec(name="corosync-quorumtool", purpose="quorum, votes and members"),
    # the odd spelling is ha_cluster_exporter's
    ToolSpec(name="corosync-cfgtool", purpose="links", path_flag="--corosync-cfgtoolpath-path"),
    ToolSpec(name="corosync-cmapctl", purpose="statistics of links and of Totem; optional", output_limit=4 << 20),
    ToolSpec(name="corosync", purpose="version; optional", output_limit=64 << 10),
)


def _make_collector(values: OptionValues) -> CorosyncCollector:
    return CorosyncCollector(
        configuration=values[CONFIG],
        statistics=values[options.STATISTICS],
        source=choose_source(values, options.SOURCE, _TOOLS),
    )


SUBSYSTEM = Subsystem(
    name="corosync",
    title="Corosync",
    tools=_TOOLS,
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    describe_host=role.describe_host,
    accumulators=facts.ACCUMULATORS,
    group="haclient",
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "Start the cluster on this node if it should run: systemctl start pacemaker.",
        Status.NOT_PERMITTED: "Corosync opens to the group haclient when Pacemaker starts: run systemctl start "
        "pacemaker.\n      To open it permanently, run\n"
        "          printf 'uidgid {{\\n gid: haclient\\n}}\\n' > /etc/corosync/uidgid.d/ha-cluster-gateway\n"
        "          corosync-cfgtool -R",
    },
)
