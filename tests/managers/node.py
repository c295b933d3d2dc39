"""The node that managers poll: the demo in one situation with all subsystems, through snmpd and its built-in agent."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.programs import installed
from tests.prometheus_server import running_demo
from tests.snmpd import ARC, COMMUNITY, Snmpd

CHANGING = (
    "SnapshotAge",
    "Duration",
    "Runs",
    "Requests",
    "Latency",
    "Totem",
    "Written",
    "Read",
    "Downs",
    "TargetState",
)
"""Parts of the names of objects whose values differ from one request to the next."""
_LINE = re.compile(r'^\.([\d.]+) = (?:(?:INTEGER|Gauge32|Counter64): (-?\d+)|(?:STRING: )?"(.*)")$')


def is_stable(name: str) -> bool:
    """Returns whether an object has the same value in each request."""
    return not any(part in name for part in CHANGING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One of the two ways to the objects.

    Attributes:
        name: for people.
        port: the UDP port on the loopback address.
    """

    name: str
    port: int

    def walk(self) -> Mapping[str, int | str]:
        """Returns the numbers and the texts of all objects, by their identifiers."""
        argv = [installed("snmpbulkwalk"), "-v2c", "-c", COMMUNITY, "-On", "-m", "", f"127.0.0.1:{self.port}", ARC]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        matches = filter(None, map(_LINE.match, done.stdout.splitlines()))
        return {match[1]: int(match[2]) if match[2] else match[3] for match in matches}


@contextlib.contextmanager
def running_node(directory: Path, *, trap_port: int) -> Iterator[tuple[Way, Way]]:
    """Runs the demo beside a real snmpd, and yields both ways to it. Its notifications go to a port."""
    agent_port = free_port()
    config = directory / "gateway.conf"
    config.write_text(f'[[alarms.target]]\naddress = "127.0.0.1:{trap_port}"\nversion = "2c"\ncommunity = "public"\n')
    config.chmod(0o600)
    with (
        Snmpd(directory) as snmpd,
        running_demo(
            f"--config={config}",
            f"--snmp.agentx=unix:{snmpd.agentx}",
            agent_port=agent_port,
            program=("tests.managers.complete_demo",),
        ),
    ):
        snmpd.wait_for_snapshot()
        yield Way(name="snmpd", port=snmpd.port), Way(name="built-in agent", port=agent_port)
