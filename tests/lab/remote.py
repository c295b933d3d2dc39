"""A cluster with a remote node and a guest node of Pacemaker Remote.

node1 and node2 are a cluster. node3 is its remote node ``edge1``: it runs pacemaker-remoted, and no Corosync. node4
runs it, too, as ``guest1``: it stands for the guest of a resource ``vm``, which only simulates a virtual machine. A
start that fails is tried again: by default, a node that is cut off for long is not connected again without a cleanup.
"""

from __future__ import annotations

import shutil
import subprocess
import time

from tests.lab import files
from tests.lab.base import BASE_ENV, LabError, Options
from tests.lab.cluster import Cluster
from tests.lab.systems import System
from tests.programs import ROOT

HOST, OTHER_HOST, REMOTE, GUEST = "node1", "node2", "node3", "node4"
_DAEMON = "pacemaker-remoted"
_UNPACKED = ROOT / ".venv/pacemaker-remote"
"""Where packages with the daemon are unpacked, by version. Every node sees this directory, also one with a tree."""
# The root of the system and the directory are arguments. The daemon has to be of the same version as the libraries.
_UNPACK = """
mount --bind "$2" "$1/mnt"
exec chroot "$1" sh -euc '
cd /mnt
package=pacemaker-remote=$(dpkg-query --show --showformat="\\${Version}" pacemaker)
apt() { apt-get -q -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"; }
apt download "$package" || { apt update && apt download "$package"; }
dpkg -x ./*.deb .
'
"""
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


def unpack_daemon(system: System) -> str:
    """Returns the path of a system's Pacemaker Remote.

    Its package conflicts with that of Pacemaker. Unless it is there, it is downloaded, and unpacked without being
    installed.

    Raises:
        LabError: It cannot be downloaded; apt-get has printed why.
    """
    directory = _UNPACKED / ".".join((system.release, *map(str, system.pacemaker)))
    daemon = directory / "usr/sbin" / _DAEMON
    if not daemon.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        argv = ("unshare", "--mount", "sh", "-euc", _UNPACK, "sh", system.root, directory)
        if subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, env=BASE_ENV).returncode != 0:
            raise LabError(f"{system.release}: the package pacemaker-remote cannot be downloaded and unpacked")
    return str(daemon)


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
        daemon = unpack_daemon(self.cluster.system(node))
        script = f"{{ setsid {daemon} </dev/null >/var/log/pacemaker/remoted.out 2>&1 & }}"
        self.cluster.run(node, "sh", "-c", script)

    def stop_daemon(self, node: str) -> None:
        """Stops Pacemaker Remote as an administrator does: the resources of the host are stopped first."""
        script = f"kill $(pidof {_DAEMON}); while pidof {_DAEMON}; do sleep 0.1; done"
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

    def wait_connected(self, name: str, timeout: float = 300) -> None:
        """Waits until the cluster is connected to a node again, and cleans up failures as an administrator does.

        Without fencing, Pacemaker assumes that the resources of a node that was cut off could not be stopped. They are
        then blocked, and so is the connection until it is refreshed. A cleanup of everything would hang meanwhile,
        because it waits for an answer from the node. Afterwards, nothing is left of the failures.
        """
        refreshed = time.monotonic()

        def is_well() -> bool:
            nonlocal refreshed
            path = f".//resource[@id='{name}'][@role='Started'][@failed='false']"
            status = self.cluster.crm_mon(HOST)
            is_connected = self.node(name).get("online") == "true" and status.find(path) is not None
            if is_connected and status.find("failures/failure") is None:
                return True
            if is_connected:
                self.run("crm_resource", "--cleanup")
            elif time.monotonic() - refreshed > 10:
                refreshed = time.monotonic()
                self.run("crm_resource", "--refresh", "--resource", name)
            return False

        self.cluster.wait_for(is_well, timeout, what=f"the connection to {name}")

    def wait_role(self, resource: str, role: str) -> None:
        """Waits until crm_mon shows a role of a resource."""
        path = f".//resource[@id='{resource}'][@role='{role}']"
        self.cluster.wait_for(
            lambda: self.cluster.crm_mon(HOST).find(path) is not None, timeout=120, what=f"{resource} {role}"
        )

    def run(self, *argv: str, node: str = HOST) -> str:
        """Runs a command on a host, and returns what it printed."""
        return self.cluster.run(node, *argv).stdout
