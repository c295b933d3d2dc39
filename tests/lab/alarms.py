"""How fast, and how surely, a real cluster's alarms are told: ``python -m tests.lab.alarms``. Needs root.

A node is cut off and healed again and again, and every notification is timed from Corosync's own decision to its
arrival at each of five receivers, beside that of corosync-notifyd. The tests do the same with fewer cuts. With
``--down SECONDS`` receivers are down for so long while alarms come and go.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests import series
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.receivers import (
    LOST,
    REGAINED,
    STARTED,
    USER,
    WAYS,
    Arrived,
    Listener,
    Receivers,
    Sent,
    Told,
    Wire,
    await_told,
    receivers,
    told,
    trapd,
)
from tests.lab.test_events import LOST as LOGGED_LOST
from tests.lab.test_events import REGAINED as LOGGED_REGAINED
from tests.lab.test_events import decided
from tests.snmptrapd import COMMUNITY, HOST, Received, Snmptrapd

NODE = "node1"
NOTIFYD = "corosync-notifyd"
LIMIT, BEHIND = 0.1, 0.03
"""Seconds after Corosync's decision, and after corosync-notifyd, at the 99th percentile."""

_NOTIFYD_PORT = 162
_NOTIFYD_QUORUM = "1.3.6.1.4.1.35488.0.2"
_NOTIFYD_STATUS = "1.3.6.1.4.1.35488.1.21"
_STANDING = {("fencing-disabled", "")}
"""What is wrong with the lab when nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision of Corosync's.

    Attributes:
        lost: whether the quorum was lost with it; else it was regained.
        time: when it was logged, in Unix seconds.
        arrived: when each receiver was told, by the way to it, and corosync-notifyd's.
    """

    lost: bool
    time: float
    arrived: Mapping[str, float]

    def delay(self, way: str) -> float:
        """Returns the seconds until a receiver was told."""
        return self.arrived[way] - self.time

    def behind(self, way: str) -> float:
        """Returns how many seconds after corosync-notifyd that was."""
        return self.arrived[way] - self.arrived[NOTIFYD]


# --- Everything in a node --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A node with the gateway and its receivers; beside them run corosync-notifyd and its own receiver."""

    cluster: Cluster
    receivers: Receivers
    gateway: NodeGateway
    notifyd: Snmptrapd
    wire: Wire


@contextmanager
def scene(cluster: Cluster, directory: Path, *, shared: bool = False) -> Iterator[Scene]:
    """Sets it up; everybody has been told of the gateway's start.

    Args:
        cluster: a healthy one.
        directory: an empty one.
        shared: whether the node has to share its processor with the others.
    """
    wire = Wire(cluster, NODE)
    with (
        receivers(cluster, NODE, directory) as found,
        trapd(cluster, NODE, directory / "notifyd", port=_NOTIFYD_PORT) as other,
        running_notifyd(cluster),
        # nothing but events: what is told at once is not told by the next look
        _telling(cluster, directory, found, interval=60) as gateway,
    ):
        gateway.once("quorum watched")
        with nullcontext() if shared else apart(cluster):
            yield Scene(cluster=cluster, receivers=found, gateway=gateway, notifyd=other, wire=wire)
    wire.close()


@contextmanager
def _telling(cluster: Cluster, directory: Path, found: Receivers, *, interval: int) -> Iterator[NodeGateway]:
    """Runs a gateway that tells all receivers, and has told them that it has started."""
    config = configuration(
        directory,
        snmp=f'agentx = "unix:{found.snmpd.agentx}"\nstate_directory = "{found.state}"\n',
        alarms=f"interval = {interval}",
        targets=found.targets,
    )
    with NodeGateway(cluster, NODE, config) as gateway:
        for receiver in found.all.values():
            cluster.wait_for(partial(told, receiver), what="the first notification")
        yield gateway


@contextmanager
def apart(cluster: Cluster) -> Iterator[None]:
    """Gives the node a processor of its own, as real nodes have; the other nodes and this process have the others.

    After a decision everything on all nodes wants a processor at once, and on one machine they would be in each other's
    way. What is measured begins in here, and ends in here.
    """
    mine = os.sched_getaffinity(0)
    first, *others = sorted(mine)
    for node in cluster.nodes if others else ():
        for task in _tasks(cluster.init_pid(node)):
            with contextlib.suppress(OSError):  # it has ended meanwhile, or the kernel keeps it where it is
                os.sched_setaffinity(task, {first} if node == NODE else others)
    os.sched_setaffinity(0, others or mine)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def _tasks(init: int) -> Iterator[int]:
    """Yields all threads of a node."""
    namespace = Path(f"/proc/{init}/ns/pid").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "ns/pid").readlink() == namespace:
                yield from (int(task.name) for task in (process / "task").iterdir())


