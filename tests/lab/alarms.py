"""Measures the delay of notifications in a real cluster: ``python -m tests.lab.alarms``. Needs root.

A node is cut off and healed again and again. Each notification is timed from Corosync's decision to its arrival at each
of five receivers, and compared with that of corosync-notifyd. The tests do the same with fewer cuts. With ``--compare``
the gateway reads the cluster by its libraries and by its tools in turn. With ``--down SECONDS`` receivers are down for
that time while alarms are raised and cleared.
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

from gateway.subsystems.library_source import LibrarySource
from tests import series
from tests.lab.base import PATIENCE
from tests.lab.cluster import Cluster, Options, missing_prerequisites
from tests.lab.event_programs import LOST as LOGGED_LOST
from tests.lab.event_programs import REGAINED as LOGGED_REGAINED
from tests.lab.event_programs import decision_time
from tests.lab.gateways import NodeGateway, configuration
from tests.lab.receivers import (
    CHANNELS,
    LOST,
    REGAINED,
    STARTED,
    USER,
    Datagram,
    DecodedNotification,
    GatewayNotification,
    LoopbackCapture,
    NotificationDecoder,
    Receivers,
    notifications,
    receivers,
    trapd,
    wait_for_notification,
)
from tests.snmptrapd import COMMUNITY, HOST, Received, Snmptrapd

NODE = "node1"
NOTIFYD = "corosync-notifyd"
LIMIT, BEHIND = 0.1, 0.03
"""Seconds after Corosync's decision, and after corosync-notifyd, at the 99th percentile."""

_TURN = 10
"""Cuts with one source, before it is the turn of the next one."""

_NOTIFYD_PORT = 162
_NOTIFYD_QUORUM = "1.3.6.1.4.1.35488.0.2"
_NOTIFYD_STATUS = "1.3.6.1.4.1.35488.1.21"
_ALWAYS_ACTIVE = {("fencing-disabled", "")}
"""The alarms that are active in a healthy lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision of Corosync's.

    Attributes:
        lost: whether the quorum was lost with it; else it was regained.
        time: when it was logged, in Unix seconds.
        arrived: the time of arrival at each receiver, by channel, and of corosync-notifyd's trap.
    """

    lost: bool
    time: float
    arrived: Mapping[str, float]

    def delay(self, channel: str) -> float:
        """Returns the seconds until the notification arrived at a receiver."""
        return self.arrived[channel] - self.time

    def behind(self, channel: str) -> float:
        """Returns how many seconds after corosync-notifyd that was."""
        return self.arrived[channel] - self.arrived[NOTIFYD]


# --- Everything in a node --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Testbed:
    """A node with the gateway and its receivers, and with corosync-notifyd and a receiver for it."""

    cluster: Cluster
    receivers: Receivers
    gateway: NodeGateway
    notifyd: Snmptrapd
    wire: LoopbackCapture


@contextmanager
def run_testbed(
    cluster: Cluster,
    directory: Path,
    *,
    source: LibrarySource = LibrarySource.AUTO,
    shared: bool = False,
) -> Iterator[Testbed]:
    """Starts everything; each receiver has received the first notification.

    Args:
        cluster: a healthy one.
        directory: an empty one.
        source: how the gateway reads the cluster.
        shared: whether the node shares its processor with the others.
    """
    wire = LoopbackCapture(cluster, NODE)
    with (
        receivers(cluster, NODE, directory) as all_receivers,
        trapd(cluster, NODE, directory / "notifyd", port=_NOTIFYD_PORT) as other,
        running_notifyd(cluster),
        # a long interval: only events cause notifications, not the next evaluation
        _notifying_gateway(cluster, directory, all_receivers, interval=60, source=source) as gateway,
    ):
        gateway.once("quorum watched")
        with nullcontext() if shared else separate_processor(cluster):
            yield Testbed(cluster=cluster, receivers=all_receivers, gateway=gateway, notifyd=other, wire=wire)
    wire.close()


