"""Records the output of the cluster's tools in many situations: ``python -m tests.lab.capture DIR``.

A lab passes through a time line of situations. In each one the tools run on one node. Their output, error output and
exit status become ``DIR/SITUATION/TOOL.stdout``, ``.stderr`` and ``.rc``. ``DIR/README.md`` describes the captures.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.lab.base import BASE_ENV, LabError, Options
from tests.lab.cluster import Cluster
from tests.lab.resources import DEMO_RESOURCES
from tests.lab.systems import systems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Lab = TypeVar("Lab")

TOOLS: Mapping[str, str] = {
    "crm_mon--output-as=xml": "crm_mon -1 --output-as=xml --inactive",
    "crm_mon-X": "crm_mon -1 -X --inactive",
    "cibadmin-constraints": "cibadmin --query --local --scope constraints",
    "corosync-quorumtool-p": "corosync-quorumtool -p",
    "corosync-cfgtool-s": "corosync-cfgtool -s",
    "corosync-cmapctl": "corosync-cmapctl",
    "corosync-cmapctl-m-stats": "corosync-cmapctl -m stats",
    "corosync-v": "corosync -v",
}
PACKAGES = ("pacemaker", "corosync", "corosync-qdevice", "corosync-qnetd", "sbd", "cluster-glue", "resource-agents")
# stonith:null always reports success; stonith:meatware waits until a person confirms the fencing with meatclient.
NULL_FENCING = """
primitive fencing stonith:null params hostlist="node1 node2 node3" op monitor interval=60s
property stonith-enabled=true
"""
MEATWARE_FENCING = """
primitive fencing-meatware stonith:meatware params hostlist="node1 node2 node3" op monitor interval=60s
property stonith-enabled=true stonith-timeout=300s
"""
BUNDLE = """
bundle web docker image=web:1 replicas=2 network ip-range-start=10.61.0.100 meta target-role=Stopped
"""
TICKETS = """
rsc_ticket nfs-at-active-site here: g-nfs loss-policy=stop
rsc_ticket db-at-active-site here: db-clone:Promoted loss-policy=demote
"""
SLOW = "primitive slow ocf:heartbeat:Delay params startdelay=8 stopdelay=8 mondelay=0 op monitor interval=10s"
STUCK = """
primitive stuck ocf:heartbeat:Delay params startdelay=0 stopdelay=4 mondelay=0 \\
    op monitor interval=10s op stop timeout=1s interval=0
"""
QDEVICE = """\
    device {
        model: net
        votes: 1
        net {
            host: 10.61.0.2
            algorithm: ffsplit
            tls: off
        }
    }
"""
QNETD = "mkdir -p /run/corosync-qnetd && chown coroqnetd /run/corosync-qnetd && corosync-qnetd -s off"
README = """\
# Output of the tools in the project's own lab

`python -m tests.lab.capture` recorded all of these files on a cluster of the project's own lab (`tests/lab`). They are
unedited. `SITUATION/TOOL.stdout` and `.stderr` contain the output of the tool, `.rc` its exit status. Unless the
situation says otherwise, the tools ran on node1 as root. Their environment contained only `LC_ALL=C` and `PATH`. The
Debian packages were:

{packages}

| file | command |
|---|---|
{tools}

Unless the situation says otherwise, the cluster has the nodes node1 to node3, two rings (knet) and the configuration in
`tests/lab/resources.py`. Its resource agents (Dummy, Delay and Stateful) only simulate services. The situations, in the
order in which they were recorded:

| folder | situation |
|---|---|
{situations}

Commands that were recorded in some folders only. The SBD devices are loop devices of 4 MiB:

