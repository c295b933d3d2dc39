"""A real snmpd for tests: a process of its own, on a free port, with a configuration and a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.programs import installed
from tests.waiting import wait_until

ARC = "1.3.6.1.4.1.8072.9999.9999.9664"
SYSORTABLE = "1.3.6.1.2.1.1.9"
ENGINE = "1.3.6.1.6.3.10.2.1"
"""A group of snmpd's own; the first that comes after ours in the view."""
COMMUNITY = "public"


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Returns a port of the loopback address that nobody has."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    assert isinstance(port, int)
    return port


class Snmpd:
    """The daemon; a context manager that starts it, and ends it at the end.

    Attributes:
        directory: where all its files are.
        agentx: the path of its AgentX socket.
        port: where it answers, by UDP, on the loopback address.
        process: the daemon; None where there is none.
        log: the path of its log.

    Args:
        directory: an empty one; its path has to be short enough for a unix socket in it.
        tcp: a port on which subagents can connect as well; 0 for none.
        extra: further lines of its configuration.
        view: what the community may see.
        popen: starts the process: somewhere else, perhaps, where the same files are.
        net: what ``/proc/net`` is where that is.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tcp: int = 0,
        extra: Sequence[str] = (),
        view: Sequence[str] = (ARC, SYSORTABLE, ENGINE),
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
        net: Path = Path("/proc/net"),
    ) -> None:
        self._program = installed("snmpd")
        self._popen = popen
        self._net = net
        self.directory = directory
        self.agentx = directory / "agentx"
        self.log = directory / "snmpd.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._config = directory / "snmpd.conf"
        views = (f"view tested included .{subtree}" for subtree in view)
        lines = (
            f"agentAddress udp:127.0.0.1:{self.port}",
            "master agentx",
            f"agentXSocket unix:{self.agentx}" + (f",tcp:127.0.0.1:{tcp}" if tcp else ""),
            *views,
            f"rocommunity {COMMUNITY} 127.0.0.1 -V tested",
            "rwcommunity private 127.0.0.1 -V tested",
            *extra,
        )
        self._config.write_text("".join(f"{line}\n" for line in lines))
        self._environment = {
            **os.environ,
            "SNMP_PERSISTENT_DIR": str(directory / "persistent"),
            "SNMPCONFPATH": str(directory),
            "MIBS": "",
        }

    # --- the process -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it, and waits until it listens: for subagents, and for requests."""
        assert self.process is None
        argv = [self._program, "-f", "-C", "-c", str(self._config), "-Lf", str(self.log), "-r", "-I", "-smux"]
        self.process = self._popen(argv, stdin=subprocess.DEVNULL, env=self._environment)
        wait_until(self._has_started, what="snmpd")

    def _has_started(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return self.is_listening()

    def is_listening(self) -> bool:
        """Returns whether subagents can connect; what it binds last is the UDP port."""
        if f":{self.port:04X} " not in (self._net / "udp").read_text():
            return False
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            return sock.connect_ex(str(self.agentx)) == 0

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it, and returns its exit status; with SIGKILL its socket's file stays behind."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        if number is not signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        return process.wait(20)

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it and starts it."""
        self.stop(number)
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether it runs: it may have ended by itself."""
        return self.process is not None and self.process.poll() is None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Stops the process, as a debugger would, for a while."""
        self.kill(signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.stop(signal.SIGKILL)

    # --- clients -----------------------------------------------------------------------------------------------------

    def command(self, tool: str, *arguments: str, community: str = COMMUNITY, timeout: int = 2) -> list[str]:
        """Returns the command line of one of Net-SNMP's tools: numbers only, no MIBs, no second attempt."""
        options = ["-v2c", "-c", community, "-On", "-Ln", "-m", "", "-r0", f"-t{timeout}"]
        return [installed(tool), *options, f"127.0.0.1:{self.port}", *arguments]

    async def ask(self, tool: str, *arguments: str, community: str = COMMUNITY, timeout: int = 2) -> Answer:
        """Runs one of the tools to its end, while the event loop goes on: a subagent in it has to answer."""
        process = await asyncio.create_subprocess_exec(
            *self.command(tool, *arguments, community=community, timeout=timeout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
        )
        try:
            out, error = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Answer(process.returncode, out.decode().splitlines(), error.decode())

    def get(self, oid: str) -> str:
        """Returns the output of ``snmpget`` for one variable."""
        return subprocess.run(self.command("snmpget", oid), capture_output=True, text=True, check=False).stdout

    def wait_for_snapshot(self, root: str = ARC) -> None:
        """Waits until a manager sees the first snapshot below the root."""
        wait_until(lambda: "demo" in self.get(f"{root}.1.1.1.0"), what="the gateway's first snapshot")


class Answer(NamedTuple):
    """What a tool said: its exit status, a line for each variable, and its complaints."""

    status: int
    lines: list[str]
    error: str
