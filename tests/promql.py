"""Checks PromQL against the catalog of metrics: their names, labels and states."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gateway import catalog
from gateway.samples import Metric

METRICS = {metric.name: metric for metric in catalog.METRICS}
TARGET_LABELS = {"cluster", "instance", "job"}
"""The labels that Prometheus adds."""

SELECTOR = re.compile(r"(?<![\w:])(ha_cluster_\w+)(?![\w:])(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|=|!~)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
ADDED = re.compile(r'label_replace\(.*?"(\w+)", "\$1"', re.DOTALL)


def selectors(expression: str) -> list[tuple[str, str]]:
    """Returns the names and the matchers of the gateway's metrics in an expression or a text."""
    return SELECTOR.findall(expression)


def labels_of(metric: Metric) -> set[str]:
    """Returns the labels that the series of a metric have in Prometheus."""
    return {*metric.labels, *filter(None, [metric.state_label])} | TARGET_LABELS


def selector_problems(name: str, matchers: str) -> Iterator[str]:
    """Yields what the catalog lacks: the metric, a label, or a state."""
    if name.endswith("_"):  # means all metrics that begin with it
        if not any(metric.startswith(name) for metric in METRICS):
            yield f"no metric begins with {name}"
        return
    if (metric := METRICS.get(name)) is None:
        yield f"no metric {name}"
        return
    for label, operator, value in MATCHER.findall(matchers):
        if label not in labels_of(metric):
            yield f"{name} has no label {label}"
        elif label == metric.state_label and operator in {"=", "!="} and value not in metric.states:
            yield f"{name} has no state {value}"


def rule_problems(rule: Mapping[str, Any], recordings: Collection[str] = ()) -> Iterator[str]:
    """Yields the labels that a rule uses although no metric in its expression has them.

    Args:
        rule: an alerting rule.
        recordings: the names of recorded series, which may have any label that a metric has.
    """
    expression = rule["expr"]
    available = TARGET_LABELS.union(
        *(labels_of(METRICS[name]) for name, _ in selectors(expression)), ADDED.findall(expression)
    )
    if any(name in expression for name in recordings):
        available |= {"condition", "object", "severity", "node", "node_id"}
    for grouping in GROUPING.findall(expression):
        for label in set(re.findall(r"\w+", grouping)) - available:
            yield f"no metric has the label {label}"
    # annotations can only show the labels that an aggregation keeps
    aggregation = re.match(r"\s*\w+ by\s*\(([^)]*)\)", expression)
    kept = set(re.findall(r"\w+", aggregation[1])) if aggregation else available
    for label in set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) - kept:
        yield f"an annotation shows {label}, which the expression does not keep"
