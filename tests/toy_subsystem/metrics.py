"""The toy subsystem's metrics."""

from __future__ import annotations

from gateway.samples import Metric, gauge

COUNT = gauge("toy_count", "Number of toys in the box.", mib="haClusterToyCount")
SPRING = gauge(
    "toy_spring_ratio", "Tension of the spring of a toy, from 0 to 1.", "toy", mib="haClusterToySpring", mib_factor=1000
)

METRICS: tuple[Metric, ...] = (COUNT, SPRING)
