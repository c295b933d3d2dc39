"""What a subsystem is: everything that the rest of the gateway has to know about it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.conditions.model import Condition
from gateway.conditions.view import Accumulator
from gateway.samples import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Subsystem:
    """One part of the cluster stack that is collected on its own.

    Attributes:
        name: the value of the ``collector`` label, and the key of its options.
        metrics: every metric that its collector may produce.
        conditions: every condition that is evaluated on these metrics.
        accumulators: values that its conditions keep from one snapshot to the next.
    """

    name: str
    metrics: tuple[Metric, ...]
    conditions: tuple[Condition, ...]
    accumulators: tuple[Accumulator, ...] = ()
