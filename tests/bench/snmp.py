"""(f): SNMP through a real snmpd: variables per second compared with other extensions, response times, memory."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.bench.native import MissingError
from tests.bench.peers import Program
from tests.bench.replay import replayed, replayed_lab
from tests.bench.report import Result
from tests.bench.snmp_client import Client, Mode, NativeClient, ToolClient
from tests.bench.snmp_peers import (
    C_SUBAGENT,
    COLUMNS,
    GATEWAY,
    OTHERS,
    PASS_PERSIST,
    PEERS,
    PYAGENTX,
    Peer,
    dump,
    gateway,
    pass_persist_line,
)
from tests.snmpd import ARC, Snmpd

_INSTANCES = 5_120
"""The cluster has 5,118 instances: as many as fit into groups and clones."""
_ROWS = 5_000
_NEVER = 3_600
"""The longest ``snmp.max_age`` in seconds: nothing is collected during a walk."""
_ALWAYS = 0.01
"""An ``snmp.max_age`` in seconds that has always passed when a collection ends."""
_RUNS = f"{ARC}.1.7.5.0"
"""haClusterCollectorRuns.0: it changes with each collection."""
_STEADY_SECONDS = 10
_REQUESTS = re.compile(rb"^ha_cluster_gateway_agentx_requests_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """A walk that is done through several peers.

    Attributes:
        name: the name in the report.
        mode: the kind of walk.
        columns: the columns to walk through.
        targets: the least ratio of the gateway's variables per second to those of each peer.
    """

    name: str
    mode: Mode
    columns: slice
    targets: Mapping[Peer, float]


_ALL = slice(None)
_OTHERS = {PASS_PERSIST: 1.0, C_SUBAGENT: 0.6}
_COMPARISONS = (
    # pyagentx searches its data from the beginning: its first column is its best, its last its worst. A request
    # for eight columns, more than 1 kB, ends it.
    _Comparison("GETBULK, first column", Mode.BULK, slice(1), {PYAGENTX: 3.0}),
    _Comparison("GETBULK, last column", Mode.BULK, slice(-1, None), {PYAGENTX: 3.0}),
    _Comparison("GETBULK, column by column", Mode.BULK, _ALL, _OTHERS),
    _Comparison("GETBULK, eight columns at once", Mode.COLUMNS, _ALL, _OTHERS),
    _Comparison("GETNEXT, column by column", Mode.NEXT, _ALL, _OTHERS),
)


def results(directory: Path, rounds: int) -> Iterator[Result]:
    """Yields all results of this part.

    Args:
        directory: the directory for programs and data.
        rounds: the number of walks of each kind.
    """
    if missing := [tool for tool in ("snmpd", "snmpbulkwalk") if shutil.which(tool) is None]:
        _note(f"not measured: there is no {' and no '.join(missing)} (Debian: snmpd snmp)")
        return
    client = _make_client(directory)
    yield from _throughput(client, directory, rounds)
    if isinstance(client, NativeClient):
        yield _latency(client, directory)
    yield _memory(client, directory)


def _make_client(directory: Path) -> Client:
    try:
        return NativeClient(directory)
    except MissingError as missing:
        _note(f"{missing}: Net-SNMP's tools are used instead: slower, and one column at a time")
        return ToolClient()


def _note(text: str) -> None:
    print(f"      (f) {text}", flush=True)


@contextmanager
def _one_processor() -> Iterator[None]:
    """Keeps this process, and those that it starts in the block, on one processor.

    In a walk each process waits for the other, so a second processor gains nothing, and waking a process on another
    processor can take longer than its response.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _snmpd(directory: Path, *extra: str) -> Iterator[Snmpd]:
    """Runs snmpd in a directory below this one."""
    own = directory / "snmpd"
    own.mkdir()
    try:
        with Snmpd(own, extra=extra, view=[peer.root for peer in PEERS]) as snmpd:
            yield snmpd
    finally:
        shutil.rmtree(own)


# --- variables per second, and processor time ------------------------------------------------------------------------


def _throughput(client: Client, directory: Path, rounds: int) -> Iterator[Result]:
    """Yields the ratios of walks through the same variables of all peers, and the gateway's processor time."""
    data = directory / "variables"
    with _one_processor(), ExitStack() as stack:
        snmpd = stack.enter_context(_snmpd(directory, pass_persist_line(data)))
        ours = stack.enter_context(gateway(snmpd, replayed(directory, _INSTANCES, changing=True), max_age=_NEVER))
        rows = dump(snmpd, data)
        if rows < _ROWS:
            raise ValueError(f"the table has {rows} rows, expected at least {_ROWS}")
        present = {GATEWAY}
        for peer, start in OTHERS.items():
            try:
                stack.enter_context(start(snmpd, data))
            except MissingError as missing:
                _note(f"not compared with {peer.name}: {missing}")
            else:
                present.add(peer)
        race = _Race(client, snmpd, ours, rows)
        comparisons = [comparison for comparison in _COMPARISONS if comparison.mode in client.modes]
        for comparison in comparisons * rounds:
            race.run(comparison, [peer for peer in (GATEWAY, *comparison.targets) if peer in present])
        for comparison in comparisons:
            yield from race.ratios(comparison)
        for comparison in comparisons:
            if comparison.columns == _ALL:
                yield race.cost(comparison)


