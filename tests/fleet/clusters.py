"""Many clusters in one process: a complete gateway for each node, on loopback addresses of their own.

Each gateway serves the outputs of the demo cluster, in which the names of the cluster and its nodes are replaced, so
that every cluster has its own. Its nodes have addresses in ``corosync.conf``, which ``/sd`` lists.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
from dataclasses import dataclass, replace

from gateway import log
from gateway.alarms.sources.recorded_quorum import quorum_of_step
from gateway.app.serve import serve
from gateway.config.config import Config
from gateway.config.loader import load
from gateway.host.host import CommandResult
from gateway.host.replay import DEMO, Recording, ReplayHost
from gateway.runtime import event_loop

NODES = 3
"""Nodes of each cluster."""

_HEALTHY = "healthy"
_CLUSTER_NAME = re.compile(rb"\bcluster_name: demo\b")
_NODE_NAME = re.compile(rb"\bnode(?=[1-3]\b)")
_CONFIGURED_NODE = re.compile(rb"name: node([1-3])\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """One of the clusters.

    Attributes:
        number: from 1 to 254.
    """

    number: int

    @property
    def name(self) -> str:
        """Its name."""
        return f"cluster{self.number:03}"

    def address(self, node: int) -> str:
        """Returns the address of a node, from 1 to 3."""
        return f"127.100.{self.number}.{node}"

    def rename(self, output: bytes) -> bytes:
        """Returns the output of a tool of the demo cluster as that of this cluster."""
        output = _CONFIGURED_NODE.sub(self._with_address, output)
        output = _CLUSTER_NAME.sub(b"cluster_name: " + self.name.encode(), output)
        return _NODE_NAME.sub(self.name.encode() + b"-node", output)

    def _with_address(self, match: re.Match[bytes]) -> bytes:
        address = self.address(int(match[1])).encode()
        return match[0] + b"        ring0_addr: " + address + b"\n"


class FleetHost(ReplayHost):
    """A node of one of the clusters.

    Args:
        recording: the outputs of the demo cluster.
        cluster: the cluster of the node.
    """

    def __init__(self, recording: Recording, cluster: Cluster) -> None:
        super().__init__(recording, quorum=quorum_of_step)
        self._cluster = cluster

    @property
    def hostname(self) -> str:
        """The name of the node that was recorded, as that of this cluster."""
        return self._cluster.rename(super().hostname.encode()).decode()

    async def run(self, tool: str, *arguments: str) -> CommandResult:
        """Returns what the command printed, as that of this cluster."""
        result = await super().run(tool, *arguments)
        return replace(result, stdout=self._cluster.rename(result.stdout))

    def read_file(self, path: str) -> bytes | None:
        """Returns the content of the file, as that of this cluster."""
        content = super().read_file(path)
        return None if content is None else self._cluster.rename(content)


def gateway_config(address: str, port: int) -> Config:
    """Returns the configuration of a gateway, with targets by address and without SNMP."""
    defaults = {
        "web.listen": [f"{address}:{port}"],
        "web.discovery_host": "link0",
        "snmp.agentx": "off",
        "alarms.socket": "",
        "log.level": "error",
    }
    return load(None, {}, defaults=defaults, search=False)


async def serve_clusters(clusters: int, port: int, *, troubled: int) -> None:
    """Serves until SIGTERM or SIGINT, and prints one line as soon as all gateways listen.

    Args:
        clusters: how many there are.
        port: the port of every gateway.
        troubled: how many clusters go through the failures of the demo, again and again; the others stay healthy.
    """
    timeline = Recording.load(DEMO)
    healthy = replace(timeline, steps=tuple(step for step in timeline.steps if step.situation == _HEALTHY))
    gateways = []
    for cluster in (Cluster(number=number) for number in range(1, clusters + 1)):
        recording = timeline if cluster.number <= troubled else healthy
        for node in range(1, NODES + 1):
            started = asyncio.Event()
            config = gateway_config(cluster.address(node), port)
            gateways.append(asyncio.create_task(_serve_node(config, FleetHost(recording, cluster), started)))
            waiting = asyncio.ensure_future(started.wait())
            await asyncio.wait([gateways[-1], waiting], return_when=asyncio.FIRST_COMPLETED)
            if gateways[-1].done():
                gateways[-1].result()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):  # instead of each gateway, of which only the last would be stopped
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("ready", flush=True)
    await event_loop.wait_for_stop(stop)
    for gateway in gateways:
        gateway.cancel()
    await asyncio.gather(*gateways, return_exceptions=True)


async def _serve_node(config: Config, host: FleetHost, started: asyncio.Event) -> None:
    await serve(config, host, read_config=lambda _: config, announce=lambda _: started.set())


def main() -> None:
    """Runs the clusters."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet.clusters", description=__doc__)
    parser.add_argument("--clusters", type=int, required=True, help="How many, at most 254.")
    parser.add_argument("--port", type=int, required=True, help="The port of every gateway.")
    parser.add_argument("--troubled", type=int, default=0, help="How many go through the failures of the demo.")
    arguments = parser.parse_args()
    log.configure(level=log.LogLevel.ERROR, log_format=log.LogFormat.LOGFMT)
    event_loop.run(serve_clusters(arguments.clusters, arguments.port, troubled=arguments.troubled))


if __name__ == "__main__":
    main()
