"""``make flood``: one gateway under every flood, and how long its other clients wait meanwhile.

It serves HTTP, the built-in agent, and a real snmpd, and has 20 receivers of notifications, of which 5 do not exist and
5 answer with garbage. For each flood, the response times of other clients are compared with those before it.
The exit status is 1 if something has failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from tests.complete_gateway import CompleteGateway
from tests.flood.senders import FLOODS
from tests.processes import resident_kib
from tests.programs import CRM_MON, ROOT
from tests.snmp_manager import Manager, connected
from tests.snmptrapd import COMMUNITY

NUMBERS: Mapping[str, int] = {
    "scrapes": 600,
    "connections": 2000,
    "slow clients": 600,
    "malformed requests": 20_000,
    "malformed datagrams": 20_000,
    "alerts": 60_000,
    "malformed AgentX": 20_000,
}
"""How much each flood sends, or does at once."""

MAX_RATIO = 2.0
"""By how much the median of response times may grow."""
MAX_GROWTH = 60.0
"""Megabytes by which the memory may grow."""
MAX_LINES = 40
"""Lines that a flood may add to the log."""

_IDLE = 4.0
"""Seconds for which response times are measured before each flood."""
_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What other clients saw during one flood, and what it cost.

    Attributes:
        flood: its name.
        sent: how much was sent.
        idle: the response times in seconds before it, by the kind of client.
        flooded: the same during it.
        megabytes: the resident memory before and after it.
        lines: the lines in the log since its beginning.
        tracebacks: those of them that show a bug.
        unanswered: requests of other clients without an answer.
    """

    flood: str
    sent: int
    idle: Mapping[str, Sequence[float]]
    flooded: Mapping[str, Sequence[float]]
    megabytes: tuple[float, float]
    lines: int
    tracebacks: Sequence[str]
    unanswered: int

    def failures(self, *, max_ratio: float = MAX_RATIO) -> Sequence[str]:
        """Returns what must not be so."""
        ratios = {client: median(self.flooded[client]) / median(self.idle[client]) for client in self.flooded}
        failures = [f"{client}: {ratio:.1f} times" for client, ratio in ratios.items() if ratio > max_ratio]
        if self.megabytes[1] - self.megabytes[0] > MAX_GROWTH:
            failures.append(f"{self.megabytes[1] - self.megabytes[0]:.0f} MB more")
        if self.lines > MAX_LINES:
            failures.append(f"{self.lines} lines in the log")
        failures += self.tracebacks
        if self.unanswered:
            failures.append(f"{self.unanswered} requests without an answer")
        return [f"{self.flood}: {failure}" for failure in failures]

    def __str__(self) -> str:
        lines = [
            f"{self.flood}: {self.sent} sent, {self.megabytes[0]:.0f} MB before and {self.megabytes[1]:.0f} MB after, "
            f"{self.lines} lines in the log, {len(self.tracebacks)} tracebacks, {self.unanswered} requests unanswered"
        ]
        for client, flooded in self.flooded.items():
            idle = self.idle[client]
            lines.append(
                f"  {client:14} idle {_times(idle)}, flooded {_times(flooded)}, "
                f"ratio of medians {median(flooded) / median(idle):.2f}"
            )
        return "\n".join(lines)


def _times(seconds: Sequence[float]) -> str:
    last = quantiles(seconds, n=100)[-1] if len(seconds) > 1 else seconds[0]
    return f"{1000 * median(seconds):.1f} ms (99 %: {1000 * last:.1f} ms)"


