"""Every condition: those of the subsystems and the gateway's own, in the order in which they are evaluated."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.conditions.model import Condition
from gateway.self_monitoring import self_conditions
from gateway.subsystems import SUBSYSTEMS

CONDITIONS: tuple[Condition, ...] = tuple(
    sorted(
        (*(condition for subsystem in SUBSYSTEMS for condition in subsystem.conditions), *self_conditions.CONDITIONS),
        key=lambda condition: condition.category.rank,
    )
)

BY_NAME: Mapping[str, Condition] = {condition.name: condition for condition in CONDITIONS}
