"""Programs for tests: the tools of a fake cluster, and the gateway as a subprocess."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from types import ModuleType
from typing import Self

import pytest

import gateway as package
from gateway.host.replay import DEMO, Recording
from gateway.subsystems import SUBSYSTEMS

ROOT = Path(__file__).resolve().parents[1]
"""The source tree."""
PACKAGES = Path(package.__file__).resolve().parents[1]
"""The directory from which the tests import the gateway: ``site-packages`` if it is installed, else the tree."""

CRM_MON = "crm_mon -1 --output-as=xml --inactive"
CIBADMIN = "cibadmin --query --local --scope constraints"
QUORUMTOOL = "corosync-quorumtool -p"
CFGTOOL = "corosync-cfgtool -s"
CMAPCTL = "corosync-cmapctl -m stats"
COROSYNC = "corosync -v"
SBD_DUMP = "sbd -d /dev/loop0 dump"
SBD_LIST = "sbd -d /dev/loop0 list"
DRBDSETUP = "drbdsetup status --json"

COLLECTORS = ("pacemaker", "corosync", "sbd", "drbd")
"""The collectors of the subsystems that are set up in a fake cluster; it has no quorum device, and is no arbitrator."""


def installed(name: str) -> str:
    """Returns the path of a program. If it is missing, the test is skipped, or fails if the variable CI is set."""
    path = shutil.which(name)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{name} is not installed")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def load_script(path: Path) -> ModuleType:
    """Runs a script and returns it as a module, without adding it to ``sys.modules``."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL_NAMES = [tool.name for subsystem in SUBSYSTEMS for tool in subsystem.tools]


_STOPPED = {
    CRM_MON: (102, "crm_mon: Connection to cluster failed: Connection refused"),
    CIBADMIN: (102, "Could not connect to the CIB: Transport endpoint is not connected"),
    QUORUMTOOL: (1, "Cannot initialize CMAP service"),
    CFGTOOL: (1, "Could not initialize corosync configuration API error 2"),
    CMAPCTL: (1, "Failed to initialize the cmap API. Error CS_ERR_LIBRARY"),
}
"""How the tools end while no daemon runs: exit status and message."""


class FakeCluster:
    """A directory with scripts that print the output of the demo's healthy cluster; a test can change each of them.

    Attributes:
        config: a configuration with which the gateway runs only these scripts.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._bodies: dict[str, dict[str, str]] = {tool: {} for tool in TOOL_NAMES}
        recording = Recording.load(DEMO)
        step = recording.steps[0]
        for (tool, *arguments), name in recording.commands.items():
            if (printed := recording.read(step, f"{name}.stdout")) is not None:
                (directory / name).write_bytes(printed)
                self._bodies[tool][" ".join(arguments)] = f"exec cat {quote(str(directory / name))}"
        for name, path in (("corosync.conf", "corosync.conf"), ("sbd.conf", "sbd.conf")):
            (directory / path).write_bytes(recording.read(step, name) or b"")
        (directory / "splitbrain").mkdir()
        self._healthy = {tool: dict(bodies) for tool, bodies in self._bodies.items()}
        for tool in TOOL_NAMES:
            self._write(tool)
        self.config = directory / "cluster.conf"
        self.config.write_text(self._config())

    def path(self, tool: str) -> Path:
        """Returns the path of a tool's script."""
        return self.directory / "bin" / tool

    def does(self, command: str, body: str) -> None:
        """Replaces the script of a command by a shell script."""
        tool, _, arguments = command.partition(" ")
        self._bodies[tool][arguments] = body
        self._write(tool)

    def prints(self, command: str, output: bytes) -> None:
        """Replaces the output of a command."""
        path = self.directory / f"output of {command.replace('/', '_')}"
        path.write_bytes(output)
        self.does(command, f"exec cat {quote(str(path))}")

    def stop_daemons(self) -> None:
        """Lets the tools report that neither Corosync nor Pacemaker runs on this node."""
        for command, (status, message) in _STOPPED.items():
            self.does(command, f"echo {quote(message)} >&2; exit {status}")

    def restore(self) -> None:
        """Restores the output of the healthy cluster."""
        for tool, bodies in self._healthy.items():
            if bodies != self._bodies[tool]:
                self._bodies[tool] = dict(bodies)
                self._write(tool)

    def rewrite(self) -> None:
        """Restores the healthy cluster, and every script, whatever a test has done to the file."""
        self.restore()
        for tool in TOOL_NAMES:
            self._write(tool)

    def printed(self, command: str) -> bytes:
        """Returns the output of a command in the healthy cluster."""
        recording = Recording.load(DEMO)
        tool, *arguments = command.split()
        printed = recording.read(recording.steps[0], f"{recording.commands[tool, *arguments]}.stdout")
        assert printed
        return printed

    def _write(self, tool: str) -> None:
        path = self.path(tool)
        path.parent.mkdir(exist_ok=True)
        if not self._bodies[tool]:  # a tool that the host does not have
            path.unlink(missing_ok=True)
            return
        cases = "".join(f"{quote(arguments)}) {body};;\n" for arguments, body in self._bodies[tool].items())
        new = path.with_name(f"{tool}.new")  # a program that runs may not be written to
        new.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "unrecognized option: $*" >&2; exit 64;;\nesac\n')
        new.chmod(0o755)
        new.replace(path)

    def _config(self) -> str:
        tools = "".join(f"[tools.{tool}]\npath = {json.dumps(str(self.path(tool)))}\n" for tool in TOOL_NAMES)
        return (
            f"[corosync]\nconfig = {json.dumps(str(self.directory / 'corosync.conf'))}\nstatistics = true\n"
            # the tests do not use the snmpd of this machine
            f'[snmp]\nagentx = "off"\n[alarms]\nsocket = ""\n'
            f"[sbd]\nconfig = {json.dumps(str(self.directory / 'sbd.conf'))}\n"
            f"[drbd]\nsplit_brain_directory = {json.dumps(str(self.directory / 'splitbrain'))}\n{tools}"
        )


