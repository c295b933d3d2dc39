"""What the subsystems declare, put together: metrics, summaries, and the accumulators of conditions."""

from __future__ import annotations

from gateway.conditions.view import Accumulator
from gateway.samples import Metric
from gateway.self_monitoring import self_metrics, self_summary
from gateway.subsystems import SUBSYSTEMS
from gateway.summary import Summary

METRICS: tuple[Metric, ...] = (
    *(metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics),
    *self_metrics.METRICS,
)
"""Every metric that the gateway can export: those of the subsystems, then its own."""

ACCUMULATORS: tuple[Accumulator, ...] = tuple(
    accumulate for subsystem in SUBSYSTEMS for accumulate in subsystem.accumulators
)
"""The accumulators of all subsystems, for ``ClusterView``."""

SUMMARIES: tuple[Summary, ...] = tuple(
    sorted(
        (*(summary for subsystem in SUBSYSTEMS for summary in subsystem.summaries), *self_summary.SUMMARIES),
        key=lambda summary: summary.category.rank,
    )
)
"""The summaries of all subsystems, and that of the gateway itself, in the order in which a person reads them."""
