"""The toy subsystem's conditions."""

from __future__ import annotations

from gateway.conditions.matching import evidence_from, samples_where
from gateway.conditions.model import CLUSTER, Condition, Severity
from tests.toy_subsystem import metrics

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="toy-slack",
        severity=Severity.INFO,
        category=CLUSTER,
        about="the toy",
        raised="The spring of {toy} is slack",
        cleared="The spring of {toy} is wound up",
        meaning="The toy does not move.",
        action="Wind it up.",
        find=samples_where(metrics.SPRING, lambda row: row["value"] == 0, about="{toy}"),
        has_evidence=evidence_from("toy", "toyctl"),
        local=True,
    ),
)
