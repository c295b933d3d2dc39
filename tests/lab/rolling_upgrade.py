"""A cluster is upgraded to the next Debian release, one node after the other, while gateways run.

``make matrix`` runs this for each two successive releases, with the trees in ``LAB_TREE`` and ``LAB_NEXT_TREE``. Its
name keeps it out of ``make test``, which has the machine's release only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import series
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway
from tests.lab.receivers import gateway_and_receiver, notifications, wait_for_notification
from tests.lab.resources import DEMO_RESOURCES
from tests.series import Series
from tests.snmptrapd import Snmptrapd

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

HEALTHY = {("fencing-disabled", "")}
_OF_THE_CLUSTER = "ha_cluster_pacemaker_"
_OF_THE_VERSION = {f"{_OF_THE_CLUSTER}{name}" for name in ("node_info", "resource_info")}
"""Metrics with labels that an older crm_mon leaves empty."""
_WORDS = {
    "master": "promoted",
    "slave": "unpromoted",
    "Error occurred": "error",
    "Done": "complete",
    "done": "complete",
}
"""Roles in Pacemaker 2.0, which also prints two colons in the names of resource agents, and texts since 3.0."""
EXPECTED = {
    "resource-moved",
    *("started", "fencing-disabled", "node-lost", "votes-missing", "link-down", "link-peer-down", "node-pending"),
    *(
        "resource-moved",
        "node-standby",
        "failed-action",
        "fail-count",
        "resource-failed",
        "resource-stopped",
        "dc-missing",
    ),
}
"""What may be notified of while nodes are upgraded, killed and put in standby, and a resource fails."""


def upgrade(cluster: Cluster, node: str, tree: str, observer: Snmptrapd | None = None) -> None:
    """Stops a node in an orderly way, and starts it again with another system; another node notifies of both."""
    cluster.stop_pacemaker(node)
    cluster.stop_corosync(node)
    cluster.kill(node)
    cluster.change_system(node, tree)
    if observer is not None:
        wait_for_notification(cluster, observer, "node-lost", "raised", node)
    cluster.start_node(node)
    cluster.wait_ready(timeout=90)
    if observer is not None:
        wait_for_notification(cluster, observer, "node-lost", "cleared", node)


def of_the_cluster(page: Series) -> Series:
    """Returns what every node has to report alike, in the words of the newest version."""
    return {
        (name, frozenset((label, _WORDS.get(text, text).replace("::", ":").lower()) for label, text in labels)): value
        for (name, labels), value in page.items()
        if name.startswith(_OF_THE_CLUSTER) and name not in _OF_THE_VERSION
    }


def check_agreement(cluster: Cluster, gateways: Sequence[NodeGateway]) -> None:
    """Asserts that the gateways report the same cluster: nodes, resources, failures and constraints."""

    found: list[object] = []

    def agree() -> bool:
        first, second = (of_the_cluster(gateway.page()) for gateway in gateways)
        names = {name for name, _ in first} & {name for name, _ in second}  # an older crm_mon shows less
        found[:] = [
            (key, first.get(key), second.get(key))
            for key in sorted(first.keys() | second.keys(), key=str)
            if key[0] in names and first.get(key) != second.get(key)
        ]
        return not found

    with suppress(TimeoutError):  # the comparison shows the differences
        cluster.wait_for(agree, 30)
    assert found == []


def is_mixed(cluster: Cluster, gateway: NodeGateway) -> bool:
    """Returns whether a gateway reports nodes with different versions; crm_mon of Pacemaker 2.0 does not know."""
    value = gateway.page().get(series.key("pacemaker_mixed_version"))
    if cluster.system(gateway.node).pacemaker < (2, 1):
        assert value is None
        return len({system.pacemaker for system in cluster.systems}) > 1
    return value == 1


def _lasting(gateway: NodeGateway) -> set[tuple[str, str]]:
    """Returns the active alarms without those of moved resources, which stay for five minutes."""
    return {alarm for alarm in gateway.alarms() if alarm[0] != "resource-moved"}


@contextmanager
def running(cluster: Cluster, directory: Path, node: str) -> Iterator[tuple[NodeGateway, Snmptrapd]]:
    """Runs a gateway and its receiver on a node; in the end everything could be read, and no alarm is left."""
    with gateway_and_receiver(cluster, directory, node=node) as (gateway, receiver):
        yield gateway, receiver
        with suppress(TimeoutError):  # the comparison shows what is left
            cluster.wait_for(lambda: _lasting(gateway) == HEALTHY, 60)
        assert _lasting(gateway) == HEALTHY
        assert not [entry for entry in gateway.log if "exception" in entry]
        assert not [key for key, value in gateway.page().items() if "unreadable" in key[0] and value]
        received = notifications(receiver)
        assert [one.sequence for one in received] == list(range(1, len(received) + 1))
        assert {one.condition for one in received} <= EXPECTED


class Observers:
    """The receivers of both nodes, which have to receive the same.

    Args:
        cluster: the cluster.
        receivers: the receivers.
    """

    def __init__(self, cluster: Cluster, receivers: Sequence[Snmptrapd]) -> None:
        self._cluster = cluster
        self._receivers = receivers
        self._seen = [0 for _ in receivers]

    def begin(self) -> None:
        """Ignores the notifications received until now."""
        self._seen = [len(notifications(receiver)) for receiver in self._receivers]

    def expect(self, condition: str, change: str, about: str) -> None:
        """Waits until all have been notified of an object."""
        for receiver, seen in zip(self._receivers, self._seen, strict=True):
            wait_for_notification(self._cluster, receiver, condition, change, about, after=seen)


def check_both(cluster: Cluster, gateways: Sequence[NodeGateway], observers: Observers) -> None:
    """Asserts that an old node and a new one show the same, and notify of the same."""
    old, new = (gateway.node for gateway in gateways)
    check_agreement(cluster, gateways)
    observers.begin()
    cluster.run(old, "crm_standby", "-N", "node3", "-v", "on")
    observers.expect("node-standby", "raised", "node3")
    check_agreement(cluster, gateways)
    cluster.run(new, "crm_standby", "-N", "node3", "-D")
    observers.expect("node-standby", "cleared", "node3")
    cluster.wait_idle()

    for node in (old, new):
        observers.begin()
        cluster.run(node, "rm", "/run/resource-agents/Dummy-ping.state")
        observers.expect("failed-action", "raised", f"monitor of ping on {node}")
        check_agreement(cluster, gateways)
        cluster.run(new, "crm_resource", "--cleanup", "--resource", "cl-ping")
        observers.expect("failed-action", "cleared", f"monitor of ping on {node}")
        cluster.wait_idle()

    observers.begin()
    cluster.kill("node3")
    observers.expect("node-lost", "raised", "node3")
    check_agreement(cluster, gateways)
    cluster.start_node("node3")
    observers.expect("node-lost", "cleared", "node3")
    cluster.wait_ready(timeout=90)
    check_agreement(cluster, gateways)


def test_rolling_upgrade(make_cluster: MakeCluster, tmp_path: Path) -> None:
    old, new = os.environ["LAB_TREE"], os.environ["LAB_NEXT_TREE"]
    cluster = make_cluster(Options(nodes=3, rings=2, trees=(old,)))
    cluster.load(DEMO_RESOURCES)
    cluster.wait_idle()
    with running(cluster, tmp_path / "old", "node1") as (first, of_first):
        upgrade(cluster, "node3", new, of_first)
        assert is_mixed(cluster, first)
        upgrade(cluster, "node2", new, of_first)
        with running(cluster, tmp_path / "new", "node2") as (second, of_second):
            assert is_mixed(cluster, second)
            check_both(cluster, (first, second), Observers(cluster, (of_first, of_second)))

    upgrade(cluster, "node1", new)
    with running(cluster, tmp_path / "upgraded", "node1") as (first, _):
        assert not is_mixed(cluster, first)
