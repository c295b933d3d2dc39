"""Derives where each sample goes in HA-CLUSTER-MIB.

Nothing is listed here. Metrics name the objects that show them (``Metric.mib``), subsystems declare their rows
(``MibRow``), counts (``MibCounts``) and summaries (``MibSummary``), and the MIB defines the row of each object.
Bindings are derived from metrics, rows and the MIB; if they contradict each other, ``MibError`` is raised before
anything is served.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from gateway.catalog import METRICS
from gateway.conditions.view import ClusterView
from gateway.samples import Labels, Metric, MibCounts, MibRow, SamplesByMetric
from gateway.self_monitoring import self_metrics
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import Mib, MibError
from gateway.snmp.mib.syntax import SampleValue
from gateway.subsystems import SUBSYSTEMS
from gateway.subsystems.subsystem import MibSummary

MIB_ROWS: tuple[MibRow, ...] = (
    *(row for subsystem in SUBSYSTEMS for row in subsystem.mib_rows),
    *self_metrics.MIB_ROWS,
)
"""Every row, in the order of the subsystems."""

MIB_COUNTS: tuple[MibCounts, ...] = tuple(counts for subsystem in SUBSYSTEMS for counts in subsystem.mib_counts)
"""Every group of scalars that count samples."""

MIB_SUMMARIES: tuple[MibSummary, ...] = tuple(
    summary for subsystem in SUBSYSTEMS for summary in subsystem.mib_summaries
)
"""Every group of objects that summarize samples in other ways."""

LIVE = {self_metrics.SNAPSHOT_AGE: self_metrics.SNAPSHOT_AGE.mib[0]}
"""The metrics whose value is read at each request. The tables contain no value for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where the samples of one metric go.

    Attributes:
        metric: the metric that is shown.
        row: the row of its table; None if its objects are scalars.
        labels: the objects that show labels, by label.
        values: the objects that show the value, in the order of ``Metric.mib``; none if the value is always 1.
    """

    metric: Metric
    row: MibRow | None
    labels: Mapping[str, str]
    values: tuple[str, ...]


@cache
def bindings(mib: Mib) -> tuple[Binding, ...]:
    """Returns the binding of every metric in the catalog, the live ones excepted.

    Raises:
        MibError: a metric, a row and the MIB contradict each other.
    """
    return tuple(bind((metric for metric in METRICS if metric not in LIVE), MIB_ROWS, mib))


def bind(metrics: Iterable[Metric], rows: Iterable[MibRow], mib: Mib) -> Iterator[Binding]:
    """Yields the bindings of metrics to rows.

    Raises:
        MibError: a metric, a row and the MIB contradict each other. The message names the metric or the row.
    """
    by_entry = {row.entry: row for row in rows}
    for row in by_entry.values():
        _check_row(row, mib)
    for metric in metrics:
        yield _binding(metric, by_entry, mib)


def _check_row(row: MibRow, mib: Mib) -> None:
    where = f"MibRow {row.entry}"
    entry = mib.objects.get(row.entry)
    if entry is None or not entry.index:
        raise MibError(f"{where}: {mib.source} has no row of this name")
    if len(entry.index) != len(row.index) + row.numbered:
        raise MibError(
            f"{where}: {mib.source} has the indexes {', '.join(entry.index)}, but the row is declared with the labels "
            f"{', '.join(row.index)}{' and a number' if row.numbered else ''}"
        )
    for label, name in row.columns.items():
        column = mib.objects.get(name)
        if column is None or column.row != row.entry:
            raise MibError(f"{where}: label {label}: {name} is not a column of this row in {mib.source}")


def _binding(metric: Metric, rows: Mapping[str, MibRow], mib: Mib) -> Binding:
    row = _row_of(metric, rows, mib)
    columns = row.columns if row else {}
    labels = {label: columns[label] for label in metric.labels if label in columns} | dict(metric.mib_labels)
    values = tuple(name for name in metric.mib if name not in labels.values() and mib[name].readable)
    binding = Binding(metric=metric, row=row, labels=labels, values=values)
    _check_binding(binding)
    return binding


def _row_of(metric: Metric, rows: Mapping[str, MibRow], mib: Mib) -> MibRow | None:
    if not metric.mib:
        raise MibError(f"metric {metric.name}: no object of {mib.source} shows it; name one with mib=")
    for name in metric.mib:
        if name not in mib.objects:
            raise MibError(f"metric {metric.name}: {mib.source} has no object {name}")
    entries = {mib[name].row or (name if mib[name].index else "") for name in metric.mib}
    if len(entries) > 1:
        raise MibError(f"metric {metric.name}: its objects are in different rows: {', '.join(metric.mib)}")
    (entry,) = entries
    if entry and entry not in rows:
        raise MibError(f"metric {metric.name}: no MibRow is declared for {entry}, the row of {metric.mib[0]}")
    return rows[entry] if entry else None


def _check_binding(binding: Binding) -> None:
    metric, choice = binding.metric, binding.metric.mib_choice
    index = binding.row.index if binding.row else ()
    where = f"metric {metric.name}"
    if missing := {*index, *metric.mib_labels} - {*metric.labels}:
        raise MibError(f"{where}: it lacks the label {', '.join(sorted(missing))}, which its MIB row or objects need")
    shown = {*index, *binding.labels, *([choice.label] if choice else [])}
    if hidden := [label for label in metric.labels if label not in shown]:
        raise MibError(f"{where}: neither an index nor a column of its MIB row shows the label {', '.join(hidden)}")
    expected = len(choice.objects) if choice else len(metric.states) or 1
    if len(binding.values) not in {expected, *([1] if metric.states else []), *([0] if binding.labels else [])}:
        raise MibError(f"{where}: its value needs {expected} objects, but {len(binding.values)} are named with mib=")


# --- Beyond the metrics ----------------------------------------------------------------------------------------------

MibValue = tuple[str, tuple[str, ...], SampleValue]
"""An object, the texts of its indexes, and its value."""


def derived(snapshot: Snapshot) -> Iterator[MibValue]:
    """Yields the values that the MIB has beyond the metrics."""
    yield "haClusterSnapshotTime", (), snapshot.time
    for counts in MIB_COUNTS:
        yield from _counted(snapshot.samples_by_metric, counts)
    view = ClusterView(snapshot)
    for summary in MIB_SUMMARIES:
        yield from summary.derive(view)
    timeouts: Counter[str] = Counter()
    for (collector, _), count in snapshot.samples_by_metric.get(self_metrics.COMMAND_TIMEOUTS, {}).items():
        assert isinstance(count, int)
        timeouts[collector] += count
    for name, report in snapshot.collectors.items():
        failing = next(iter(report.failing), None)
        error = f"{failing.name}: {failing.status.value}: {failing.detail}" if failing else ""
        yield "haClusterCollectorLastError", (name,), error
        yield "haClusterCollectorTimeouts", (name,), timeouts[name]


def _counted(samples_by_metric: SamplesByMetric, counts: MibCounts) -> Iterator[MibValue]:
    """Yields how many samples of a metric meet each condition; nothing if it is unknown how many samples there are."""
    samples = samples_by_metric.get(counts.metric, {})
    if not samples and not _is_none(samples_by_metric, counts.total):
        return
    names = (*counts.metric.labels, *counts.metric.states)
    totals: Counter[str] = Counter()
    for labels, flags in samples.items():
        assert isinstance(flags, tuple)
        sample: Mapping[str, str | bool | None] = dict(zip(names, (*labels, *flags), strict=True))
        totals.update(name for name, meets in counts.objects.items() if meets(sample))
    for name in counts.objects:
        yield name, (), totals[name]


def _is_none(samples_by_metric: SamplesByMetric, total: tuple[Metric, Labels] | None) -> bool:
    """Returns whether a total is known, and 0."""
    return total is not None and samples_by_metric.get(total[0], {}).get(total[1]) == 0


ALARM_OBJECTS = frozenset(
    {
        "haClusterAlarmAction",
        "haClusterAlarmText",
        "haClusterNoticeAction",
        "haClusterNoticeTime",
        "haClusterNoticeCondition",
        "haClusterNoticeSeverity",
        "haClusterNoticeChange",
        "haClusterNoticeObject",
        "haClusterNoticeNode",
        "haClusterNoticeText",
        "haClusterNoticeReason",
        "haClusterTargetLastError",
    }
)
"""The objects that the alarm engine fills: texts, which no metric has."""

DERIVED = frozenset(
    {
        *ALARM_OBJECTS,
        "haClusterSnapshotTime",
        "haClusterCollectorLastError",
        "haClusterCollectorTimeouts",
        *(name for counts in MIB_COUNTS for name in counts.objects),
        *(name for summary in MIB_SUMMARIES for name in summary.objects),
    }
)
"""The objects that show no metric."""
