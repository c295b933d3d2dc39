"""The peers of the SNMP part of the benchmark: the gateway, and three others with the same variables.

All are behind one snmpd, each below its own root.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import peers
from tests.bench.native import MissingError, built
from tests.bench.peers import ENVIRONMENT, Program
from tests.snmpd import ARC, Snmpd

COLUMNS = tuple(f"1.3.1.1.{column}" for column in range(4, 12))
"""Eight columns of haClusterResourceTable, each with a value in every row, by their names below the root."""

_FOLDER = Path(__file__).parent
_PLAYPEN = ARC.rpartition(".")[0]
_DEBIAN_PYTHON = "/usr/bin/python3"
"""The Python that Debian's packages are installed for."""

_VARIABLE = re.compile(r'\.(?P<name>[\d.]+) = (?:INTEGER: (?P<number>\d+)|STRING: "(?P<text>.*)"|"")')


@dataclass(frozen=True, slots=True)
class Peer:
    """A subagent or script behind snmpd.

    Attributes:
        name: the name in the report.
        root: the root of its variables.
    """

    name: str
    root: str

    @property
    def columns(self) -> list[str]:
        return [f"{self.root}.{column}" for column in COLUMNS]


# A walk ends with the first variable of the next peer, which all but pyagentx find fast; so pyagentx comes first.
PYAGENTX = Peer("pyagentx", f"{_PLAYPEN}.9663")
GATEWAY = Peer("gateway", ARC)
C_SUBAGENT = Peer("C subagent", f"{_PLAYPEN}.9665")
PASS_PERSIST = Peer("pass_persist", f"{_PLAYPEN}.9666")
PEERS = (PYAGENTX, GATEWAY, C_SUBAGENT, PASS_PERSIST)


@contextmanager
def gateway(snmpd: Snmpd, flags: Sequence[str], *, max_age: float) -> Iterator[Program]:
    """Runs the gateway, and waits until it responds.

    Args:
        snmpd: its master agent.
        flags: the flags that name its tools.
        max_age: the age in seconds from which a request starts a collection.
    """
    own = (f"--snmp.agentx=unix:{snmpd.agentx}", f"--snmp.max-age={max_age}")
    off = ("--collector.sbd=off", "--collector.drbd=off")
    with peers.running((*peers.GATEWAY, *flags, *own, *off)) as program:
        _wait_for_response(snmpd, GATEWAY)
        yield program


@contextmanager
def pyagentx(snmpd: Snmpd, data: Path) -> Iterator[None]:
    """Runs a subagent on Debian's pyagentx.

    Raises:
        MissingError: it is not installed.
    """
    result = subprocess.run([_DEBIAN_PYTHON, "-c", "import pyagentx"], capture_output=True, check=False)
    if result.returncode:
        raise MissingError("there is no pyagentx (Debian: python3-pyagentx, which comes with pcs-snmp)")
    argv = [_DEBIAN_PYTHON, str(_FOLDER / "debian_pyagentx.py")]
    with _subagent(argv, snmpd, PYAGENTX, data):
        yield


@contextmanager
def c_subagent(snmpd: Snmpd, data: Path) -> Iterator[None]:
    """Builds and runs a subagent on libnetsnmp.

    Raises:
        MissingError: it cannot be built.
    """
    program = built("snmp_subagent", snmpd.directory, "netsnmpagent", "netsnmp")
    with _subagent([str(program)], snmpd, C_SUBAGENT, data):
        yield


@contextmanager
def pass_persist(snmpd: Snmpd, data: Path) -> Iterator[None]:
    """Sends the first request, on which snmpd starts the script."""
    del data  # snmpd's configuration names it
    _wait_for_response(snmpd, PASS_PERSIST)
    yield


def pass_persist_line(data: Path) -> str:
    """Returns the line of snmpd's configuration for the script."""
    root = PASS_PERSIST.root
    return f"pass_persist .{root} {sys.executable} {_FOLDER / 'pass_persist.py'} {root} {data}"


OTHERS: Mapping[Peer, Callable[[Snmpd, Path], AbstractContextManager[None]]] = {
    PYAGENTX: pyagentx,
    C_SUBAGENT: c_subagent,
    PASS_PERSIST: pass_persist,
}
"""The context managers that run the other peers, given snmpd and the file of ``dump``."""


@contextmanager
def _subagent(argv: Sequence[str], snmpd: Snmpd, peer: Peer, data: Path) -> Iterator[None]:
    """Runs a subagent, and waits until it responds."""
    quiet = subprocess.DEVNULL
    command = [*argv, str(snmpd.agentx), peer.root, str(data)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for_response(snmpd, peer)
            yield
        finally:
            process.terminate()


def _wait_for_response(snmpd: Snmpd, peer: Peer) -> None:
    """Returns once there is something in the last column.

    Raises:
        TimeoutError: there is no response within 30 seconds.
    """
    column = peer.columns[-1]
    deadline = time.monotonic() + 30
    while not _run_tool(snmpd, "snmpgetnext", column).startswith(f".{column}."):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{peer.name} does not respond through snmpd: {snmpd.log.read_text(errors='replace')}")
        time.sleep(0.05)


def dump(snmpd: Snmpd, path: Path) -> int:
    """Writes the gateway's variables into a file for the others, and returns how many rows they make.

    Each line is a variable's name below the root, its type as ``pass_persist`` calls it, and its value.
    """
    lines = []
    for column in GATEWAY.columns:
        for line in _run_tool(snmpd, "snmpbulkwalk", column).splitlines():
            match = _VARIABLE.fullmatch(line)
            if match is None:
                raise ValueError(f"expected an integer or a string, found {line!r}")
            name = match["name"].removeprefix(f"{ARC}.")
            value = f"integer {match['number']}" if match["number"] else f"string {match['text'] or ''}"
            lines.append(f"{name} {value}\n")
    path.write_text("".join(lines))
    return len(lines) // len(COLUMNS)


def _run_tool(snmpd: Snmpd, tool: str, name: str) -> str:
    result = subprocess.run(snmpd.command(tool, name), capture_output=True, text=True, env=ENVIRONMENT, check=False)
    return result.stdout