| file | command |
|---|---|
{commands}
"""


def record_outputs(cluster: Cluster, folder: Path, tools: Mapping[str, str], *, node: str, user: str | None) -> None:
    """Runs tools on a node, and writes their output, error output and exit status into a folder.

    Args:
        cluster: the lab.
        folder: where the files of the situation are.
        tools: the command lines of the tools, by the names of their files.
        node: the node on which they run.
        user: the user as whom they run; root if None.
    """
    for name, command in tools.items():
        done = cluster.run(node, *command.split(), user=user, check=False, env=BASE_ENV)
        (folder / f"{name}.stdout").write_bytes(done.stdout.encode(errors="surrogateescape"))
        (folder / f"{name}.stderr").write_bytes(done.stderr.encode(errors="surrogateescape"))
        (folder / f"{name}.rc").write_text(f"{done.returncode}\n", encoding="ascii")


def record_parts(
    description: str,
    parts: Mapping[str, Callable[[Lab], None]],
    options: Options,
    start: Callable[[Cluster, Path], Lab],
) -> int:
    """Records the parts of a time line, as the command line asks for, and returns the exit status.

    Args:
        description: what is recorded, for ``--help``.
        parts: records each part, by its name.
        options: describes the lab.
        start: starts what is recorded in a lab without daemons; gets the directory of the captures as well.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", choices=list(parts), help="record only one part of the time line")
    arguments = parser.parse_args()
    cluster = Cluster(options)
    try:
        cluster.start(daemons=False)
        lab = start(cluster, arguments.directory)
        for record in [parts[arguments.only]] if arguments.only else parts.values():
            record(lab)
    except (LabError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        cluster.stop()
    return 0


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Runs the tools and writes what they print below a directory.

    Attributes:
        directory: Where the situations' folders are made.
        situations: Each recorded situation's description, by its folder.
        commands: The commands that not every situation has, by folder and file.
    """

    directory: Path
    situations: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)

    def record(
        self,
        cluster: Cluster,
        situation: str,
        description: str,
        *,
        node: str = "node1",
        user: str | None = None,
        tools: Mapping[str, str] = TOOLS,
    ) -> None:
        """Runs the tools on a node and writes their output, in place of that of an earlier recording."""
        print(situation, flush=True)
        folder = self.directory / situation
        if situation not in self.situations:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.situations[situation] = description
        for name, command in tools.items():
            if name not in TOOLS:
                self.commands[f"{situation}/{name}"] = command
        record_outputs(cluster, folder, tools, node=node, user=user)

    def write_readme(self) -> None:
        """Writes the page that describes where the files come from."""
        text = README.format(
            packages="\n".join(f"- {line}" for line in _versions()),
            tools="\n".join(f"| `{name}.*` | `{command}` |" for name, command in TOOLS.items()),
            commands="\n".join(f"| `{name}.*` | `{command}` |" for name, command in self.commands.items()),
            situations="\n".join(f"| `{name}` | {text} |" for name, text in self.situations.items()),
        )
        (self.directory / "README.md").write_text(text, encoding="utf-8")


def _versions() -> list[str]:
    (system,) = set(systems(Options()))
    return system.tool("dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *PACKAGES).splitlines()


def _cfgtool_shows(cluster: Cluster, word: str) -> bool:
    return word in cluster.run("node1", "corosync-cfgtool", "-s").stdout


def _offline(cluster: Cluster, node: str) -> bool:
    return cluster.crm_mon("node1").find(f"nodes/node[@name='{node}'][@online='true']") is None


def links_and_nodes(recorder: Recorder, cluster: Cluster) -> None:
    """Records a healthy cluster, down to a lone node, and back."""
    recorder.record(cluster, "healthy", "everything in order")
    recorder.record(cluster, "not-permitted", "everything in order; the tools run as `nobody`", user="nobody")
    recorder.record(cluster, "hacluster", "everything in order; the tools run as `hacluster`", user="hacluster")
    cluster.cut("node3", 1)
    cluster.wait_for(lambda: _cfgtool_shows(cluster, "disconnected"))
    recorder.record(cluster, "link-lost", "node3's ring 1 is cut")
    recorder.record(cluster, "link-lost-seen-there", "node3's ring 1 is cut; recorded on node3", node="node3")
    cluster.heal("node3", 1)
    cluster.wait_for(lambda: not _cfgtool_shows(cluster, "disconnected"))
    cluster.kill("node3")
    cluster.wait_for(lambda: _offline(cluster, "node3"))
    cluster.wait_idle()
    recorder.record(cluster, "node-lost", "node3's plug is pulled; the others have quorum")
    cluster.kill("node2")
    cluster.wait_for(lambda: not cluster.quorate("node1"))
    cluster.wait_for(lambda: _offline(cluster, "node2"))
    cluster.wait_idle()
    recorder.record(cluster, "quorum-lost", "node2's plug is pulled, too; node1 has stopped its resources")
    for node in ("node2", "node3"):
        cluster.start_node(node)
    cluster.wait_ready()
    recorder.record(cluster, "recovery", "node2 and node3 are back")


def resources(recorder: Recorder, cluster: Cluster) -> None:
    """Records failures, administrative states, moves, tickets, slow operations."""
    cluster.run("node1", "rm", "/run/resource-agents/Dummy-vip.state")
    cluster.wait_for(lambda: cluster.crm_mon("node1").find("failures/failure") is not None)
    cluster.wait_idle()
    recorder.record(cluster, "resource-failed", "vip's monitor failed once; it was started again, fail count 1")
    cluster.load("primitive broken ocf:heartbeat:Dummy params state=/nonexistent/state op monitor interval=10s")
    cluster.wait_idle()
    recorder.record(cluster, "start-failed", "a resource `broken` failed to start on every node, fail count INFINITY")
    cluster.run("node1", "crm", "configure", "delete", "--force", "broken")
    cluster.run("node1", "crm_resource", "--cleanup")
    cluster.wait_idle()
    cluster.load(STUCK)
    cluster.wait_idle()
    cluster.run("node1", "crm_resource", "--resource", "stuck", "--meta", "-p", "target-role", "-v", "Stopped")
    cluster.wait_idle()
    text = "a resource `stuck` timed out when it was stopped, and without fencing it is blocked, failed and unmanaged"
    recorder.record(cluster, "stop-failed", text)
    cluster.run("node1", "crm_resource", "--cleanup")
    cluster.wait_idle()
    cluster.run("node1", "crm", "configure", "delete", "--force", "stuck")
    for ticket, action in (("fra", "--grant"), ("muc", "--revoke"), ("fra", "--standby")):
        cluster.run("node1", "crm_ticket", "--ticket", ticket, action, "--force")
    cluster.run("node1", "crm_resource", "--move", "--resource", "vip", "--node", "node2")
    role = "--promoted" if cluster.systems[0].pacemaker >= (2, 1) else "--master"
    cluster.run("node1", "crm_resource", "--ban", "--resource", "db-clone", role, "--lifetime", "PT1H")
    cluster.wait_idle()
    recorder.record(cluster, "moved", "vip was moved to node2, db-clone's promoted role banned from node1; two tickets")
    cluster.run("node1", "crm_resource", "--clear", "--resource", "vip")
    cluster.run("node1", "crm_resource", "--clear", "--resource", "db-clone")
    cluster.run("node1", "crm_standby", "-N", "node2", "-v", "on")
    cluster.run("node1", "crm_attribute", "-N", "node3", "-n", "maintenance", "-v", "true")
    cluster.run("node1", "crm_attribute", "-N", "node3", "-l", "reboot", "-n", "#health-disk", "-v", "yellow")
    cluster.run("node1", "crm_attribute", "-n", "node-health-strategy", "-v", "migrate-on-red")
    cluster.wait_idle()
    recorder.record(cluster, "standby", "node2 is in standby, node3 in maintenance and with a yellow health attribute")
    cluster.run("node1", "crm_standby", "-N", "node2", "-D")
    cluster.run("node1", "crm_attribute", "-N", "node3", "-n", "maintenance", "-D")
    cluster.run("node1", "crm_attribute", "-N", "node3", "-l", "reboot", "-n", "#health-disk", "-D")
    cluster.run("node1", "crm_attribute", "-n", "node-health-strategy", "-D")
    cluster.run("node1", "crm_attribute", "-n", "maintenance-mode", "-v", "true")
    cluster.wait_idle()
    recorder.record(cluster, "maintenance-mode", "the whole cluster is in maintenance mode")
    cluster.run("node1", "crm_attribute", "-n", "maintenance-mode", "-D")
    cluster.wait_idle()


def daemons(recorder: Recorder, cluster: Cluster) -> None:
    """Records how Pacemaker and Corosync stop and start on node1."""
    cluster.load(f"{SLOW}\nlocation slow-on-node1 slow inf: node1")
    cluster.wait_for(lambda: cluster.crm_mon("node1").find(".//resource[@id='slow'][@role='Starting']") is not None)
    tools = {**TOOLS, "crm_mon--pending": "crm_mon -1 --output-as=xml --inactive --pending"}
    text = "a resource `slow` is starting on node1; `crm_mon--pending` has the option of this name in addition"
    recorder.record(cluster, "resource-starting", text, tools=tools)
    cluster.wait_idle()
    stop = cluster.popen("node1", ["sh", "-c", "kill $(pidof pacemakerd)"])
    stop.wait(timeout=10)
    time.sleep(2)  # the DC stops the node's resources, which takes `slow` eight seconds
    recorder.record(cluster, "pacemaker-stopping", "Pacemaker is shutting down on node1, waiting for `slow` to stop")
    text = "Pacemaker is shutting down on node1; recorded on node2"
    recorder.record(cluster, "pacemaker-stopping-seen-elsewhere", text, node="node2")
    cluster.stop_pacemaker("node1")
    recorder.record(cluster, "pacemaker-stopped", "Pacemaker is stopped on node1, Corosync runs")
    pacemaker_starting(recorder, cluster)
    cluster.run("node1", "crm", "configure", "delete", "--force", "slow")
    cluster.wait_idle()
    cluster.stop_pacemaker("node1", kill=True)
    cluster.wait_for(lambda: cluster.crm_mon("node2").find("nodes/node[@name='node1'][@online='false']") is not None)
    text = "Pacemaker on node1 was killed, Corosync runs there; recorded on node2"
    recorder.record(cluster, "pacemaker-killed-seen-elsewhere", text, node="node2")
    cluster.start_pacemaker("node1")
    cluster.wait_ready()
    cluster.stop_corosync("node1", kill=True)
    recorder.record(cluster, "corosync-killed", "Corosync on node1 was killed a moment ago, Pacemaker still runs")
    cluster.stop_pacemaker("node1")
    recorder.record(cluster, "corosync-stopped", "neither Corosync nor Pacemaker runs on node1")
    cluster.start_corosync("node1")
    cluster.start_pacemaker("node1")
    cluster.wait_ready()


def pacemaker_starting(recorder: Recorder, cluster: Cluster) -> None:
    """Records the tenth of a second in which pacemakerd responds and the CIB does not."""
    text = "Pacemaker has just been started: the daemon answers, the CIB does not; what runs last may see it answer"
    for _ in range(5):
        cluster.stop_pacemaker("node1")
        cluster.start_pacemaker("node1")
        cluster.run("node1", "sh", "-c", f"until {TOOLS['crm_mon-X']}; do :; done")
        recorder.record(cluster, "pacemaker-starting", text)
        cluster.wait_ready()
        first = recorder.directory / "pacemaker-starting" / f"{next(iter(TOOLS))}.stdout"
        if "<summary>" not in first.read_text(encoding="utf-8"):
            return
    raise LabError("never caught Pacemaker starting")


def fencing(recorder: Recorder, cluster: Cluster) -> None:
    """Records fencing that succeeds, fails, and waits."""
    cluster.load(NULL_FENCING)
    cluster.wait_idle()
    cluster.kill("node3")
    cluster.wait_for(lambda: cluster.crm_mon("node1").find("fence_history/fence_event") is not None)
    cluster.wait_idle()
    recorder.record(cluster, "fenced", "node3's plug is pulled; fencing (stonith:null) succeeded")
    cluster.start_node("node3")
    cluster.wait_ready()
    cluster.run("node1", "crm_attribute", "-n", "stonith-enabled", "-v", "false")
    cluster.run("node1", "crm", "configure", "delete", "--force", "fencing")
    cluster.run("node1", "stonith_admin", "--reboot", "node2", check=False)
    recorder.record(
        cluster, "fencing-failed", "as `fenced`, node3 is back; then fencing of node2 failed because there is no device"
    )
    cluster.load(MEATWARE_FENCING)
    cluster.wait_idle()
    cluster.kill("node3")
    cluster.wait_for(lambda: cluster.crm_mon("node1").find("fence_history/fence_event[@status='pending']") is not None)
    text = "node3's plug is pulled; it is unclean, and fencing waits for a person (stonith:meatware)"
    recorder.record(cluster, "fencing-pending", text)


def planned(recorder: Recorder) -> None:
    """Records what is no problem: the passive site of a geo cluster, and a node that is stopped in an orderly way."""
    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.load(NULL_FENCING)
        cluster.load(TICKETS)
        cluster.run("node1", "crm_ticket", "--ticket", "here", "--revoke", "--force")
        cluster.wait_idle()
        text = "a separate cluster with fencing, without the ticket on which its group and its promoted clone depend"
        recorder.record(cluster, "passive-site", text)
        recorder.record(cluster, "passive-site-seen-there", "the same, recorded on node3", node="node3")
        cluster.stop_pacemaker("node3")
        cluster.stop_corosync("node3")
        cluster.wait_for(lambda: _offline(cluster, "node3"))
        recorder.record(cluster, "node-stopped", "the same cluster; node3 was stopped in an orderly way")
        recorder.record(cluster, "node-stopped-seen-there", "the same, recorded on node3", node="node3")


def no_dc(recorder: Recorder) -> None:
    """Records the first seconds of a cluster, before its first election."""
    with Cluster(Options(nodes=3, rings=2, properties={"stonith-enabled": "false"})) as cluster:
        cluster.wait_quorate("node1")
        cluster.wait_for(lambda: cluster.crm_mon("node1").find("summary/current_dc[@present='false']") is not None)
        text = "a separate cluster that has just started, without resources: quorum, and no designated controller yet"
        recorder.record(cluster, "no-dc", text)


def two_nodes(recorder: Recorder) -> None:
    """Records votequorum's two_node mode."""
    with Cluster(Options(nodes=2, cluster_name="pair")) as cluster:
        cluster.wait_ready()
        recorder.record(cluster, "two-nodes", "a separate cluster: two nodes, one ring, `two_node: 1`, no resources")
        cluster.kill("node2")
        cluster.wait_for(lambda: _offline(cluster, "node2"))
        recorder.record(cluster, "two-nodes-one-lost", "the same, node2's plug is pulled")


def qdevice(recorder: Recorder) -> None:
    """Records a quorum device that responds, and one that is lost, without Pacemaker."""
    tools = {name: command for name, command in TOOLS.items() if name.startswith("corosync")}
    cluster = Cluster(Options(nodes=2, cluster_name="pair"))
    cluster.start(daemons=False)
    try:
        for node in cluster.nodes:
            conf = cluster.path(node, "/etc/corosync") / "corosync.conf"
            conf.write_text(conf.read_text(encoding="ascii").replace("    two_node: 1\n", QDEVICE), encoding="ascii")
        cluster.run("node2", "sh", "-c", QNETD)
        for node in cluster.nodes:
            cluster.start_corosync(node)
            cluster.run(node, "sh", "-c", "mkdir -p /run/corosync-qdevice && corosync-qdevice")

        def shown(flags: str) -> bool:
            output = cluster.run("node1", *TOOLS["corosync-quorumtool-p"].split(), check=False).stdout
            return output.count(flags) == 2

        cluster.wait_for(lambda: shown(" A,V,NMW "), timeout=60)
        text = "a separate cluster: two nodes, one ring, a quorum device (corosync-qnetd on node2), no Pacemaker"
        recorder.record(cluster, "qdevice", text, tools=tools)
        cluster.run("node2", "sh", "-c", "kill $(pidof corosync-qnetd)")
        cluster.wait_for(lambda: not shown(" A,V,NMW "), timeout=60)
        recorder.record(cluster, "qdevice-lost", "the same, corosync-qnetd is stopped", tools=tools)
    finally:
        cluster.stop()


def bundle(recorder: Recorder) -> None:
    """Records a container bundle on hosts whose container runtime does not run."""
    with Cluster(Options(nodes=2, cluster_name="pair")) as cluster:
        cluster.wait_ready()
        cluster.load(BUNDLE)
        cluster.wait_idle()
        text = "a separate cluster: two nodes, no container runtime, and a bundle that is blocked on both"
        recorder.record(cluster, "bundle", text)


def sbd(recorder: Recorder, cluster: Cluster) -> None:
    """Records SBD devices with messages, with other timeouts, and without metadata."""
    (device,) = cluster.sbd_devices(1)
    empty, slow = cluster.disks(2)
    cluster.run("node1", "sbd", "-d", slow, "-1", "15", "-4", "30", "create")
    for node in ("node1", "node2", "node3"):
        cluster.run("node1", "sbd", "-d", device, "allocate", node)
    for node, message in (("node2", "test"), ("node3", "off")):
        cluster.run("node1", "sbd", "-d", device, "message", node, message)
    commands = {
        "dump": f"sbd -d {device} dump",
        "list": f"sbd -d {device} list",
        "dump-own-timeouts": f"sbd -d {slow} dump",
        "list-no-slots": f"sbd -d {slow} list",
        "dump-zeroed": f"sbd -d {empty} dump",
        "list-zeroed": f"sbd -d {empty} list",
        "dump-missing": "sbd -d /dev/disk/by-id/missing dump",
        "list-missing": "sbd -d /dev/disk/by-id/missing list",
        "dump-two-devices": f"sbd -d {device} -d {slow} dump",
    }
    text = "SBD devices: one with messages in the slots of node2 and node3, one with other timeouts, one full of zeros"
    recorder.record(cluster, "sbd", text, tools=commands)
    denied = {f"{name}-not-permitted": commands[name] for name in ("dump", "list")}
    recorder.record(cluster, "sbd", f"{text}; `*-not-permitted` as `nobody`", tools=denied, user="nobody")


def capture(directory: Path) -> None:
    """Records everything, in about four minutes."""
    recorder = Recorder(directory=directory)
    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        links_and_nodes(recorder, cluster)
        resources(recorder, cluster)
        daemons(recorder, cluster)
        fencing(recorder, cluster)
        sbd(recorder, cluster)
    planned(recorder)
    no_dc(recorder)
    two_nodes(recorder)
    qdevice(recorder)
    bundle(recorder)
    recorder.write_readme()


def main() -> int:
    """Runs the command line; the exit status is 1 if a recording fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.capture", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="where to write, usually tests/data/lab")
    arguments = parser.parse_args()
    try:
        capture(arguments.directory)
    except (LabError, OSError) as error:
        print(f"capture: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
