"""``make fleet``: what a fleet of clusters costs a real Prometheus server, with the rules, at two scrape intervals.

One process serves a gateway for each node of the clusters, which ``/sd`` lists. One Prometheus server for each interval
scrapes all of them at the same time. The costs are those of Prometheus: the gateways replay recorded outputs, so theirs
are not those of a node. See docs/fleet.md.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fleet.clusters import NODES, Cluster
from tests.fleet.measurements import Cost, Reading, read, take_snapshot
from tests.ports import free_port
from tests.programs import ROOT, installed
from tests.prometheus_server import query, running_prometheus
from tests.waiting import wait_until

INTERVALS = (15, 60)
"""The scrape intervals in seconds."""
SIZES = (10, 100, 1000)
"""Numbers of clusters for which the costs are extrapolated."""
_RETENTION = 15
"""Days that Prometheus keeps samples by default."""
_SETTLE = 90
"""Seconds to the first scrape of every target, and more."""

_CONFIGURATION = """\
global: {{scrape_interval: {interval}s, evaluation_interval: {interval}s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: ha-cluster
    http_sd_configs:
{discoveries}
    relabel_configs:
      - {{source_labels: [__meta_ha_cluster_name], target_label: cluster}}
      - {{source_labels: [__meta_ha_cluster_node], target_label: instance}}
"""
_DISCOVERY = "      - {{url: 'http://{address}:{port}/sd', refresh_interval: 30s}}"


def configuration(interval: int, clusters: int, port: int) -> str:
    """Returns the configuration of Prometheus, which knows two nodes of each cluster."""
    addresses = [Cluster(number=number).address(node) for number in range(1, clusters + 1) for node in (1, 2)]
    return _CONFIGURATION.format(
        interval=interval,
        rules=ROOT / "rules" / "ha-cluster.yml",
        discoveries="\n".join(_DISCOVERY.format(address=address, port=port) for address in addresses),
    )


@contextlib.contextmanager
def running_clusters(clusters: int, *, troubled: int) -> Iterator[int]:
    """Runs the gateways, and yields their port."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.fleet.clusters", f"--clusters={clusters}", f"--port={port}"]
    with subprocess.Popen([*argv, f"--troubled={troubled}"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SystemExit("the gateways have not started")
            yield port
        finally:
            process.terminate()


class Server:
    """A Prometheus server that scrapes the fleet.

    Args:
        interval: its scrape interval in seconds.
        clusters: how many clusters it scrapes.
        port: its port.
        folder: the directory with its files.
    """

    def __init__(self, interval: int, clusters: int, port: int, folder: Path) -> None:
        self.interval = interval
        self._clusters = clusters
        self._port = port
        self._folder = folder
        self._empty = read(port)
        self._first: Reading = self._empty

    def wait_for_targets(self) -> None:
        """Waits until every node is scraped."""
        expected = self._clusters * NODES

        def count() -> float:
            results = query(self._port, 'sum(up{job="ha-cluster"})')
            return float(results[0]["value"][1]) if results else 0.0

        wait_until(lambda: count() == expected, seconds=_SETTLE + 2 * self.interval, what=f"{expected} targets")

    def start_measurement(self) -> None:
        """Remembers the metrics of the server, which are compared with those at the end."""
        self._first = read(self._port)

    def measure(self) -> Cost:
        """Returns the costs since the start of the measurement."""
        self.wait_for_targets()
        last = read(self._port)
        return Cost(
            interval=self.interval,
            clusters=self._clusters,
            empty=self._empty,
            first=self._first,
            last=last,
            block=take_snapshot(self._port, self._folder / "data"),
        )


def run(clusters: int, minutes: float, *, troubled: int) -> Sequence[Cost]:
    """Runs the simulation, and returns the costs at each interval."""
    with tempfile.TemporaryDirectory(prefix="fleet") as directory, contextlib.ExitStack() as stack:
        port = stack.enter_context(running_clusters(clusters, troubled=troubled))
        servers = []
        for interval in INTERVALS:
            folder = Path(directory, str(interval))
            folder.mkdir()
            text = configuration(interval, clusters, port)
            own_port = stack.enter_context(running_prometheus(text, folder, "--web.enable-admin-api"))
            servers.append(Server(interval, clusters, own_port, folder))
        for server in servers:
            server.wait_for_targets()
        for server in servers:
            server.start_measurement()
        time.sleep(minutes * 60)
        return [server.measure() for server in servers]


def report(costs: Sequence[Cost], minutes: float) -> Iterator[str]:
    """Yields the lines of the result: what was measured, and what follows for other numbers of clusters."""
    first = costs[0]
    version = subprocess.run([installed("prometheus"), "--version"], capture_output=True, text=True, check=True)
    yield f"{version.stdout.split(' (')[0]}, Python {platform.python_version()}"
    yield f"{first.clusters} clusters, {first.clusters * NODES} gateways, {minutes:g} minutes"
    yield ""
    yield f"{'per cluster':42}" + "".join(f"{cost.interval:>10} s" for cost in costs)
    for row in zip(*(cost.rows() for cost in costs), strict=True):
        yield f"{row[0][0]:42}" + "".join(f"{value:>12}" for _, value in row)
    yield ""
    yield f"extrapolated in proportion{'':16}" + "".join(f"{size:>12,}" for size in SIZES)
    for cost in costs:
        yield from _extrapolate(cost)


def _extrapolate(cost: Cost) -> Iterator[str]:
    empty = cost.empty.values["process_resident_memory_bytes"]
    values = {
        "series": [f"{cost.series * size:,.0f}" for size in SIZES],
        "samples per second": [f"{cost.samples_per_second * size:,.0f}" for size in SIZES],
        "GB on disk per day": [f"{cost.bytes_per_day * size / 1e9:,.2f}" for size in SIZES],
        f"GB on disk, {_RETENTION} days": [f"{cost.bytes_per_day * size * _RETENTION / 1e9:,.1f}" for size in SIZES],
        "GB of memory": [f"{(empty + cost.memory * size) / 1e9:,.1f}" for size in SIZES],
        "processors": [f"{cost.processor_time * size:,.2f}" for size in SIZES],
    }
    for what, texts in values.items():
        yield f"{cost.interval:>3} s  {what:36}" + "".join(f"{text:>12}" for text in texts)


def main() -> int:
    """Runs the simulation, and prints its result."""
    parser = argparse.ArgumentParser(prog="make fleet", description=__doc__)
    parser.add_argument("--clusters", type=int, default=34, help="Clusters of three nodes, at most 254. (default: 34)")
    parser.add_argument("--minutes", type=float, default=60.0, help="How long to measure. (default: 60)")
    parser.add_argument(
        "--troubled",
        type=int,
        default=0,
        help="Clusters that go through the demo's failures all the time. (default: 0)",
    )
    arguments = parser.parse_args()
    costs = run(arguments.clusters, arguments.minutes, troubled=arguments.troubled)
    for line in report(costs, arguments.minutes):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
