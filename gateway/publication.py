"""Merges a snapshot with the gateway's own metrics, for all frontends and ``collect``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

import structlog

import gateway
from gateway import log
from gateway.clock import Clock, SystemClock
from gateway.samples import SamplesByMetric, SampleSet
from gateway.self_monitoring import self_metrics
from gateway.self_monitoring.process_metrics import add_process_metrics
from gateway.snapshot import Snapshot

SampleSource = Callable[[SampleSet], None]
"""Adds the current samples of one part of the gateway to a set."""


class Publication:
    """Adds the gateway's own samples to snapshots.

    A snapshot contains the samples of the cluster and of the run that collected them. When it is published, these are
    merged with its age, the build information, the metrics of the process, and the samples of all added sources.

    Args:
        clock: measures the age of snapshots; the clock of the engine that makes them.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._sources: list[SampleSource] = [_add_build_info, add_process_metrics, _add_log]
        self._failures: Counter[str] = Counter()
        self._log = structlog.get_logger("publication")

    def add_source(self, source: SampleSource) -> None:
        """Registers a source whose samples are published with every snapshot."""
        self._sources.append(source)

    def age(self, snapshot: Snapshot) -> float:
        """Returns the seconds since the run that made a snapshot started."""
        return max(0.0, self._clock.monotonic() - snapshot.started)

    def merge(self, snapshot: Snapshot) -> SamplesByMetric:
        """Returns the samples of a snapshot and the current samples of the gateway itself."""
        own = SampleSet()
        own.add(self_metrics.SNAPSHOT_AGE, self.age(snapshot))
        for add_samples in self._sources:
            try:
                add_samples(own)
            except Exception as error:  # noqa: BLE001 - a bug in one source must not cost the page
                self.record_failure(getattr(add_samples, "__qualname__", repr(add_samples)), error)
        own.add(self_metrics.PUBLICATION_FAILURES, self._failures.total())
        return {**snapshot.samples_by_metric, **own.samples_by_metric}

    def record_failure(self, name: str, error: Exception) -> None:
        """Counts that a metric or a source could not be published because of a bug, and logs it the first time."""
        self._failures[name] += 1
        if self._failures[name] == 1:
            self._log.error("metrics not published", metric=name, exc_info=error)


def _add_build_info(samples: SampleSet) -> None:
    samples.add(self_metrics.BUILD_INFO, 1, gateway.__version__, sys.version.partition(" ")[0])


def _add_log(samples: SampleSet) -> None:
    samples.add(self_metrics.LOG_LINES_DROPPED, log.lines_dropped())
