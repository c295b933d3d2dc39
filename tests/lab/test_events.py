"""Events of a real cluster: the quorum's, told within milliseconds, and Pacemaker's alerts."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.lab import files, namespaces
from tests.lab.base import NODE_ENV, Options
from tests.lab.cluster import Cluster
from tests.lab.conftest import MakeCluster
from tests.programs import PACKAGES, import_path

pytestmark = pytest.mark.lab


# Both print a line of JSON for each event, and when they were told of it.
WATCHER = """
import json, time
from dataclasses import asdict
from gateway import log, runtime
from gateway.alarms.sources.quorum_watcher import QuorumWatcher
from gateway.host.local import LocalHost
log.configure(level="error", output="json")
def on_event(event):
    print(json.dumps({"event": type(event).__name__, "told": time.time(), **asdict(event)}), flush=True)
runtime.run(QuorumWatcher(LocalHost(), on_event).run())
"""
RECEIVER = """
import json, time
from gateway import log, runtime
from gateway.alarms.sources.alert_socket import AlertSocket
log.configure(level="error", output="json")
async def main():
    alerts = AlertSocket(lambda alert: None)
    alerts.open()
    print(json.dumps({"event": "open", "told": time.time()}), flush=True)
    while True:
        alert = await alerts.next_alert()
        event = {"event": alert.kind, "told": time.time(), "object": alert.object, **alert.fields}
        print(json.dumps(event), flush=True)
runtime.run(main())
"""

Event = Mapping[str, Any]


class Program:
    """A program of ours inside a node, and the events that it prints.

    Attributes:
        process: the program.
        events: the events that were not asked for yet; several programs may share it.
    """

    def __init__(self, cluster: Cluster, node: str, code: str, events: queue.Queue[Event] | None = None) -> None:
        self.process = cluster.popen(
            node,
            [sys.executable, "-c", code],
            env={**NODE_ENV, **import_path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.events = queue.Queue() if events is None else events
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def next(self, timeout: float = 20) -> Event:
        """Returns the next event."""
        return self.events.get(timeout=timeout)

    def until(self, timeout: float = 20, **fields: object) -> Event:
        """Returns the next event that has these fields."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.next(max(deadline - time.monotonic(), 0.001))
            if fields.items() <= event.items():
                return event

    def silent(self) -> bool:
        """Returns whether nothing was told that was not asked for."""
        return self.events.empty()

    def close(self) -> None:
        """Kills it, as nobody would in earnest: what it has started has to notice by itself."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))


@contextmanager
def running(cluster: Cluster, node: str, code: str, events: queue.Queue[Event] | None = None) -> Iterator[Program]:
    program = Program(cluster, node, code, events)
    try:
        yield program
    finally:
        program.close()


def decided(cluster: Cluster, node: str, said: str) -> float:
    """Returns when Corosync logged a decision, the last one, in Unix seconds; its log knows no year."""
    lines = (cluster.path(node, "/var/log") / "cluster/corosync.log").read_text("utf-8").splitlines()
    stamp = next(line for line in reversed(lines) if said in line)[:19]
    now = datetime.now(UTC)
    local = datetime.strptime(f"{now.year} {stamp}", "%Y %b %d %H:%M:%S.%f").astimezone()
    return local.timestamp()


def delay(cluster: Cluster, node: str, event: Event, said: str) -> float:
    """Returns how many seconds after Corosync's log of a decision an event was told."""
    seconds: float = event["told"] - decided(cluster, node, said)
    print(
        f"{said}: {seconds * 1000:.1f} ms, of which {(event['told'] - event['time']) * 1000:.1f} ms from the monitor on"
    )
    return seconds


