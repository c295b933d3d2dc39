"""DRBD: the replicated block devices of this node."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.drbd import conditions, facts, metrics, mib_rows, options, summary
from gateway.subsystems.drbd.collector import DrbdCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec

_DRBDSETUP = ToolSpec(name="drbdsetup", purpose="resources, volumes and connections", output_limit=4 << 20)


def _make_collector(values: OptionValues) -> DrbdCollector:
    return DrbdCollector(
        split_brain_directory=values[options.SPLIT_BRAIN_DIRECTORY],
        # an administrator who sets the path wants drbdsetup to run in any case
        check_module=not values[_DRBDSETUP.path],
    )


SUBSYSTEM = Subsystem(
    name="drbd",
    title="DRBD",
    tools=(_DRBDSETUP,),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    accumulators=facts.ACCUMULATORS,
    make_collector=_make_collector,
    advice={
        Status.NOT_RUNNING: "Load the module (modprobe drbd) if this node has DRBD resources. Otherwise nothing has to "
        "be done.",
    },
)