class Probes:
    """The other clients: they make one request after the other, and measure how long each takes, with its repetition.

    Args:
        complete: the gateway.
    """

    def __init__(self, complete: CompleteGateway) -> None:
        self._complete = complete
        self._managers = {"SNMP": complete.manager}
        if complete.snmpd is not None:
            self._managers["through snmpd"] = Manager(connected(complete.snmpd.port, timeout=2.0))

    def measure(self, until: Callable[[], bool], *, but: str = "") -> tuple[Mapping[str, Sequence[float]], int]:
        """Makes requests until a condition is true; returns the times of the answers, and how many are missing."""
        seconds: dict[str, list[float]] = {}
        unanswered = 0
        while not until() or len(seconds.get("HTTP", ())) < 2:
            for client, request in self._requests():
                began = time.perf_counter()
                try:
                    if client != but:
                        try:
                            request()
                        except TimeoutError:  # a datagram can be lost: managers repeat the request
                            request()
                        seconds.setdefault(client, []).append(time.perf_counter() - began)
                except OSError:
                    unanswered += 1
        return seconds, unanswered

    def close(self) -> None:
        """Closes the sockets."""
        for manager in self._managers.values():
            manager.close()

    def _requests(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "HTTP", lambda: self._complete.gateway.get("/-/healthy")
        yield "scrape", lambda: self._complete.gateway.get("/metrics")
        for client, manager in self._managers.items():
            yield client, lambda manager=manager: manager.value("haClusterNodesConfigured")  # type: ignore[misc]


@contextlib.contextmanager
def receivers() -> Iterator[str]:
    """Yields the tables of 19 receivers: 9 that take traps, 5 that do not exist, and 5 that answer with garbage."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(19)]
    for sock in sockets:
        sock.bind((_ADDRESS, 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    ended = threading.Event()

    def lie(sock: socket.socket) -> None:
        sock.settimeout(0.2)
        while not ended.is_set():
            with contextlib.suppress(OSError):
                _, sender = sock.recvfrom(65535)
                for _ in range(20):
                    sock.sendto(os.urandom(60_000), sender)

    for sock in sockets[9:14]:
        sock.close()
    threads = [threading.Thread(target=lie, args=(sock,)) for sock in sockets[14:]]
    for thread in threads:
        thread.start()
    try:
        yield "".join(
            f'[[alarms.target]]\naddress = "{_ADDRESS}:{port}"\nversion = "2c"\ncommunity = "{COMMUNITY}"\n'
            f'kind = "{"trap" if number < 9 else "inform"}"\ntimeout = 1.0\n'
            for number, port in enumerate(ports)
        )
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        for sock in sockets:
            sock.close()


def run_flood(complete: CompleteGateway, probes: Probes, flood: str, number: int, *, idle: float = _IDLE) -> Measured:
    """Measures the other clients before and during a flood."""
    end = time.monotonic() + idle
    before, _ = probes.measure(lambda: time.monotonic() > end)
    megabytes, lines = resident_megabytes(complete), len(complete.gateway.lines)
    if is_master := flood == "malformed AgentX":
        assert complete.snmpd is not None
        complete.snmpd.stop()
    argv = [sys.executable, "-m", "tests.flood.senders", flood, str(number), _address(complete, flood)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as sender:
        during, unanswered = probes.measure(lambda: sender.poll() is not None, but="through snmpd" if is_master else "")
        assert sender.stdout is not None
        sent = int(sender.stdout.read())
    if is_master and complete.snmpd is not None:
        complete.snmpd.start()
        complete.gateway.wait_for("agentx registered", timeout=60)
    logged = complete.gateway.lines[lines:]
    return Measured(
        flood=flood,
        sent=sent,
        idle=before,
        flooded=during,
        megabytes=(megabytes, resident_megabytes(complete)),
        lines=len(logged),
        tracebacks=[line for line in logged if "Traceback" in line],
        unanswered=unanswered,
    )


def run_notifications(complete: CompleteGateway, probes: Probes, number: int, *, idle: float = _IDLE) -> Measured:
    """Measures the other clients while an alarm is raised and cleared again and again."""
    end = time.monotonic() + idle
    before, _ = probes.measure(lambda: time.monotonic() > end)
    megabytes, lines, seen = resident_megabytes(complete), len(complete.gateway.lines), len(complete.notified)
    good = complete.cluster.printed(CRM_MON)
    bad = good.replace(b'maintenance-mode="false"', b'maintenance-mode="true"')

    def has_changed_enough() -> bool:
        """Changes the cluster between two rounds of the probes, each of which includes a scrape."""
        count = len(complete.notified) - seen
        complete.cluster.prints(CRM_MON, good if complete.alarms() & {("maintenance-mode", "")} else bad)
        return count >= number

    during, unanswered = probes.measure(has_changed_enough)
    logged = complete.gateway.lines[lines:]
    return Measured(
        flood="notifications to 20 targets",
        sent=len(complete.notified) - seen,
        idle=before,
        flooded=during,
        megabytes=(megabytes, resident_megabytes(complete)),
        lines=len(logged) - number,  # one for each change of the alarm
        tracebacks=[line for line in logged if "Traceback" in line],
        unanswered=unanswered,
    )


def _address(complete: CompleteGateway, flood: str) -> str:
    if flood == "alerts":
        return str(complete.run / "alert.sock")
    if flood == "malformed datagrams":
        return f"{_ADDRESS}:{complete.agent_port}"
    if flood == "malformed AgentX":
        assert complete.snmpd is not None
        return str(complete.snmpd.agentx)
    return complete.gateway.address


def resident_megabytes(complete: CompleteGateway) -> float:
    """Returns the resident memory of the gateway."""
    return resident_kib(complete.pid) / 1000


@contextlib.contextmanager
def flooded_gateway(directory: Path) -> Iterator[tuple[CompleteGateway, Probes]]:
    """Runs a gateway with everything, and the other clients."""
    with receivers() as targets, CompleteGateway(directory, snmpd=True, targets=targets) as complete:
        complete.gateway.wait_for_logged("agentx registered")
        probes = Probes(complete)
        yield complete, probes
        probes.close()


def main() -> int:
    """Runs the floods, and prints what they have cost."""
    parser = argparse.ArgumentParser(prog="python -m tests.flood", description=__doc__)
    parser.add_argument("--only", choices=[*FLOODS, "notifications"], help="run one of them")
    only = parser.parse_args().only
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as directory, flooded_gateway(Path(directory) / "all") as (complete, probes):
        for flood, number in (*NUMBERS.items(), ("notifications", 20)):
            if only in {None, flood}:
                run = run_notifications if flood == "notifications" else None
                measured = run(complete, probes, number) if run else run_flood(complete, probes, flood, number)
                print(measured, flush=True)
                failures += measured.failures()
    print(*(f"FAIL: {failure}" for failure in failures), sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
