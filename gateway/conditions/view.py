"""A snapshot as conditions see it: its samples by name, which commands succeeded, and what earlier snapshots showed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gateway.samples import Labels, Metric, label_selector
from gateway.snapshot import CommandReport, Snapshot
from gateway.status import Status

_T = TypeVar("_T")

REMOVAL_TIME = 600.0
"""Seconds for which neither tools nor configuration of a subsystem are found until it counts as removed."""

Row = Mapping[str, Any]
"""A sample: its labels (text) and flags (None if unknown) by name, and its number as ``value``."""

Accumulator = Callable[["ClusterView", Any], Any]
"""Combines a view with the accumulated value of the views before it, which is None for the first view."""


class ClusterView:
    """One snapshot, and the values accumulated from it and the snapshots before it.

    Args:
        snapshot: the state of the cluster.
        previous: the view of the previous snapshot, or None for the first.
        accumulators: computes the values that outlive a snapshot; ``accumulated`` returns them.
        removal_time: the seconds after which a subsystem of which nothing is found counts as removed.

    Attributes:
        snapshot: the state of the cluster.
        is_first: whether there was no snapshot before this one.
        absent_since: since when neither tools nor configuration of a collector's subsystem were found, on the monotonic
            clock, by the name of the collector.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        previous: ClusterView | None = None,
        *,
        accumulators: Iterable[Accumulator] = (),
        removal_time: float = REMOVAL_TIME,
    ) -> None:
        self.snapshot = snapshot
        self._removal_time = removal_time
        self.is_first = previous is None
        before = {} if previous is None else previous.absent_since
        self.absent_since: Mapping[str, float] = {
            name: before.get(name, snapshot.started)
            for name, report in snapshot.collectors.items()
            if not report.present and not report.configured
        }
        self._facts: dict[Callable[[ClusterView], Any], Any] = {}
        self._accumulated_before: Mapping[Accumulator, Any] = {} if previous is None else previous._accumulated  # noqa: SLF001
        self._accumulated: Mapping[Accumulator, Any] = {
            accumulate: accumulate(self, self._accumulated_before.get(accumulate)) for accumulate in accumulators
        }

    # --- values that are computed from samples -----------------------------------------------------------------------

    def fact(self, derive: Callable[[ClusterView], _T]) -> _T:
        """Returns ``derive(self)``, computed once per view."""
        if derive not in self._facts:
            self._facts[derive] = derive(self)
        value: _T = self._facts[derive]
        return value

    def accumulated(self, accumulate: Callable[[ClusterView, _T | None], _T]) -> _T:
        """Returns the accumulated value up to and including this view."""
        value: _T = self._accumulated[accumulate]
        return value

    def accumulated_before(self, accumulate: Callable[[ClusterView, _T | None], _T]) -> _T | None:
        """Returns the accumulated value of the views before this one, or None for the first view."""
        return self._accumulated_before.get(accumulate)

    # --- samples -----------------------------------------------------------------------------------------------------

    def status_of(self, collector: str, command: str) -> Status | None:
        """Returns how a command of a collector ended, or None if it was not run."""
        return next((run.status for run in self._runs(collector) if run.name == command), None)

    def is_removed(self, collector: str) -> bool:
        """Returns whether the subsystem of a collector was certainly removed from this host.

        Tools are missing for some time while a package is upgraded, and configurations while they are deployed.
        """
        absent_since = self.absent_since.get(collector)
        return absent_since is not None and self.snapshot.started >= absent_since + self._removal_time

    def is_required(self, collector: str) -> bool:
        """Returns whether an administrator has switched a collector on, because its subsystem must exist."""
        report = self.snapshot.collectors.get(collector)
        return report is not None and report.required

    def is_unused(self, collector: str) -> bool:
        """Returns whether the subsystem of a collector is installed, but certainly not set up on this host."""
        report = self.snapshot.collectors.get(collector)
        return report is not None and report.unused

    def has_succeeded(self, collector: str, command: str) -> bool:
        """Returns whether a command of a collector succeeded."""
        return self.status_of(collector, command) is Status.OK

    def has_read_everything(self, collector: str, command: str) -> bool:
        """Returns whether no value in the output of a command was unreadable: what is not listed does not exist."""
        return not any(run.unreadable for run in self._runs(collector) if run.name == command)

    def has_read_all(self, collector: str, command: str, objects: str) -> bool:
        """Returns whether a command has succeeded, and no object of one of its lists was unreadable."""
        return self.has_succeeded(collector, command) and not any(
            objects in value.incomplete
            for run in self._runs(collector)
            if run.name == command
            for value in run.unreadable
        )

    def _runs(self, collector: str) -> Sequence[CommandReport]:
        report = self.snapshot.collectors.get(collector)
        return () if report is None else report.commands

    def has(self, metric: Metric) -> bool:
        """Returns whether there are samples of a metric."""
        return bool(self.snapshot.samples_by_metric.get(metric))

    def rows(self, metric: Metric, *, state: str = "", **labels: str) -> Iterator[Row]:
        """Yields the samples of a metric.

        Args:
            metric: the metric whose samples are returned.
            state: the state that must be set. A large cluster has thousands of samples and few of interest; the others
                are skipped before a row is built.
            labels: the values that labels must have.
        """
        samples: Iterable[tuple[Labels, Any]] = self.snapshot.samples_by_metric.get(metric, {}).items()
        if state:
            flag = metric.states.index(state)
            samples = [(label_values, flags) for label_values, flags in samples if flags[flag]]
        if labels:
            expected, select = tuple(labels.values()), label_selector([metric.labels.index(name) for name in labels])
            samples = [(label_values, value) for label_values, value in samples if select(label_values) == expected]
        for label_values, value in samples:
            row: dict[str, Any] = dict(zip(metric.labels, label_values, strict=True))
            if metric.states:
                row.update(zip(metric.states, value, strict=True))
            else:
                row["value"] = value
            yield row

    def number(self, metric: Metric) -> float | None:
        """Returns the number of a metric without labels, or None."""
        value = self.snapshot.samples_by_metric.get(metric, {}).get(())
        assert not isinstance(value, tuple)
        return value
