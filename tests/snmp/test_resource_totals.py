"""The rows that stay while a resource moves: one for each resource, and one for each group, clone or bundle."""

from __future__ import annotations

import pytest

from gateway.conditions.view import ClusterView
from gateway.engine.engine import Engine
from gateway.host.replay import ReplayHost
from gateway.snapshot import Snapshot
from gateway.status import Status
from gateway.subsystems.pacemaker import metrics, resource_totals
from tests.alarms.snapshots import Sample, make_snapshot
from tests.situations import recorded
from tests.subsystems import make_collectors

NAMES = ("Expected", "Started", "Promoted", "Stopped", "Failed", "Unmanaged", "Nodes")
KNOWN: tuple[Sample, ...] = ((metrics.RESOURCES_UNLISTED, 0, ()), (metrics.QUORATE, 1, ()))


def row(snapshot: Snapshot, table: str, name: str) -> tuple[object, ...]:
    """Returns the values of a row, in the order of ``NAMES``; None for those that are absent."""
    derived = resource_totals.resource_totals(ClusterView(snapshot))
    values = {target: value for target, index, value in derived if index == (name,)}
    return tuple(values.get(f"haCluster{table}{column}") for column in NAMES)


def instance(
    resource: str, node: str, role: str, *, clone: str = "", managed: str = "true", failed: bool = False
) -> Sample:
    labels = (node, resource, role, managed, "ocf:heartbeat:Dummy", "", clone)
    return metrics.RESOURCES, (role not in {"stopped", ""}, False, False, failed, False), labels


def option(name: str, value: int) -> Sample:
    return metrics.CLUSTER_OPTION, value, (name,)


async def captured(situation: str) -> Snapshot:
    engine = Engine(ReplayHost(recorded(situation)), make_collectors("pacemaker"))
    try:
        return await engine.collect()
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("situation", "vip", "clone"),
    [
        ("healthy", (1, 1, 0, 0, 0, 0, "node1"), (3, 3, 1, 0, 0, 0, "node1, node2, node3")),
        ("standby", (1, 1, 0, 0, 0, 0, "node1"), (3, 2, 1, 1, 0, 1, "node1, node3")),
        ("moved", (1, 1, 0, 0, 0, 0, "node2"), (3, 2, 1, 1, 0, 0, "node2, node3")),
    ],
)
async def test_a_row_has_the_same_index_on_whichever_node_the_resource_runs(
    situation: str, vip: tuple[object, ...], clone: tuple[object, ...]
) -> None:
    snapshot = await captured(situation)
    assert row(snapshot, "ResourceTotal", "vip") == vip
    assert row(snapshot, "ResourceTotal", "db") == row(snapshot, "Collective", "db-clone") == clone
    backup = row(snapshot, "ResourceTotal", "backup")  # which is stopped on purpose
    assert backup == (0, 0, 0, 1, 0, 0, "")


def test_copies_that_share_a_sample_are_all_counted() -> None:
    stopped = instance("web", "", "stopped", clone="web-clone")
    copies = (metrics.RESOURCE_COPIES, 3, stopped[2])
    running = instance("web", "n1", "started", clone="web-clone")
    snapshot = make_snapshot(*KNOWN, option("stop-all-resources", 0), stopped, copies, running)
    assert row(snapshot, "ResourceTotal", "web") == (4, 1, 0, 3, 0, 0, "n1")
    assert row(snapshot, "Collective", "web-clone") == (4, 1, 0, 3, 0, 0, "n1")


def test_the_numbered_instances_of_a_unique_clone_share_a_row() -> None:
    samples = [instance(f"web:{number}", f"n{number}", "started", clone="web-clone") for number in (2, 0, 1)]
    assert row(make_snapshot(*KNOWN, *samples), "ResourceTotal", "web")[1:] == (3, 0, 0, 0, 0, "n0, n1, n2")


def test_a_failed_and_an_unmanaged_instance_are_counted() -> None:
    samples = (instance("a", "n1", "started", failed=True), instance("b", "", "stopped", managed="false"))
    snapshot = make_snapshot(*KNOWN, *samples)
    assert row(snapshot, "ResourceTotal", "a") == (1, 1, 0, 0, 1, 0, "n1")
    assert row(snapshot, "ResourceTotal", "b") == (0, 0, 0, 1, 0, 1, "")


@pytest.mark.parametrize(
    "samples",
    [
        (),  # it is not known whether all instances are listed
        (KNOWN[0], (metrics.QUORATE, 0, ())),  # another partition may run it
        KNOWN,  # stop-all-resources is not known, and no resource runs
    ],
)
def test_the_expected_number_is_absent_while_it_is_not_known(samples: tuple[Sample, ...]) -> None:
    status = {} if samples is not KNOWN else {"cibadmin": Status.FAILED}
    snapshot = make_snapshot(*samples, instance("a", "", "stopped"), failing=status)
    assert row(snapshot, "ResourceTotal", "a") == (None, 0, 0, 1, 0, 0, "")
