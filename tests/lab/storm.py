"""A storm of alerts inside a node, and the gateway's response times during it."""

from __future__ import annotations

import subprocess
import time
from contextlib import closing

from tests.lab import namespaces
from tests.lab.cluster import Cluster, NodeProcess
from tests.lab.gateways import NodeGateway
from tests.lab.scrape import get
from tests.snmp_manager import Manager, connected
from tests.snmpd import Snmpd

MALFORMED = 10
"""One in this many datagrams is malformed."""

# Some of the nodes exist and some do not: a forged alert is a hint like any other.
_SENDER = f"""
import socket, sys
from gateway.alert_agent import MAGIC, SOCKET, encode_alert
number = int(sys.argv[1])
bad = [b"", b"\\0", MAGIC, MAGIC + b"kind=node\\0", MAGIC + b"kind=reboot\\0node=node2\\0",
       MAGIC + b"kind=node\\0node=\\xff\\0", MAGIC + b"kind=node\\0kind=node\\0node=node2\\0",
       b"ha-cluster-gateway-alert 9\\0kind=node\\0node=node2\\0", MAGIC + b"kind=node\\0node=node2",
       MAGIC + b"x" * 9000]
event = {{"CRM_alert_kind": "node", "CRM_alert_desc": "lost"}}
good = [encode_alert({{**event, "CRM_alert_node": f"node{{n}}"}}) for n in range(50)]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.connect(SOCKET)
for n in range(number):
    sock.send(bad[n // {MALFORMED} % len(bad)] if n % {MALFORMED} == 0 else good[n % len(good)])
"""


def start_storm(cluster: Cluster, node: str, number: int) -> NodeProcess:
    """Starts a program that sends datagrams to the alert socket as fast as possible."""
    return cluster.popen_python(node, "-c", _SENDER, str(number), stdin=subprocess.DEVNULL)


def measure_latency(gateway: NodeGateway, snmpd: Snmpd, sender: NodeProcess) -> tuple[list[float], list[float]]:
    """Sends HTTP and SNMP requests until the storm ends; returns the response times in seconds."""
    http: list[float] = []
    snmp: list[float] = []
    pid = gateway.cluster.init_pid(gateway.node)
    sock = namespaces.in_network(pid, lambda: connected(snmpd.port))
    with closing(Manager(sock)) as manager:
        while sender.poll() is None or not http:
            began = time.monotonic()
            get(gateway.cluster, gateway.node, gateway.port)
            http.append(time.monotonic() - began)
            began = time.monotonic()
            assert manager.value("haClusterNodesConfigured") == len(gateway.cluster.nodes)
            snmp.append(time.monotonic() - began)
    assert sender.returncode == 0
    return http, snmp
