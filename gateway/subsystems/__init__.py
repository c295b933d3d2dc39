"""The subsystems: one folder each, with metrics, collector, conditions and one parser module per tool."""

from __future__ import annotations

from gateway.conditions.view import Accumulator
from gateway.subsystems.corosync import conditions as corosync_conditions
from gateway.subsystems.corosync import facts as corosync_facts
from gateway.subsystems.corosync import metrics as corosync_metrics
from gateway.subsystems.drbd import conditions as drbd_conditions
from gateway.subsystems.drbd import metrics as drbd_metrics
from gateway.subsystems.pacemaker import conditions as pacemaker_conditions
from gateway.subsystems.pacemaker import facts as pacemaker_facts
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics
from gateway.subsystems.sbd import conditions as sbd_conditions
from gateway.subsystems.sbd import metrics as sbd_metrics
from gateway.subsystems.subsystem import Subsystem

SUBSYSTEMS: tuple[Subsystem, ...] = (
    Subsystem(
        name="pacemaker",
        metrics=pacemaker_metrics.METRICS,
        conditions=pacemaker_conditions.CONDITIONS,
        accumulators=pacemaker_facts.ACCUMULATORS,
    ),
    Subsystem(
        name="corosync",
        metrics=corosync_metrics.METRICS,
        conditions=corosync_conditions.CONDITIONS,
        accumulators=corosync_facts.ACCUMULATORS,
    ),
    Subsystem(name="sbd", metrics=sbd_metrics.METRICS, conditions=sbd_conditions.CONDITIONS),
    Subsystem(name="drbd", metrics=drbd_metrics.METRICS, conditions=drbd_conditions.CONDITIONS),
)
"""Every subsystem, in the order in which it is collected and listed."""

ACCUMULATORS: tuple[Accumulator, ...] = tuple(
    accumulate for subsystem in SUBSYSTEMS for accumulate in subsystem.accumulators
)
"""The accumulators of all subsystems, for ``View``."""
