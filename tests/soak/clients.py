"""The clients of a soak: scrapes, walks and alerts, and what is wrong with the answers."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from gateway.alert_agent import encode_alert
from gateway.subsystems import SUBSYSTEMS
from tests.programs import installed

USER = "soak"
PASSWORD = "a password of the soak"

_REPETITIONS = 10
"""Variables of each request of a walk."""
_FEWEST_VARIABLES = 300
"""Variables of a walk while a collector fails."""

_OWN = re.compile(r"ha_cluster_gateway_|process_|python_|ha_cluster_scrape_duration")
"""Families whose values change by themselves."""
_LABELLED_BY_OTHERS = re.compile(r"ha_cluster_corosync_(knet_|rings)")
"""Families with labels from another command, which are missing if that command fails."""
_LINE = re.compile(r"^(\w+)(\{.*\})? (\S+)$", re.MULTILINE)

_COLLECTOR_OF_PREFIX = {subsystem.name: f"ha_cluster_{subsystem.name}_" for subsystem in SUBSYSTEMS}


class Page:
    """A metrics page.

    Args:
        text: its text.
    """

    def __init__(self, text: str) -> None:
        self._lines = {f"{name}{labels}": value for name, labels, value in _LINE.findall(text) if not _OWN.match(name)}

    def problems(self, reference: Page, *, failing: str) -> Sequence[str]:
        """Returns what differs from the page of the healthy cluster, unless the collector that fails explains it."""
        prefix = _COLLECTOR_OF_PREFIX.get(failing, "nothing")
        success = f'ha_cluster_scrape_success{{collector="{failing}"}}'
        expected = {
            line: value for line, value in reference._lines.items() if line != success and not line.startswith(prefix)
        }
        problems = [
            f"{line} is {self._lines.get(line)}, expected {value}"
            for line, value in expected.items()
            if self._lines.get(line) != value
        ]
        for line, value in self._lines.items():  # what a failing collector still shows must be true
            known = reference._lines.get(line)
            if line.startswith(prefix) and value != known and not _LABELLED_BY_OTHERS.match(line):
                problems.append(f"{line} is {value}, which nothing shows")
        if failing and self._lines.get(success) != "0":
            problems.append(f"{success} is {self._lines.get(success)}, expected 0")
        return problems


async def scrape(session: aiohttp.ClientSession, address: str) -> str:
    """Returns the text of a page."""
    async with session.get(f"http://{address}/metrics") as response:
        text = await response.text()
    if response.status != 200:
        raise RuntimeError(f"status {response.status}: {text[:200]}")
    return text


class Walker:
    """Walks through the MIB with Net-SNMP's snmpbulkwalk.

    Args:
        port: the port of the agent on the loopback address.
        root: the identifier below which it walks.
        directory: a directory for Net-SNMP's state.

    Attributes:
        port: as above.
        requests: the requests that it has sent, at least.
    """

    def __init__(self, port: int, root: str, directory: Path) -> None:
        self.requests = 0
        self.port = port
        self._root = root
        state = directory / "net-snmp"
        (state / "cert_indexes").mkdir(parents=True)  # snmpbulkwalk would report that it creates them
        self._environment = {"SNMP_PERSISTENT_DIR": str(state), "SNMPCONFPATH": "/nonexistent"}

    async def walk(self, *, version: str) -> Sequence[str]:
        """Walks once, and returns what is wrong; snmpbulkwalk also verifies the order."""
        user = ("-u", USER, "-l", "authPriv", "-a", "SHA-256", "-A", PASSWORD, "-x", "AES", "-X", PASSWORD)
        security = ("-v3", *user) if version == "3" else ("-v2c", "-c", "public")
        process = await asyncio.create_subprocess_exec(
            installed("snmpbulkwalk"),
            *("-On", "-m", "", "-t", "10", "-r", "1", f"-Cr{_REPETITIONS}", *security),
            *(f"127.0.0.1:{self.port}", self._root),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        output, errors = await process.communicate()
        if process.returncode or errors:
            return [f"snmpbulkwalk -v{version}: {process.returncode}: {errors.decode(errors='replace')}"]
        variables = output.count(b"\n.") + 1
        self.requests += -(-variables // _REPETITIONS)
        return [] if variables >= _FEWEST_VARIABLES else [f"snmpbulkwalk -v{version}: {variables} variables"]


def send_alerts(path: Path) -> None:
    """Sends alerts about two nodes, as the alert agent does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        for node in ("node1", "node2"):
            event = {"CRM_alert_kind": "node", "CRM_alert_node": node, "CRM_alert_desc": "member"}
            sock.send(encode_alert(event))
