"""Merges a snapshot with the gateway's metrics about itself: the one place for all frontends and ``collect``."""

from __future__ import annotations

import sys
from collections.abc import Callable

import gateway
from gateway import self_metrics
from gateway.clock import Clock, SystemClock
from gateway.samples import MetricKind, SamplesByMetric, SampleSet
from gateway.snapshot import Snapshot

SampleSource = Callable[[SampleSet], None]
"""Adds the current samples of one part of the gateway to a set."""


class Publication:
    """Builds what is published of a snapshot.

    A snapshot holds the samples of the cluster and of the run that collected them. Added to these at the moment of
    publication are the build information, the snapshot's age, the metrics of the process, and the samples of every
    source that was added.

    Args:
        clock: measures the age of snapshots; the clock of the engine that makes them.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._sources: list[SampleSource] = [_add_build_info, _add_process_metrics]

    def add_source(self, source: SampleSource) -> None:
        """Adds a part of the gateway whose own samples are published with every snapshot."""
        self._sources.append(source)

    def age(self, snapshot: Snapshot) -> float:
        """Returns the seconds since the run behind a snapshot began."""
        return max(0.0, self._clock.monotonic() - snapshot.started)

    def merge(self, snapshot: Snapshot) -> SamplesByMetric:
        """Returns the samples of a snapshot together with the gateway's own as they are now."""
        own = SampleSet()
        own.add(self_metrics.SNAPSHOT_AGE, self.age(snapshot))
        for add_samples in self._sources:
            add_samples(own)
        return {**snapshot.samples_by_metric, **own.samples_by_metric}


def _add_build_info(samples: SampleSet) -> None:
    samples.add(self_metrics.BUILD_INFO, 1, gateway.__version__, sys.version.partition(" ")[0])


def _add_process_metrics(samples: SampleSet) -> None:
    # imported here because it takes a while, and most subcommands publish nothing
    from prometheus_client import ProcessCollector  # noqa: PLC0415

    for family in ProcessCollector(registry=None).collect():
        kind = MetricKind.COUNTER if family.type == "counter" else MetricKind.GAUGE
        for sample in family.samples:
            samples.add(self_metrics.process_metric(sample.name, family.documentation, kind), sample.value)
