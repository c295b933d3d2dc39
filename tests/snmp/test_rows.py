"""Bindings: the errors in declarations name the metric or the row, and the missing piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.catalog import METRICS
from gateway.frontends.snmp import rows
from gateway.frontends.snmp.rows import Binding, bind
from gateway.samples import Metric, MibRow, ObjectByLabel, counter, gauge
from gateway.snmp.mib import module
from gateway.snmp.mib.module import DEFAULT_ROOT, Mib, MibError, mib
from gateway.subsystems.pacemaker import metrics as pacemaker_metrics

MIB = mib()
NODE_ROW = MibRow(entry="haClusterNodeEntry", index=("node",), columns={"node": "haClusterNodeName"})
COMPILED = json.loads((module.FOLDER / "HA-CLUSTER-MIB.json").read_text("utf-8"))


def bound(metric: Metric, *declared: MibRow) -> Binding:
    (binding,) = bind([metric], declared or (NODE_ROW,), MIB)
    return binding


def test_a_metric_in_a_declared_row_needs_no_other_declaration() -> None:
    metric = gauge("toy_node_load", "Load.", "node", mib="haClusterNodeResourcesRunning")
    assert bound(metric) == Binding(
        metric=metric,
        row=NODE_ROW,
        labels={"node": "haClusterNodeName"},
        values=("haClusterNodeResourcesRunning",),
    )


def test_scalars_need_no_row() -> None:
    metric = counter("toy_total", "Toys.", mib="haClusterQuorate")
    assert bound(metric) == Binding(metric=metric, row=None, labels={}, values=("haClusterQuorate",))


def test_labels_that_scalars_show_need_no_value() -> None:
    metric = gauge("toy_info", "Toys.", "name", mib={"name": "haClusterName"})
    assert bound(metric) == Binding(metric=metric, row=None, labels={"name": "haClusterName"}, values=())


WRONG_METRICS = {
    "no object": (gauge("toy", "Toys.", mib=""), r"no object of mibs/HA-CLUSTER-MIB.txt shows it; name one with mib="),
    "no such object": (
        gauge("toy", "Toys.", mib="haClusterToy"),
        r"mibs/HA-CLUSTER-MIB.txt has no object haClusterToy",
    ),
    "two rows": (
        gauge("toy", "Toys.", "node", mib="haClusterNodeOnline haClusterQuorate"),
        "its objects are in different rows: haClusterNodeOnline, haClusterQuorate",
    ),
    "no row": (
        gauge("toy", "Toys.", "ticket", mib="haClusterTicketGranted"),
        "no MibRow is declared for haClusterTicketEntry, the row of haClusterTicketGranted",
    ),
    "no index": (
        gauge("toy", "Toys.", mib="haClusterNodeOnline"),
        "it lacks the label node, which its MIB row or objects need",
    ),
    "no label of this name": (
        gauge("toy", "Toys.", mib={"name": "haClusterName"}),
        "it lacks the label name, which its MIB row or objects need",
    ),
    "no column": (
        gauge("toy", "Toys.", "node", "color", mib="haClusterNodeOnline"),
        "neither an index nor a column of its MIB row shows the label color",
    ),
    "too few objects": (
        gauge(
            "toy",
            "Toys.",
            "node",
            states=("on", "off", "lost"),
            state_label="state",
            mib="haClusterNodeOnline haClusterNodeStandby",
        ),
        "its value needs 3 objects, but 2 are named with mib=",
    ),
    "a choice that names an object twice": (
        gauge(
            "toy",
            "Toys.",
            "node",
            "kind",
            mib=ObjectByLabel(label="kind", objects={"a": "haClusterNodeOnline", "b": "haClusterNodeName"}),
        ),
        "its value needs 2 objects, but 1 are named with mib=",
    ),
}


@pytest.mark.parametrize("case", WRONG_METRICS)
def test_an_error_names_the_metric_and_the_missing_piece(case: str) -> None:
    metric, message = WRONG_METRICS[case]
    with pytest.raises(MibError, match=f"^metric ha_cluster_toy: {message}$"):
        bound(metric)


WRONG_ROWS = {
    "no table": (
        MibRow(entry="haClusterToyEntry", index=("toy",)),
        "haClusterToyEntry: mibs/HA-CLUSTER-MIB.txt has no row of this name",
    ),
    "a column is no row": (
        MibRow(entry="haClusterNodeName", index=("node",)),
        "haClusterNodeName: mibs/HA-CLUSTER-MIB.txt has no row of this name",
    ),
    "too few indexes": (
        MibRow(entry="haClusterResourceEntry", index=("resource", "node")),
        "haClusterResourceEntry: mibs/HA-CLUSTER-MIB.txt has the indexes haClusterResourceIndex, .*, but the row is "
        "declared with the labels resource, node",
    ),
    "a column of another row": (
        MibRow(entry="haClusterNodeEntry", index=("node",), columns={"node": "haClusterTicketId"}),
        "haClusterNodeEntry: label node: haClusterTicketId is not a column of this row in mibs/HA-CLUSTER-MIB.txt",
    ),
    "a column that does not exist": (
        MibRow(entry="haClusterNodeEntry", index=("node",), columns={"node": "haClusterToy"}),
        "haClusterNodeEntry: label node: haClusterToy is not a column of this row in mibs/HA-CLUSTER-MIB.txt",
    ),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_an_error_names_the_row_and_the_missing_piece(case: str) -> None:
    row, message = WRONG_ROWS[case]
    with pytest.raises(MibError, match=f"^MibRow {message}$"):
        bound(pacemaker_metrics.UP, row)


def test_counts_are_scalars_that_no_metric_shows() -> None:
    names = [name for counts in rows.MIB_COUNTS for name in counts.objects]
    assert len(names) == len(set(names))
    assert all(MIB[name].readable and not MIB[name].row for name in names)
    assert not [metric.name for metric in METRICS if set(metric.mib) & set(names)]


@pytest.mark.parametrize("syntax", [{"type": "Opaque"}, {"type": "INTEGER"}, {"type": "Counter32"}])
def test_an_error_names_an_unknown_syntax_and_its_object(syntax: dict[str, Any]) -> None:
    document = {**COMPILED, "haClusterQuorate": {**COMPILED["haClusterQuorate"], "syntax": syntax}}
    message = f"mibs/HA-CLUSTER-MIB.txt: haClusterQuorate: unknown SYNTAX {syntax['type']}: expected one of .*"
    with pytest.raises(MibError, match=message):
        Mib(document, DEFAULT_ROOT)
