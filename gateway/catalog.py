"""Every metric that the gateway can export: those of the subsystems, then its own."""

from __future__ import annotations

from gateway import self_metrics
from gateway.samples import Metric
from gateway.subsystems import SUBSYSTEMS

METRICS: tuple[Metric, ...] = (
    *(metric for subsystem in SUBSYSTEMS for metric in subsystem.metrics),
    *self_metrics.METRICS,
)
