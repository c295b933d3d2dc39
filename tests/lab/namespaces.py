"""The namespaces that nodes and the switch are made of, the cables between them, and the processes inside."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import record
from tests.lab.base import NODE_ENV, LabError, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OF_A_NODE = ("--mount", "--uts", "--ipc", "--net", "--pid")
SWITCH = ("unshare", "--net", "sleep", "infinity")
CLONE_NEWNET = 0x40000000  # os.CLONE_NEWNET, and os.setns, come with Python 3.12

_HOLD = str(Path(__file__).with_name("hold.sh"))
_INIT = str(Path(__file__).with_name("init.sh"))


class NodeProcess(subprocess.Popen[bytes]):
    """A command inside a node. Signals go to the command, and its exit status is the command's.

    The direct child is nsenter, which waits for the command: only a new process can enter another PID
    namespace.
    """

    def send_signal(self, sig: int) -> None:
        """Sends a signal to the command; does nothing if it has ended."""
        if self.poll() is not None:
            return
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        for pid in map(int, children) if children else [self.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)


def node_command(node: str) -> tuple[str, ...]:
    """Returns the command that makes a node's namespaces and holds them; if it is killed, the kernel kills the init."""
    return ("unshare", *OF_A_NODE, "--fork", "--kill-child", "sh", _HOLD, f"{node}.init", "sh", _INIT, node)


def hold(directory: Path, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts a process that records itself as `name` in a lab's directory and then becomes `command`."""
    with (directory / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            ["sh", _HOLD, name, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**NODE_ENV, "LAB": str(directory)},
            start_new_session=True,
        )


def is_apart(pid_file: Path) -> bool:
    """Returns whether the recorded process has its own network namespace already."""
    pid = record.recorded(pid_file)
    return pid is not None and Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def add_bridges(switch: Path, rings: int) -> None:
    """Makes a bridge for each ring in the switch, a recorded process."""
    _ip(_recorded(switch), *(f"link add br{ring} type bridge\nlink set br{ring} up" for ring in range(rings)))


def plug_in(switch: Path, init: int, port: str, addresses: Sequence[str]) -> None:
    """Connects a node with the bridge of each ring; each end of a cable is created in its own namespace.

    Args:
        switch: The record of the switch.
        init: The node's init.
        port: The prefix of the node's ports on the bridges; the number of the ring follows.
        addresses: The node's address in each ring, with the length of the prefix.
    """
    for ring, address in enumerate(addresses):
        cable = f"link add {port}r{ring} type veth peer name eth{ring} netns {init}"
        _ip(_recorded(switch), cable, f"link set {port}r{ring} master br{ring} up")
        _ip(init, f"addr add {address} dev eth{ring}", f"link set eth{ring} up")


def _recorded(path: Path) -> int:
    pid = record.recorded(path)
    if pid is None:
        raise LabError(f"the {path.name} is not running")
    return pid


def _ip(pid: int, *commands: str) -> None:
    tool("nsenter", "-t", str(pid), "--net", "ip", "-batch", "-", input="\n".join(commands) + "\n")


def processes(init: int, names: Sequence[str]) -> list[int]:
    """Returns the processes with these names in the PID namespace of `init`, in the order of the names."""
    namespace = Path(f"/proc/{init}/ns/pid").readlink()
    matching: list[tuple[int, int]] = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a process that has just ended
            command = (path / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            if Path(command).name in names and (path / "ns/pid").readlink() == namespace:
                matching.append((list(names).index(Path(command).name), int(path.name)))
    return [pid for _, pid in sorted(matching)]


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Sends a signal to processes, some of which may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def connect(init: int, address: tuple[str, int], timeout: float) -> socket.socket:
    """Returns a TCP connection in the network namespace of `init`; a socket stays in the namespace of its creation."""
    return in_network(init, lambda: socket.create_connection(address, timeout))


def in_network(init: int, action: Callable[[], socket.socket]) -> socket.socket:
    """Returns the socket that `action` creates, in the network namespace of `init`."""
    results: list[socket.socket] = []
    failures: list[OSError] = []

    def run() -> None:
        try:
            _set_network(init)
            results.append(action())
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=run)  # setns(2) moves one thread only, and this one ends here
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _set_network(pid: int) -> None:
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
