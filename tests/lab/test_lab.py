"""The lab does what the other tests rely on, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.lab import record
from tests.lab.base import PATIENCE, LabError, Options
from tests.lab.cluster import Cluster
from tests.lab.files import corosync_conf
from tests.lab.resources import role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.conftest import MakeCluster

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
# A process that owns a lab: prints its directory, then waits.
OWNER = """
import signal
from tests.lab.cluster import Cluster, Options
cluster = Cluster(Options(nodes=2))
cluster.start()
cluster.sbd_devices(1)
print(cluster.directory, flush=True)
signal.pause()
"""


class Traces:
    """What could remain of a lab: recorded while it runs, and searched for when it is gone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.namespaces: set[str] = set()
        for path in (directory / "pids").iterdir():
            self.namespaces |= _namespaces(Path("/proc", str(record.recorded(path))))
        self.namespaces -= _namespaces(Path("/proc/self"))
        # By number and start time: the kernel reuses the numbers of namespaces.
        self.inside = {
            (int(path.name), record.start_time(int(path.name)))
            for path in Path("/proc").glob("[0-9]*")
            if _namespaces(path) & self.namespaces
        }

    def remaining(self) -> list[str]:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        return [
            *([f"directory {self.directory}"] if self.directory.exists() else []),
            *record.loop_devices(self.directory),
            *(line for line in mounts if self.directory.name in line),
            *(f"process {pid}" for pid, start in self.inside if start and record.start_time(pid) == start),
            *self._processes_naming_it(),
        ]

    def _processes_naming_it(self) -> Iterator[str]:
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
                if os.fsencode(self.directory) in text:
                    yield f"process {path.name} {text[:100]!r}"


def _namespaces(process: Path) -> set[str]:
    with contextlib.suppress(OSError):  # a process that ended, or a zombie
        return {str((process / "ns" / kind).readlink()) for kind in ("mnt", "uts", "ipc", "net", "pid")}
    return set()


def eventually(condition: Callable[[], bool], timeout: float = PATIENCE) -> bool:
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def links(cluster: Cluster, node: str = "node1") -> list[str]:
    """The last word of each line of corosync-cfgtool that is about a node: localhost, connected, disconnected."""
    output = cluster.run(node, "corosync-cfgtool", "-s").stdout
    return [line.split()[-1] for line in output.splitlines() if line.strip().startswith("nodeid:")]


def resources(cluster: Cluster, path: str) -> list[ET.Element]:
    return cluster.crm_mon().findall(f"resources/{path}")


