"""Records what the tools show of Pacemaker Remote: ``python -m tests.lab.capture_remote DIR``.

``remote`` describes the cluster. Each situation is ``DIR/remote/SITUATION``; the README of the captures describes them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.lab.base import Options
from tests.lab.capture import TOOLS, record_outputs, record_parts
from tests.lab.cluster import Cluster
from tests.lab.remote import GUEST, HOST, REMOTE, RemoteCluster

CLUSTER_TOOLS = {
    name: TOOLS[name]
    for name in (
        "crm_mon--output-as=xml",
        "crm_mon-X",
        "cibadmin-constraints",
        "corosync-quorumtool-p",
        "corosync-cfgtool-s",
    )
}
REMOTE_TOOLS = {
    **CLUSTER_TOOLS,
    "corosync-v": TOOLS["corosync-v"],
    "crm_node-n": "crm_node -n",
    "crmadmin": "crmadmin --pacemakerd",
}


class Recorder(RemoteCluster):
    """The cluster, and the directory for what the tools print."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        super().__init__(cluster)
        self.directory = directory

    def record(self, situation: str, node: str = HOST, *, user: str | None = None) -> None:
        """Runs the tools on a host and writes their output."""
        print(situation, flush=True)
        folder = self.directory / "remote" / situation
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tools = CLUSTER_TOOLS if node == HOST else REMOTE_TOOLS
        record_outputs(self.cluster, folder, tools, node=node, user=user)


def remote_node(lab: Recorder) -> None:
    """Records the remote node: connected, in standby, in maintenance, stopped on purpose, shut down, cut off."""
    lab.record("online")
    lab.record("online-on-remote", REMOTE)
    lab.record("online-on-remote-nobody", REMOTE, user="nobody")
    lab.record("online-on-guest", GUEST)
    lab.run("crm_attribute", "-n", "node-health-strategy", "-v", "custom")
    lab.run("crm_attribute", "-N", "edge1", "-l", "reboot", "-n", "#health-disk", "-v", "red")
    lab.wait("edge1", health="red")
    lab.record("unhealthy")
    lab.run("crm_attribute", "-N", "edge1", "-l", "reboot", "-n", "#health-disk", "-D")
    lab.run("crm_attribute", "-n", "node-health-strategy", "-D")
    lab.wait("edge1", health="green")
    lab.run("crm_standby", "-N", "edge1", "-v", "on")
    lab.wait("edge1", standby="true")
    lab.cluster.wait_idle(HOST)
    lab.record("standby")
    lab.run("crm_standby", "-N", "edge1", "-D")
    lab.run("crm_attribute", "-N", "edge1", "-n", "maintenance", "-v", "true")
    lab.wait("edge1", maintenance="true")
    lab.cluster.wait_idle(HOST)
    lab.record("maintenance")
    lab.run("crm_attribute", "-N", "edge1", "-n", "maintenance", "-D")
    lab.wait("edge1", maintenance="false")
    lab.cluster.wait_idle(HOST)
    lab.set_target_role("edge1", "Stopped")
    lab.wait("edge1", online="false")
    lab.cluster.wait_idle(HOST)
    lab.record("stopped")
    lab.record("stopped-on-remote", REMOTE)
    lab.set_target_role("edge1", "Started")
    lab.wait("edge1", online="true")
    lab.cluster.wait_idle(HOST)


def shut_down(lab: Recorder) -> None:
    """Records the remote node whose daemon an administrator stops and starts again."""
    lab.stop_daemon(REMOTE)
    lab.wait("edge1", online="false")
    lab.record("shut-down")
    lab.record("shut-down-on-remote", REMOTE)
    lab.start_daemon(REMOTE)
    lab.run("crm_resource", "--refresh")  # without a new transition, Pacemaker 3 does not connect again
    lab.wait_connected("edge1")
    lab.cluster.wait_idle(HOST)


def cut_off(lab: Recorder) -> None:
    """Records the remote node and the guest that are cut off, without fencing."""
    lab.cluster.cut(REMOTE)
    lab.wait("edge1", online="false")
    lab.record("unreachable-at-once")
    lab.wait_role("edge1", "Starting")
    lab.record("unreachable")
    lab.cluster.heal(REMOTE)
    lab.wait_connected("edge1")
    lab.cluster.wait_idle(HOST)


def guest(lab: Recorder) -> None:
    """Records the guest that is stopped on purpose, and cut off."""
    lab.set_target_role("vm", "Stopped")
    lab.wait("guest1", online="false")
    lab.cluster.wait_idle(HOST)
    lab.record("guest-stopped")
    lab.set_target_role("vm", "Started")
    lab.wait("guest1", online="true")
    lab.cluster.wait_idle(HOST)
    lab.cluster.cut(GUEST)
    lab.wait("guest1", online="false")
    lab.record("guest-unreachable-at-once")
    lab.wait_role("guest1", "Starting")
    lab.record("guest-unreachable")
    lab.wait_role("guest1", "Stopped")
    lab.record("guest-unreachable-later")
    lab.cluster.heal(GUEST)


def fenced(lab: Recorder) -> None:
    """Records the remote node that is cut off, while fencing waits for a person."""
    lab.cluster.load(FENCING, HOST)
    lab.cluster.wait_idle(HOST)
    lab.cluster.cut(REMOTE)
    lab.wait("edge1", unclean="true")
    lab.record("unclean")
    lab.cluster.heal(REMOTE)


FENCING = """
primitive fencing-meatware stonith:meatware params hostlist="node1 node2 edge1" op monitor interval=60s
property stonith-enabled=true stonith-timeout=300s
"""

_PARTS = {"remote": remote_node, "shut-down": shut_down, "cut-off": cut_off, "guest": guest, "fenced": fenced}


def start(cluster: Cluster, directory: Path) -> Recorder:
    """Starts what is recorded."""
    lab = Recorder(cluster, directory)
    lab.start()
    return lab


def main() -> int:
    """Records all situations."""
    return record_parts(__doc__.splitlines()[0], _PARTS, Options(nodes=4, cluster_name="edge"), start)


if __name__ == "__main__":
    sys.exit(main())
