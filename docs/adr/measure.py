"""Repeats the measurements behind some of the decisions, and prints ratios.

    PYTHONPATH=. .venv/bin/python docs/adr/measure.py writers       0004: our text writer and that of prometheus_client
    PYTHONPATH=. .venv/bin/python docs/adr/measure.py readers       0005: reading crm_mon's XML with and without a tree
    PYTHONPATH=. .venv/bin/python docs/adr/measure.py statistics    0007: scrapes with and without Corosync's statistics

The first two need ``crm_mon``, but no cluster: it prints a generated CIB with 32 nodes. The third needs the lab
and root.
"""
# ruff: noqa: INP001, T201 - a script to run by hand, next to the pages that quote it

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from lxml import etree
from prometheus_client import exposition as client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as ClientFamily
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.frontends.prometheus import exposition
from gateway.host.host import CommandResult
from gateway.host.process import run_process
from gateway.host.programs import STANDARD_DIRECTORIES as DIRECTORIES
from gateway.host.programs import clean_environment, find_program
from gateway.options.model import OptionValues
from gateway.samples import SamplesByMetric
from gateway.status import Status
from gateway.subsystems import pacemaker
from gateway.subsystems.pacemaker import crm_mon
from gateway.subsystems.pacemaker.cluster_status import ClusterStatus
from gateway.subsystems.probe import Reading
from tests.bench import large_cib

NODES, INSTANCES = 32, 2_400
ROUNDS = 21
LAB_ROUNDS = 201


def median_seconds(functions: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Returns the median processor time of each function. They take turns, so that a disturbance affects all."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, durations in zip(functions, seconds, strict=True):
            started = time.process_time()
            function()
            durations.append(time.process_time() - started)
    return [statistics.median(durations) for durations in seconds]


def peak_bytes(function: Callable[[], object]) -> int:
    """Returns the largest growth of resident memory while a function runs in a separate process."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        function()
        os.write(writer, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    return int(os.read(reader, 32)) * 1024


def large_cluster() -> bytes:
    """Returns the output of crm_mon for a large cluster."""
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as cib:
        cib.writelines(large_cib.cib(NODES, INSTANCES))
        cib.flush()
        argv = [find_program("crm_mon", DIRECTORIES) or "crm_mon", "-1", "--output-as=xml", "--inactive"]
        environment = {**clean_environment({}), "CIB_file": cib.name}
        result: CommandResult = asyncio.run(run_process(argv, timeout=60, max_output=1 << 28, environment=environment))
    if result.status is not Status.OK:
        raise SystemExit(f"crm_mon: {result.status.value}: {result.detail or result.stderr.decode()}")
    return result.stdout


# --- 0004 ------------------------------------------------------------------------------------------------------------


class ConvertingCollector(Collector):
    """Converts samples to the objects of prometheus_client at each collection."""

    def __init__(self, samples_by_metric: SamplesByMetric) -> None:
        self._samples_by_metric = samples_by_metric

    def collect(self) -> Iterable[ClientFamily]:
        """Yields one family for each metric, with one sample for each line."""
        for metric, samples in self._samples_by_metric.items():
            family = GaugeMetricFamily(metric.name, metric.help)
            for labels, value in samples.items():
                named = dict(zip(metric.labels, labels, strict=True))
                if isinstance(value, tuple):
                    for state, flag in zip(metric.states, value, strict=True):
                        family.add_sample(metric.name, {**named, metric.state_label: state}, float(flag))
                else:
                    family.add_sample(metric.name, named, float(value))
            yield family


def writers() -> None:
    """Compares our text writer with that of prometheus_client."""
    status = crm_mon.parse(large_cluster())
    not_installed = Reading(status=Status.NOT_INSTALLED)
    readings = {
        "crm_mon": Reading(status=Status.OK, value=status),
        "cibadmin": not_installed,
        "corosync.conf": not_installed,
    }
    samples_by_metric = pacemaker.SUBSYSTEM.make_collector(OptionValues()).make_samples(readings).samples_by_metric
    converting = CollectorRegistry()
    converting.register(ConvertingCollector(samples_by_metric))
    prepared = CollectorRegistry()
    prepared.register(_PreparedCollector(list(ConvertingCollector(samples_by_metric).collect())))

    ours, with_conversion, without_conversion = median_seconds(
        [
            lambda: exposition.encode_text(samples_by_metric),
            lambda: client.generate_latest(converting),
            lambda: client.generate_latest(prepared),
        ]
    )
    lines = sum(not line.startswith(b"#") for line in exposition.encode_text(samples_by_metric).splitlines())
    print(f"{lines} lines; our processor time : that of prometheus_client")
    print(f"  from the neutral samples to the page     {ours / with_conversion:.2f}")
    print(f"  from its own objects, created before     {ours / without_conversion:.2f}")


class _PreparedCollector(Collector):
    """Holds objects of prometheus_client that exist already."""

    def __init__(self, families: list[ClientFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[ClientFamily]:
        """Yields the objects."""
        yield from self._families


# --- 0005 ------------------------------------------------------------------------------------------------------------


def with_tree(output: bytes) -> ClusterStatus:
    """Returns the result of ``crm_mon.parse``, read from a tree that is built first."""
    reader = crm_mon._Reader()  # noqa: SLF001 - the reader is measured
    root = etree.fromstring(output, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True))
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            reader.start(str(element.tag), dict(element.attrib))
        else:
            reader.end(str(element.tag))
    return reader.result(output)


def readers() -> None:
    """Compares reading during parsing with reading from a tree."""
    output = large_cluster()
    # memory first: memory that this process has freed would be reused, and the growth would not show
    streamed_peak, tree_peak = peak_bytes(lambda: crm_mon.parse(output)), peak_bytes(lambda: with_tree(output))
    assert with_tree(output) == crm_mon.parse(output)
    streamed, tree = median_seconds([lambda: crm_mon.parse(output), lambda: with_tree(output)])
    print(f"{len(output) / 1e6:.1f} MB of XML; during parsing : from a tree")
    print(f"  processor time             {streamed / tree:.2f}")
    print(f"  growth of resident memory  {streamed_peak / tree_peak:.2f}")


# --- 0007 ------------------------------------------------------------------------------------------------------------


def corosync_statistics() -> None:
    """Compares scrapes of a node in the lab with and without Corosync's statistics."""
    from tests.bench.__main__ import in_node  # noqa: PLC0415 - the other comparisons do not need it
    from tests.bench.peers import GATEWAY, measure  # noqa: PLC0415 - as above
    from tests.lab.cluster import Cluster, Options  # noqa: PLC0415 - as above
    from tests.lab.resources import DEMO_RESOURCES  # noqa: PLC0415 - as above

    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        keys = len(cluster.run("node1", "corosync-cmapctl", "-m", "stats").stdout.splitlines())
        with_statistics = (*GATEWAY, "--corosync.statistics=true")
        with in_node(cluster, GATEWAY, 9664) as without, in_node(cluster, with_statistics, 9665) as with_them:
            measure([without, with_them], LAB_ROUNDS)
            print(f"{keys} keys on three nodes with two links, median scrape, with : without")
            print(f"  {with_them.wall / without.wall:.2f}")


def main() -> None:
    """Runs the comparison that the command line names."""
    comparisons = {"writers": writers, "readers": readers, "statistics": corosync_statistics}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", choices=comparisons)
    comparisons[parser.parse_args().comparison]()


if __name__ == "__main__":
    main()
