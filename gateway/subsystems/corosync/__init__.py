"""Corosync: membership, quorum and links."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.subsystems.corosync import conditions, facts, metrics, mib_rows, options
from gateway.subsystems.corosync.collector import CorosyncCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec


def _make_collector(values: OptionValues) -> CorosyncCollector:
    return CorosyncCollector(configuration=values[options.CONFIG], statistics=values[options.STATISTICS])


SUBSYSTEM = Subsystem(
    name="corosync",
    title="Corosync",
    tools=(
        ToolSpec(name="corosync-quorumtool"),
        # the odd spelling is ha_cluster_exporter's
        ToolSpec(name="corosync-cfgtool", path_flag="--corosync-cfgtoolpath-path"),
        ToolSpec(name="corosync-cmapctl"),
        ToolSpec(name="corosync"),
    ),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    accumulators=facts.ACCUMULATORS,
    make_collector=_make_collector,
)
