"""The exact notifications of a real cluster: each alarm is true, and each is cleared only by evidence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import series
from tests.lab import files
from tests.lab.cluster import Cluster, Options
from tests.lab.conftest import MakeCluster
from tests.lab.gateways import NodeGateway
from tests.lab.receivers import gateway_and_receiver, notifications
from tests.snmptrapd import Snmptrapd

pytestmark = pytest.mark.lab

RESOURCES = """
primitive service ocf:heartbeat:Dummy op monitor interval=10s
location service-on-node2 service 100: node2
"""


class Event(NamedTuple):
    """What a notification says."""

    condition: str
    change: str
    object: str
    reason: str


def raised(condition: str, about: str = "") -> Event:
    return Event(condition, "raised", about, "none")


def cleared(condition: str, about: str = "", reason: str = "recovered") -> Event:
    return Event(condition, "cleared", about, reason)


_READ_APART = {"link-down": 1, "link-peer-down": 1, "votes-missing": 2}
"""Conditions that are read by other commands than those of nodes. A change may fall between two commands."""


def comparable(events: Sequence[Event]) -> list[Event]:
    """Returns events without the orders that are left to chance.

    These are the order of what several commands show of one change, and of objects that change in the same way.
    """
    by_command = sorted(events, key=lambda event: _READ_APART.get(event.condition, 0))
    alike = groupby(by_command, key=lambda event: (event.condition, event.change))
    return [event for _, group in alike for event in sorted(group)]


class Observer:
    """Compares everything that a receiver receives with what is expected, step by step.

    Attributes:
        ring_errors: each value that a page has had for this metric.
    """

    def __init__(self, cluster: Cluster, gateway: NodeGateway, receiver: Snmptrapd) -> None:
        self._cluster, self._gateway, self._receiver = cluster, gateway, receiver
        self._seen = 1  # the start
        self.ring_errors: set[float] = set()

    def expect(self, *expected: Event) -> None:
        """Waits for as many notifications as are expected, and compares them in order (see ``comparable``)."""
        new = self._new()

        def arrived() -> bool:
            nonlocal new
            self._scrape()
            new = self._new()
            return len(new) >= len(expected)

        with suppress(TimeoutError):  # the comparison shows what is missing
            self._cluster.wait_for(arrived)
        self._seen += len(new)
        assert comparable(new) == comparable(expected)

    def expect_nothing(self) -> None:
        """Evaluates three snapshots of the cluster as it is now, which must change nothing."""
        for _ in range(3):
            self._scrape()
        assert self._new() == []

    def _scrape(self) -> None:
        page = self._gateway.page()
        if (errors := page.get(series.key("corosync_ring_errors"))) is not None:
            self.ring_errors.add(errors)

    def _new(self) -> Sequence[Event]:
        received = notifications(self._receiver)[self._seen :]
        return [Event(one.condition, one.change, one.object, one.reason) for one in received]


def test_a_node_loses_one_link_after_the_other(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """Seen from the node and from another one. Without a member, nothing proves that a link is up or down.

    The node is lost with its last link, which is therefore not reported as down.
    """
    cluster = make_cluster(Options(rings=2, token=3000))
    cluster.load(RESOURCES)
    cluster.wait_idle()
    with (
        gateway_and_receiver(cluster, tmp_path / "node1") as (gateway, receiver),
        gateway_and_receiver(cluster, tmp_path / "node2", node="node2") as (other_gateway, other_receiver),
    ):
        gateway.once("quorum watched")
        node1, node2 = Observer(cluster, gateway, receiver), Observer(cluster, other_gateway, other_receiver)
        cluster.cut("node1", 1)
        node1.expect(raised("link-down", "link 1"))
        node2.expect(raised("link-peer-down", "link 1 to node1"))

        cluster.cut("node1", 0)
        node1.expect(
            raised("quorum-lost"),
            raised("votes-missing"),
            raised("node-lost", "node2"),
            raised("node-lost", "node3"),
        )
        node2.expect(raised("votes-missing"), raised("node-lost", "node1"))
        node1.expect_nothing()
        node2.expect_nothing()

        cluster.heal("node1", 0)
        node1.expect(
            cleared("quorum-lost"),
            cleared("votes-missing"),
            cleared("node-lost", "node2"),
            cleared("node-lost", "node3"),
        )
        node2.expect(cleared("votes-missing"), cleared("node-lost", "node1"))
        cluster.wait_idle()
        node1.expect_nothing()
        node2.expect_nothing()

        cluster.heal("node1", 1)
        node1.expect(cleared("link-down", "link 1"))
        node2.expect(cleared("link-peer-down", "link 1 to node1"))
        node1.expect_nothing()
        node2.expect_nothing()


def test_a_node_is_killed(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """Its links fail seconds before Corosync notices that it is lost, and are not reported as down."""
    cluster = make_cluster(Options(rings=2, token=10_000))
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        observer = Observer(cluster, gateway, receiver)
        observer.expect_nothing()
        cluster.kill("node3")
        observer.expect(raised("votes-missing"), raised("node-lost", "node3"))
        observer.expect_nothing()
        assert gateway.alarms() == {("fencing-disabled", ""), ("votes-missing", ""), ("node-lost", "node3")}


def configure(cluster: Cluster, nodes: int) -> None:
    """Changes the number of nodes in the configuration of Corosync while it runs."""
    text = files.corosync_conf(Options(nodes=nodes, rings=2))
    for node in cluster.nodes[:nodes]:
        (cluster.path(node, "/etc/corosync") / "corosync.conf").write_text(text, encoding="ascii")
    cluster.run("node1", "corosync-cfgtool", "-R")


def test_a_node_is_stopped_deleted_and_added(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """Its links are not faulty, and to delete it is not to bring it back."""
    cluster = make_cluster(Options(rings=2))
    cluster.load(RESOURCES)
    cluster.wait_idle()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        observer = Observer(cluster, gateway, receiver)
        observer.expect_nothing()
        cluster.stop_pacemaker("node3")
        observer.expect(raised("node-lost", "node3"))
        cluster.stop_corosync("node3")
        observer.expect(raised("votes-missing"))
        observer.expect_nothing()

        configure(cluster, 2)
        observer.expect(cleared("votes-missing"))
        observer.expect_nothing()
        cluster.run("node1", "crm_node", "--force", "--remove", "node3")
        observer.expect(cleared("node-lost", "node3", "gone"))
        observer.expect_nothing()

        configure(cluster, 3)
        cluster.start_corosync("node3")
        cluster.start_pacemaker("node3")
        cluster.wait_idle()
        observer.expect_nothing()
        assert observer.ring_errors == {0}
        assert gateway.alarms() == {("fencing-disabled", "")}


def test_the_fencing_history_is_cleaned(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """That does not fence the node; the confirmation that it is off counts, although the failure is forgotten."""
    cluster = make_cluster(Options(properties={"stonith-enabled": "true", "dc-deadtime": "1s"}))
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        observer = Observer(cluster, gateway, receiver)
        cluster.stop_corosync("node3")  # in order, so that the others notice at once
        cluster.kill("node3")
        observer.expect(raised("node-unclean", "node3"), raised("votes-missing"), raised("node-lost", "node3"))
        cluster.run("node1", "stonith_admin", "--fence", "node3", "--timeout", "5", check=False)
        observer.expect(raised("fencing-failed", "node3"))
        cluster.run("node1", "stonith_admin", "--cleanup", "--history", "node3")
        assert cluster.run("node1", "stonith_admin", "--history", "node3").stdout.strip() == "0 events found"
        observer.expect_nothing()

        cluster.run("node1", "stonith_admin", "--confirm", "node3")
        observer.expect(
            cleared("node-unclean", "node3"), raised("fencing-performed", "node3"), cleared("fencing-failed", "node3")
        )
        observer.expect_nothing()
        cluster.start_node("node3")
        observer.expect(cleared("votes-missing"), cleared("node-lost", "node3"))
        observer.expect_nothing()
        assert gateway.alarms() == {("fencing-performed", "node3")}


def has_expired(gateway: NodeGateway, constraint: str) -> bool:
    """Returns whether a page shows that a constraint has expired."""
    expired = series.named(gateway.page(), "ha_cluster_pacemaker_location_constraints_expired")
    return constraint in {dict(labels)["constraint"] for labels in expired}


def test_constraints_expire(make_cluster: MakeCluster, tmp_path: Path) -> None:
    """A constraint with a lifetime is no alarm; one that a move leaves behind is one until it is removed."""
    cluster = make_cluster()
    cluster.load(RESOURCES)
    cluster.wait_idle()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        observer = Observer(cluster, gateway, receiver)
        end = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time.time() + 5))
        cluster.load(f'location for-a-while service rule -inf: #uname eq node3 and date lt "{end}"')
        observer.expect_nothing()
        cluster.wait_for(partial(has_expired, gateway, "for-a-while"))
        observer.expect_nothing()

        ban = "cli-ban-service-on-node3"
        cluster.run("node1", "crm_resource", "--ban", "--resource", "service", "--node", "node3", "--lifetime", "PT5S")
        observer.expect_nothing()
        cluster.wait_for(partial(has_expired, gateway, ban))
        observer.expect_nothing()
        cluster.run("node1", "crm_resource", "--clear", "--resource", "service")
        cluster.wait_for(lambda: not has_expired(gateway, ban))
        observer.expect_nothing()

        cluster.run("node1", "crm_resource", "--ban", "--resource", "service", "--node", "node3")
        observer.expect(raised("move-left-behind", ban))
        cluster.run("node1", "crm_resource", "--clear", "--resource", "service")
        observer.expect(cleared("move-left-behind", ban, "gone"))
        observer.expect_nothing()
