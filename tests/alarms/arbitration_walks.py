"""The walks of the conditions of arbitration: the quorum device, and the arbitrator."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.subsystems.qdevice import metrics as qdevice
from gateway.subsystems.qnetd import metrics as qnetd
from tests.alarms.snapshots import Sample
from tests.alarms.walks import Walk

UP: Sample = (qdevice.UP, 1, ())
DOWN: Sample = (qdevice.UP, 0, ())
VOTES: Sample = (qdevice.VOTE, 1, ())
NO_VOTE: Sample = (qdevice.VOTE, 0, ())


def state(name: str) -> Sample:
    return qdevice.STATE, qdevice.STATE.flags_for(name), ()


CONNECTED = state("connected")

QNETD_UP: Sample = (qnetd.UP, 1, ())


def clusters(count: int) -> Sample:
    return qnetd.CLUSTERS, count, ()


def geo(*connected: int, size: int | None = 2) -> tuple[Sample, ...]:
    """Returns the samples of a cluster of which some nodes are connected; without a size, the others are unknown."""
    others = [] if size is None else [number for number in range(1, size + 1) if number not in connected]
    return (
        (qnetd.CLUSTER_INFO, 1, ("geo", "ffsplit", "lowest")),
        *((qnetd.NODE_CONNECTED, 1, ("geo", str(number))) for number in connected),
        *((qnetd.NODE_CONNECTED, 0, ("geo", str(number))) for number in others),
        *(() if size is None else ((qnetd.CLUSTER_NODES, size, ("geo",)),)),
    )


ARBITRATION: Mapping[str, Walk] = {
    "qdevice-no-vote": Walk(
        before=(UP, CONNECTED, VOTES),
        present=(UP, state("connect_failed"), NO_VOTE),
        absent=(UP, CONNECTED, VOTES),
        unknown=((), (UP,), (UP, VOTES), (UP, CONNECTED), (UP, NO_VOTE)),
        collector="qdevice",
    ),
    "qnetd-down": Walk(
        before=(QNETD_UP,),
        present=((qnetd.UP, 0, ()),),
        absent=(QNETD_UP,),
        unknown=((),),
        collector="qnetd",
    ),
    "qnetd-cluster-missing": Walk(
        object="geo",
        before=(QNETD_UP, clusters(1), *geo(1, 2)),
        present=(QNETD_UP, clusters(0)),
        absent=(QNETD_UP, clusters(1), *geo(1)),
        unknown=((QNETD_UP,), (QNETD_UP, clusters(1))),
        collector="qnetd",
    ),
    "qnetd-last-node": Walk(
        object="geo",
        before=(QNETD_UP, clusters(1), *geo(1, 2)),
        present=(QNETD_UP, clusters(1), *geo(1)),
        absent=(QNETD_UP, clusters(1), *geo(1, 2)),
        gone=(QNETD_UP, clusters(1), *geo(1, size=1)),
        unknown=((QNETD_UP, clusters(0)), (QNETD_UP, clusters(1), *geo(1, size=None))),
        collector="qnetd",
    ),
    "qnetd-node-missing": Walk(
        object="node 2 of geo",
        before=(QNETD_UP, clusters(1), *geo(1, 2, 3, size=3)),
        present=(QNETD_UP, clusters(1), *geo(1, 3, size=3)),
        absent=(QNETD_UP, clusters(1), *geo(2, size=None)),
        gone=(QNETD_UP, clusters(1), *geo(1, size=1)),
        unknown=((QNETD_UP, clusters(0)), (QNETD_UP, clusters(1), *geo(1, 3, size=None))),
        collector="qnetd",
    ),
}
