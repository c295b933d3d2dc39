"""What the subsystems declare, put together: metrics, and the accumulators of conditions."""

from __future__ import annotations

from gateway import self_metrics
from gateway.conditions.view import Accumulator
from gateway.samples import Metric
from gateway.subsystems import SUBSYSTEMS

METRICS: tuple[Metric, ...] = (
    *(metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics),
    *self_metrics.METRICS,
)
"""Every metric that the gateway can export: those of the subsystems, then its own."""

ACCUMULATORS: tuple[Accumulator, ...] = tuple(
    accumulate for subsystem in SUBSYSTEMS for accumulate in subsystem.accumulators
)
"""The accumulators of all subsystems, for ``ClusterView``."""
