"""``python -m tests.lab.guest``: what the gateway costs the node that it runs on, and its Corosync.

It prints Corosync's statistics of the token while the gateway is scraped without a pause, with and without a lower
priority of the tools, and without the gateway; then the processor time of a scrape with all tools, beside
``ha_cluster_exporter``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.bench.peers import ENVIRONMENT, only_child
from tests.lab.cluster import Cluster, Options
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.resources import DEMO_RESOURCES
from tests.lab.scrape import get

NODE = "node1"
PEER_PORT = 9665
ROUNDS = 3
SECONDS = 10.0
SCRAPES = 60
SCRAPES_A_DAY = 24 * 60 * 60 // 15
_AT_ONCE = 2
_STATISTICS = ("mtt_rx_token", "avg_token_workload")
_RETRANSMITS = "lists of retransmits in the log"


def statistics(cluster: Cluster) -> Mapping[str, float]:
    """Returns the numbers in Corosync's statistics of Totem on the node."""
    lines = cluster.run(NODE, "corosync-cmapctl", "-m", "stats").stdout.splitlines()
    values = {}
    for line in lines:
        key, _, value = line.partition(" = ")
        name = key.split(" ")[0].removeprefix("stats.")
        if name.startswith("srp."):
            with suppress(ValueError):
                values[name] = float(value)
    log = (cluster.path(NODE, "/var/log") / "cluster/corosync.log").read_text("utf-8")
    return {**values, _RETRANSMITS: log.count("Retransmit List")}


def storm(cluster: Cluster, port: int) -> int:
    """Scrapes without a pause, twice at once, and returns the number of scrapes."""
    end, counts = time.monotonic() + SECONDS, [0] * _AT_ONCE

    def scrape(number: int) -> None:
        while time.monotonic() < end:
            get(cluster, NODE, port)
            counts[number] += 1

    threads = [threading.Thread(target=scrape, args=(number,)) for number in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def print_token(cluster: Cluster, what: str, before: Mapping[str, float], scrapes: int) -> None:
    """Prints what has become of the token since earlier statistics."""
    after = statistics(cluster)
    gauges = ", ".join(f"{name} {after[f'srp.{name}']:g}" for name in _STATISTICS)
    changed = {
        name: after[name] - before[name]
        for name in after
        if ("lost" in name or name == _RETRANSMITS) and after[name] != before.get(name)
    }
    print(f"{what}: {scrapes} scrapes in {SECONDS:g} s, {gauges}, tokens lost or retransmits: {changed or 'none'}")


@contextmanager
def gateway(cluster: Cluster, directory: Path, *, nice: int = 0) -> Iterator[NodeGateway]:
    config = configuration(directory)
    config.write_text(config.read_text() + f"\n[tools]\nnice = {nice}\n")
    with NodeGateway(cluster, NODE, config) as running:
        yield running


def processor_seconds(pid: int) -> float:
    """Returns the processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cost(cluster: Cluster, port: int, pid: int) -> float:
    """Returns the seconds of processor time of a scrape, with the tools that it runs."""
    get(cluster, NODE, port)
    before = processor_seconds(pid)
    for _ in range(SCRAPES):
        get(cluster, NODE, port)
    return (processor_seconds(pid) - before) / SCRAPES


def measure_storms(cluster: Cluster, directory: Path) -> None:
    """Prints the statistics of the token three times each, in turn: the machine may do something else as well."""
    for _ in range(ROUNDS):
        before = statistics(cluster)
        time.sleep(SECONDS)
        print_token(cluster, "without the gateway", before, 0)
        for nice in (0, 10):
            with gateway(cluster, directory, nice=nice) as running:
                before = statistics(cluster)
                print_token(cluster, f"tools.nice = {nice}", before, storm(cluster, running.port))


def measure_cost(cluster: Cluster, directory: Path) -> None:
    with ExitStack() as stack:
        running = stack.enter_context(gateway(cluster, directory))
        pids = {"gateway": (running.port, only_child(running.process.pid))}
        if shutil.which("ha_cluster_exporter"):
            argv = ["ha_cluster_exporter", f"--web.listen-address=127.0.0.1:{PEER_PORT}"]
            quiet = subprocess.DEVNULL
            peer = stack.enter_context(cluster.popen(NODE, argv, env=ENVIRONMENT, stdout=quiet, stderr=quiet))
            stack.callback(peer.terminate)
            cluster.wait_for(lambda: b"ha_cluster" in _page(cluster), what="the exporter")
            pids["exporter"] = (PEER_PORT, only_child(peer.pid))
        for name, (port, pid) in pids.items():
            seconds = cost(cluster, port, pid)
            print(f"{name}: {1000 * seconds:.1f} ms of processor time a scrape, {SCRAPES_A_DAY * seconds:.0f} s a day")
        idle = processor_seconds(pids["gateway"][1])
        time.sleep(30)
        spent = processor_seconds(pids["gateway"][1]) - idle
        print(f"gateway without scrapes, with a collection every 15 s: {spent / 30 * 86400:.0f} s a day")


def _page(cluster: Cluster) -> bytes:
    try:
        return get(cluster, NODE, PEER_PORT).encode()
    except OSError:
        return b""


def main() -> None:
    """Measures, and prints."""
    with tempfile.TemporaryDirectory() as directory, Cluster(Options(rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        measure_storms(cluster, Path(directory))
        measure_cost(cluster, Path(directory))


if __name__ == "__main__":
    main()
