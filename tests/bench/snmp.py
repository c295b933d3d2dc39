"""(f): SNMP through a real snmpd: variables per second beside other ways to extend it, waiting times, memory."""

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
"""Of which 5,118 come out, as so many fit into groups and clones."""
_ROWS = 5_000
_NEVER = 3_600
"""Seconds of the longest ``snmp.max_age``: nothing is collected meanwhile."""
_ALWAYS = 0.01
"""Seconds of a ``snmp.max_age`` that has always passed when a collection has ended."""
_RUNS = f"{ARC}.1.7.5.0"
"""haClusterCollectorRuns.0: another number after each collection."""
_STEADY_SECONDS = 10
_REQUESTS = re.compile(rb"^ha_cluster_gateway_agentx_requests_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """A walk that several do.

    Attributes:
        name: as it is printed.
        mode: how to walk.
        columns: which of the columns.
        targets: how many times the variables per second of each peer the gateway has to deliver.
    """

    name: str
    mode: Mode
    columns: slice
    targets: Mapping[Peer, float]


_ALL = slice(None)
_OTHERS = {PASS_PERSIST: 1.0, C_SUBAGENT: 0.6}
_COMPARISONS = (
    # pyagentx searches from the beginning of its data: its first column is its best, its last its worst; it does not
    # survive a request for eight columns, which is over 1 kB
    _Comparison("GETBULK, first column", Mode.BULK, slice(1), {PYAGENTX: 3.0}),
    _Comparison("GETBULK, last column", Mode.BULK, slice(-1, None), {PYAGENTX: 3.0}),
    _Comparison("GETBULK, column by column", Mode.BULK, _ALL, _OTHERS),
    _Comparison("GETBULK, eight columns at once", Mode.COLUMNS, _ALL, _OTHERS),
    _Comparison("GETNEXT, column by column", Mode.NEXT, _ALL, _OTHERS),
)


def measured(directory: Path, rounds: int) -> Iterator[Result]:
    """Yields all results of this part.

    Args:
        directory: for what is built and written.
        rounds: how often each walk is done.
    """
    if missing := [tool for tool in ("snmpd", "snmpbulkwalk") if shutil.which(tool) is None]:
        _say(f"not measured: there is no {' and no '.join(missing)} (Debian: snmpd snmp)")
        return
    asking = _client(directory)
    yield from _throughput(asking, directory, rounds)
    if isinstance(asking, NativeClient):
        yield _waiting(asking, directory)
    yield _memory(asking, directory)


def _client(directory: Path) -> Client:
    try:
        return NativeClient(directory)
    except MissingError as missing:
        _say(f"{missing}: Net-SNMP's tools ask instead, which is slower, and for one column at a time")
        return ToolClient()


def _say(text: str) -> None:
    print(f"      (f) {text}", flush=True)


@contextmanager
def _one_processor() -> Iterator[None]:
    """Keeps this process, and those that it starts meanwhile, on one processor.

    In a walk each waits for the other: that they could run at once gains nothing, and it is left to chance whether
    waking a process on another processor takes longer than its answer.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _snmpd(directory: Path, *extra: str) -> Iterator[Snmpd]:
    """Runs snmpd in a directory of its own below this one."""
    own = directory / "snmpd"
    own.mkdir()
    try:
        with Snmpd(own, extra=extra, view=[peer.root for peer in PEERS]) as snmpd:
            yield snmpd
    finally:
        shutil.rmtree(own)


# --- variables per second, and what they cost ------------------------------------------------------------------------


def _throughput(asking: Client, directory: Path, rounds: int) -> Iterator[Result]:
    """Walks through the same variables of all peers in turn."""
    data = directory / "variables"
    with _one_processor(), ExitStack() as stack:
        snmpd = stack.enter_context(_snmpd(directory, pass_persist_line(data)))
        ours = stack.enter_context(gateway(snmpd, replayed(directory, _INSTANCES), max_age=_NEVER))
        rows = dump(snmpd, data)
        if rows < _ROWS:
            raise ValueError(f"the table has {rows} rows, at least {_ROWS} are wanted")
        present = {GATEWAY}
        for peer, start in OTHERS.items():
            try:
                stack.enter_context(start(snmpd, data))
            except MissingError as missing:
                _say(f"not compared with {peer.name}: {missing}")
            else:
                present.add(peer)
        race = _Race(asking, snmpd, ours, rows)
        comparisons = [comparison for comparison in _COMPARISONS if comparison.mode in asking.modes]
        for comparison in comparisons * rounds:
            race.run(comparison, [peer for peer in (GATEWAY, *comparison.targets) if peer in present])
        for comparison in comparisons:
            yield from race.ratios(comparison)
        for comparison in comparisons:
            if comparison.columns == _ALL:
                yield race.cost(comparison)


@dataclass(slots=True)
class _Walked:
    """What the walks of one peer have come to.

    Attributes:
        rates: the variables per second of each.
        requests: how many AgentX requests they took; like the seconds, the gateway's only.
        seconds: the processor time that these took.
    """

    rates: list[float] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0.0


class _Race:
    """Lets peers walk in turn.

    Args:
        asking: who asks.
        snmpd: whom.
        ours: the gateway's process.
        rows: of the table.
    """

    def __init__(self, asking: Client, snmpd: Snmpd, ours: Program, rows: int) -> None:
        self._asking = asking
        self._snmpd = snmpd
        self._ours = ours
        self._rows = rows
        self._walked: dict[tuple[_Comparison, Peer], _Walked] = defaultdict(_Walked)

    def run(self, comparison: _Comparison, peers: Iterable[Peer]) -> None:
        """Does a walk once; the peers take turns after each column, so that what disturbs one disturbs the others."""
        chosen = range(len(COLUMNS))[comparison.columns]
        groups = [chosen] if comparison.mode is Mode.COLUMNS else [[column] for column in chosen]
        for group, peer in product(groups, peers):
            columns = [peer.columns[column] for column in group]
            walked = self._walked[comparison, peer]
            with self._counted(walked) if peer is GATEWAY else nullcontext():
                walk = self._asking.walk(self._snmpd, comparison.mode, columns)
            if walk.variables != self._rows * len(columns):
                raise ValueError(f"{peer.name}, {comparison.name}: {walk.variables} of {self._rows * len(columns)}")
            walked.rates.append(walk.rate)

    @contextmanager
    def _counted(self, walked: _Walked) -> Iterator[None]:
        """Counts the gateway's requests and processor time."""
        # to read the counter costs more than some hundred requests: the time of that is left out
        requests, seconds = _requests(self._ours), self._ours.processor_seconds
        yield
        walked.seconds += self._ours.processor_seconds - seconds
        walked.requests += _requests(self._ours) - requests

    def ratios(self, comparison: _Comparison) -> Iterator[Result]:
        """Yields how many times as fast as the others the gateway was, by the medians."""
        for peer, target in comparison.targets.items():
            if (comparison, peer) in self._walked:
                ours, theirs = (statistics.median(self._walked[comparison, who].rates) for who in (GATEWAY, peer))
                detail = f"{ours:,.0f} : {theirs:,.0f} variables/s"
                yield Result(f"(f) {comparison.name}, to {peer.name}", ours / theirs, target, detail, at_least=True)

    def cost(self, comparison: _Comparison) -> Result:
        """Returns the processor time that an AgentX request takes the gateway."""
        walked = self._walked[comparison, GATEWAY]
        detail = f"us, {walked.requests:,} requests"
        return Result(f"(f) {comparison.name}, processor time", walked.seconds / walked.requests * 1e6, 40, detail)


def _requests(ours: Program) -> int:
    """Returns how many AgentX requests were answered; of the collectors it runs only the cheapest."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/metrics?collect[]=corosync") as page:
        found = _REQUESTS.search(page.read())
    assert found is not None
    return int(float(found[1]))


# --- waiting, and memory ---------------------------------------------------------------------------------------------


def _waiting(asking: NativeClient, directory: Path) -> Result:
    """Asks steadily while 2,400 instances are collected over and over."""
    with _snmpd(directory) as snmpd, gateway(snmpd, replayed(directory, 2_400), max_age=_ALWAYS):
        steady = asking.steady(snmpd, _STEADY_SECONDS, _RUNS, GATEWAY.columns)
    if not steady.changes:
        raise ValueError("nothing was collected meanwhile")
    detail = f"ms, of {steady.requests:,} requests during {steady.changes} collections"
    return Result("(f) 2,400 instances, slowest answer while it collects", steady.slowest, 100, detail)


def _memory(asking: Client, directory: Path) -> Result:
    """Walks through the recorded cluster of the lab."""
    with _snmpd(directory) as snmpd, gateway(snmpd, replayed_lab(directory), max_age=_ALWAYS) as ours:
        walks = [asking.walk(snmpd, mode, GATEWAY.columns) for mode in asking.modes for _ in range(20)]
        variables = sum(walk.variables for walk in walks)
        if not variables:
            raise ValueError("the walks have found nothing")
        detail = f"after walks through {variables:,} variables"
        return Result("(f) three-node cluster, resident megabytes, AgentX", ours.resident, 80, detail)
