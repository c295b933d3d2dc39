"""The demo's situations as a listing: golden files of all names, indexes, types and values."""

from __future__ import annotations

import re

import pytest

from gateway.frontends.snmp import listing, tables
from gateway.host.replay import DEMO, Recording
from gateway.snapshot import Snapshot
from gateway.snmp.mib.module import mib
from tests import goldens
from tests.situations import demo

pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.golden
@pytest.mark.parametrize("situation", [step.situation for step in Recording.load(DEMO).steps])
def test_the_walk_of_a_situation_of_the_demo(situation: str) -> None:
    samples = dict(demo())[f"demo/{situation}"]
    snapshot = Snapshot(samples_by_metric=samples.samples_by_metric, time=1_764_000_000)
    found = tables.build(snapshot, snapshot.samples_by_metric, mib(), age=lambda: 0.0)
    text = "".join(f"{re.sub(r'^[.0-9]+ ', '', line)}\n" for line in listing.lines(found, mib()))
    goldens.check(f"demo/{situation}.snmp", text)


def test_numeric_names_come_first() -> None:
    snapshot = Snapshot(samples_by_metric=dict(demo())["demo/healthy"].samples_by_metric)
    table = tables.build(snapshot, snapshot.samples_by_metric, mib(), age=lambda: 0.0)
    found = list(listing.lines(table, mib()))
    assert (
        '.1.3.6.1.4.1.8072.9999.9999.9664.1.2.1.1.4.5.110.111.100.101.49 HA-CLUSTER-MIB::haClusterNodeOnline."node1" '
        "= INTEGER: true(1)"
    ) in found
