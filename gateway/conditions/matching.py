"""Matchers that the conditions of several subsystems share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.conditions.model import Find, Finding, HasEvidence
from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric


def evidence_from(collector: str, command: str) -> HasEvidence:
    """Returns the rule that a view holds evidence if a command succeeded."""
    return lambda view: view.has_evidence(collector, command)


def has_samples(metric: Metric) -> HasEvidence:
    """Returns the rule that a view holds evidence if there are samples of a metric."""
    return lambda view: view.has(metric)


def samples_where(metric: Metric, matches: Callable[[Row], object], *, about: str = "") -> Find:
    """Returns a function that yields a finding for each object whose sample matches.

    Args:
        metric: the metric whose samples are tested.
        matches: the test.
        about: a template for the object, filled in with the sample's labels.
    """

    def find(view: ClusterView) -> Iterator[Finding]:
        objects: set[str] = set()
        for row in view.rows(metric):
            if matches(row):
                fields = {name: str(value) for name, value in row.items() if isinstance(value, str)}
                name = about.format_map(fields)
                if name not in objects:
                    objects.add(name)
                    yield Finding(name, fields)

    return find


def number_equals(metric: Metric, number: float) -> Find:
    """Returns a function that yields one finding if a metric without labels has this number."""
    return samples_where(metric, lambda row: row["value"] == number)