@contextmanager
def _notifying_gateway(
    cluster: Cluster,
    directory: Path,
    receivers: Receivers,
    *,
    interval: int,
    source: LibrarySource = LibrarySource.AUTO,
) -> Iterator[NodeGateway]:
    """Runs a gateway that notifies all receivers; each has received the first notification."""
    config = configuration(
        directory,
        snmp=f'agentx = "unix:{receivers.snmpd.agentx}"\nstate_directory = "{receivers.state}"\n',
        alarms=f"interval = {interval}",
        targets=f'{receivers.targets}[pacemaker]\nsource = "{source}"\n[corosync]\nsource = "{source}"\n',
    )
    with NodeGateway(cluster, NODE, config) as gateway:
        for receiver in receivers.all.values():
            cluster.wait_for(partial(notifications, receiver), what="the first notification")
        yield gateway


@contextmanager
def separate_processor(cluster: Cluster) -> Iterator[None]:
    """Reserves a processor for the node; the other nodes and this process use the others.

    After a decision all nodes need a processor at once; on one machine they would delay each other. The measured path
    begins and ends in this node.
    """
    mine = os.sched_getaffinity(0)
    first, *others = sorted(mine)
    for node in cluster.nodes if others else ():
        for task in _tasks(cluster.init_pid(node)):
            with contextlib.suppress(OSError):  # it has just ended, or the kernel does not allow moving it
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
    """Runs corosync-notifyd, which notifies a receiver on the node itself."""
    argv = [NOTIFYD, "-f", "-s", "-n", "-m", HOST, "-c", COMMUNITY]
    process = cluster.popen(NODE, argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


# --- Cuts ------------------------------------------------------------------------------------------------------------


def cut_and_heal(testbed: Testbed, number: int) -> list[Decision]:
    """Cuts the node off for the ``number``-th time, heals it, and returns both decisions.

    Every alarm that was raised in between is cleared when this returns.
    """
    cluster = testbed.cluster
    for _ in testbed.wire.arrived():
        pass
    cluster.cut(NODE)
    _wait_for_quorum(testbed, LOST, number)
    lost = decision_time(cluster, NODE, LOGGED_LOST)
    cluster.heal(NODE)
    _wait_for_quorum(testbed, REGAINED, number)
    regained = decision_time(cluster, NODE, LOGGED_REGAINED)
    cluster.wait_for(lambda: testbed.gateway.alarms() == _ALWAYS_ACTIVE, 60, what="the end of all alarms")
    decoder = NotificationDecoder(USER)
    captured = [
        (datagram, decoder.notification(datagram.data))
        for datagram in testbed.wire.arrived()
        if datagram.port in _PORTS
    ]
    return [_decision(lost, captured, was_lost=True), _decision(regained, captured, was_lost=False)]


_PORTS = {**{port: channel for channel, port in CHANNELS.items()}, _NOTIFYD_PORT: NOTIFYD}


def _wait_for_quorum(testbed: Testbed, notification: str, times: int) -> None:
    for channel, receiver in testbed.receivers.all.items():
        testbed.cluster.wait_for(
            partial(_has_received, receiver, notification, times), 30, what=f"{notification} by {channel}"
        )
    # corosync-notifyd sends a trap about the quorum when it starts
    count, status = (times, b"not quorate") if notification == LOST else (times + 1, b"quorate")
    testbed.cluster.wait_for(
        lambda: sum(map(partial(_says, status), testbed.notifyd.received)) >= count, what=f"{status!r} by {NOTIFYD}"
    )


def _says(status: bytes, received: Received) -> bool:
    return received.varbinds.get(_NOTIFYD_STATUS, ("", b""))[1] == status


def _has_received(receiver: Snmptrapd, notification: str, times: int) -> bool:
    return sum(one.notification == notification for one in notifications(receiver)) >= times


def _decision(
    time: float, captured: Sequence[tuple[Datagram, DecodedNotification | None]], *, was_lost: bool
) -> Decision:
    """Returns a decision with the arrival of its first notification by each channel."""
    arrived: dict[str, float] = {}
    quorum: list[float] = []
    for datagram, decoded in captured:
        if decoded is None:
            continue
        if decoded.notification == (LOST if was_lost else REGAINED):
            arrived.setdefault(_PORTS[datagram.port], datagram.time)
        elif decoded.notification == _NOTIFYD_QUORUM:
            quorum.append(datagram.time)
    arrived[NOTIFYD] = quorum[0 if was_lost else -1]
    return Decision(lost=was_lost, time=time, arrived=arrived)


def _has_at_least(receiver: Snmptrapd, least: int) -> bool:
    return len(notifications(receiver)) >= least


def check_received(testbed: Testbed, cuts: int) -> None:
    """Asserts that each receiver received every notification once, in order, and all of them the same."""
    first: list[GatewayNotification] | None = None
    for channel, receiver in testbed.receivers.all.items():
        least = len(first or ())
        testbed.cluster.wait_for(partial(_has_at_least, receiver, least), what=f"the rest by {channel}")
        received = notifications(receiver)
        assert [one.sequence for one in received] == list(range(1, len(received) + 1)), channel
        assert received[0].notification == STARTED, channel
        quorum = [one.notification for one in received if one.condition == "quorum-lost"]
        assert quorum == [LOST, REGAINED] * cuts, channel
        assert {one.security for one in receiver.received} == {_SECURITY[channel]}, channel
        assert {one.kind for one in receiver.received} == {_KINDS[channel]}, channel
        first = first or received
        assert received == first, channel


_SECURITY = {
    channel: "SNMP v3, user lab, context" if "v3" in channel else "SNMP v2c, community public" for channel in CHANNELS
}
_KINDS = {channel: "INFORM" if "inform" in channel else "TRAP2" for channel in CHANNELS}


# --- Receivers that are down -----------------------------------------------------------------------------------------

_CHANGES = (
    ("maintenance-mode", "", "crm_attribute --name maintenance-mode", "--update true", "--delete"),
    ("node-standby", "node3", "crm_standby --node node3", "--update on", "--delete"),
    ("node-maintenance", "node2", "crm_attribute --node node2 --name maintenance", "--update true", "--delete"),
)
"""Alarms: condition, object, and how they are raised and cleared."""


def outage(cluster: Cluster, directory: Path, seconds: float = 0.0) -> None:
    """Asserts that receivers that were down receive the missed notifications afterwards, in order and once.

    Args:
        cluster: a healthy one.
        directory: an empty one.
        seconds: the shortest time for which they are down.
    """
    with (
        receivers(cluster, NODE, directory, timeout=0.5) as all_receivers,
        _notifying_gateway(cluster, directory, all_receivers, interval=1) as gateway,
    ):
        down = [all_receivers.all["v2c inform"], all_receivers.all["v3 inform"]]
        for receiver in down:
            receiver.stop()
        all_receivers.snmpd.stop()
        since = time.monotonic()
        witness = all_receivers.all["v2c trap"]
        _raise_and_clear(cluster, witness)
        missed = len(notifications(witness)) - 1
        assert missed == 2 * len(_CHANGES), notifications(witness)
        time.sleep(max(0.0, seconds - (time.monotonic() - since)))
        page = gateway.page()
        for name in (*(receiver.name for receiver in down), "agentx"):
            assert page[series.key("gateway_notifications_queued", target=name)] == missed, name

        for receiver in down:
            receiver.start()
        all_receivers.snmpd.start()
        _check_all_received(cluster, all_receivers)
        all_receivers.snmpd.stop(signal.SIGKILL)
        _raise_and_clear(cluster, witness)
        all_receivers.snmpd.start()
        _check_all_received(cluster, all_receivers)
        page = gateway.page()
        for name in (
            *(receiver.name for receiver in all_receivers.all.values() if receiver.port != CHANNELS["snmpd"]),
            "agentx",
        ):
            assert page[series.key("gateway_notifications_queued", target=name)] == 0, name
            assert page[series.key("gateway_notifications_dropped_total", target=name)] == 0, name
            sent = page[series.key("gateway_notifications_sent_total", target=name)]
            assert sent == len(notifications(witness)), name


def _raise_and_clear(cluster: Cluster, witness: Snmptrapd) -> None:
    before = len(notifications(witness))
    for condition, about, command, begin, end in _CHANGES:
        for change, options in (("raised", begin), ("cleared", end)):
            cluster.run("node2", *command.split(), *options.split())
            wait_for_notification(cluster, witness, condition, change, about, after=before)


def _check_all_received(cluster: Cluster, receivers: Receivers) -> None:
    """Asserts that each receiver has every notification once, and in order."""
    everything = notifications(receivers.all["v2c trap"])
    assert [one.sequence for one in everything] == list(range(1, len(everything) + 1))
    for channel, receiver in receivers.all.items():
        cluster.wait_for(partial(_has_at_least, receiver, len(everything)), 60, what=f"the rest by {channel}")
        assert notifications(receiver) == everything, channel


# --- Numbers ---------------------------------------------------------------------------------------------------------


def percentile(values: Sequence[float], percent: int) -> float:
    """Returns a percentile; the largest value if there are too few to tell."""
    enough = len(values) * (100 - percent) >= 100
    return statistics.quantiles(values, n=100)[percent - 1] if enough else max(values)


def table(decisions: Sequence[Decision]) -> str:
    """Returns the delays in milliseconds, a line for each channel."""
    columns = f"{'median':>8}{'p95':>8}{'max':>8}"
    lines = [f"{'ms after the decision':<24}{columns}   behind {NOTIFYD}:", f"{'':24}{columns}{'':3}{columns}"]
    for lost in (True, False):
        some = [decision for decision in decisions if decision.lost is lost]
        for channel in (*CHANNELS, NOTIFYD):
            delays = _distribution([decision.delay(channel) for decision in some])
            behind = _distribution([decision.behind(channel) for decision in some])
            lines.append(f"{'lost' if lost else 'regained'} {channel}".ljust(24) + f"{delays}{'':3}{behind}")
    return "\n".join(lines)


def _distribution(seconds: Sequence[float]) -> str:
    """Returns the median, the 95th percentile and the maximum, in milliseconds."""
    numbers = (statistics.median(seconds), percentile(seconds, 95), max(seconds))
    return "".join(f"{1000 * number:8.1f}" for number in numbers)


def _in_turn(sources: Sequence[LibrarySource], cuts: int) -> Iterator[tuple[LibrarySource, int]]:
    """Yields turns, in which order alternates, until each source has had its cuts."""
    order = list(sources)
    while cuts > 0:
        for source in order:
            yield source, min(cuts, _TURN)
        cuts -= _TURN
        order.reverse()


def measure(
    cluster: Cluster, directory: Path, sources: Sequence[LibrarySource], *, cuts: int, shared: bool
) -> Mapping[LibrarySource, Sequence[Decision]]:
    """Cuts the node off this many times for each source, and returns all decisions, by source."""
    decisions: dict[LibrarySource, list[Decision]] = {source: [] for source in sources}
    for turn, (source, number) in enumerate(_in_turn(sources, cuts)):
        place = directory / f"{turn}"
        place.mkdir()
        with run_testbed(cluster, place, source=source, shared=shared) as running:
            for cut in range(1, number + 1):
                decisions[source] += cut_and_heal(running, cut)
            check_received(running, number)
    return decisions


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the cuts and prints the delays; exit status 1 if one exceeds a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.alarms", description=__doc__)
    parser.add_argument("--cuts", type=int, default=20, help="the number of cuts (default: %(default)s)")
    parser.add_argument("--shared", action="store_true", help="let all nodes share all processors")
    parser.add_argument(
        "--compare", action="store_true", help="read by the libraries and by the tools in turn, with as many cuts each"
    )
    parser.add_argument("--down", type=float, help="instead, keep receivers down for at least this many seconds")
    arguments = parser.parse_args(argv)
    if reason := missing_prerequisites():
        print(f"alarms: {reason}", file=sys.stderr)
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="alarms-") as directory,
        Cluster(Options(nodes=3)) as cluster,
    ):
        cluster.wait_ready()
        if arguments.down is not None:
            outage(cluster, Path(directory), arguments.down)
            print(f"receivers were down for {arguments.down:g} s and received everything afterwards, once and in order")
            return 0
        sources = [LibrarySource.AUTO, *([LibrarySource.TOOLS] if arguments.compare else [])]
        measured = measure(cluster, Path(directory), sources, cuts=arguments.cuts, shared=arguments.shared)
    for source, decisions in measured.items():
        print(f"source = {source}:\n{table(decisions)}\n")
    late = sum(_count_late(source, decisions) for source, decisions in measured.items())
    return 1 if late else 0


def _count_late(source: LibrarySource, decisions: Sequence[Decision]) -> int:
    """Prints and returns how many notifications came too late."""
    late = [
        (channel, decision)
        for decision in decisions
        for channel in CHANNELS
        if decision.delay(channel) > LIMIT or decision.behind(channel) > BEHIND
    ]
    total = len(decisions) * len(CHANNELS)
    print(f"{source}: {len(late)} of {total} later than {LIMIT:g} s, or {BEHIND:g} s behind {NOTIFYD}")
    return len(late)


if __name__ == "__main__":
    sys.exit(main())
