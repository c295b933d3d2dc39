"""(f): SNMP through a real snmpd: variables per second beside other ways to extend it, waiting times, memory."""

from __future__ import annotations

import re
import shutil
import statistics
import urllib.request
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
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
    _Comparison("GETBULK of the first column", Mode.BULK, slice(1), {PYAGENTX: 3.0}),
    _Comparison("GETBULK of the last column", Mode.BULK, slice(-1, None), {PYAGENTX: 3.0}),
    _Comparison("GETBULK, column by column", Mode.BULK, _ALL, _OTHERS),
    _Comparison("GETBULK of eight columns at once", Mode.COLUMNS, _ALL, _OTHERS),
    _Comparison("GETNEXT, column by column", Mode.NEXT, _ALL, _OTHERS),
)

_Rates = dict[tuple[str, str], list[float]]
"""Variables per second in each round, by the names of the comparison and of the peer."""


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
    with ExitStack() as stack:
        snmpd = stack.enter_context(_snmpd(directory, pass_persist_line(data)))
        ours = stack.enter_context(gateway(snmpd, replayed(directory, _INSTANCES), max_age=_NEVER))
        rows = dump(snmpd, data)
        if rows < _ROWS:
            raise ValueError(f"the table has {rows} rows, at least {_ROWS} are wanted")
        present = [GATEWAY]
        for start in OTHERS:
            try:
                present.append(stack.enter_context(start(snmpd, data)))
            except MissingError as missing:
                _say(f"not compared: {missing}")
        rates: _Rates = defaultdict(list)
        for _ in range(rounds):
            _round(asking, snmpd, rows, present, rates)
        yield from _compared(rates)
        for comparison in _COMPARISONS[2:]:
            if comparison.mode in asking.modes:
                yield _cost(asking, snmpd, ours, comparison)


def _round(asking: Client, snmpd: Snmpd, rows: int, present: Collection[Peer], rates: _Rates) -> None:
    """Does each walk once, and notes how fast it was; the peers take turns after each column."""
    for comparison in _COMPARISONS:
        peers = [peer for peer in (GATEWAY, *comparison.targets) if peer in present]
        chosen = range(len(COLUMNS))[comparison.columns]
        groups = [chosen] if comparison.mode is Mode.COLUMNS else [[column] for column in chosen]
        for group, peer in product(groups, peers) if comparison.mode in asking.modes else ():
            walk = asking.walk(snmpd, comparison.mode, [peer.columns[column] for column in group])
            if walk.variables != rows * len(group):
                raise ValueError(f"{peer.name}, {comparison.name}: {walk.variables} of {rows * len(group)} variables")
            rates[comparison.name, peer.name].append(walk.rate)


def _compared(rates: _Rates) -> Iterator[Result]:
    """Yields the ratios of the medians."""
    for comparison in _COMPARISONS:
        for peer, target in comparison.targets.items():
            if peer_rates := rates.get((comparison.name, peer.name)):
                ours, theirs = statistics.median(rates[comparison.name, GATEWAY.name]), statistics.median(peer_rates)
                name = f"(f) {comparison.name}, to {peer.name}"
                detail = f"{ours:,.0f} : {theirs:,.0f} variables/s"
                yield Result(name, ours / theirs, target, detail, at_least=True)


def _cost(asking: Client, snmpd: Snmpd, ours: Program, comparison: _Comparison) -> Result:
    """Divides the gateway's processor time during a walk by the AgentX requests that it has answered."""
    # reading the counter costs more than a thousand requests: it is outside of what is measured
    requests, seconds = -_requests(ours), -ours.processor_seconds
    walk = asking.walk(snmpd, comparison.mode, GATEWAY.columns[comparison.columns])
    seconds += ours.processor_seconds
    requests += _requests(ours)
    detail = f"us, {requests:,} requests for {walk.variables:,} variables"
    return Result(f"(f) {comparison.name}, processor time per request", seconds / requests * 1e6, 40, detail)


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
    detail = f"ms, of {steady.requests:,} requests during {steady.changes} collections"
    return Result("(f) 2,400 instances, slowest answer while collecting", steady.slowest, 100, detail)


def _memory(asking: Client, directory: Path) -> Result:
    """Walks through the recorded cluster of the lab."""
    with _snmpd(directory) as snmpd, gateway(snmpd, replayed_lab(directory), max_age=_ALWAYS) as ours:
        for mode in asking.modes:
            for _ in range(20):
                asking.walk(snmpd, mode, GATEWAY.columns)
        return Result("(f) three-node cluster, resident megabytes with AgentX", ours.resident, 80, "after walks")
