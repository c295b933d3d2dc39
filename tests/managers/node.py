"""The nodes that managers poll: the demo, in one situation with all subsystems and in those of its time line.

The first one is polled through snmpd and its built-in agent, the others through their built-in agents.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from tests.ports import free_port
from tests.programs import installed
from tests.prometheus_server import running_demo
from tests.snmpd import ARC, COMMUNITY, Snmpd
from tests.waiting import wait_until

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
class Situation:
    """A situation of the demo.

    Attributes:
        name: its name on the time line.
        files: the files of the recipe for Nagios that apply to its host.
        conditions: the conditions that raise alarms there, apart from disabled fencing.
    """

    name: str
    files: tuple[str, ...]
    conditions: frozenset[str] = frozenset()


COMPLETE = Situation(name="complete", files=("commands.cfg", "qdevices.cfg", "arbitrators.cfg", "booth.cfg"))
SITUATIONS: Sequence[Situation] = (
    Situation(
        name="arbitrator-lost",
        files=("commands.cfg", "qdevices.cfg"),
        conditions=frozenset({"qdevice-lost", "qdevice-no-vote", "votes-missing"}),
    ),
    Situation(
        name="arbitrator-one-left",
        files=("arbitrators.cfg",),
        conditions=frozenset({"qnetd-last-node", "qnetd-node-missing"}),
    ),
    Situation(
        name="geo-conflict",
        files=("commands.cfg", "booth.cfg"),
        conditions=frozenset({"booth-ticket-conflict"}),
    ),
    Situation(
        name="remote-unreachable",
        files=("commands.cfg",),
        conditions=frozenset({"remote-unreachable", "resource-failed", "failed-action"}),
    ),
    Situation(name="remote-node", files=("remotes.cfg",)),
)
"""Those of quorum devices, arbitrators, booth and remote nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to the objects of a node.

    Attributes:
        name: for people.
        port: the UDP port on the loopback address.
        situation: the situation of the node.
    """

    name: str
    port: int
    situation: Situation

    @property
    def host(self) -> str:
        """The name as that of a host."""
        return self.name.replace(" ", "-")

    def walk(self) -> Mapping[str, int | str]:
        """Returns the numbers and the texts of all objects, by their identifiers."""
        argv = [installed("snmpbulkwalk"), "-v2c", "-c", COMMUNITY, "-On", "-m", "", f"127.0.0.1:{self.port}", ARC]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        matches = filter(None, map(_LINE.match, done.stdout.splitlines()))
        return {match[1]: int(match[2]) if match[2] else match[3] for match in matches}

    def column(self, name: str) -> Sequence[int | str]:
        """Returns the values of an object, in the order of its rows."""
        prefix = f"{oids.dotted(mib()[name].oid)}."
        return [value for oid, value in self.walk().items() if oid.startswith(prefix)]

    def wait_for_alarms(self) -> None:
        """Waits until there is a snapshot, and the alarms of the situation are active: until then, values change."""
        wait_until(self._has_alarms, seconds=180, what=f"the alarms of {self.name}")

    def _has_alarms(self) -> bool:
        try:
            conditions = self.column("haClusterAlarmCondition")
            return bool(self.column("haClusterSnapshotAge")) and self.situation.conditions <= set(conditions)
        except subprocess.CalledProcessError:  # it does not answer yet
            return False


@contextlib.contextmanager
def running_nodes(directory: Path, *, trap_port: int) -> Iterator[Sequence[Way]]:
    """Runs the demo in all situations, and yields the ways to them. Their notifications go to a port."""
    config = directory / "gateway.conf"
    config.write_text(f'[[alarms.target]]\naddress = "127.0.0.1:{trap_port}"\nversion = "2c"\ncommunity = "public"\n')
    config.chmod(0o600)
    with contextlib.ExitStack() as stack:
        snmpd = stack.enter_context(Snmpd(directory))
        ways = [Way(name="snmpd", port=snmpd.port, situation=COMPLETE)]
        for situation in (COMPLETE, *SITUATIONS):
            agentx = f"unix:{snmpd.agentx}" if situation is COMPLETE else "off"
            ways.append(stack.enter_context(_running_node(situation, config, agentx)))
        for way in ways:
            way.wait_for_alarms()
        yield ways


@contextlib.contextmanager
def _running_node(situation: Situation, config: Path, agentx: str) -> Iterator[Way]:
    port = free_port()
    program = ("tests.managers.demo", situation.name)
    with running_demo(f"--config={config}", f"--snmp.agentx={agentx}", agent_port=port, program=program):
        name = "built-in agent" if situation is COMPLETE else situation.name
        yield Way(name=name, port=port, situation=situation)
