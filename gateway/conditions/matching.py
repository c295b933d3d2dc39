"""Matchers and proofs that the conditions of several subsystems share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.conditions.model import Find, Finding, Holds, Source
from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric

Names = Callable[[ClusterView], frozenset[str]]
"""Returns the names of the objects that a view lists."""


def read_from(collector: str, *commands: str) -> Source:
    """Returns the source that some commands of a collector are."""
    return Source(collector=collector, commands=commands)


def _fields(row: Row) -> dict[str, str]:
    return {name: value for name, value in row.items() if isinstance(value, str)}


def samples_where(metric: Metric, matches: Callable[[Row], object], *, about: str = "") -> Find:
    """Returns a function that yields a finding for each object whose sample matches.

    Args:
        metric: the metric whose samples are tested.
        matches: tests one sample.
        about: a template for the object, filled in with the sample's labels.
    """

    def find(view: ClusterView) -> Iterator[Finding]:
        objects: set[str] = set()
        for row in view.rows(metric):
            if matches(row):
                fields = _fields(row)
                name = about.format_map(fields)
                if name not in objects:
                    objects.add(name)
                    yield Finding(name, fields)

    return find


def number_equals(metric: Metric, number: float) -> Find:
    """Returns a function that yields one finding if a metric without labels has this number."""
    return samples_where(metric, lambda row: row["value"] == number)


# --- proofs ----------------------------------------------------------------------------------------------------------


def has_number(metric: Metric) -> Holds:
    """Returns the proof that a metric without labels has a number (not the one that is looked for)."""
    return lambda view, _: view.number(metric) is not None


def names_in(metric: Metric, matches: Callable[[Row], object] = lambda _: True, *, about: str) -> Names:
    """Returns a function that returns the names of the objects that have a matching sample.

    Args:
        metric: the metric whose samples name the objects.
        matches: tests one sample.
        about: a template for the name, filled in with the sample's labels.
    """
    return lambda view: frozenset(about.format_map(_fields(row)) for row in view.rows(metric) if matches(row))


def is_among(names: Names, field: str = "") -> Holds:
    """Returns the proof that an object is listed. The names are computed once per view.

    Args:
        names: returns the names that are listed.
        field: the field of the finding that is looked for; the object if it is empty.
    """
    return lambda view, finding: _name(finding, field) in view.fact(names)


def _name(finding: Finding, field: str) -> str:
    return finding.fields[field] if field else finding.object
