"""SBD: the devices through which nodes can be fenced."""

from __future__ import annotations

from gateway.subsystems.sbd import conditions, metrics, mib_rows, options
from gateway.subsystems.sbd.collector import SbdCollector
from gateway.subsystems.subsystem import Subsystem, ToolSpec

SUBSYSTEM = Subsystem(
    name="sbd",
    title="SBD",
    tools=(ToolSpec(name="sbd", purpose="timeouts and slots of its devices"),),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    make_collector=lambda values: SbdCollector(configuration=values[options.CONFIG]),
)