def monitors(cluster: Cluster, node: str) -> list[int]:
    """Returns the monitors that run in a node, by their numbers outside."""
    pids = namespaces.processes(cluster.init_pid(node), [Path(sys.executable).name])
    return [pid for pid in pids if b"libquorum_helper.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


# Run as hacluster, who need not be able to run the interpreter of the tests.
AGENT = """#!/usr/bin/python3 -IS
import sys
sys.path.insert(0, "/var/log/agent")
from gateway.alert_agent import main
main()
"""
# Without "select", Pacemaker tells of all but attributes.
ALERT = "alert gateway /var/log/agent/ha-cluster-gateway-alert select nodes fencing resources attributes { weather }\n"


def install_agent(cluster: Cluster, node: str) -> None:
    """Puts the alert agent where hacluster may read it."""
    directory = cluster.path(node, "/var/log") / "agent"
    (directory / "gateway").mkdir(parents=True)
    for name in ("__init__.py", "alert_agent.py"):
        shutil.copy(PACKAGES / "gateway" / name, directory / "gateway" / name)
    script = directory / "ha-cluster-gateway-alert"
    script.write_text(AGENT)
    script.chmod(0o755)


LOST = "will NOT provide any services"
REGAINED = "is within the primary component"


def test_the_quorum_is_told_at_once(make_cluster: MakeCluster) -> None:
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
        assert delay(cluster, node, lost, LOST) < 0.1

        cluster.heal(node)
        regained = watcher.until(event="QuorumUpdate", quorate=True)
        assert (regained["initial"], regained["quorum_changed"], regained["members"]) == (False, True, [1, 2, 3])
        assert delay(cluster, node, regained, REGAINED) < 0.1

        cluster.stop_pacemaker("node1", kill=True)  # in order it may take minutes: it has just met the others again
        cluster.stop_corosync("node1")
        left = watcher.until(event="QuorumUpdate")
        assert (left["quorate"], left["quorum_changed"], left["members"]) == (True, False, [2, 3])


def test_a_quorum_that_is_lost_while_all_members_stay(make_cluster: MakeCluster) -> None:
    """What ``corosync-quorumtool -m`` does not tell: here ``corosync.conf`` gets four more nodes, which do not run."""
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
            assert delay(cluster, node, event, REGAINED if quorate else LOST) < 0.1


def test_whatever_dies_is_told_and_nothing_is_regained_by_that(make_cluster: MakeCluster) -> None:
    cluster, node = make_cluster(Options(nodes=2), ready=False), "node1"
    cluster.wait_quorate()
    with running(cluster, node, WATCHER) as watcher:
        watcher.until(event="QuorumUpdate", initial=True)

        (monitor,) = monitors(cluster, node)
        os.kill(monitor, signal.SIGKILL)
        assert watcher.next()["status"] == "killed"
        assert watcher.next()["event"] == "QuorumWatchRestored"
        state = watcher.next()
        assert (state["initial"], state["quorum_changed"], state["quorate"]) == (True, False, True)

        killed = time.time()
        cluster.stop_corosync(node, kill=True)
        lost = watcher.next()
        assert (lost["event"], lost["status"]) == ("QuorumWatchLost", "not_running")
        assert lost["told"] - killed < 1
        cluster.stop_pacemaker(node, kill=True)
        assert watcher.silent()

        cluster.start_corosync(node)
        assert watcher.next()["event"] == "QuorumWatchRestored"
        first = watcher.next()
        # it may be alone at first, and then the other is seen
        assert (first["initial"], first["quorum_changed"]) == (True, False)
        if not first["quorate"]:
            watcher.until(event="QuorumUpdate", quorate=True, quorum_changed=True)

        (monitor,) = monitors(cluster, node)
        watcher.process.kill()
        cluster.wait_for(lambda: not monitors(cluster, node), 5, what="the end of a monitor that nobody listens to")


def test_who_may_not_ask_corosync_is_told_so(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(Options(nodes=1), ready=False)
    python = shutil.which("python3", path=NODE_ENV["PATH"])
    program = cluster.path("node1", "/var/log") / "libquorum_helper.py"  # where everybody may read it
    shutil.copy(PACKAGES / "gateway/alarms/sources/libquorum_helper.py", program)
    assert python
    done = cluster.run("node1", python, "-I", "-S", "/var/log/libquorum_helper.py", user="nobody", check=False)
    assert (done.returncode, done.stdout) == (os.EX_NOPERM, "")
    assert done.stderr == "Corosync refuses this user: quorum_initialize: CS_ERR_ACCESS\n"


def test_pacemakers_alerts_arrive_as_hints(make_cluster: MakeCluster) -> None:
    """Of a resource on the node that acted, of an attribute on the one that wrote it, of a node on all others."""
    cluster, node = make_cluster(Options(nodes=2)), "node1"
    for each in cluster.nodes:
        install_agent(cluster, each)
    with running(cluster, node, RECEIVER) as receiver, running(cluster, "node2", RECEIVER, receiver.events):
        for _ in cluster.nodes:
            receiver.until(event="open")
        cluster.load(ALERT)
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
        assert abs(lost["told"] - float(f"{lost['timestamp_epoch']}.{lost['timestamp_usec']}")) < 1
