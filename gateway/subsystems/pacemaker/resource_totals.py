"""The tables of HA-CLUSTER-MIB with one row for each resource, group, clone and bundle, wherever it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.conditions.view import ClusterView
from gateway.samples import Labels
from gateway.subsystems.pacemaker import expectation, metrics, resource_facts
from gateway.subsystems.pacemaker.cluster_status import base_id
from gateway.subsystems.pacemaker.resource_facts import CLONE, GROUP, MANAGED, NODE, RESOURCE, ROLE
from gateway.subsystems.subsystem import MibSummary

_RESOURCE, _COLLECTIVE = "haClusterResourceTotal", "haClusterCollective"
_NAMES = ("Id", "Expected", "Started", "Promoted", "Stopped", "Failed", "Unmanaged", "Nodes")
_SEPARATOR = ", "

_ACTIVE, _ORPHANED, _FAILED = map(metrics.RESOURCES.states.index, ("active", "orphaned", "failed"))

_Key = tuple[str, str]
"""The beginning of a table's objects, and the id of a resource, group, clone or bundle."""


@dataclass(slots=True, kw_only=True)
class _Total:
    """The numbers of instances of a resource or in a group, clone or bundle; None if a number is unknown."""

    expected: int | None = 0
    started: int = 0
    promoted: int = 0
    stopped: int = 0
    failed: int = 0
    unmanaged: int = 0
    nodes: set[str] = field(default_factory=set)


def resource_totals(view: ClusterView) -> Iterator[tuple[str, tuple[str, ...], str | float]]:
    """Yields the objects of the tables, their index and their value."""
    for (table, name), total in _totals(view).items():
        values = (
            name,
            total.expected,
            total.started,
            total.promoted,
            total.stopped,
            total.failed,
            total.unmanaged,
            _SEPARATOR.join(sorted(total.nodes)),
        )
        for column, value in zip(_NAMES, values, strict=True):
            if value is not None:
                yield table + column, (name,), value


def _totals(view: ClusterView) -> Mapping[_Key, _Total]:
    totals: dict[_Key, _Total] = {}
    samples = view.snapshot.samples_by_metric.get(metrics.RESOURCES, {})
    copies = view.snapshot.samples_by_metric.get(metrics.RESOURCE_COPIES, {})
    all_are_listed = resource_facts.all_are_listed(view)
    for labels, flags in samples.items():
        assert isinstance(flags, tuple)
        count = copies.get(labels, 1)
        assert isinstance(count, int)
        is_expected = _is_expected(view, labels, active=flags[_ACTIVE], orphaned=flags[_ORPHANED])
        keys = {(_RESOURCE, base_id(labels[RESOURCE])), (_COLLECTIVE, labels[GROUP]), (_COLLECTIVE, labels[CLONE])}
        for key in keys - {(_COLLECTIVE, "")}:
            total = totals.setdefault(key, _Total(expected=0 if all_are_listed else None))
            _add_instance(total, labels, flags, count=count, is_expected=is_expected)
    return totals


def _is_expected(view: ClusterView, labels: Labels, *, active: bool | None, orphaned: bool | None) -> bool | None:
    """Returns whether an instance runs as configured or should run; None if that is unknown."""
    if active is None or orphaned is None:
        return None
    if active or orphaned:
        return not orphaned
    if labels[MANAGED] != "true":
        return False if labels[MANAGED] else None
    return expectation.should_run(view, labels)


def _add_instance(
    total: _Total, labels: Labels, flags: tuple[bool | None, ...], *, count: int, is_expected: bool | None
) -> None:
    if total.expected is not None:
        total.expected = None if is_expected is None else total.expected + is_expected * count
    total.promoted += count * (labels[ROLE] in resource_facts.PROMOTED_ROLES)
    total.stopped += count * (labels[ROLE] == "stopped")
    total.failed += count * bool(flags[_FAILED])
    total.unmanaged += count * (labels[MANAGED] == "false")
    if flags[_ACTIVE]:
        total.started += count
        total.nodes |= {labels[NODE]} - {""}


MIB_SUMMARIES: tuple[MibSummary, ...] = (
    MibSummary(
        objects=tuple(table + name for table in (_RESOURCE, _COLLECTIVE) for name in _NAMES), derive=resource_totals
    ),
)
"""The tables of HA-CLUSTER-MIB that summarize resource instances."""
