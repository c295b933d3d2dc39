"""Prometheus and SNMP show the same: every value of every recorded situation."""

from __future__ import annotations

from gateway import catalog
from gateway.frontends.snmp import rows
from tests.situations import situations
from tests.snmp.parity import BINDINGS, MIB, build, differences, missing_rows


def test_both_protocols_show_the_same_in_every_situation() -> None:
    failures, count = [], 0
    for situation, samples in situations():
        count += 1
        walk = build(samples)
        failures += [f"{situation}: {text}" for text in (*differences(samples, walk), *missing_rows(samples, walk))]
    assert not failures, "\n".join(failures)
    assert count > 5


def test_a_value_that_one_protocol_lacks_is_reported() -> None:
    samples = next(samples for _, samples in situations())
    walk = build(samples)
    index, _ = walk["haClusterNodeOnline"].popitem()
    assert list(missing_rows(samples, walk))
    (node,) = [text for text in differences(samples, walk) if text.startswith("ha_cluster_pacemaker_nodes(")]
    assert node.endswith("is not in the MIB")
    assert f"haClusterNodeStandby{index} is in the MIB, and in no sample" in differences(samples, walk)


# --- one catalog -----------------------------------------------------------------------------------------------------


def test_every_metric_is_bound_once() -> None:
    assert BINDINGS.keys() | rows.LIVE.keys() == set(catalog.METRICS)
    assert len(rows.bindings(MIB)) == len(BINDINGS)


def test_every_row_of_the_mib_is_declared_once() -> None:
    declared = [row.entry for row in rows.MIB_ROWS]
    assert sorted(declared) == sorted(row.name for row, _ in MIB.rows())


def test_every_object_shows_a_metric_or_is_derived() -> None:
    shown = {name for metric in catalog.METRICS for name in metric.mib if MIB[name].readable}
    shown |= {name for binding in BINDINGS.values() for name in binding.labels.values()}
    assert shown | rows.DERIVED == {target.name for target in MIB.readable}
    assert not shown & rows.DERIVED
