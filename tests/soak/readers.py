"""``make soak-readers``: a gateway on a real node that asks the cluster's libraries, for long, while its readers crash.

The first part scrapes, and measures the memory of the gateway and of each reader: after the warm-up it must not grow by
more than 5 %, although readers are replaced in the meantime. In the second part, every tenth scrape meets a reader that
is killed, aborts or hangs in the middle of its answer. Every page must show the same cluster. At the end there must not
be a process, a zombie, a thread or a descriptor more. Needs root and the packages of the lab.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from gateway.host.library import Stack
from tests.bench.peers import children, only_child
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.resources import DEMO_RESOURCES
from tests.series import facts
from tests.soak.observed import occupation, private_megabytes
from tests.waiting import wait_until

NODE = "node1"
MAX_GROWTH = 0.05
_WARM_UP = 0.2
_MEASUREMENTS = 100
"""How often the memory is measured."""
_EVERY = 10
"""Scrapes of which one meets a fault."""
_LONGEST_WAIT = 0.02
"""Seconds after the beginning of a scrape in which the fault happens: about as long as a scrape takes."""
_FAULTS = (signal.SIGKILL, signal.SIGABRT, signal.SIGKILL, signal.SIGABRT, signal.SIGSTOP)


def role(pid: int) -> str:
    """Returns what a process of the gateway is for: its program and its argument, if it has one."""
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    return " ".join(Path(word).name for word in words[-2:] if not word.startswith("-"))


def readers(gateway: int) -> dict[str, int]:
    """Returns the readers of a gateway, by their stack."""
    found = {}
    for pid in children(gateway):
        try:
            name = role(pid)
        except OSError:
            continue  # it has just ended
        if name.startswith("child.py "):
            found[name.removeprefix("child.py ")] = pid
    return found


class Memory:
    """The private memory of each process of a gateway.

    That of Corosync's reader rises and falls, as its connections are replaced: medians are compared.

    Args:
        gateway: its process id.
    """

    def __init__(self, gateway: int) -> None:
        self._gateway = gateway
        self._megabytes: dict[str, list[float]] = {}

    def measure(self) -> None:
        """Measures all processes."""
        for name, pid in {"gateway": self._gateway, **readers(self._gateway)}.items():
            with suppress(OSError):  # it is being replaced
                self._megabytes.setdefault(name, []).append(private_megabytes(pid))

    def medians(self) -> dict[str, tuple[float, float]]:
        """Returns the medians of each process in the warm-up, and at the end, for as long."""
        count = max(1, int(_WARM_UP * _MEASUREMENTS))
        return {
            name: (median(megabytes[:count]), median(megabytes[-count:])) for name, megabytes in self._megabytes.items()
        }


class Faults:
    """Sends signals to readers while they answer.

    Args:
        gateway: the process id of the gateway.
        seed: the seed of the moments.
    """

    def __init__(self, gateway: int, seed: int) -> None:
        self.sent = 0
        self._gateway = gateway
        self._random = random.Random(seed)
        self._kinds: Iterator[tuple[signal.Signals, str]] = itertools.cycle(
            itertools.product(_FAULTS, ("pacemaker", "corosync"))
        )

    def prepare(self) -> Callable[[], None]:
        """Returns a function that waits until the next fault has happened, some milliseconds from now."""
        number, stack = next(self._kinds)
        wait = self._random.uniform(0, _LONGEST_WAIT)

        def strike() -> None:
            pid = readers(self._gateway).get(stack)
            if pid is not None:
                self.sent += 1
                os.kill(pid, number)

        timer = threading.Timer(wait, strike)
        timer.start()
        return timer.join


def soak(cluster: Cluster, directory: Path, scrapes: int, crashes: int, seed: int) -> list[str]:
    """Runs both parts, and returns what must not be so."""
    problems: list[str] = []
    with NodeGateway(cluster, NODE, configuration(directory, alarms='socket = ""\ninterval = 3600')) as gateway:
        pid = only_child(gateway.process.pid)
        reference = facts(gateway.page())

        def scrape(what: str) -> None:
            if (found := facts(gateway.page())) != reference:
                different = sorted(map(str, found.items() ^ reference.items()))
                problems.append(f"{what}: {different[:3]}")

        memory = Memory(pid)
        started = time.monotonic()
        interval = max(1, scrapes // _MEASUREMENTS)
        for number in range(scrapes):
            scrape(f"scrape {number}")
            if number % interval == interval - 1:
                memory.measure()
        print(f"{scrapes} scrapes in {time.monotonic() - started:.0f} s", flush=True)
        for name, (before, after) in memory.medians().items():
            growth = after / before - 1
            print(f"{name:10} {before:6.2f} MB in the warm-up, {after:6.2f} MB at the end: {growth:+.1%}", flush=True)
            if growth > MAX_GROWTH:
                problems.append(f"{name} grew by {growth:.1%}")

        before_faults = occupation(pid)
        faults = Faults(pid, seed)
        for number in range(crashes):
            wait = faults.prepare() if number % _EVERY == _EVERY - 1 else None
            scrape(f"scrape {number} with crashes")
            if wait is not None:
                wait()
        print(f"{crashes} scrapes with {faults.sent} crashes: {len(problems)} problems", flush=True)

        def has_readers() -> bool:
            scrape("after the crashes")  # a reader is started with the next scrape
            return len(readers(pid)) == len(Stack)

        wait_until(has_readers, what="the readers")
        problems += occupation(pid).leaks(before_faults)
        problems += _repeated(gateway)
    return problems


def _repeated(gateway: NodeGateway) -> list[str]:
    """Returns the log events about sources that were logged more than once."""
    events = [
        str({key: value for key, value in entry.items() if key not in {"timestamp", "level"}})
        for entry in gateway.log
        if entry["event"] in {"library in use", "tool in use"}
    ]
    print(*(f"logged: {event}" for event in events), sep="\n")
    return [f"logged {events.count(event)} times: {event}" for event in set(events) if events.count(event) > 1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak, and prints what it has found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.readers", description=__doc__)
    parser.add_argument("--scrapes", type=int, default=20_000, help="(default: %(default)s)")
    parser.add_argument("--crashes", type=int, default=1_000, help="scrapes of the second part (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the crashes (default: %(default)s)")
    options = parser.parse_args(arguments)
    if reason := missing_prerequisites():
        print(f"soak: {reason}", file=sys.stderr)
        return 2
    with Cluster(Options(nodes=3, rings=2)) as cluster, tempfile.TemporaryDirectory() as directory:
        cluster.wait_ready()
        cluster.load(DEMO_RESOURCES)
        cluster.wait_idle()
        problems = soak(cluster, Path(directory), options.scrapes, options.crashes, options.seed)
    print(*(f"FAIL: {problem}" for problem in problems[:20]), sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