@contextmanager
def running_notifyd(cluster: Cluster) -> Iterator[None]:
    """Runs corosync-notifyd, which tells the node itself."""
    argv = [NOTIFYD, "-f", "-s", "-n", "-m", HOST, "-c", COMMUNITY]
    process = cluster.popen(NODE, argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


# --- Cuts ------------------------------------------------------------------------------------------------------------


def cut_and_heal(scene: Scene, number: int) -> list[Decision]:
    """Cuts the node off for the ``number``-th time, heals it, and returns both decisions.

    Everything that was raised meanwhile is cleared when this returns.
    """
    cluster = scene.cluster
    for _ in scene.wire.arrived():
        pass
    cluster.cut(NODE)
    _wait_told(scene, LOST, number)
    lost = decided(cluster, NODE, LOGGED_LOST)
    cluster.heal(NODE)
    _wait_told(scene, REGAINED, number)
    regained = decided(cluster, NODE, LOGGED_REGAINED)
    cluster.wait_for(lambda: scene.gateway.alarms() == _STANDING, 60, what="the end of all alarms")
    listener = Listener(USER)
    heard = [(one, listener.notification(one.data)) for one in scene.wire.arrived() if one.port in _PORTS]
    return [_decision(lost, heard, was_lost=True), _decision(regained, heard, was_lost=False)]


_PORTS = {**{port: way for way, port in WAYS.items()}, _NOTIFYD_PORT: NOTIFYD}


def _wait_told(scene: Scene, notification: str, times: int) -> None:
    for way, receiver in scene.receivers.all.items():
        scene.cluster.wait_for(partial(_is_told, receiver, notification, times), 30, what=f"{notification} by {way}")
    # at its start, corosync-notifyd has told that there is a quorum
    count, status = (times, b"not quorate") if notification == LOST else (times + 1, b"quorate")
    scene.cluster.wait_for(
        lambda: sum(map(partial(_says, status), scene.notifyd.received)) >= count, what=f"{status!r} by {NOTIFYD}"
    )


def _says(status: bytes, received: Received) -> bool:
    return received.varbinds.get(_NOTIFYD_STATUS, ("", b""))[1] == status


def _is_told(receiver: Snmptrapd, notification: str, times: int) -> bool:
    return sum(one.notification == notification for one in told(receiver)) >= times


def _decision(time: float, heard: Sequence[tuple[Arrived, Sent | None]], *, was_lost: bool) -> Decision:
    """Returns a decision with the arrival of the first notification of it by each way."""
    arrived: dict[str, float] = {}
    quorum: list[float] = []
    for datagram, sent in heard:
        if sent is None:
            continue
        if sent.notification == (LOST if was_lost else REGAINED):
            arrived.setdefault(_PORTS[datagram.port], datagram.time)
        elif sent.notification == _NOTIFYD_QUORUM:
            quorum.append(datagram.time)
    arrived[NOTIFYD] = quorum[0 if was_lost else -1]
    return Decision(lost=was_lost, time=time, arrived=arrived)


def _has_told(receiver: Snmptrapd, least: int) -> bool:
    return len(told(receiver)) >= least


def check_told(scene: Scene, cuts: int) -> None:
    """Asserts that each receiver was told everything once, in order, and all of them the same."""
    first: list[Told] | None = None
    for way, receiver in scene.receivers.all.items():
        least = len(first or ())
        scene.cluster.wait_for(partial(_has_told, receiver, least), what=f"the rest by {way}")
        found = told(receiver)
        assert [one.sequence for one in found] == list(range(1, len(found) + 1)), way
        assert found[0].notification == STARTED, way
        quorum = [one.notification for one in found if one.condition == "quorum-lost"]
        assert quorum == [LOST, REGAINED] * cuts, way
        assert {one.security for one in receiver.received} == {_SECURITY[way]}, way
        assert {one.kind for one in receiver.received} == {_KINDS[way]}, way
        first = first or found
        assert found == first, way


_SECURITY = {way: f"{'SNMP v3, user lab, context' if 'v3' in way else 'SNMP v2c, community public'}" for way in WAYS}
_KINDS = {way: "INFORM" if "inform" in way else "TRAP2" for way in WAYS}


# --- Receivers that are down -----------------------------------------------------------------------------------------

_COME_AND_GO = (
    ("maintenance-mode", "", "crm_attribute --name maintenance-mode", "--update true", "--delete"),
    ("node-standby", "node3", "crm_standby --node node3", "--update on", "--delete"),
    ("node-maintenance", "node2", "crm_attribute --node node2 --name maintenance", "--update true", "--delete"),
)
"""Alarms: condition, object, and how they are raised and cleared."""


def outage(cluster: Cluster, directory: Path, seconds: float = 0.0) -> None:
    """Asserts that who was down for a while, while alarms came and went, is told of them afterwards: in order, once.

    Args:
        cluster: a healthy one.
        directory: an empty one.
        seconds: how long they are down at least.
    """
    with (
        receivers(cluster, NODE, directory, timeout=0.5) as found,
        _telling(cluster, directory, found, interval=1) as gateway,
    ):
        down = [found.all["v2c inform"], found.all["v3 inform"]]
        for receiver in down:
            receiver.stop()
        found.snmpd.stop()
        since = time.monotonic()
        witness = found.all["v2c trap"]
        _come_and_go(cluster, witness)
        missed = len(told(witness)) - 1
        assert missed == 2 * len(_COME_AND_GO), told(witness)
        time.sleep(max(0.0, seconds - (time.monotonic() - since)))  # it is to be long
        page = gateway.page()
        for name in (*(receiver.name for receiver in down), "agentx"):
            assert page[series.key("gateway_notifications_queued", target=name)] == missed, name

        for receiver in down:
            receiver.start()
        found.snmpd.start()
        _all_told(cluster, found)
        found.snmpd.stop(signal.SIGKILL)
        _come_and_go(cluster, witness)
        found.snmpd.start()
        _all_told(cluster, found)
        page = gateway.page()
        for name in (
            *(receiver.name for receiver in found.all.values() if receiver.port != WAYS["snmpd"]),
            "agentx",
        ):
            assert page[series.key("gateway_notifications_queued", target=name)] == 0, name
            assert page[series.key("gateway_notifications_dropped_total", target=name)] == 0, name
            sent = page[series.key("gateway_notifications_sent_total", target=name)]
            assert sent == len(told(witness)), name


def _come_and_go(cluster: Cluster, witness: Snmptrapd) -> None:
    before = len(told(witness))
    for condition, about, command, begin, end in _COME_AND_GO:
        for change, options in (("raised", begin), ("cleared", end)):
            cluster.run("node2", *command.split(), *options.split())
            await_told(cluster, witness, condition, change, about, after=before)


def _all_told(cluster: Cluster, found: Receivers) -> None:
    """Asserts that all are told everything that has been told: once, and in order."""
    everything = told(found.all["v2c trap"])
    assert [one.sequence for one in everything] == list(range(1, len(everything) + 1))
    for way, receiver in found.all.items():
        cluster.wait_for(partial(_has_told, receiver, len(everything)), 60, what=f"the rest by {way}")
        assert told(receiver) == everything, way


# --- Numbers ---------------------------------------------------------------------------------------------------------


def percentile_99(values: Sequence[float]) -> float:
    """Returns the 99th percentile; of fewer than a hundred values it is the largest."""
    return max(values) if len(values) < 100 else statistics.quantiles(values, n=100)[98]


def table(decisions: Sequence[Decision]) -> str:
    """Returns the delays in milliseconds, a line for each way."""
    lines = [f"{'ms after the decision':<22}{'median':>8}{'p99':>8}{'max':>8}   behind {NOTIFYD}: median, p99"]
    for lost in (True, False):
        some = [decision for decision in decisions if decision.lost is lost]
        for way in (*WAYS, NOTIFYD):
            delays = [1000 * decision.delay(way) for decision in some]
            behind = [1000 * decision.behind(way) for decision in some]
            lines.append(
                f"{'lost' if lost else 'regained'} {way:<{22 - 9}}"[:22].ljust(22)
                + f"{statistics.median(delays):8.1f}{percentile_99(delays):8.1f}{max(delays):8.1f}"
                + f"{statistics.median(behind):12.1f}{percentile_99(behind):8.1f}"
            )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cuts and prints what came of them; exit status 1 if a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.alarms", description=__doc__)
    parser.add_argument("--cuts", type=int, default=20, help="how often to cut the node off (default: %(default)s)")
    parser.add_argument("--shared", action="store_true", help="let all nodes share all processors")
    parser.add_argument("--down", type=float, help="instead, seconds for which receivers are to be down at least")
    arguments = parser.parse_args(argv)
    if reason := missing_prerequisites():
        print(f"alarms: {reason}", file=sys.stderr)
        return 2
    decisions: list[Decision] = []
    with (
        tempfile.TemporaryDirectory(prefix="alarms-") as directory,
        Cluster(Options(nodes=3)) as cluster,
    ):
        cluster.wait_ready()
        if arguments.down is not None:
            outage(cluster, Path(directory), arguments.down)
            print(f"receivers were down for {arguments.down:g} s and more, and were told everything, once and in order")
            return 0
        with scene(cluster, Path(directory), shared=arguments.shared) as found:
            for number in range(1, arguments.cuts + 1):
                decisions += cut_and_heal(found, number)
            check_told(found, arguments.cuts)
    print(table(decisions))
    late = [
        (way, decision)
        for decision in decisions
        for way in WAYS
        if decision.delay(way) > LIMIT or decision.behind(way) > BEHIND
    ]
    print(f"{len(late)} of {len(decisions) * len(WAYS)} later than {LIMIT:g} s, or {BEHIND:g} s behind {NOTIFYD}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