@dataclass(slots=True)
class _WalkStats:
    """The measurements of the walks through one peer.

    Attributes:
        rates: the variables per second of each walk.
        requests: the number of AgentX requests; only for the gateway.
        seconds: the processor time of these requests.
    """

    rates: list[float] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0


class _Race:
    """Walks through the peers in turn.

    Args:
        client: the manager.
        snmpd: the master agent.
        ours: the gateway's process.
        rows: the number of rows of the table.
    """

    def __init__(self, client: Client, snmpd: Snmpd, ours: Program, rows: int) -> None:
        self._client = client
        self._snmpd = snmpd
        self._ours = ours
        self._rows = rows
        self._stats: dict[tuple[_Comparison, Peer], _WalkStats] = defaultdict(_WalkStats)

    def run(self, comparison: _Comparison, peers: Iterable[Peer]) -> None:
        """Does a walk once. The peers take turns after each column, so that a disturbance affects all of them."""
        chosen = range(len(COLUMNS))[comparison.columns]
        groups = [chosen] if comparison.mode is Mode.COLUMNS else [[column] for column in chosen]
        for group, peer in product(groups, peers):
            columns = [peer.columns[column] for column in group]
            stats = self._stats[comparison, peer]
            with self._counted(stats) if peer is GATEWAY else nullcontext():
                walk = self._client.walk(self._snmpd, comparison.mode, columns)
            if walk.variables != self._rows * len(columns):
                raise ValueError(f"{peer.name}, {comparison.name}: {walk.variables} of {self._rows * len(columns)}")
            stats.rates.append(walk.rate)

    @contextmanager
    def _counted(self, stats: _WalkStats) -> Iterator[None]:
        """Counts the gateway's requests and processor time."""
        # reading the counter costs more than some hundred requests, so its time is not counted
        requests, seconds = _requests(self._ours), self._ours.processor_seconds
        yield
        stats.seconds += self._ours.processor_seconds - seconds
        stats.requests += _requests(self._ours) - requests

    def ratios(self, comparison: _Comparison) -> Iterator[Result]:
        """Yields the ratio of the gateway's median rate to that of each peer."""
        for peer, target in comparison.targets.items():
            if (comparison, peer) in self._stats:
                ours, theirs = (
                    statistics.median(self._stats[comparison, measured].rates) for measured in (GATEWAY, peer)
                )
                detail = f"{ours:,.0f} : {theirs:,.0f} variables/s"
                yield Result(f"(f) {comparison.name}, to {peer.name}", ours / theirs, target, detail, at_least=True)

    def cost(self, comparison: _Comparison) -> Result:
        """Returns the gateway's processor time for an AgentX request."""
        stats = self._stats[comparison, GATEWAY]
        detail = f"us, {stats.requests:,} requests"
        return Result(f"(f) {comparison.name}, processor time", stats.seconds / stats.requests * 1e6, 40, detail)


def _requests(ours: Program) -> int:
    """Returns the number of AgentX requests, from a scrape of the cheapest collector."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/metrics?collect[]=corosync") as page:
        match = _REQUESTS.search(page.read())
    assert match is not None
    return int(float(match[1]))


# --- latency and memory ---------------------------------------------------------------------------------------------


def _latency(client: NativeClient, directory: Path) -> Result:
    """Sends steady requests while 2,400 instances are collected again and again."""
    with _snmpd(directory) as snmpd, gateway(snmpd, replayed(directory, 2_400, changing=True), max_age=_ALWAYS):
        steady = client.steady(snmpd, _STEADY_SECONDS, _RUNS, GATEWAY.columns)
    if not steady.changes:
        raise ValueError("nothing was collected during the measurement")
    detail = f"ms, of {steady.requests:,} requests during {steady.changes} collections"
    return Result("(f) 2,400 instances, slowest answer while it collects", steady.slowest, 100, detail)


def _memory(client: Client, directory: Path) -> Result:
    """Walks through the recorded cluster of the lab."""
    with _snmpd(directory) as snmpd, gateway(snmpd, replayed_lab(directory), max_age=_ALWAYS) as ours:
        walks = [client.walk(snmpd, mode, GATEWAY.columns) for mode in client.modes for _ in range(20)]
        variables = sum(walk.variables for walk in walks)
        if not variables:
            raise ValueError("the walks returned no variables")
        detail = f"after walks through {variables:,} variables"
        return Result("(f) three-node cluster, resident megabytes, AgentX", ours.resident, 80, detail)
