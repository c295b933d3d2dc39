"""The measurements behind some of the decisions, as ratios.

    PYTHONPATH=. .venv/bin/python docs/adr/measure.py writers       0004: our text writer and prometheus_client's
    PYTHONPATH=. .venv/bin/python docs/adr/measure.py readers       0005: crm_mon's XML with and without a tree
    PYTHONPATH=. .venv/bin/python docs/adr/measure.py statistics    0007: Corosync with and without its statistics

The first two need ``crm_mon``, but no cluster: it prints a made CIB of 32 nodes. The third needs the lab, and root.
"""
# ruff: noqa: INP001, T201 - a script for people, beside the pages that quote it

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


def median_seconds(works: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Returns the median processor time of each piece of work; in turns, so that what disturbs one disturbs all."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, seconds, strict=True):
            started = time.process_time()
            work()
            taken.append(time.process_time() - started)
    return [statistics.median(taken) for taken in seconds]


def peak_bytes(work: Callable[[], object]) -> int:
    """Returns how much the resident memory of a process of its own grows at most while it works."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        os.write(writer, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    return int(os.read(reader, 32)) * 1024


def large_cluster() -> bytes:
    """Returns what crm_mon prints of a large cluster."""
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


class Theirs(Collector):
    """The same samples as the objects that prometheus_client's writer wants."""

    def __init__(self, samples_by_metric: SamplesByMetric) -> None:
        self._families = samples_by_metric

    def collect(self) -> Iterable[ClientFamily]:
        """Yields one family for each metric, with one sample for each line."""
        for metric, samples in self._families.items():
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
    """Compares the two text writers."""
    status = crm_mon.parse(large_cluster())
    nothing = Reading(status=Status.NOT_INSTALLED)
    readings = {"crm_mon": Reading(status=Status.OK, value=status), "cibadmin": nothing, "corosync.conf": nothing}
    samples_by_metric = pacemaker.SUBSYSTEM.make_collector(OptionValues()).make_samples(readings).samples_by_metric
    made = CollectorRegistry()
    made.register(Theirs(samples_by_metric))
    ready = CollectorRegistry()
    ready.register(_Ready(list(Theirs(samples_by_metric).collect())))

    ours, theirs, only_theirs = median_seconds(
        [
            lambda: exposition.encode_text(samples_by_metric),
            lambda: client.generate_latest(made),
            lambda: client.generate_latest(ready),
        ]
    )
    lines = sum(not line.startswith(b"#") for line in exposition.encode_text(samples_by_metric).splitlines())
    print(f"{lines} lines, processor time, ours : prometheus_client's")
    print(f"  from the neutral samples to the page     {ours / theirs:.2f}")
    print(f"  from its own objects, made beforehand    {ours / only_theirs:.2f}")


class _Ready(Collector):
    """Families that are there already."""

    def __init__(self, samples_by_metric: list[ClientFamily]) -> None:
        self._families = samples_by_metric

    def collect(self) -> Iterator[ClientFamily]:
        """Yields them."""
        yield from self._families


# --- 0005 ------------------------------------------------------------------------------------------------------------


def with_tree(output: bytes) -> ClusterStatus:
    """Reads as ``crm_mon.parse`` does, but from a tree that was made first."""
    reader = crm_mon._Reader()  # noqa: SLF001 - it is what is measured
    root = etree.fromstring(output, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True))
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            reader.start(str(element.tag), dict(element.attrib))
        else:
            reader.end(str(element.tag))
    return reader.result(output)


def readers() -> None:
    """Compares reading while parsing with reading from a tree."""
    output = large_cluster()
    # memory first: what this process has used and freed would be used again, and not show
    streamed_peak, tree_peak = peak_bytes(lambda: crm_mon.parse(output)), peak_bytes(lambda: with_tree(output))
    assert with_tree(output) == crm_mon.parse(output)
    streamed, tree = median_seconds([lambda: crm_mon.parse(output), lambda: with_tree(output)])
    print(f"{len(output) / 1e6:.1f} MB of XML, as it is parsed : by a tree")
    print(f"  processor time             {streamed / tree:.2f}")
    print(f"  growth of resident memory  {streamed_peak / tree_peak:.2f}")


# --- 0007 ------------------------------------------------------------------------------------------------------------


def corosync_statistics() -> None:
    """Compares scrapes of a lab's node with and without Corosync's statistics."""
    from tests.bench.__main__ import in_node  # noqa: PLC0415 - needs what the first two do not
    from tests.bench.peers import GATEWAY, measure  # noqa: PLC0415 - as above
    from tests.lab.cluster import Cluster, Options  # noqa: PLC0415 - as above
    from tests.lab.resources import DEMO_RESOURCES  # noqa: PLC0415 - as above

    with Cluster(Options(nodes=3, rings=2)) as cluster:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        keys = len(cluster.run("node1", "corosync-cmapctl", "-m", "stats").stdout.splitlines())
        asking = (*GATEWAY, "--corosync.statistics=true")
        with in_node(cluster, GATEWAY, 9664) as without, in_node(cluster, asking, 9665) as with_them:
            measure([without, with_them], LAB_ROUNDS)
            print(f"{keys} keys on three nodes with two links, median scrape, with : without")
            print(f"  {with_them.wall / without.wall:.2f}")


def main() -> None:
    """Runs one comparison."""
    comparisons = {"writers": writers, "readers": readers, "statistics": corosync_statistics}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", choices=comparisons)
    comparisons[parser.parse_args().comparison]()


if __name__ == "__main__":
    main()
