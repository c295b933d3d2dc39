"""A real Corosync and Pacemaker cluster on one machine; each node runs in separate Linux namespaces.

    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        print(cluster.run("node1", "crm_mon", "-1").stdout)

A node is a set of network, mount, UTS, IPC and PID namespaces. Its first process, the node's init, only waits: killing
it is pulling the node's plug, since the kernel then ends every process in the PID namespace. Inside, /run, /dev/shm,
/var/log, /var/lib/pacemaker, /var/lib/corosync, /etc/corosync, /etc/default and /etc/sysconfig are the node's own. The
rings are bridges in one more network namespace, the switch; ring R is the network 10.(61+R).0.0/24 and ethR on each
node. The machine's own network gets no interface, no address and no name.

A node runs the machine's own system, or the tree of another Debian release (`Options.trees`). With a tree it has two
roots, the machine's and the tree's, and all of the directories above in both: commands run in the tree, except Python
with the gateway if the tree's Python is too old for it.

`record` describes how a lab is removed again, even if its owner crashes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from xml.etree import ElementTree as ET

from tests.lab import files, namespaces, record
from tests.lab.base import NODE_ENV, PATIENCE, LabError, Options, tool
from tests.lab.namespaces import NodeProcess
from tests.lab.resources import adapted
from tests.lab.systems import PACKAGES_INSIDE, System, missing_prerequisites, systems
from tests.programs import import_path

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["NODE_ENV", "Cluster", "LabError", "NodeProcess", "Options", "missing_prerequisites"]

PACEMAKER_DAEMONS = (
    "pacemakerd",  # first: it starts the others again
    "pacemaker-based",
    "pacemaker-fenced",
    "pacemaker-execd",
    "pacemaker-attrd",
    "pacemaker-schedulerd",
    "pacemaker-controld",
)
_SECTION = re.IGNORECASE | re.MULTILINE | re.DOTALL
_START_COROSYNC = "corosync && until corosync-cfgtool -s >/dev/null 2>&1; do sleep 0.1; done"
_START_PACEMAKER = "{ setsid pacemakerd </dev/null >/var/log/pacemaker/pacemakerd.out 2>&1 & }"


class Cluster:
    """A cluster in namespaces. A context manager that starts it on entry and stops it on exit.

    The process that starts the cluster owns it: when that process ends, however it ends, the lab is removed. Others
    may `attach` to it and do everything except start it.

    Attributes:
        options: What the lab is made of.
        nodes: The nodes' names, e.g. ("node1", "node2", "node3").
        systems: The nodes' systems, in the same order.
        id: Distinguishes this lab from all others on the machine.
        directory: Where the lab keeps its files.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.nodes = tuple(f"node{number + 1}" for number in range(self.options.nodes))
        self.systems = systems(self.options)
        self.id = secrets.token_hex(3)
        self.directory = record.directory_of(self.id)
        self._reaper: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    @classmethod
    def attach(cls, directory: Path) -> Self:
        """Returns a lab that another process owns, by its directory.

        Raises:
            LabError: There is no such lab.
        """
        try:
            options = json.loads((directory / "lab.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise LabError(f"no lab in {directory}") from error
        cluster = cls(Options(**options))
        cluster.directory = directory
        cluster.id = directory.name.removeprefix(record.PREFIX)
        return cluster

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- the lab

    def start(self, *, daemons: bool = True) -> None:
        """Starts all nodes, with Corosync and Pacemaker unless `daemons` is false; does not wait for a quorum.

        Labs whose owner is dead are removed first.

        Raises:
            LabError: A prerequisite is missing, or something did not start; nothing is left behind.
        """
        reason = missing_prerequisites(self.options)
        if reason is not None:
            raise LabError(reason)
        record.cleanup_stale()
        try:
            self._make_directory()
            self._processes.append(namespaces.hold(self.directory, "switch", namespaces.SWITCH))
            self.wait_for(lambda: namespaces.is_apart(self._pid_file("switch")), what="the switch")
            namespaces.add_bridges(self._pid_file("switch"), self.options.rings)
            self._boot(self.nodes, daemons=daemons)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kills all nodes and removes everything that the lab has created. Idempotent."""
        if self._reaper is not None:
            assert self._reaper.stdin is not None
            self._reaper.stdin.close()  # a normal stop and a crash both end this way
            self._reaper.wait(timeout=2 * PATIENCE)
            self._reaper = None
        record.remove(self.directory)  # does nothing unless the reaper was killed, or belongs to another process
        for process in self._processes:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait(timeout=PATIENCE)
        self._processes.clear()

    # -- one node

    def start_node(self, node: str, *, daemons: bool = True) -> None:
        """Switches a node on again, with Corosync and Pacemaker unless `daemons` is false."""
        if self.is_running(node):
            raise LabError(f"{node} is running")
        self._boot([node], daemons=daemons)

    def change_system(self, node: str, tree: str) -> None:
        """Gives a node that is switched off another system, as an upgrade does; it keeps its own directories."""
        if self.is_running(node):
            raise LabError(f"{node} is running")
        old = self.system(node)
        trees = [str(system.root) for system in self.systems]
        trees[self.nodes.index(node)] = tree
        self.options = replace(self.options, trees=trees)
        self.systems = systems(self.options)
        files.change_system(self.directory / node, old, self.system(node))
        self._write_options()

    def kill(self, node: str) -> None:
        """Kills a node, as if its plug were pulled. All its processes have ended when this returns."""
        self.init_pid(node)
        record.kill(self._pid_file(f"{node}.init"))
        holder = self._pid_file(node)
        self.wait_for(lambda: record.recorded(holder) is None, what=f"the end of {node}")

    def start_corosync(self, node: str) -> None:
        """Starts Corosync; its tools work when this returns."""
        self.run(node, "sh", "-c", _START_COROSYNC)

    def start_pacemaker(self, node: str) -> None:
        """Starts Pacemaker, and does not wait for it."""
        self.run(node, "sh", "-c", _START_PACEMAKER)

    def stop_pacemaker(self, node: str, *, kill: bool = False) -> None:
        """Stops Pacemaker: in order, which stops the node's resources first, or (`kill`) all its daemons at once."""
        if kill:
            namespaces.signal_all(self._pids(node, *PACEMAKER_DAEMONS), signal.SIGKILL)
        else:
            namespaces.signal_all(self._pids(node, "pacemakerd"), signal.SIGTERM)
        self.wait_for(lambda: not self._pids(node, *PACEMAKER_DAEMONS), timeout=60, what="Pacemaker's end")

    def stop_corosync(self, node: str, *, kill: bool = False) -> None:
        """Stops Corosync, in order or with SIGKILL. Pacemaker keeps running without it: stop it as well."""
        namespaces.signal_all(self._pids(node, "corosync"), signal.SIGKILL if kill else signal.SIGTERM)
        self.wait_for(lambda: not self._pids(node, "corosync"), timeout=60, what="Corosync's end")

    def cut(self, node: str, ring: int = 0) -> None:
        """Cuts a node off a ring: its interface goes down."""
        self.run(node, "ip", "link", "set", self._interface(ring), "down")

    def heal(self, node: str, ring: int = 0) -> None:
        """Reverts `cut`."""
        self.run(node, "ip", "link", "set", self._interface(ring), "up")

    def is_running(self, node: str) -> bool:
        """Returns whether a node is switched on."""
        return record.recorded(self._pid_file(f"{self._checked(node)}.init")) is not None

    def running(self) -> list[str]:
        """Returns the nodes that are switched on."""
        return [node for node in self.nodes if self.is_running(node)]

    def address(self, node: str, ring: int = 0) -> str:
        """Returns a node's address in a ring."""
        return files.address(self.nodes.index(self._checked(node)) + 1, ring)

    def path(self, node: str, inside: str) -> Path:
        """Returns the path outside a node of one of its own directories, e.g. "/var/log" or "/etc/default".

        It can be read and written there at any time, also while the node is switched off.
        """
        return self.directory / self._checked(node) / files.own_directories(self.system(node))[inside]

    def system(self, node: str) -> System:
        """Returns the system that a node runs."""
        return self.systems[self.nodes.index(self._checked(node))]

    # -- commands inside a node

    def init_pid(self, node: str) -> int:
        """Returns the process ID, outside the node, of a node's first process.

        Raises:
            LabError: There is no such node, or it is switched off.
        """
        pid = record.recorded(self._pid_file(f"{self._checked(node)}.init"))
        if pid is None:
            raise LabError(f"{node} is switched off")
        return pid

    def nsenter_argv(self, node: str, *, user: str | None = None, outside_tree: bool = False) -> list[str]:
        """Returns the prefix that runs a command inside a node; with `user`, as that user with all its groups.

        With `outside_tree` the command is one of the machine's, although the node runs another system.
        """
        argv = ["nsenter", "-t", str(self.init_pid(node)), *namespaces.OF_A_NODE]
        argv += self.chroot(node) if not outside_tree else ()
        if user is not None:
            argv += ["setpriv", f"--reuid={user}", f"--regid={self.system(node).ids(user)[1]}", "--init-groups"]
        return argv

    def chroot(self, node: str) -> tuple[str, ...]:
        """Returns the prefix with which a process of the machine's, inside a node, runs the node's own commands."""
        return self.system(node).chroot(self.directory / node / "root")

    def popen(
        self,
        node: str,
        argv: Sequence[str | os.PathLike[str]],
        *,
        user: str | None = None,
        env: Mapping[str, str] = NODE_ENV,
        outside_tree: bool = False,
        **options: Any,
    ) -> NodeProcess:
        """Starts a process inside a node, e.g. a gateway; `options` are those of `subprocess.Popen`.

        Its working directory is "/". It ends with the node at the latest, and `stop` waits for it.
        """
        command = [*self.nsenter_argv(node, user=user, outside_tree=outside_tree), *argv]
        process = NodeProcess(command, env=env, start_new_session=True, **options)
        self._processes.append(process)
        return process

    def popen_python(
        self, node: str, *arguments: str | os.PathLike[str], env: Mapping[str, str] = NODE_ENV, **options: Any
    ) -> NodeProcess:
        """Starts Python inside a node, with the gateway that is tested; `options` are those of `popen`.

        It is the interpreter of the node's system, or the machine's if that one is too old.
        """
        system = self.system(node)
        path = {"PYTHONPATH": PACKAGES_INSIDE} if system.runs_gateway and not system.is_machine else import_path()
        argv = [system.python, *arguments]
        return self.popen(node, argv, env={**env, **path}, outside_tree=not system.runs_gateway, **options)

    def run(
        self,
        node: str,
        *argv: str | os.PathLike[str],
        user: str | None = None,
        check: bool = True,
        input: str = "",  # noqa: A002 - the name that subprocess.run gives it
        timeout: float = PATIENCE,
        env: Mapping[str, str] = NODE_ENV,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside a node. Its output is decoded with ``surrogateescape``, so it can be encoded again.

        Raises:
            LabError: The exit status is not 0 and `check` is true; or the node is switched off.
            TimeoutError: It ran longer than `timeout` seconds; it has been killed.
        """
        pipe = subprocess.PIPE
        with self.popen(node, argv, user=user, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            try:
                streams = process.communicate(input.encode(), timeout=timeout)
            except subprocess.TimeoutExpired as error:
                raise TimeoutError(f"{node}: {argv[0]} did not end in {timeout:g} s") from error
            finally:
                process.kill()  # if it is still running
                process.wait()
                self._processes.remove(process)
        output, errors = (stream.decode(errors="surrogateescape") for stream in streams)
        if check and process.returncode != 0:
            message = (errors or output).strip().replace("\n", " | ")
            raise LabError(f"{node}: {' '.join(map(str, argv))}: exit status {process.returncode}: {message}")
        return subprocess.CompletedProcess(argv, process.returncode, output, errors)

    def connect(self, node: str, port: int, *, address: str = "127.0.0.1", timeout: float = 5.0) -> socket.socket:
        """Returns a TCP connection to an address as the node sees it, for use outside the node."""
        return namespaces.connect(self.init_pid(node), (address, port), timeout)

    def load(self, text: str, node: str | None = None) -> None:
        """Loads a configuration, in crmsh's language, into the running cluster (``crm configure load update``).

        It is written for Pacemaker 2.1, and adapted if the oldest one of the cluster is another version.
        """
        text = adapted(text, min(system.pacemaker for system in self.systems))
        self.run(node or self._any_node(), "crm", "--force", "configure", "load", "update", "-", input=text)

    # -- waiting

    def wait_for(
        self, predicate: Callable[[], object], timeout: float = PATIENCE, *, what: str = "a condition"
    ) -> None:
        """Waits until a predicate is true; an OSError or LabError that it raises means "not yet".

        Raises:
            TimeoutError: It was not true within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            reason = ""
            try:
                if predicate():
                    return
            except (OSError, LabError) as error:
                reason = f": {error}"
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:g} s for {what}{reason}")
            time.sleep(0.1)

    def quorate(self, node: str | None = None) -> bool:
        """Returns whether a node is in a partition with quorum, as its Corosync sees it."""
        output = self.run(node or self._any_node(), "corosync-quorumtool", "-s", check=False).stdout
        return any(line.split() == ["Quorate:", "Yes"] for line in output.splitlines())

    def dc(self, node: str | None = None) -> str | None:
        """Returns the name of the designated controller, as a node sees it; None while there is none."""
        controller = self.crm_mon(node).find("summary/current_dc[@present='true']")
        return None if controller is None else controller.get("name")

    def crm_mon(self, node: str | None = None) -> ET.Element:
        """Returns the cluster's status as a node sees it: ``crm_mon -1 --output-as=xml --inactive``."""
        return self._xml(node, "crm_mon", "-1", "--output-as=xml", "--inactive")

    def wait_quorate(self, node: str | None = None, timeout: float = PATIENCE) -> None:
        """Waits until a node (or, if none is named, every running one) is in a partition with quorum."""
        nodes = [node] if node else self.running()
        self.wait_for(lambda: all(self.quorate(name) for name in nodes), timeout, what=f"quorum on {', '.join(nodes)}")

    def wait_dc(self, node: str | None = None, timeout: float = PATIENCE) -> str:
        """Waits until a node knows a designated controller, and returns its name."""
        controller: str | None = None

        def is_elected() -> bool:
            nonlocal controller
            controller = self.dc(node)
            return controller is not None

        self.wait_for(is_elected, timeout, what="a designated controller")
        return str(controller)

    def wait_idle(self, node: str | None = None, timeout: float = PATIENCE) -> None:
        """Waits until a node (or, if none is named, every running one) is online and Pacemaker has nothing left to do.

        It has nothing to do when crm_simulate finds, for half a second, no action that it would take now.
        """
        expected = {node} if node else set(self.running())
        calm_since = time.monotonic()

        def calm() -> bool:
            nonlocal calm_since
            online = {str(one.get("name")) for one in self.crm_mon(node).iterfind("nodes/node[@online='true']")}
            if not expected <= online or self._has_actions(node or self._any_node()):
                calm_since = time.monotonic()
            return time.monotonic() - calm_since > 0.5

        self.wait_for(calm, timeout, what=f"an idle cluster with {', '.join(sorted(expected))}")

    def wait_ready(self, timeout: float = PATIENCE) -> None:
        """Waits until all running nodes have quorum, a designated controller and nothing to do."""
        self.wait_quorate(timeout=timeout)
        self.wait_dc(timeout=timeout)
        self.wait_idle(timeout=timeout)

    # -- disks

    def sbd_devices(self, count: int) -> list[str]:
        """Makes loop devices with SBD's metadata, e.g. ["/dev/loop0"]; they are removed with the lab."""
        devices = self.disks(count)
        for device in devices:
            self.run(self._any_node(), "sbd", "-d", device, "create")
        return devices

    def disks(self, count: int, *, size: int = 4 << 20) -> list[str]:
        """Makes loop devices full of zeros, which all nodes see; they are removed with the lab."""
        directory = self.directory / "disks"
        devices = []
        for _ in range(count):
            path = directory / f"disk{len(list(directory.iterdir()))}"
            with path.open("wb") as file:
                file.truncate(size)
            devices.append(tool("losetup", "-f", "--show", str(path)).strip())
        return devices

    # -- inside

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o755)
        (self.directory / "owner").write_text(record.identity(os.getpid()), encoding="ascii")
        with self._log("reaper").open("wb") as log:  # the log remains only if the lab cannot be removed
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", record.__file__, str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        for name in ("pids", "disks"):
            (self.directory / name).mkdir()
        for node in self.nodes:
            files.make_node_directory(self.directory / node, self.options, self.system(node))
        self._write_options()

    def _write_options(self) -> None:
        (self.directory / "lab.json").write_text(json.dumps(asdict(self.options)), encoding="utf-8")

    def _boot(self, nodes: Sequence[str], *, daemons: bool) -> None:
        for node in nodes:
            (self.directory / node / "booted").unlink(missing_ok=True)
            self._processes.append(namespaces.hold(self.directory, node, namespaces.node_command(node)))
        for node in nodes:
            booted = self.directory / node / "booted"
            self.wait_for(booted.exists, what=f"{node}; see {self._log(node)}")
            addresses = [f"{self.address(node, ring)}/24" for ring in range(self.options.rings)]
            namespaces.plug_in(
                self._pid_file("switch"), self.init_pid(node), f"n{self.nodes.index(node) + 1}", addresses
            )
        if not daemons:
            return
        script = f"{_START_COROSYNC} && {_START_PACEMAKER}"
        processes = []
        for node in nodes:
            with self._log(node).open("ab") as log:  # not a pipe: the daemons may keep it open
                process = self.popen(node, ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            processes.append(process)
        for node, process in zip(nodes, processes, strict=True):
            if process.wait(timeout=PATIENCE) != 0:
                message = self._log(node).read_text(encoding="utf-8", errors="replace").strip().replace("\n", " | ")
                raise LabError(f"{node}: Corosync did not start: {message}")
            self._processes.remove(process)

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _pids(self, node: str, *names: str) -> list[int]:
        return namespaces.processes(self.init_pid(node), names)

    def _pid_file(self, name: str) -> Path:
        return self.directory / "pids" / name

    def _xml(self, node: str | None, *argv: str) -> ET.Element:
        """Returns the XML that a Pacemaker tool prints, even if it fails."""
        done = self.run(node or self._any_node(), *argv, check=False)
        try:
            return ET.fromstring(done.stdout)
        except ET.ParseError as error:
            raise LabError(f"{argv[0]}: no XML, exit status {done.returncode}: {done.stderr.strip()}") from error

    def _has_actions(self, node: str) -> bool:
        """Returns whether a node's Pacemaker would take actions now; its output as XML is new in version 2.1."""
        done = self.run(node, "crm_simulate", "-L", "-S", check=False)
        match = re.search(r"^Executing cluster transition:\n(.*?)^Revised cluster status:$", done.stdout, _SECTION)
        return match is None or bool(match[1].strip())

    def _checked(self, node: str) -> str:
        if node not in self.nodes:
            raise LabError(f"no {node!r} here, only {', '.join(self.nodes)}")
        return node

    def _any_node(self) -> str:
        for node in self.running():
            return node
        raise LabError("no node is running")

    def _interface(self, ring: int) -> str:
        if not 0 <= ring < self.options.rings:
            raise LabError(f"no ring {ring} here, only 0 to {self.options.rings - 1}")
        return f"eth{ring}"
