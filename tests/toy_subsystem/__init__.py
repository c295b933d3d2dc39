"""A toy subsystem: a box of toys. It shows the parts of a subsystem; ``tests/test_toy_subsystem.py`` registers it."""

from __future__ import annotations

from gateway.options.model import OptionValues
from gateway.status import Status
from gateway.subsystems.subsystem import Subsystem, ToolSpec
from tests.toy_subsystem import conditions, metrics, mib_rows, options, summary
from tests.toy_subsystem.collector import ToyCollector


def _make_collector(values: OptionValues) -> ToyCollector:
    return ToyCollector(box=values[options.BOX])


SUBSYSTEM = Subsystem(
    name="toy",
    title="Toys",
    tools=(ToolSpec(name="toyctl", purpose="toys"),),
    options=options.OPTIONS,
    metrics=metrics.METRICS,
    mib_rows=mib_rows.MIB_ROWS,
    conditions=conditions.CONDITIONS,
    summaries=summary.SUMMARIES,
    make_collector=_make_collector,
    advice={Status.NOT_RUNNING: "Wind the toys up."},
)
