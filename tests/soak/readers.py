"""``make soak-readers``: a gateway on a real node that asks the cluster's libraries, for long, while its readers crash.

The first part scrapes, and measures the memory of the gateway and of each reader: after the warm-up it must not grow by
more than 5 %, although readers are replaced in the meantime. In the second part, every tenth scrape meets a reader that
is killed, aborts or hangs in the middle of its answer. Every page must show the same cluster. After it there must not
be a process, a zombie, a thread or a descriptor more. In the third part the quorum changes while all processes of the
gateway meet such faults: a receiver must get each change once, and in order. Needs root and the packages of the lab.
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
from statistics import mean

from gateway.host.library import Stack
from tests.bench.peers import only_child
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.quorum_changes import Fault, change_under_faults, flap_under_faults
from tests.lab.receivers import LOST, REGAINED, gateway_and_receiver
from tests.lab.resources import DEMO_RESOURCES
from tests.processes import children
from tests.series import fact_lines
from tests.soak.observed import occupation, own_megabytes
from tests.waiting import wait_until

NODE = "node1"
MAX_GROWTH = 0.05
_PARTS = 5
"""Into how many parts a soak is divided. The first one is the warm-up, in which caches and arenas fill."""
_BETWEEN_MEASUREMENTS = 7
"""Scrapes from one measurement of the memory to the next one.

The memory of Corosync's reader rises and falls, as its connections are replaced after some scrapes. That number must
have no common divisor with this one, or a soak would always measure the same moment.
"""
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
    """The memory of each process of a gateway.

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
                self._megabytes.setdefault(name, []).append(own_megabytes(pid))

    def growth(self) -> dict[str, float]:
        """Prints the mean and the maximum of each part, and returns how the mean grew from the second to the last one.

        The mean, because memory rises and falls; a maximum is one moment, and a median is either of two levels.
        """
        growth = {}
        for name, megabytes in self._megabytes.items():
            length = len(megabytes) / _PARTS
            parts = [megabytes[round(part * length) : round((part + 1) * length)] for part in range(_PARTS)]
            means = [mean(part or megabytes) for part in parts]
            growth[name] = means[-1] / means[1] - 1
            columns = "".join(f"{mean(part or megabytes):8.2f} ({max(part or megabytes):5.2f})" for part in parts)
            print(f"{name:10}{columns} MB, mean and maximum: {growth[name]:+.1%}", flush=True)
        return growth


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
    """Runs the first two parts, and returns what must not be so."""
    problems: list[str] = []
    with NodeGateway(cluster, NODE, configuration(directory, alarms='socket = ""\ninterval = 3600')) as gateway:
        pid = only_child(gateway.process.pid)
        reference = fact_lines(gateway.text())

        def scrape(what: str) -> None:
            if (found := fact_lines(gateway.text())) != reference:
                problems.append(f"{what}: {sorted(set(found) ^ set(reference))[:3]}")

        memory = Memory(pid)
        started = time.monotonic()
        for number in range(scrapes):
            scrape(f"scrape {number}")
            if number % _BETWEEN_MEASUREMENTS == 0:
                memory.measure()
        print(f"{scrapes} scrapes in {time.monotonic() - started:.0f} s", flush=True)
        problems += (f"{name} grew by {by:.1%}" for name, by in memory.growth().items() if by > MAX_GROWTH)

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
        with suppress(TimeoutError):  # a connection or process may be about to end
            wait_until(lambda: not occupation(pid).leaks(before_faults), seconds=10, what="the end of what was used")
        problems += occupation(pid).leaks(before_faults)
        problems += _repeated(gateway)
    return problems


def soak_quorum(cluster: Cluster, directory: Path, changes: int, seed: int) -> list[str]:
    """Runs the third part, with an even number of changes, and returns what must not be so."""
    randomness = random.Random(seed)
    faults = [
        Fault(signal=randomness.choice(_FAULTS), delay=randomness.uniform(-_LONGEST_WAIT, _LONGEST_WAIT))
        for _ in range(changes)
    ]
    with gateway_and_receiver(cluster, directory, alarms='socket = ""\ninterval = 5') as (gateway, receiver):
        gateway.once("quorum watched")
        notified = [one.notification for one in change_under_faults(cluster, gateway, receiver, faults)]
        print(f"{changes} changes of the quorum, {len(notified)} notifications", flush=True)
        flapping = [one.notification for one in flap_under_faults(cluster, gateway, receiver, changes)]
        print(f"{changes} more without a pause, {len(flapping)} notifications", flush=True)
    expected = [LOST, REGAINED] * (changes // 2)
    problems = [] if notified == expected else [f"notified: {notified}"]
    return problems if flapping == expected[: len(flapping)] else [*problems, f"notified of flapping: {flapping}"]


def _repeated(gateway: NodeGateway) -> list[str]:
    """Returns the log events about sources that were logged more than once."""
    events = [
        str({key: value for key, value in entry.items() if key not in {"ts", "level"}})
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
    parser.add_argument(
        "--changes", type=int, default=100, help="changes of the quorum, an even number (default: %(default)s)"
    )
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
        problems += soak_quorum(cluster, Path(directory), options.changes, options.seed)
    print(*(f"FAIL: {problem}" for problem in problems[:20]), sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
