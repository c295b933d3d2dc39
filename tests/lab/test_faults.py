"""Daemons of a real cluster are killed and suspended: what is shown is true, and as before once they work again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.lab import namespaces
from tests.lab.cluster import Cluster
from tests.lab.conftest import MakeCluster
from tests.lab.event_programs import corosync_readers
from tests.lab.gateways import NodeGateway
from tests.lab.receivers import gateway_and_receiver, notifications, wait_for_notification

pytestmark = pytest.mark.lab

NODE = "node1"
DAEMONS = ("pacemaker-based", "pacemaker-fenced", "pacemaker-execd", "pacemaker-attrd", "pacemaker-schedulerd")
"""Daemons of Pacemaker that a node can lose for a moment; without its controller it leaves the cluster."""
TRUE = {"started", "collector-failing", "node-lost", "node-pending", "node-unclean", "dc-missing", "pacemaker-down"}
"""What a node without one of these daemons may be notified of. It is not a lost quorum, a failed link or a stopped
resource."""


def pids(cluster: Cluster, *names: str) -> Sequence[int]:
    """Returns the process ids of daemons in the node, outside of it."""
    return namespaces.processes(cluster.init_pid(NODE), names)


@contextmanager
def suspended(processes: Sequence[int]) -> Iterator[None]:
    assert processes
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            with suppress(ProcessLookupError):  # a reader that did not respond was replaced
                os.kill(pid, signal.SIGCONT)


def wait_for_state(cluster: Cluster, gateway: NodeGateway, collector: str, states: set[str]) -> None:
    """Waits until the page shows one of these states of a collector."""

    def is_shown() -> bool:
        return any(
            name == "ha_cluster_gateway_collector_state"
            and value == 1
            and dict(labels)["collector"] == collector
            and dict(labels)["state"] in states
            for (name, labels), value in gateway.page().items()
        )

    cluster.wait_for(is_shown, 60, what=f"{collector} {states}")


def check_log(gateway: NodeGateway) -> None:
    assert not [entry for entry in gateway.log if "exception" in entry]


def test_a_suspended_watcher_hides_no_loss_of_quorum(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        gateway.once("quorum watched")
        with suspended(corosync_readers(cluster, NODE)):
            cluster.cut(NODE)
            wait_for_notification(cluster, receiver, "quorum-lost", "raised")
        cluster.heal(NODE)
        wait_for_notification(cluster, receiver, "quorum-lost", "cleared")
        quorum = [one.change for one in notifications(receiver) if one.condition == "quorum-lost"]
        assert quorum == ["raised", "cleared"]
        check_log(gateway)


def test_a_suspended_corosync(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        gateway.once("quorum watched")
        cluster.wait_idle()
        before = gateway.alarms()
        with suspended(pids(cluster, "corosync")):
            wait_for_state(cluster, gateway, "corosync", {"timed_out", "not_running", "failed"})
            assert {one.change for one in notifications(receiver) if one.condition != "started"} <= {"raised"}
        wait_for_state(cluster, gateway, "corosync", {"ok"})
        cluster.wait_for(lambda: cluster.quorate(NODE), 60, what="the quorum")
        wait_for_state(cluster, gateway, "pacemaker", {"ok"})
        cluster.wait_for(lambda: gateway.alarms() <= before, 120, what="the alarms as before")
        check_log(gateway)


def pid_of(cluster: Cluster, daemon: str, *, before: int = 0) -> int:
    """Waits until a daemon runs, with another process id than before, and returns it: it may just be restarted."""
    running: list[int] = []

    def runs() -> bool:
        running[:] = pids(cluster, daemon)
        return len(running) == 1 and running != [before]

    cluster.wait_for(runs, 60, what=f"a new {daemon}" if before else daemon)
    return running[0]


def test_daemons_of_pacemaker_that_are_killed(make_cluster: MakeCluster, tmp_path: Path) -> None:
    cluster = make_cluster()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        cluster.wait_idle()
        before = gateway.alarms()
        for daemon in DAEMONS:
            killed = pid_of(cluster, daemon)
            os.kill(killed, signal.SIGKILL)
            pid_of(cluster, daemon, before=killed)
            wait_for_state(cluster, gateway, "pacemaker", {"ok"})
            cluster.wait_for(lambda: gateway.alarms() == before, 60, what=f"the alarms as before {daemon} was killed")
        assert {one.condition for one in notifications(receiver)} <= TRUE
        check_log(gateway)


@pytest.mark.parametrize(
    "daemon",
    [
        pytest.param(
            "pacemakerd",
            marks=pytest.mark.not_on("bullseye", reason="crm_mon of Pacemaker 2.0 asks pacemaker-based only"),
        ),
        "pacemaker-based",
    ],
)
def test_daemons_of_pacemaker_that_are_suspended(make_cluster: MakeCluster, tmp_path: Path, daemon: str) -> None:
    cluster = make_cluster()
    with gateway_and_receiver(cluster, tmp_path) as (gateway, receiver):
        cluster.wait_idle()
        before = gateway.alarms()
        with suspended(pids(cluster, daemon)):
            wait_for_state(cluster, gateway, "pacemaker", {"timed_out", "not_running", "failed"})
            assert {one.condition for one in notifications(receiver)} <= TRUE
        wait_for_state(cluster, gateway, "pacemaker", {"ok"})
        cluster.wait_for(lambda: gateway.alarms() == before, 60, what=f"the alarms as before {daemon} was suspended")
        check_log(gateway)
