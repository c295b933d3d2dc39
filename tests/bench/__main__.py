"""``make bench``: the gateway, ha_cluster_exporter and other SNMP subagents in one run, as ratios.

Needs root and the packages of tests/packages.txt. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from tests.bench import snmp
from tests.bench.peers import (
    ENVIRONMENT,
    GATEWAY,
    NOWHERE,
    PEER,
    Program,
    measure,
    only_child,
    running,
    wait_until_listening,
)
from tests.bench.replay import replayed
from tests.bench.report import Result, time_ratio
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.resources import DEMO_RESOURCES

NODE = "node1"
BARE_TOOLS = (
    "crm_mon -1 -X --inactive",
    "cibadmin --query --local --scope constraints",
    "corosync-quorumtool -p",
    "corosync-cfgtool -s",
)
ONLY_SBD = (f"--crm-mon-path={NOWHERE}", f"--corosync-cfgtoolpath-path={NOWHERE}", f"--drbdsetup-path={NOWHERE}")
TURNS = {0: 20, 240: 20, 2_400: 4, 24_000: 1}
"""Scrapes in one round by the number of instances: small clusters are scraped more often."""


def small_cluster(scrapes: int) -> list[Result]:
    """(a) and (e): three nodes, two links, the usual resources."""
    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        without_statistics = (*GATEWAY, "--no-corosync.statistics")
        with (
            in_node(cluster, PEER, 9664) as peer,
            in_node(cluster, GATEWAY, 9665) as ours,
            in_node(cluster, without_statistics, 9666) as lean,
        ):
            with BareTools(cluster) as bare:
                measure([peer, ours, bare, lean], scrapes)
            return [
                time_ratio("(a) three-node cluster, scrape, to the exporter", ours.wall, peer.wall, 0.50),
                time_ratio(
                    "(a) processor time of all processes, to the exporter",
                    ours.total_processor,
                    peer.total_processor,
                    0.45,
                ),
                time_ratio("(a) three-node cluster, scrape, to the four bare tools", ours.wall, bare.wall, 1.15),
                time_ratio("(a) with statistics, to a scrape without", ours.wall, lean.wall, 1.05),
                Result("(e) three-node cluster, resident megabytes", ours.resident, 70, f": {peer.resident:.0f} MB"),
            ]


@contextmanager
def in_node(cluster: Cluster, argv: tuple[str, ...], port: int) -> Iterator[Program]:
    """Runs an exporter inside a node of the lab."""
    quiet = subprocess.DEVNULL
    command = [*argv, f"--web.listen-address=127.0.0.1:{port}"]
    connect = partial(cluster.connect, NODE)
    with cluster.popen(NODE, command, env=ENVIRONMENT, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until_listening(connect, port)
            yield Program(pid=only_child(process.pid), port=port, connect=connect)
        finally:
            process.terminate()


class BareTools:
    """The four tools alone, started together by a shell in the node: the lower bound for a scrape."""

    def __init__(self, cluster: Cluster) -> None:
        together = " ".join(f"{command} >/dev/null &" for command in BARE_TOOLS)
        self._shell = cluster.popen(
            NODE,
            ["sh", "-c", f"while read -r line; do {together} wait; echo; done"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait()

    def scrape(self) -> None:
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        started = time.perf_counter()
        self._shell.stdin.write(b"\n")
        self._shell.stdin.flush()
        self._shell.stdout.readline()
        self.seconds.append(time.perf_counter() - started)

    def reset(self) -> None:
        self.seconds.clear()

    @property
    def wall(self) -> float:
        return statistics.median(self.seconds)


def large_cluster(scrapes: int, directory: Path) -> list[Result]:
    """(b): 2,400 instances on 32 nodes, the tools' outputs replayed by cat."""
    return [
        *_large_cluster(scrapes, directory, "2,400 instances", changing=False),
        *_large_cluster(scrapes, directory, "the same, each output parsed", changing=True),
    ]


def _large_cluster(scrapes: int, directory: Path, what: str, *, changing: bool) -> Iterator[Result]:
    paths = replayed(directory, 2_400, changing=changing)
    ours_argv = (*GATEWAY, *paths, "--collector.sbd=off", "--collector.drbd=off")
    peer_argv = (*PEER, *paths, f"--sbd-path={NOWHERE}", f"--drbdsetup-path={NOWHERE}")
    with running(peer_argv) as peer, running(ours_argv) as ours:
        measure([peer, ours], scrapes)
        yield time_ratio(f"(b) {what}, own processor time", ours.processor, peer.processor, 0.40)
        yield time_ratio(f"(b) {what}, scrape", ours.wall, peer.wall, 0.60)


def sbd_devices(scrapes: int, directory: Path) -> list[Result]:
    """(c): only three SBD devices."""
    with Cluster(Options(nodes=1)) as cluster:
        configuration = directory / "sbd"
        configuration.write_text(f'SBD_DEVICE="{";".join(cluster.sbd_devices(3))}"\n')
        flags = (*ONLY_SBD, f"--sbd-config-path={configuration}")
        off = ("--collector.pacemaker=off", "--collector.corosync=off", "--collector.drbd=off")
        with running((*PEER, *flags)) as peer, running((*GATEWAY, *flags, *off)) as ours:
            measure([peer, ours], scrapes)
            return [time_ratio("(c) three SBD devices, scrape", ours.wall, peer.wall, 0.10)]


def growth(scrapes: int, directory: Path) -> list[Result]:
    """(d): own processor time per instance, from small to large clusters, less the time for an empty cluster."""
    with ExitStack() as stack:
        gateways = {size: stack.enter_context(running(sized(size, directory))) for size in TURNS}
        measure([gateways[size] for size, turns in TURNS.items() for _ in range(turns)], max(5, scrapes // 5))
        costs = {size: program.processor for size, program in gateways.items()}
    per_instance = {size: (costs[size] - costs[0]) / size for size in TURNS if size}
    detail = ", ".join(f"{size}: {cost * 1e6:.1f} us" for size, cost in per_instance.items())
    growth = max(per_instance.values()) / min(per_instance.values()) - 1
    return [Result("(d) growth of the time per instance", growth, 0.25, detail)]


def sized(instances: int, directory: Path) -> Sequence[str]:
    """Returns the command of a gateway that scrapes a cluster of that size."""
    return (*GATEWAY, *replayed(directory, instances, changing=True), "--collector.sbd=off", "--collector.drbd=off")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=50, help="The number of scrapes for each number.")
    parser.add_argument("--only", choices="abcdf", help="Run only this part.")
    arguments = parser.parse_args()
    if reason := missing_prerequisites():
        print(f"bench: {reason}", file=sys.stderr)
        return 2
    scrapes = arguments.scrapes
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        parts: dict[str, Callable[[], Iterable[Result]]] = {
            "a": lambda: small_cluster(scrapes * 2),
            "b": lambda: large_cluster(scrapes, directory),
            "c": lambda: sbd_devices(scrapes, directory),
            "d": lambda: growth(scrapes, directory),
            "f": lambda: snmp.results(directory, rounds=max(1, scrapes // 10)),
        }
        print(f"gateway : ha_cluster_exporter, {scrapes} scrapes, {os.cpu_count()} processors", flush=True)
        results = []
        for part in [arguments.only] if arguments.only else parts:
            for result in parts[part]():
                print(result, flush=True)
                results.append(result)
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
