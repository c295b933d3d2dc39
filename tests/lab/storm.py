"""A storm of alerts inside a node, and the gateway's response times during it."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from contextlib import closing

from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]

from gateway.snmp import ber
from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from gateway.snmp.values import Type, VarBind
from tests.lab import namespaces
from tests.lab.cluster import NODE_ENV, Cluster, NodeProcess
from tests.lab.gateways import NodeGateway
from tests.lab.scrape import get
from tests.programs import import_path
from tests.snmpd import COMMUNITY, Snmpd
from tests.snmptrapd import HOST

_V2C = 1
"""The number of SNMPv2c in a message."""

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
    return cluster.popen(
        node,
        [sys.executable, "-c", _SENDER, str(number)],
        env={**NODE_ENV, **import_path()},
        stdin=subprocess.DEVNULL,
    )


class Manager:
    """An SNMPv2c client that sends one GET after the other; starting a program for each would take longer."""

    def __init__(self, cluster: Cluster, node: str, snmpd: Snmpd) -> None:
        self._socket = namespaces.in_network(cluster.init_pid(node), lambda: _connected(snmpd.port))
        self._ids = itertools.count(1)

    def get(self, name: str) -> int:
        """Returns the value of a scalar."""
        variable = VarBind(mib()[name].oid + oids.encode((0,)), Type.NULL)
        pdu = ber.pdu(ber.PduTag.GET_REQUEST, next(self._ids), [variable])
        self._socket.send(ber.sequence(ber.integer(_V2C), ber.octets(COMMUNITY.encode()), pdu))
        answer, _ = decoder.decode(self._socket.recv(65535), asn1Spec=v2c.Message())
        ((_, value),) = v2c.apiPDU.get_varbinds(v2c.apiMessage.get_pdu(answer))
        return int(value)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


def _connected(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((HOST, port))
    return sock


def measure_latency(gateway: NodeGateway, snmpd: Snmpd, sender: NodeProcess) -> tuple[list[float], list[float]]:
    """Sends HTTP and SNMP requests until the storm ends; returns the response times in seconds."""
    http: list[float] = []
    snmp: list[float] = []
    with closing(Manager(gateway.cluster, gateway.node, snmpd)) as manager:
        while sender.poll() is None or not http:
            began = time.monotonic()
            get(gateway.cluster, gateway.node, gateway.port)
            http.append(time.monotonic() - began)
            began = time.monotonic()
            assert manager.get("haClusterNodesConfigured") == len(gateway.cluster.nodes)
            snmp.append(time.monotonic() - began)
    assert sender.returncode == 0
    return http, snmp
