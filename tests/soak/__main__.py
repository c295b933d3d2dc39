"""``make soak``: one gateway for hours, with scrapes, walks, alerts and faults of the tools at the same time.

Every answer is checked. At the end, memory must not have grown by more than 5 % since the end of the warm-up, and there
must not be a descriptor, a thread, a task, a process or a zombie more. The exit status is 1 if one of this is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from gateway.snmp import oid as oids
from gateway.snmp.mib.module import mib
from tests.ports import free_port
from tests.programs import FakeCluster
from tests.snmptrapd import Snmptrapd
from tests.soak.clients import PASSWORD, USER, Page, Walker, scrape, send_alerts
from tests.soak.faults import Fault, endless_faults
from tests.soak.observed import ObservedGateway, Occupation

MAX_GROWTH = 0.05
"""How much the memory may grow after the warm-up."""
_ROUNDS, _AT_ONCE = 6, 4
"""Scrapes with one state of the tools: one round after the other, those of a round at once."""
_WARM_UP = 0.2
"""The part of the soak that fills caches and arenas."""
_TOOL_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a soak has found.

    Attributes:
        scrapes: the pages that were checked.
        requests: the requests over SNMPv3, at least.
        before: what the gateway occupied after the warm-up.
        after: the same at the end.
        problems: answers that were wrong.
        tracebacks: the tracebacks in its log.
        notifications: those that the receiver printed.
        status: the exit status of the gateway.
        seconds: how long it took.
    """

    scrapes: int
    requests: int
    before: Occupation
    after: Occupation
    problems: Sequence[str]
    tracebacks: int
    notifications: int
    status: int
    seconds: float

    @property
    def growth(self) -> float:
        """The growth of the memory after the warm-up."""
        return self.after.memory / self.before.memory - 1

    def failures(self, *, max_growth: float = MAX_GROWTH) -> Sequence[str]:
        """Returns what must not be so."""
        failures = [*self.problems, *self.after.leaks(self.before)]
        if self.growth > max_growth:
            failures.append(f"memory grew by {self.growth:.1%}")
        if self.tracebacks:
            failures.append(f"{self.tracebacks} tracebacks in the log")
        if self.status:
            failures.append(f"exit status {self.status}")
        if not self.notifications:
            failures.append("no notification arrived")
        return failures

    def __str__(self) -> str:
        return (
            f"{self.scrapes} scrapes and {self.requests} requests over SNMPv3 in {self.seconds:.0f} s, "
            f"{self.notifications} notifications\nafter the warm-up: {self.before}\nat the end:        {self.after}\n"
            f"memory: {self.growth:+.1%} (at most {MAX_GROWTH:+.0%})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much a soak does: pages to get, and requests over SNMPv3 to send."""

    scrapes: int
    requests: int


class Traffic:
    """The requests to a gateway, one state of the tools after the other.

    Args:
        cluster: the tools.
        session: makes the scrapes.
        address: the address of the gateway's HTTP server.
        walker: makes the walks.
        alert_socket: where alerts are sent.
        amount: the requests in total; those over SNMPv3 keep pace with the scrapes.

    Attributes:
        scrapes: the pages that were checked.
        problems: what was wrong, each once.
    """

    def __init__(
        self,
        *,
        cluster: FakeCluster,
        session: aiohttp.ClientSession,
        address: str,
        walker: Walker,
        alert_socket: Path,
        amount: Amount,
    ) -> None:
        self.scrapes = 0
        self.problems: list[str] = []
        self._cluster = cluster
        self._session = session
        self._address = address
        self._walker = walker
        self._alert_socket = alert_socket
        self._amount = amount
        self._faults = endless_faults()
        self._reference = Page("")

    async def run(self, part: float) -> None:
        """Goes on until a part of all requests has been made, and leaves the tools healthy."""
        self._cluster.restore()
        self._reference = Page(await self._scrape())
        while self.scrapes < part * self._amount.scrapes or self._walker.requests < part * self._amount.requests:
            await self._run_state(next(self._faults))
        self._cluster.restore()
        await self._scrape()

    async def _run_state(self, fault: Fault | None) -> None:
        """Makes the requests of one state of the tools: scrapes, walks and alerts."""
        self._cluster.restore()
        if fault is not None:
            fault.apply(self._cluster)
        await self._scrape()  # may share a run that began before the change
        await asyncio.gather(
            self._run_scrapes(fault), self._run_walks(fault), asyncio.to_thread(send_alerts, self._alert_socket)
        )

    async def _run_scrapes(self, fault: Fault | None) -> None:
        at_once = 1 if fault is not None and fault.is_slow else _AT_ONCE
        for _ in range(1 if fault is not None and fault.is_slow else _ROUNDS):
            for text in await asyncio.gather(*(self._scrape() for _ in range(at_once))):
                self.scrapes += 1
                self._report(fault, Page(text).problems(self._reference, failing=fault.collector if fault else ""))

    async def _run_walks(self, fault: Fault | None) -> None:
        share = (self.scrapes + _ROUNDS * _AT_ONCE) / self._amount.scrapes
        versions = ["2c"] + ["3"] * (self._walker.requests < share * self._amount.requests)
        for version in versions:
            self._report(fault, await self._walker.walk(version=version))

    def _report(self, fault: Fault | None, problems: Iterable[str]) -> None:
        state = "healthy" if fault is None else str(fault)
        for problem in problems:
            if (text := f"{state}: {problem}") not in self.problems:
                self.problems.append(text)

    async def _scrape(self) -> str:
        return await scrape(self._session, self._address)


def soak(directory: Path, amount: Amount, *, report: Callable[[str], None] = lambda _: None) -> Result:
    """Runs a soak.

    Args:
        directory: an empty directory.
        amount: how much it does.
        report: called with the progress.
    """
    started = time.monotonic()
    (directory / "cluster").mkdir()
    cluster = FakeCluster(directory / "cluster")
    walker = Walker(free_port(), oids.dotted(mib().root), directory)
    alert_socket = directory / "run" / "alert.sock"
    with Snmptrapd(directory / "receiver") as receiver:
        _configure(cluster, directory, port=walker.port, alert_socket=alert_socket, receiver=receiver.name)
        flags = ("--config", cluster.config, "--web.listen-address=127.0.0.1:0")
        with ObservedGateway(*flags, directory=directory) as gateway:
            traffic = partial(Traffic, cluster=cluster, walker=walker, alert_socket=alert_socket, amount=amount)
            (before, after), scrapes, problems = asyncio.run(_phases(gateway, traffic, report))
            status = gateway.stop()
        notifications = len(receiver.received)
    return Result(
        scrapes=scrapes,
        requests=walker.requests,
        before=before,
        after=after,
        problems=problems,
        tracebacks=gateway.log.read_text().count("Traceback"),
        notifications=notifications,
        status=status,
        seconds=time.monotonic() - started,
    )


async def _phases(
    gateway: ObservedGateway, make_traffic: Callable[..., Traffic], report: Callable[[str], None]
) -> tuple[Sequence[Occupation], int, Sequence[str]]:
    """Runs the warm-up and the rest; returns what the gateway occupied after each, the scrapes and the problems."""
    address = gateway.wait_until_started()
    occupations = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        traffic = make_traffic(session=session, address=address)
        for part in (_WARM_UP, 1.0):
            await traffic.run(part)
            occupations.append(await asyncio.to_thread(gateway.idle_occupation))
            report(f"{traffic.scrapes} scrapes: {occupations[-1]}")
    return occupations, traffic.scrapes, traffic.problems


def _configure(cluster: FakeCluster, directory: Path, *, port: int, alert_socket: Path, receiver: str) -> None:
    """Adds the built-in agent, a receiver of informs and the alert socket to the configuration of a fake cluster."""
    text = cluster.config.read_text()
    text = text.replace('socket = ""', f"interval = 1.0\nheartbeat = 1.0\nsocket = {json.dumps(str(alert_socket))}")
    text = text.replace(
        'agentx = "off"',
        f'agentx = "off"\nmax_age = 1.0\nstate_directory = {json.dumps(str(directory / "state"))}\n'
        f'[snmp.agent]\nlisten = ["127.0.0.1:{port}"]\n[[snmp.agent.community]]\nname = "public"\n'
        f'[[snmp.agent.user]]\nname = "{USER}"\nauth = "SHA-256"\nauth_password = "{PASSWORD}"\n'
        f'priv = "AES"\npriv_password = "{PASSWORD}"',
    )
    for tool in ("crm_mon", "corosync-quorumtool", "corosync-cfgtool", "drbdsetup"):
        text = text.replace(f"[tools.{tool}]\n", f"[tools.{tool}]\ntimeout = {_TOOL_TIMEOUT}\n")
    text += f'[[alarms.target]]\naddress = "{receiver}"\nversion = "2c"\ncommunity = "public"\nkind = "inform"\n'
    cluster.config.write_text(text)
    cluster.config.chmod(0o600)


def main() -> int:
    """Runs a soak, and prints what it has found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=20_000, help="(default: %(default)s)")
    parser.add_argument("--requests", type=int, default=20_000, help="requests over SNMPv3 (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        amount = Amount(scrapes=arguments.scrapes, requests=arguments.requests)
        result = soak(Path(directory), amount, report=partial(print, flush=True))
    failures = result.failures()
    print(result, *(f"FAIL: {failure}" for failure in failures), sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
