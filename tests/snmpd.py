"""Runs a real snmpd for a test, on a free port, with its own configuration and directory."""

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

from tests.ports import free_port
from tests.programs import installed
from tests.waiting import wait_until

ARC = "1.3.6.1.4.1.8072.9999.9999.9664"
SYSORTABLE = "1.3.6.1.2.1.1.9"
ENGINE = "1.3.6.1.6.3.10.2.1"
"""A group of snmpd itself; the first one after the gateway's in the view."""
COMMUNITY = "public"


class Snmpd:
    """The daemon; a context manager that starts and stops it.

    Attributes:
        directory: the directory of its files.
        agentx: the path of its AgentX socket.
        port: its UDP port on the loopback address.
        process: the daemon, or None.
        log: the path of its log.

    Args:
        directory: an empty directory; its path must be short enough for a unix socket in it.
        tcp: an additional TCP port for subagents, or 0.
        extra: additional lines of its configuration.
        view: the subtrees that the community may read.
        popen: starts the process, for example in other namespaces.
        net: the ``/proc/net`` of these namespaces.
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
        """Starts it, and waits until it accepts subagents and requests."""
        assert self.process is None
        argv = [self._program, "-f", "-C", "-c", str(self._config), "-Lf", str(self.log), "-r", "-I", "-smux"]
        self.process = self._popen(argv, stdin=subprocess.DEVNULL, env=self._environment)
        wait_until(self._has_started, what="snmpd")

    def _has_started(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        return self.is_listening()

    def is_listening(self) -> bool:
        """Returns whether subagents can connect; it binds the UDP port last."""
        if f":{self.port:04X} " not in (self._net / "udp").read_text():
            return False
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
            return sock.connect_ex(str(self.agentx)) == 0

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stops it, and returns its exit status; after SIGKILL the file of its socket remains."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(number)
        if number is not signal.SIGKILL:
            process.send_signal(signal.SIGCONT)
        return process.wait(20)

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops it and starts it again."""
        self.stop(number)
        self.start()

    @property
    def is_running(self) -> bool:
        """Whether it runs; it may have exited by itself."""
        return self.process is not None and self.process.poll() is None

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Suspends the process, as a debugger would."""
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

    def command(
        self, tool: str, *arguments: str, community: str = COMMUNITY, timeout: int = 2, port: int = 0
    ) -> list[str]:
        """Returns the command line of one of Net-SNMP's tools, with numeric output, without MIBs and retries."""
        options = ["-v2c", "-c", community, "-On", "-Ln", "-m", "", "-r0", f"-t{timeout}"]
        return [installed(tool), *options, f"127.0.0.1:{port or self.port}", *arguments]

    async def ask(
        self, tool: str, *arguments: str, community: str = COMMUNITY, timeout: int = 2, port: int = 0
    ) -> ToolResult:
        """Runs one of the tools while the event loop goes on, so that a subagent in it can respond.

        With a port, another agent is asked.
        """
        process = await asyncio.create_subprocess_exec(
            *self.command(tool, *arguments, community=community, timeout=timeout, port=port),
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
        return ToolResult(process.returncode, out.decode().splitlines(), error.decode())

    def get(self, oid: str) -> str:
        """Returns the output of ``snmpget`` for one variable."""
        return subprocess.run(self.command("snmpget", oid), capture_output=True, text=True, check=False).stdout

    def wait_for_snapshot(self, root: str = ARC) -> None:
        """Waits until a manager sees the first snapshot below the root."""
        wait_until(lambda: "demo" in self.get(f"{root}.1.1.1.0"), what="the gateway's first snapshot")


class ToolResult(NamedTuple):
    """The exit status of a tool, a line for each variable, and its error output."""

    status: int
    lines: list[str]
    error: str
