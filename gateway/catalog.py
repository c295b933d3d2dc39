"""What the subsystems and the gateway itself declare, put together: metrics, conditions and summaries."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.conditions.model import Condition
from gateway.conditions.view import Accumulator
from gateway.samples import Metric
from gateway.self_monitoring import self_conditions, self_metrics, self_summary
from gateway.subsystems import SUBSYSTEMS
from gateway.summary import Summary

METRICS: tuple[Metric, ...] = (
    *(metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics),
    *self_metrics.METRICS,
)
"""Every metric that the gateway can export: those of the subsystems, then its own."""

CONDITIONS: tuple[Condition, ...] = tuple(
    sorted(
        (*(condition for subsystem in SUBSYSTEMS for condition in subsystem.conditions), *self_conditions.CONDITIONS),
        key=lambda condition: condition.category.rank,
    )
)
"""Every condition, in the order in which they are evaluated."""

CONDITION_BY_NAME: Mapping[str, Condition] = {condition.name: condition for condition in CONDITIONS}

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
