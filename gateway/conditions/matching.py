"""Matchers that the conditions of several subsystems share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.conditions.model import Find, Finding, Known
from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric


def answered(collector: str, command: str) -> Known:
    """Returns the rule that a command was answered."""
    return lambda view: view.knows(collector, command)


def has_samples(metric: Metric) -> Known:
    """Returns the rule that there are samples of a metric."""
    return lambda view: view.has(metric)


def where(metric: Metric, test: Callable[[Row], object], *, about: str = "", many: bool = True) -> Find:
    """Returns what finds the samples of a metric that pass a test.

    Args:
        metric: whose samples.
        test: what they have to pass.
        about: the object, made of the sample's labels.
        many: whether the samples are about many objects; else the first one found is enough.
    """

    def find(view: ClusterView) -> Iterator[Finding]:
        seen: set[str] = set()
        for row in view.rows(metric):
            if test(row):
                fields = {name: str(value) for name, value in row.items() if isinstance(value, str)}
                name = about.format_map(fields)
                if name not in seen:
                    seen.add(name)
                    yield Finding(name, fields)
                if not many:
                    return

    return find


def is_number(metric: Metric, wanted: float) -> Find:
    """Returns what finds that a metric without labels has this number."""
    return where(metric, lambda row: row["value"] == wanted, many=False)
