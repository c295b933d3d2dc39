"""What a Prometheus server needs for a fleet: from its own metrics, and from a snapshot of its database."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.prometheus_server import get

_DAY = 24 * 3600
_BLOCK = 2 * 3600
"""Seconds of samples in a new block of Prometheus."""

_NAMES = (
    "prometheus_tsdb_head_series",
    "prometheus_tsdb_head_samples_appended_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "prometheus_rule_group_last_duration_seconds",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The metrics of a Prometheus server about itself, at one time.

    Attributes:
        time: when it was, on a monotonic clock.
        values: the sum of all series of each metric.
    """

    time: float
    values: Mapping[str, float]


def read(port: int) -> Reading:
    """Returns the metrics of a server about itself now."""
    values = dict.fromkeys(_NAMES, 0.0)
    for line in get(f"http://127.0.0.1:{port}/metrics").splitlines():
        name, _, value = line.rpartition(" ")
        if (metric := name.partition("{")[0]) in values:
            values[metric] += float(value)
    return Reading(time=time.monotonic(), values=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The size of a block.

    Attributes:
        samples: the samples in it.
        chunks: the chunks of samples in it.
        chunk_bytes: the size of the chunks.
        index_bytes: the size of its index.
    """

    samples: int
    chunks: int
    chunk_bytes: int
    index_bytes: int


def take_snapshot(port: int, data: Path) -> Block:
    """Lets a server write everything that it has in memory into a block, and returns the size of the block.

    Args:
        port: the port of the server, which runs with ``--web.enable-admin-api``.
        data: the directory of its database.
    """
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/admin/tsdb/snapshot", method="POST")
    with urllib.request.urlopen(request, timeout=120) as response:
        name = json.load(response)["data"]["name"]
    blocks = list(_read_blocks(data / "snapshots" / name))
    return Block(
        samples=sum(block.samples for block in blocks),
        chunks=sum(block.chunks for block in blocks),
        chunk_bytes=sum(block.chunk_bytes for block in blocks),
        index_bytes=max(block.index_bytes for block in blocks),
    )


def _read_blocks(snapshot: Path) -> Iterator[Block]:
    for meta in snapshot.glob("*/meta.json"):
        statistics = json.loads(meta.read_text())["stats"]
        yield Block(
            samples=statistics["numSamples"],
            chunks=statistics["numChunks"],
            chunk_bytes=sum(path.stat().st_size for path in (meta.parent / "chunks").iterdir()),
            index_bytes=(meta.parent / "index").stat().st_size,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one server needs for a fleet.

    Attributes:
        interval: the scrape interval in seconds.
        clusters: how many clusters it scrapes.
        empty: its metrics before it scraped anything.
        first: its metrics at the start of the measurement.
        last: its metrics at the end.
        block: all of its samples as a block.
    """

    interval: int
    clusters: int
    empty: Reading
    first: Reading
    last: Reading
    block: Block

    def _rate(self, name: str) -> float:
        return (self.last.values[name] - self.first.values[name]) / (self.last.time - self.first.time)

    @property
    def series(self) -> float:
        """The series of one cluster."""
        return self.last.values["prometheus_tsdb_head_series"] / self.clusters

    @property
    def samples_per_second(self) -> float:
        """The samples per second of one cluster."""
        return self._rate("prometheus_tsdb_head_samples_appended_total") / self.clusters

    @property
    def bytes_per_sample(self) -> float:
        """Bytes on disk for one sample, without the index."""
        return self.block.chunk_bytes / self.block.samples

    @property
    def samples_per_chunk(self) -> float:
        """How many samples share the fixed costs of a chunk; a full one has 120."""
        return self.block.samples / self.block.chunks

    @property
    def index_bytes(self) -> float:
        """Bytes of the index in each block, for one cluster."""
        return self.block.index_bytes / self.clusters

    @property
    def bytes_per_day(self) -> float:
        """Bytes that one cluster adds in a day: chunks, and the indexes of twelve blocks."""
        return self.bytes_per_sample * self.samples_per_second * _DAY + self.index_bytes * _DAY / _BLOCK

    @property
    def processor_time(self) -> float:
        """Seconds of processor time per second for one cluster: scrapes and rules."""
        return self._rate("process_cpu_seconds_total") / self.clusters

    @property
    def memory(self) -> float:
        """Bytes of resident memory for one cluster, above those of an empty server."""
        name = "process_resident_memory_bytes"
        return (self.last.values[name] - self.empty.values[name]) / self.clusters

    def rows(self) -> Sequence[tuple[str, str]]:
        """Returns the measured values as text: what and how much."""
        resident = "process_resident_memory_bytes"
        return (
            ("series", f"{self.series:,.0f}"),
            ("samples per second", f"{self.samples_per_second:.1f}"),
            ("bytes per sample", f"{self.bytes_per_sample:.2f}"),
            ("samples per chunk", f"{self.samples_per_chunk:.0f}"),
            ("kB of index per block", f"{self.index_bytes / 1e3:.0f}"),
            ("MB on disk per day", f"{self.bytes_per_day / 1e6:.1f}"),
            ("ms of processor time per second", f"{self.processor_time * 1e3:.2f}"),
            ("MB of memory", f"{self.memory / 1e6:.1f}"),
            ("whole server: MB of memory, empty", f"{self.empty.values[resident] / 1e6:.0f}"),
            ("whole server: MB of memory, at the end", f"{self.last.values[resident] / 1e6:.0f}"),
            (
                "whole server: ms to evaluate the rules",
                f"{self.last.values['prometheus_rule_group_last_duration_seconds'] * 1e3:.0f}",
            ),
        )
