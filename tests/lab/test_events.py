"""Events of a real cluster: quorum events, received within milliseconds, and Pacemaker's alerts."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import time

import pytest

from tests.lab import files
from tests.lab.base import NODE_ENV, Options
from tests.lab.cluster import Cluster
from tests.lab.conftest import MakeCluster
from tests.lab.event_programs import (
    ALERT,
    LOST,
    RECEIVER,
    REGAINED,
    WATCHER,
    Program,
    corosync_readers,
    delay,
    install_agent,
    running,
)
from tests.programs import PACKAGES

pytestmark = pytest.mark.lab

AT_ONCE = 5.0
"""Seconds that an event takes at most on a busy machine; without events, the next collection would show it."""


def test_quorum_events_arrive_at_once(make_cluster: MakeCluster) -> None:
    cluster, node = make_cluster(Options(nodes=3)), "node3"
    with running(cluster, node, WATCHER) as watcher:
        first = watcher.until(event="QuorumUpdate")
        assert (first["initial"], first["quorum_changed"], first["quorate"], first["members"]) == (
            True,
            False,
            True,
            [1, 2, 3],
        )

        cluster.cut(node)
        lost = watcher.until(event="QuorumUpdate", quorate=False)
        assert (lost["initial"], lost["quorum_changed"], lost["members"]) == (False, True, [3])
        assert delay(cluster, node, lost, LOST) < AT_ONCE

        cluster.heal(node)
        regained = watcher.until(event="QuorumUpdate", quorate=True)
        assert (regained["initial"], regained["quorum_changed"], regained["members"]) == (False, True, [1, 2, 3])
        assert delay(cluster, node, regained, REGAINED) < AT_ONCE

        cluster.stop_pacemaker("node1", kill=True)  # an orderly stop may take minutes after a rejoin
        cluster.stop_corosync("node1")
        left = watcher.until(event="QuorumUpdate")
        assert (left["quorate"], left["quorum_changed"], left["members"]) == (True, False, [2, 3])


def test_a_quorum_that_is_lost_while_all_members_stay(make_cluster: MakeCluster) -> None:
    """``corosync-quorumtool -m`` does not report this: ``corosync.conf`` gets four more nodes, which do not run."""
    cluster, node = make_cluster(Options(nodes=3), ready=False), "node1"
    cluster.wait_quorate()
    with running(cluster, node, WATCHER) as watcher:
        watcher.until(event="QuorumUpdate", quorate=True, members=[1, 2, 3])
        for name, nodes, quorate in (("more", 7, False), ("fewer", 3, True)):
            text = files.corosync_conf(Options(nodes=nodes))
            for each in cluster.nodes:
                (cluster.path(each, "/etc/corosync") / "corosync.conf").write_text(text)
            cluster.run(node, "corosync-cfgtool", "-R")
            event = watcher.until(event="QuorumUpdate")
            assert (event["quorate"], event["quorum_changed"], event["members"]) == (quorate, True, [1, 2, 3]), name
            assert delay(cluster, node, event, REGAINED if quorate else LOST) < AT_ONCE


def test_killed_daemons_are_reported_and_regain_no_quorum(make_cluster: MakeCluster) -> None:
    cluster, node = make_cluster(Options(nodes=2), ready=False), "node1"
    cluster.wait_quorate()
    with running(cluster, node, WATCHER) as watcher:
        watcher.until(event="QuorumUpdate", initial=True)

        (reader,) = corosync_readers(cluster, node)
        os.kill(reader, signal.SIGKILL)
        assert watcher.next()["status"] == "killed"
        assert watcher.next()["event"] == "QuorumWatchRestored"
        state = watcher.next()
        assert (state["initial"], state["quorum_changed"], state["quorate"]) == (True, False, True)

        killed = time.time()
        cluster.stop_corosync(node, kill=True)
        lost = watcher.next()
        assert (lost["event"], lost["status"]) == ("QuorumWatchLost", "not_running")
        assert lost["received"] - killed < AT_ONCE
        cluster.stop_pacemaker(node, kill=True)
        assert watcher.is_idle()

        cluster.start_corosync(node)
        assert watcher.next()["event"] == "QuorumWatchRestored"
        first = watcher.next()
        # it may be alone at first, until it sees the other
        assert (first["initial"], first["quorum_changed"]) == (True, False)
        if not first["quorate"]:
            watcher.until(event="QuorumUpdate", quorate=True, quorum_changed=True)

        (reader,) = corosync_readers(cluster, node)
        watcher.process.kill()
        cluster.wait_for(lambda: not corosync_readers(cluster, node), what="the end of a reader without a gateway")


def test_a_user_whom_corosync_refuses_gets_a_clear_error(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(Options(nodes=1), ready=False)
    python = shutil.which("python3", path=NODE_ENV["PATH"])
    directory = cluster.path("node1", "/var/log") / "reader"  # where every user may read it
    shutil.copytree(PACKAGES / "gateway/host/reader", directory / "gateway/host/reader")
    assert python
    code = (
        "import sys; sys.path.append('/var/log/reader')\n"
        "from gateway.host.reader.quorum_reports import LibQuorum, pass_on_reports\n"
        "pass_on_reports(LibQuorum, print)"
    )
    done = cluster.run("node1", python, "-I", "-S", "-c", code, user="nobody", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("LibraryFailedError: quorum_initialize: CS_ERR_ACCESS\n")


def wait_until_alerts_are_read(cluster: Cluster, receiver: Program) -> None:
    """Starts one resource after the other until it is an alert: the daemons read the alerts after the change."""
    for number in range(4):
        cluster.wait_idle()
        cluster.load(f"primitive probe{number} ocf:pacemaker:Dummy\n")
        with contextlib.suppress(queue.Empty):
            receiver.until(10, event="resource", object=f"probe{number}", task="start")
            return
    raise TimeoutError("Pacemaker has not read the alerts")


def test_pacemakers_alerts_arrive_as_hints(make_cluster: MakeCluster) -> None:
    """Resource alerts run on the acting node, attribute alerts on the writing one, node alerts on all others."""
    cluster, node = make_cluster(Options(nodes=2)), "node1"
    for each in cluster.nodes:
        install_agent(cluster, each)
    with running(cluster, node, RECEIVER) as receiver, running(cluster, "node2", RECEIVER, receiver.events):
        for _ in cluster.nodes:
            receiver.until(event="open")
        cluster.load(ALERT)
        wait_until_alerts_are_read(cluster, receiver)
        cluster.load("primitive dummy ocf:pacemaker:Dummy op monitor interval=10s\nlocation here dummy 100: node1\n")
        started = receiver.until(event="resource", object="dummy", task="start")
        assert (started["rc"], started["target_rc"]) == ("0", "0")
        cluster.wait_idle()

        cluster.run(node, "crm_standby", "-N", node, "-v", "on")
        receiver.until(event="resource", object="dummy", task="stop", node=node)
        cluster.run(node, "crm_standby", "-N", node, "-D")

        cluster.run(node, "attrd_updater", "-n", "weather", "-U", "fine")
        assert receiver.until(event="attribute", object="weather", node=node)["attribute_value"] == "fine"

        cluster.kill("node2")
        lost = receiver.until(event="node", object="node2", desc="lost")
        assert abs(lost["received"] - float(f"{lost['timestamp_epoch']}.{lost['timestamp_usec']}")) < AT_ONCE
