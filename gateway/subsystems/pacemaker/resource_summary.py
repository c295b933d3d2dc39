"""What a person has to know about resources: failures first, then what runs on each node. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.pacemaker import expectation, metrics
from gateway.summary import UNKNOWN, Cell, Description, Health, Table, health_of_row, moment, urgent_first, worst
from gateway.summary import Row as TableRow

_COLUMNS = ("Resource", "State", "Part of", "Agent")
_Key = tuple[str, str]
"""The ids of a resource and of a node."""


class _Context(NamedTuple):
    """What the state of an instance is derived from, besides its own sample.

    Attributes:
        should_run: the ids of resources that are stopped and should run.
        pending: the operation that is in progress, by resource and node.
        fail_counts: the fail count, by resource and node.
    """

    should_run: frozenset[str]
    pending: Mapping[_Key, str]
    fail_counts: Mapping[_Key, float]


def _context(view: ClusterView) -> _Context:
    infos = view.rows(metrics.RESOURCE_INFO)
    counts = view.rows(metrics.FAIL_COUNT)
    return _Context(
        frozenset(str(row["resource"]) for row in view.fact(expectation.stopped_instances) if not row["clone"]),
        {(str(row["resource"]), str(row["node"])): str(row["pending"]) for row in infos if row["pending"]},
        {(str(row["resource"]), str(row["node"])): float(row["value"]) for row in counts if row["value"]},
    )


def describe_resources(view: ClusterView) -> Description:
    """Describes the resource instances: those with problems, then those of each node."""
    context = _context(view)
    by_node: dict[str, list[TableRow]] = {}
    troubled: list[TableRow] = []
    rows = list(view.rows(metrics.RESOURCES))
    for row in rows:
        node, cells = str(row["node"]), _instance(row, context)
        by_node.setdefault(node, []).append(cells)
        if health_of_row(cells) not in (Health.NONE, Health.OK):
            name, *others = cells
            troubled.append((name, Cell(node or "none"), *others))
    return Description(
        headline=_headline(view, _count(rows), troubled) if rows or view.has(metrics.INFO) else UNKNOWN,
        tables=(
            Table(
                caption="Instances with problems",
                columns=("Resource", "Node", *_COLUMNS[1:]),
                rows=urgent_first(troubled),
                empty="No instance has failed, is blocked, or is stopped although it should run.",
            ),
            *_history(view),
            *(_node_table(node, by_node[node]) for node in sorted(by_node, key=lambda node: (not node, node))),
        ),
    )


class _Counts(NamedTuple):
    """The number of instances: all, those that are active, and those that have failed or are blocked."""

    total: int
    active: int
    failed: int


def _count(rows: Sequence[Row]) -> _Counts:
    return _Counts(
        len(rows),
        sum(bool(row["active"]) for row in rows),
        sum(bool(row["failed"] or row["blocked"]) for row in rows),
    )


def _headline(view: ClusterView, counts: _Counts, troubled: Iterable[TableRow]) -> Cell:
    text = f"{counts.active} of {counts.total} instances active"
    if unlisted := view.number(metrics.RESOURCES_UNLISTED):
        text += f", {unlisted:g} more not listed"
    if counts.failed:
        return Cell(f"{text}, {counts.failed} failed or blocked", Health.PROBLEM)
    nothing_runs = Health.WARNING if counts.total and not counts.active else Health.OK
    return Cell(text, worst((nothing_runs, *map(health_of_row, troubled))))


def _instance(row: Row, context: _Context) -> TableRow:
    key = str(row["resource"]), str(row["node"])
    parts = " in ".join(str(row[name]) for name in ("group", "clone") if row[name])
    return Cell(key[0]), _state(row, key, context), Cell(parts), Cell(str(row["agent"]))


def _state(row: Row, key: _Key, context: _Context) -> Cell:
    """Returns the role of an instance, and everything about it that is out of the ordinary."""
    words = [str(row["role"]) or "role unknown"]
    healths = [Health.OK if row["active"] else Health.UNKNOWN if row["active"] is None else Health.NONE]

    def add(word: str, health: Health) -> None:
        words.append(word)
        healths.append(health)

    if row["failed"]:
        add("failed", Health.PROBLEM)
    if row["blocked"]:
        add("blocked", Health.PROBLEM)
    if row["orphaned"]:
        add("orphaned", Health.WARNING)
    if row["managed"] == "false":
        add("not managed", Health.WARNING)
    if not row["active"] and not row["clone"] and key[0] in context.should_run:
        add("should run", Health.PROBLEM)
    if key in context.pending:
        add(f"{context.pending[key].lower()} in progress", Health.NONE)
    if key in context.fail_counts:
        count = context.fail_counts[key]
        add("too many failures" if math.isinf(count) else f"fail count {count:g}", Health.WARNING)
    return Cell(", ".join(words), worst(healths))


def _node_table(node: str, rows: list[TableRow]) -> Table:
    count = "1 instance" if len(rows) == 1 else f"{len(rows)} instances"
    healths = [health_of_row(row) for row in rows]
    troubled = sum(health not in (Health.NONE, Health.OK) for health in healths)
    health = worst(healths)
    text = count if not troubled else f"{count}, {troubled} with problems"
    return Table(
        caption=f"On {node}" if node else "Stopped",
        columns=_COLUMNS,
        rows=urgent_first(rows),
        headline=Cell(text, health),
    )


# --- history ---------------------------------------------------------------------------------------------------------


def _history(view: ClusterView) -> Iterator[Table]:
    """Yields the failed actions, and the constraints that ban a resource from a node."""
    yield Table(
        caption="Failed actions",
        columns=("Resource", "Node", "Operation", "Result", "Last failure"),
        rows=tuple(sorted(_failed_actions(view), key=lambda row: -(row[4].time or 0.0))),
        empty="There are no failed actions.",
    )
    yield Table(
        caption="Constraints that keep a resource off a node",
        columns=("Constraint", "Resource", "Node", "Score"),
        rows=tuple(
            (
                Cell(str(row["constraint"])),
                Cell(str(row["resource"])),
                Cell(str(row["node"])),
                Cell(f"{row['value']:g}"),
            )
            for row in view.rows(metrics.BANS)
        ),
    )


def _failed_actions(view: ClusterView) -> Iterator[TableRow]:
    times = view.snapshot.samples_by_metric.get(metrics.FAILED_ACTIONS_TIMESTAMP, {})
    names = ("node", "resource", "operation", "interval")
    reasons = {tuple(row[name] for name in names): row for row in view.rows(metrics.FAILED_ACTION_REASONS)}
    for row in view.rows(metrics.FAILED_ACTIONS):
        key = tuple(str(row[name]) for name in names)
        time, reason = times.get((*key, str(row["status"]))), reasons.get(key)
        result = f"{row['status']}: {reason['reason']}" if reason and reason["reason"] else str(row["status"])
        yield (
            Cell(str(row["resource"])),
            Cell(str(row["node"])),
            Cell(str(row["operation"])),
            Cell(result, Health.WARNING),
            moment(time) if isinstance(time, float | int) else UNKNOWN,
        )
