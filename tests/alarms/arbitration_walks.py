"""The walks of the conditions of arbitration: the quorum device, the arbitrator, and booth."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.subsystems.booth import metrics as booth
from gateway.subsystems.pacemaker import metrics as pacemaker
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


ANSWERS: Sample = (booth.UP, 1, ("booth",))
HERE: Sample = (booth.TICKET_HERE, 1, ("booth", "db"))
NOT_HERE: Sample = (booth.TICKET_HERE, 0, ("booth", "db"))
REVOKED: Sample = (pacemaker.TICKETS, (False, True, False), ("db",))
GRANTED: Sample = (pacemaker.TICKETS, (True, False, False), ("db",))
UNREADABLE: Sample = (pacemaker.TICKETS, (None, None, False), ("db",))
CONFIGURED: Sample = (booth.TICKET_VALIDITY, 600, ("booth", "db"))
ONE_PEER: Sample = (booth.PEER_INFO, 1, ("booth", "192.0.2.3", "arbitrator"))


def ticket(name: str, leader: str = "", *, mode: str = "automatic") -> tuple[Sample, ...]:
    """Returns the samples of the ticket ``db`` in a state; its times are configured as booth's defaults."""
    numbers = (
        (booth.TICKET_VALIDITY, 600),
        (booth.TICKET_RENEWAL, 300),
        (booth.TICKET_RETRY, 55),
        (booth.TICKET_ACQUIRE_AFTER, 0),
    )
    return (
        ANSWERS,
        (booth.TICKET_INFO, 1, ("booth", "db", mode, leader)),
        (booth.TICKET_STATE, booth.TICKET_STATE.flags_for(name), ("booth", "db")),
        *((metric, number, ("booth", "db")) for metric, number in numbers),
    )


def expires(seconds: float) -> Sample:
    """Returns the sample of a ticket that expires so many seconds after the snapshot, whose time is 0."""
    return booth.TICKET_EXPIRY, seconds, ("booth", "db")


def peer(
    address: str, *, heard: float | None = None, received: int | None = None, rejected: int = 0
) -> tuple[Sample, ...]:
    """Returns the samples of a member that was heard of at a time; that of the snapshot is 0."""
    labels = ("booth", address)
    counters = {"received": received, "receive_errors": 0, "authentication_failures": rejected, "invalid": 0}
    return (
        (booth.PEER_INFO, 1, (*labels, "site")),
        *(() if heard is None else ((booth.PEER_LAST_CONTACT, heard, labels),)),
        *(
            (booth.PEER_COUNTERS[name], number, labels)
            for name, number in counters.items()
            if received is not None and number is not None
        ),
    )


LEADER = ticket("granted", "192.0.2.1")
OTHER_TICKET: tuple[Sample, ...] = (ANSWERS, (booth.TICKET_INFO, 1, ("booth", "web", "automatic", "192.0.2.1")))

BOOTH: Mapping[str, Walk] = {
    "booth-down": Walk(
        object="booth",
        before=(ANSWERS,),
        present=((booth.UP, 0, ("booth",)),),
        absent=(ANSWERS,),
        gone=((booth.UP, 1, ("other",)),),
        unknown=((),),
        collector="booth",
    ),
    "booth-ticket-no-leader": Walk(
        object="booth/db",
        before=LEADER,
        present=ticket("no_leader"),
        absent=ticket("revoked"),
        gone=OTHER_TICKET,
        unknown=((ANSWERS, CONFIGURED), ticket("?")),
        collector="booth",
    ),
    "booth-ticket-expiring": Walk(
        object="booth/db",
        before=(*LEADER, expires(600)),
        present=(*LEADER, expires(149)),
        absent=(*LEADER, expires(600)),
        gone=OTHER_TICKET,
        unknown=((ANSWERS, CONFIGURED), LEADER, (*LEADER, expires(-3600)), (*LEADER, expires(3600))),
        collector="booth",
    ),
    "booth-ticket-conflict": Walk(
        object="booth/db",
        before=LEADER,
        present=(*LEADER, (booth.TICKET_CONFLICT, 1, ("booth", "db", "192.0.2.1, 192.0.2.2"))),
        absent=LEADER,
        gone=OTHER_TICKET,
        unknown=((ANSWERS, CONFIGURED),),
        collector="booth",
    ),
    "booth-grant-missing": Walk(
        object="booth/db",
        before=(*LEADER, HERE, GRANTED),
        present=(*LEADER, HERE, REVOKED),
        absent=(*LEADER, HERE, GRANTED),
        gone=OTHER_TICKET,
        unknown=(
            (*ticket("commit_pending", "192.0.2.1"), HERE, REVOKED),
            (*LEADER, HERE, UNREADABLE),
            (*LEADER, REVOKED),
            (REVOKED, CONFIGURED),
        ),
        collector="booth",
    ),
    "booth-grant-stale": Walk(
        object="booth/db",
        before=(*LEADER, HERE, GRANTED),
        present=(*LEADER, NOT_HERE, GRANTED),
        absent=(*LEADER, NOT_HERE),
        gone=OTHER_TICKET,
        unknown=((*LEADER, NOT_HERE, UNREADABLE), (*LEADER, GRANTED), (*OTHER_TICKET, GRANTED), (CONFIGURED,)),
        collector="booth",
    ),
    "booth-peer-unreachable": Walk(
        object="booth/192.0.2.2",
        before=(*LEADER, HERE, *peer("192.0.2.2", heard=-300, received=1)),
        present=(*LEADER, HERE, *peer("192.0.2.2", heard=-357, received=1)),
        absent=peer("192.0.2.2", heard=-355, received=2),
        gone=(ONE_PEER,),
        unknown=(
            (),
            peer("192.0.2.2"),
            (*LEADER, HERE, *peer("192.0.2.2", heard=-356, received=2, rejected=1)),  # its message was rejected
            peer("192.0.2.2", heard=-356, received=1),  # nobody holds a ticket, so nobody sends anything
            (*LEADER, HERE, expires(3600), *peer("192.0.2.2", heard=-356, received=1)),  # another time zone
        ),
        collector="booth",
    ),
}

ARBITRATION: Mapping[str, Walk] = {
    **BOOTH,
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
