"""Measures the delay of a lost quorum to Alertmanager: ``python -m tests.lab.alertmanager``. Needs root.

A node is cut off and healed again and again. The gateway on it notifies a real Alertmanager and, as the reference, a
receiver of SNMP traps; three other targets are down. The delay is that of Alertmanager's response to the alert after
the arrival of the trap, both timed by the kernel on the node's loopback interface.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.alertmanager import Alertmanager
from tests.lab import namespaces
from tests.lab.alarms import NODE, percentile, separate_processor
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.receivers import (
    LOST,
    PORT,
    USER,
    NotificationDecoder,
    loopback_socket,
    notifications,
    target,
    trapd,
)
from tests.snmptrapd import COMMUNITY

LIMIT = 0.05
"""Seconds after the SNMP notification, at the 99th percentile."""

_ALERTMANAGER_PORT = 19093
_ALERT = "HaClusterQuorumLost"
_TCP, _UDP = 6, 17

_TARGETS = """
[[alarms.target]]
kind = "alertmanager"
url = ["http://192.0.2.1:9093", "{url}", "http://127.0.0.1:1"]

[[alarms.target]]
address = "192.0.2.1:162"
version = "2c"
community = "{community}"
"""
"""Before and after Alertmanager, three targets that are down: nothing answers, nothing listens, no acknowledgement."""


class Segment(NamedTuple):
    """The content of a packet on the loopback interface, with the kernel's time stamp in Unix seconds."""

    time: float
    protocol: int
    source: int
    destination: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Testbed:
    """A node with the gateway, Alertmanager, and a receiver of traps."""

    cluster: Cluster
    alertmanager: Alertmanager
    gateway: NodeGateway
    capture: socket.socket


@contextmanager
def run_testbed(cluster: Cluster, directory: Path) -> Iterator[Testbed]:
    """Starts everything; both receivers have received the first notification."""
    init = cluster.init_pid(NODE)
    alertmanager = Alertmanager(
        directory / "alertmanager",
        port=_ALERTMANAGER_PORT,
        popen=partial(cluster.popen, NODE),
        connect=partial(namespaces.connect, init),
    )
    capture = namespaces.in_network(init, loopback_socket)
    with alertmanager, trapd(cluster, NODE, directory / "trapd", port=PORT) as receiver:
        targets = target(PORT, "trap") + _TARGETS.format(url=alertmanager.url, community=COMMUNITY)
        # a long interval: only events cause notifications, not the next evaluation
        config = configuration(directory, alarms="interval = 60", targets=targets)
        with NodeGateway(cluster, NODE, config) as gateway, separate_processor(cluster):
            gateway.once("quorum watched")
            cluster.wait_for(partial(notifications, receiver), what="the first notification")
            cluster.wait_for(alertmanager.names, what="the first alert")
            yield Testbed(cluster=cluster, alertmanager=alertmanager, gateway=gateway, capture=capture)
    capture.close()


def cut_and_heal(testbed: Testbed) -> float:
    """Cuts the node off, heals it, and returns the seconds from the trap to Alertmanager's response."""
    cluster, alertmanager = testbed.cluster, testbed.alertmanager
    for _ in _captured(testbed.capture):
        pass
    cluster.cut(NODE)
    cluster.wait_for(partial(alertmanager.alerts, alertname=_ALERT), 60, what=_ALERT)
    delay = _delay(list(_captured(testbed.capture)))
    cluster.heal(NODE)
    cluster.wait_for(lambda: not alertmanager.alerts(alertname=_ALERT), 60, what=f"the end of {_ALERT}")
    cluster.wait_for(lambda: len(testbed.gateway.alarms()) == 1, 60, what="the end of all alarms")
    return delay


def _delay(segments: Sequence[Segment]) -> float:
    decoder = NotificationDecoder(USER)
    datagrams = (segment for segment in segments if (segment.protocol, segment.destination) == (_UDP, PORT))
    decoded = ((segment, decoder.notification(segment.data)) for segment in datagrams)
    trap = next(segment for segment, received in decoded if received is not None and received.notification == LOST)
    tcp = [segment for segment in segments if segment.protocol == _TCP]
    posted = next(
        segment
        for segment in tcp
        if segment.destination == _ALERTMANAGER_PORT
        and segment.time >= trap.time - 1
        and _ALERT.encode() in segment.data
    )
    response = next(
        segment
        for segment in tcp
        if (segment.source, segment.destination) == (_ALERTMANAGER_PORT, posted.source)
        and segment.time >= posted.time
        and segment.data.startswith(b"HTTP/1.1 200")
    )
    return response.time - trap.time


def _captured(capture: socket.socket) -> Iterator[Segment]:
    """Yields what has arrived since the last call."""
    while True:
        try:
            packet, ancillary, _, address = capture.recvmsg(65535, socket.CMSG_SPACE(16))
        except BlockingIOError:
            return
        if address[2] != socket.PACKET_HOST or packet[9] not in {_TCP, _UDP}:
            continue
        ((_, _, stamp),) = ancillary
        seconds, nanoseconds = struct.unpack("qq", stamp)
        header = (packet[0] & 15) * 4
        source, destination = struct.unpack_from("!HH", packet, header)
        start = header + (8 if packet[9] == _UDP else (packet[header + 12] >> 4) * 4)
        yield Segment(seconds + nanoseconds / 1e9, packet[9], source, destination, packet[start:])


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cuts and prints the delays; exit status 1 if the 99th percentile exceeds the limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.alertmanager", description=__doc__)
    parser.add_argument("--cuts", type=int, default=20, help="the number of cuts (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if reason := missing_prerequisites():
        print(f"alertmanager: {reason}", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="alertmanager-") as directory,
        Cluster(Options(nodes=3)) as cluster,
    ):
        cluster.wait_ready()
        with run_testbed(cluster, Path(directory)) as testbed:
            delays = []
            for _ in range(arguments.cuts):
                delays.append(cut_and_heal(testbed))
                print(f"{1000 * delays[-1]:.1f} ms after the trap", flush=True)
    p99 = percentile(delays, 99)
    print(
        f"{len(delays)} cuts, ms after the trap: median {1000 * statistics.median(delays):.1f}, "
        f"p99 {1000 * p99:.1f}, max {1000 * max(delays):.1f}; limit {1000 * LIMIT:g}"
    )
    return 1 if p99 > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