@pytest.fixture
def owner(lab: None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def lab_of(owner: subprocess.Popen[str]) -> Path:
    assert owner.stdout is not None
    return Path(owner.stdout.readline().strip())


class TestSharedCluster:
    def test_runs_one_of_everything(self, cluster: Cluster) -> None:
        assert cluster.quorate("node3")
        assert cluster.dc() in cluster.nodes
        assert len(resources(cluster, "resource[@id='vip'][@role='Started']")) == 1
        assert len(resources(cluster, "resource[@id='backup'][@role='Stopped']")) == 1
        assert len(resources(cluster, "group[@id='g-nfs']/resource[@role='Started']")) == 2
        assert len(resources(cluster, "clone[@id='cl-ping']/resource[@role='Started']")) == 3
        promoted, unpromoted = (role(name, cluster.systems[0].pacemaker) for name in ("Promoted", "Unpromoted"))
        assert len(resources(cluster, f"clone[@id='db-clone']/resource[@role='{promoted}']")) == 1
        assert len(resources(cluster, f"clone[@id='db-clone']/resource[@role='{unpromoted}']")) == 2
        assert len(resources(cluster, "clone[@id='cl-storage']/group/resource[@role='Started']")) == 6

    def test_a_cut_link_leaves_the_quorum_alone(self, cluster: Cluster) -> None:
        assert links(cluster).count("connected") == 4
        cluster.cut("node3", 1)
        cluster.wait_for(lambda: links(cluster).count("disconnected") == 1)
        assert cluster.quorate("node3")
        cluster.heal("node3", 1)
        cluster.wait_for(lambda: links(cluster).count("connected") == 4)

    def test_a_node_without_links_has_no_quorum(self, cluster: Cluster) -> None:
        for ring in (0, 1):
            cluster.cut("node3", ring)
        cluster.wait_for(lambda: not cluster.quorate("node3"))
        assert cluster.quorate("node1")
        for ring in (0, 1):
            cluster.heal("node3", ring)
        cluster.wait_ready()

    def test_run_as_another_user(self, cluster: Cluster) -> None:
        refused = cluster.run("node1", "crm_mon", "-1", user="nobody", check=False).returncode
        assert refused == (102 if cluster.systems[0].pacemaker < (2, 1) else 4)
        assert cluster.run("node1", "crm_mon", "-1", user="hacluster").returncode == 0
        assert cluster.run("node1", "id", "-Gn", user="hacluster").stdout.split() == ["haclient"]

    def test_run_says_what_failed(self, cluster: Cluster) -> None:
        with pytest.raises(LabError, match=r"^node1: cat /missing: exit status 1: cat: /missing: No such file"):
            cluster.run("node1", "cat", "/missing")

    def test_run_gives_bytes_back(self, cluster: Cluster) -> None:
        output = cluster.run("node1", "printf", r"\377\r\n").stdout
        assert output.encode(errors="surrogateescape") == b"\xff\r\n"

    def test_run_kills_what_lasts_too_long(self, cluster: Cluster) -> None:
        with pytest.raises(TimeoutError, match=r"^node1: sleep did not end in 0.2 s"):
            cluster.run("node1", "sleep", "4321", timeout=0.2)
        assert "4321" not in cluster.run("node1", "ps", "ax").stdout

    def test_signals_reach_a_process_inside(self, cluster: Cluster) -> None:
        script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
        with cluster.popen("node1", ["sh", "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            assert process.wait(timeout=PATIENCE) == 7

    def test_connect(self, cluster: Cluster) -> None:
        script = (
            "import socket; server = socket.create_server(('127.0.0.1', 8000));"
            "print(flush=True); server.accept()[0].send(b'hello')"
        )
        with cluster.popen_python("node2", "-c", script, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with cluster.connect("node2", 8000) as connection:
                assert connection.recv(5) == b"hello"
            with pytest.raises(ConnectionRefusedError):
                cluster.connect("node1", 8000)

    def test_a_node_has_its_own_files(self, cluster: Cluster) -> None:
        cluster.run("node1", "sh", "-c", "echo SBD_DEVICE=/dev/x >/etc/default/sbd")
        assert (cluster.path("node1", "/etc/default") / "sbd").read_text(encoding="utf-8") == "SBD_DEVICE=/dev/x\n"
        assert "/dev/x" not in cluster.run("node2", "cat", "/etc/default/sbd").stdout
        assert "/dev/x" not in Path("/etc/default/sbd").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("act", "message"),
        [
            (lambda cluster: cluster.run("node9", "true"), "no 'node9' here, only node1, node2, node3"),
            (lambda cluster: cluster.cut("node1", 2), "no ring 2 here, only 0 to 1"),
            (lambda cluster: cluster.start_node("node1"), "node1 is running"),
        ],
    )
    def test_mistakes(self, cluster: Cluster, act: Callable[[Cluster], object], message: str) -> None:
        with pytest.raises(LabError) as raised:
            act(cluster)
        assert str(raised.value) == message


def test_nodes_and_daemons_come_and_go(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(Options(nodes=2, cluster_name="pair"))
    assert "2Node" in cluster.run("node1", "corosync-quorumtool", "-s").stdout
    cluster.kill("node2")
    assert cluster.running() == ["node1"]
    with pytest.raises(LabError, match=r"^node2 is switched off$"):
        cluster.run("node2", "true")
    cluster.wait_for(lambda: links(cluster) == ["localhost", "disconnected"])
    assert cluster.quorate()
    cluster.start_node("node2")
    cluster.wait_ready()
    cluster.stop_pacemaker("node1")
    assert cluster.run("node1", "crm_mon", "-1", check=False).returncode == 102
    cluster.stop_corosync("node1")
    assert cluster.run("node1", "corosync-cfgtool", "-s", check=False).returncode == 1
    cluster.stop_pacemaker("node2", kill=True)
    cluster.stop_corosync("node2", kill=True)
    for node in cluster.nodes:
        cluster.start_corosync(node)
        cluster.start_pacemaker(node)
    cluster.wait_ready()


def test_disks(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(Options(nodes=1), daemons=False)
    (device,) = cluster.sbd_devices(1)
    (empty,) = cluster.disks(1, size=1 << 20)
    assert "Timeout (msgwait)  : 10" in cluster.run("node1", "sbd", "-d", device, "dump").stdout
    assert cluster.run("node1", "sbd", "-d", empty, "dump", check=False).returncode == 1
    assert record.loop_devices(cluster.directory) == sorted([device, empty])


def test_nothing_is_left_after_stop(make_cluster: MakeCluster) -> None:
    network = subprocess.run(["ip", "-br", "address"], check=True, capture_output=True).stdout
    cluster = make_cluster(Options(nodes=2, rings=2), ready=False)
    cluster.sbd_devices(1)
    cluster.popen("node1", ["sleep", "infinity"])
    traces = Traces(cluster.directory)
    assert len(traces.namespaces) == 11  # five of each node, and the switch's network
    assert len(traces.inside) > 7
    assert subprocess.run(["ip", "-br", "address"], check=True, capture_output=True).stdout == network
    cluster.stop()
    assert traces.remaining() == []
    cluster.stop()


def test_a_lab_that_cannot_start_leaves_nothing(lab: None) -> None:
    cluster = Cluster(Options(nodes=1, token=-1))
    with pytest.raises(LabError, match=r"^node1: Corosync did not start: .*totem.token"):
        cluster.start()
    assert not cluster.directory.exists()


def test_nothing_is_left_after_the_owner_is_killed(owner: subprocess.Popen[str]) -> None:
    traces = Traces(lab_of(owner))
    assert traces.remaining() != []
    owner.kill()
    assert eventually(lambda: traces.remaining() == []), traces.remaining()


def test_stale_labs_are_removed(owner: subprocess.Popen[str], cluster: Cluster) -> None:
    directory = lab_of(owner)
    traces = Traces(directory)
    reaper = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text(encoding="ascii").split()[0]
    assert "record.py" in Path(f"/proc/{reaper}/cmdline").read_text(encoding="utf-8")
    os.kill(int(reaper), signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert traces.remaining() != []
    assert directory.name.removeprefix(record.PREFIX) in record.cleanup_stale()
    assert eventually(lambda: traces.remaining() == []), traces.remaining()
    assert cluster.quorate()  # a lab whose owner lives stays


def test_a_lab_that_is_just_being_made_is_not_removed() -> None:
    """Another process may look while the owner has created the record, but not written it yet."""
    directory = record.directory_of(f"made-{os.getpid()}")
    owner = directory / "owner"
    directory.mkdir()
    try:
        record.cleanup_stale()
        owner.touch()
        record.cleanup_stale()
        assert owner.exists()
        owner.write_text(f"{os.getpid()} 1", encoding="ascii")
        record.cleanup_stale()
        assert not directory.exists()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_a_record_of_another_process_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "record"
    with subprocess.Popen(["sleep", "60"]) as process:
        path.write_text(record.identity(process.pid), encoding="ascii")
        assert record.recorded(path) == process.pid
        path.write_text(f"{process.pid} 1", encoding="ascii")
        assert not record.kill(path)
        assert process.poll() is None
        path.write_text(record.identity(process.pid), encoding="ascii")
        assert record.kill(path)
        assert process.wait(timeout=PATIENCE) == -signal.SIGKILL
        assert not record.kill(path)


def test_command_line(lab: None) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "tests.lab", *arguments]
        return subprocess.run(argv, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)

    started = command("start", "--nodes=2", "--rings=1", "--empty")
    assert (started.returncode, started.stderr) == (0, "")
    named = f"--lab={started.stdout.split()[1].rstrip(':')}"
    try:
        status = command(named, "status").stdout
        assert "node1  ring 0 10.61.0.1 up, quorate\n" in status
        assert "2 nodes configured" in status
        assert command(named, "exec", "node2", "--", "hostname").stdout == "node2\n"
        assert command(named, "exec", "node2", "--", "sh", "-c", "exit 3").returncode == 3
        assert command(named, "cut", "node2").returncode == 0
        assert "node2  ring 0 10.61.0.2 cut, " in command(named, "status").stdout
        assert command(named, "heal", "node2").returncode == 0
        assert command(named, "kill", "node2").returncode == 0
        assert "node2  off\n" in command(named, "status").stdout
        assert command(named, "boot", "node2").returncode == 0
        wrong = command(named, "kill", "node3")
        assert (wrong.returncode, wrong.stderr) == (1, "lab: no 'node3' here, only node1, node2\n")
    finally:
        stopped = command(named, "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert "no lab in" in command(named, "status").stderr


def test_command_line_without_root(lab: None) -> None:
    script = (
        "import os, sys; from tests.lab.__main__ import main; os.seteuid(65534); status = main(['status'])\n"
        "os.seteuid(0); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (2, "lab: the lab needs root\n")


@pytest.mark.parametrize("options", [{"nodes": 0}, {"nodes": 17}, {"rings": 0}, {"rings": 9}])
def test_impossible_labs(options: dict[str, int]) -> None:
    with pytest.raises(LabError, match=r"^a lab has 1 to (16 nodes|8 rings), not"):
        Options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(nodes=2), "two_node: 1"),
        (Options(nodes=2, two_node=False), "two_node: 0"),
        (Options(nodes=3), "two_node: 0"),
        (Options(rings=2), "        ring1_addr: 10.62.0.3\n        name: node3\n        nodeid: 3\n"),
    ],
)
def test_corosync_conf(options: Options, expected: str) -> None:
    assert expected in corosync_conf(options)
