"""A cluster with a remote node and a guest node of Pacemaker Remote.

node1 and node2 are a cluster. node3 is its remote node ``edge1``: it runs pacemaker-remoted, and no Corosync. node4
runs it, too, as ``guest1``: it stands for the guest of a resource ``vm``, which only simulates a virtual machine. A
start that fails is tried again: by default, a node that is cut off for long is not connected again without a cleanup.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab import files
from tests.lab.base import Options
from tests.lab.cluster import Cluster
from tests.lab.systems import systems

HOST, OTHER_HOST, REMOTE, GUEST = "node1", "node2", "node3", "node4"
DAEMON = os.environ.get("PACEMAKER_REMOTED", "pacemaker-remoted")
"""The daemon, by its path if ``make remote`` has unpacked its package, which conflicts with that of Pacemaker."""
_NAME = Path(DAEMON).name
RESOURCES = """
primitive edge1 ocf:pacemaker:remote params server=10.61.0.3 reconnect_interval=5s \\
    op monitor interval=2s timeout=5s op start interval=0 timeout=10s
primitive vm ocf:heartbeat:Dummy op monitor interval=10s \\
    meta remote-node=guest1 remote-addr=10.61.0.4 remote-connect-timeout=10s
primitive app ocf:heartbeat:Dummy op monitor interval=10s
primitive job ocf:heartbeat:Dummy op monitor interval=10s
location app-on-edge1 app 500: edge1
location job-on-guest1 job 500: guest1
location edge1-on-node2 edge1 100: node2
location vm-on-node2 vm 50: node2
property start-failure-is-fatal=false
"""


def missing() -> str | None:
    """Returns why there is no remote node here, in one line; None if there can be one."""
    if not all(system.has(DAEMON) for system in systems(Options())):
        return f"needs {DAEMON}: run make remote, which unpacks it"
    return None


class RemoteCluster:
    """A lab of four nodes without daemons, in which it starts the cluster and Pacemaker Remote."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def start(self) -> None:
        """Starts the cluster and both daemons of Pacemaker Remote, and waits until both are connected."""
        for node in self.cluster.nodes:
            path = self.cluster.path(node, "/etc/corosync")
            (path / "corosync.conf").unlink()
            (path / "authkey").write_text("the key of the lab" * 10, encoding="ascii")
        for node in (HOST, OTHER_HOST):
            path = self.cluster.path(node, "/etc/corosync") / "corosync.conf"
            path.write_text(files.corosync_conf(Options(nodes=2)), encoding="ascii")
            self.cluster.start_corosync(node)
            self.cluster.start_pacemaker(node)
        for node in (REMOTE, GUEST):
            self.start_daemon(node)
        self.cluster.wait_quorate(HOST)
        self.cluster.wait_dc(HOST)
        self.cluster.wait_idle(HOST)
        self.cluster.load(RESOURCES, HOST)
        self.wait("edge1", online="true")
        self.wait("guest1", online="true")
        self.cluster.wait_idle(HOST)

    def start_daemon(self, node: str) -> None:
        """Starts Pacemaker Remote on a host."""
        script = f"{{ setsid {DAEMON} </dev/null >/var/log/pacemaker/remoted.out 2>&1 & }}"
        self.cluster.run(node, "sh", "-c", script)

    def stop_daemon(self, node: str) -> None:
        """Stops Pacemaker Remote as an administrator does: the resources of the host are stopped first."""
        script = f"kill $(pidof {_NAME}); while pidof {_NAME}; do sleep 0.1; done"
        self.cluster.run(node, "sh", "-c", script)

    def set_target_role(self, resource: str, role: str) -> None:
        """Sets the target role of a resource."""
        self.run("crm_resource", "--resource", resource, "--meta", "-p", "target-role", "-v", role)

    def node(self, name: str) -> dict[str, str]:
        """Returns what crm_mon shows of a node."""
        element = self.cluster.crm_mon(HOST).find(f"nodes/node[@name='{name}']")
        return dict(element.attrib) if element is not None else {}

    def wait(self, name: str, **states: str) -> None:
        """Waits until crm_mon shows states of a node."""
        self.cluster.wait_for(lambda: states.items() <= self.node(name).items(), what=f"{name} {states}")

    def wait_role(self, resource: str, role: str) -> None:
        """Waits until crm_mon shows a role of a resource."""
        path = f".//resource[@id='{resource}'][@role='{role}']"
        self.cluster.wait_for(
            lambda: self.cluster.crm_mon(HOST).find(path) is not None, timeout=120, what=f"{resource} {role}"
        )

    def run(self, *argv: str, node: str = HOST) -> str:
        """Runs a command on a host, and returns what it printed."""
        return self.cluster.run(node, *argv).stdout
