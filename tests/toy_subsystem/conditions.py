"""The toy subsystem's conditions."""

from __future__ import annotations

from gateway.conditions.matching import is_among, names_in, read_from, samples_where
from gateway.conditions.model import CLUSTER, Absent, Condition, Severity
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
        source=read_from("toy", "toyctl"),
        absent=Absent("toyctl prints a wound spring", is_among(names_in(metrics.SPRING, about="{toy}"))),
        local=True,
    ),
)