def import_path() -> Mapping[str, str]:
    """Returns the variables with which a subprocess imports the same gateway as the tests: none if it is installed."""
    return {"PYTHONPATH": str(ROOT)} if PACKAGES == ROOT else {}


def without_coverage() -> Mapping[str, str]:
    """Returns the environment of a subprocess whose coverage is not measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def environment() -> Mapping[str, str]:
    """Returns the environment of a gateway that runs as a subprocess."""
    return {**os.environ, **import_path(), "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": "1"}


def gateway(*arguments: str | Path, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs the gateway until it exits."""
    argv = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd, env=environment()
    )


def get(address: str, path: str = "/metrics") -> str:
    """Returns a page.

    Raises:
        ConnectionError: nothing listens on this address.
    """
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


class Gateway:
    """A gateway that serves; a context manager that ends it.

    Attributes:
        lines: its log until now.
        address: the address that it listens on.

    Args:
        arguments: its command line.
        cwd: its working directory.
        prefix: a command that sets up an environment and then becomes the gateway, such as ``unshare --uts``.
    """

    def __init__(self, *arguments: str | Path, cwd: Path, prefix: Sequence[str] = ()) -> None:
        argv = [*prefix, sys.executable, "-m", "gateway", *map(str, arguments)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment())
        self.lines: list[str] = []
        self._queue: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            match = re.search(r'listen"?[=:] ?"?([^\s",]+)', self.wait_for("started"))
            assert match
        except BaseException:
            self.__exit__()
            raise
        self.address = match[1]

    def wait_for(self, text: str, timeout: float = 60) -> str:
        """Waits for the next line of the log that contains the text, and returns it."""
        while True:
            line = self._queue.get(timeout=timeout)
            assert line, f"exited without logging {text!r}: {''.join(self.lines)}"
            if text in line:
                return line

    def wait_for_logged(self, text: str) -> str:
        """Returns the first line of the log that contains the text; waits for it if necessary."""
        return next((line for line in self.lines if text in line), "") or self.wait_for(text)

    def get(self, path: str = "/metrics") -> str:
        """Returns a page."""
        return get(self.address, path)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 60) -> int:
        """Sends a signal and returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put("")


def check_result(output: str, subject: str) -> tuple[str, str]:
    """Returns the line that ``check`` printed about a subject, and its advice, once for its subsystem."""
    lines = output.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line[6:].startswith(f"{subject}: ")]
    subsystem = lines[at].partition(": ")[0]
    after = next((line for line in lines[at + 1 :] if not line.startswith(f"{subsystem}: ")), "")
    return lines[at], after.strip() if after.startswith("      ") else ""
