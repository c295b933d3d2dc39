"""The standard metrics of a process, ``process_*``, with the names and texts that all Prometheus clients have.

They are read from ``/proc``. What cannot be read is absent.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from gateway.samples import Metric, MetricKind, SampleSet

_CPU_SECONDS = Metric(
    name="process_cpu_seconds_total",
    help="Total user and system CPU time spent in seconds.",
    kind=MetricKind.COUNTER,
)
_START_TIME = Metric(
    name="process_start_time_seconds",
    help="Start time of the process since unix epoch in seconds.",
    kind=MetricKind.GAUGE,
)
_VIRTUAL_MEMORY = Metric(
    name="process_virtual_memory_bytes", help="Virtual memory size in bytes.", kind=MetricKind.GAUGE
)
_RESIDENT_MEMORY = Metric(
    name="process_resident_memory_bytes", help="Resident memory size in bytes.", kind=MetricKind.GAUGE
)
_OPEN_FDS = Metric(name="process_open_fds", help="Number of open file descriptors.", kind=MetricKind.GAUGE)
_MAX_FDS = Metric(name="process_max_fds", help="Maximum number of open file descriptors.", kind=MetricKind.GAUGE)

_PROC = Path("/proc")


def add_process_metrics(samples: SampleSet, *, proc: Path = _PROC) -> None:
    """Adds the metrics of this process.

    Args:
        samples: where to add them.
        proc: where the proc file system is mounted.
    """
    for add in (_add_times_and_memory, _add_descriptors):
        with contextlib.suppress(OSError, ValueError, LookupError, StopIteration):
            add(samples, proc)


def _add_times_and_memory(samples: SampleSet, proc: Path) -> None:
    # the fields from the third on, see proc(5); the name of the program before them may have any character
    fields = (proc / "self/stat").read_bytes().rpartition(b")")[2].split()
    user, system, started, virtual, resident = (int(fields[number - 3]) for number in (14, 15, 22, 23, 24))
    ticks = os.sysconf("SC_CLK_TCK")
    samples.add(_VIRTUAL_MEMORY, virtual)
    samples.add(_RESIDENT_MEMORY, resident * os.sysconf("SC_PAGE_SIZE"))
    samples.add(_START_TIME, _boot_time(proc) + started / ticks)
    samples.add(_CPU_SECONDS, (user + system) / ticks)


def _boot_time(proc: Path) -> float:
    lines = (proc / "stat").read_bytes().splitlines()
    return float(next(line for line in lines if line.startswith(b"btime ")).split()[1])


def _add_descriptors(samples: SampleSet, proc: Path) -> None:
    samples.add(_OPEN_FDS, sum(1 for _ in (proc / "self/fd").iterdir()))
    limits = (proc / "self/limits").read_bytes().splitlines()
    limit = next(line for line in limits if line.startswith(b"Max open files")).split()[3]
    samples.add(_MAX_FDS, float("inf") if limit == b"unlimited" else int(limit))
