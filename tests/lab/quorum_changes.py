"""Takes a cluster's quorum and gives it back, again and again, while faults meet the processes of a gateway.

The expected votes change, and no node leaves: Corosync decides at once, and the next change can follow at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.bench.peers import only_child
from tests.lab.cluster import Cluster
from tests.lab.gateways import NodeGateway
from tests.lab.receivers import LOST, REGAINED, GatewayNotification, notifications
from tests.processes import children
from tests.snmptrapd import Snmptrapd

CONDITION = "quorum-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A signal to every process of a gateway but the gateway itself.

    Attributes:
        signal: the signal.
        delay: seconds from the change of the quorum to the signal; negative if the signal comes first.
    """

    signal: signal.Signals
    delay: float


def set_quorum(cluster: Cluster, *, quorate: bool) -> None:
    """Gives a healthy cluster quorum, or takes it, by the votes that are expected."""
    votes = len(cluster.nodes) if quorate else 2 * len(cluster.nodes) + 1
    for node in cluster.running():
        cluster.run(node, "corosync-cmapctl", "-s", "quorum.expected_votes", "u32", str(votes))


def strike(gateway: NodeGateway, number: signal.Signals) -> None:
    """Sends a signal to every process of a gateway but the gateway itself."""
    for pid in children(only_child(gateway.process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def change_under_faults(
    cluster: Cluster, gateway: NodeGateway, receiver: Snmptrapd, faults: Iterable[Fault]
) -> list[GatewayNotification]:
    """Changes the quorum once for each fault, and returns the notifications about it.

    The readers answer a scrape meanwhile. Each change lasts until the receiver has got a notification of it; that must
    be the only one.
    """
    quorate = True
    for number, fault in enumerate(faults, 1):
        quorate = not quorate
        scrape = threading.Thread(target=gateway.text)
        scrape.start()
        _in_order(fault.delay, partial(set_quorum, cluster, quorate=quorate), partial(strike, gateway, fault.signal))
        scrape.join()
        cluster.wait_for(partial(_has_at_least, receiver, number), what=f"the notification of change {number}")
        assert about_quorum(receiver)[-1].notification == (REGAINED if quorate else LOST), number
    return about_quorum(receiver)


def flap_under_faults(
    cluster: Cluster, gateway: NodeGateway, receiver: Snmptrapd, number: int
) -> list[GatewayNotification]:
    """Changes the quorum without waiting, an even number of times, and returns the notifications about it.

    In the middle, all processes of the gateway are killed. Changes may go unnoticed then, but the final state may not.
    """
    before = len(about_quorum(receiver))
    for change in range(number):
        if change == number // 2:
            strike(gateway, signal.SIGKILL)
        set_quorum(cluster, quorate=change % 2 == 1)
    cluster.wait_for(
        lambda: (CONDITION, "") not in gateway.alarms() and (len(about_quorum(receiver)) - before) % 2 == 0,
        what="the notification of the final state",
    )
    return about_quorum(receiver)[before:]


def _has_at_least(receiver: Snmptrapd, number: int) -> bool:
    return len(about_quorum(receiver)) >= number


def about_quorum(receiver: Snmptrapd) -> list[GatewayNotification]:
    """Returns the notifications about the quorum that a receiver has received."""
    return [one for one in notifications(receiver) if one.condition == CONDITION]


def _in_order(delay: float, first: Callable[[], object], second: Callable[[], object]) -> None:
    """Calls the second function some seconds after the first one, or before it if they are negative."""
    timer = threading.Timer(abs(delay), second if delay >= 0 else first)
    timer.start()
    (first if delay >= 0 else second)()
    timer.join()
