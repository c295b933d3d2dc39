"""The walks of the conditions of Corosync, SBD and DRBD, and all walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.subsystems.corosync import metrics as corosync
from gateway.subsystems.drbd import metrics as drbd
from gateway.subsystems.sbd import metrics as sbd
from tests.alarms.arbitration_walks import ARBITRATION
from tests.alarms.snapshots import Sample
from tests.alarms.walks import PACEMAKER, Walk

# --- Corosync --------------------------------------------------------------------------------------------------------

UP: Sample = (corosync.UP, 1, ())
KNET: Sample = (corosync.INFO, 1, ("demo", "knet", "3.1.7", "n1"))
UDP: Sample = (corosync.INFO, 1, ("demo", "", "2.4.6", "n1"))
N1: Sample = (corosync.MEMBER_VOTES, 1, ("1", "n1", "true"))
N2: Sample = (corosync.MEMBER_VOTES, 1, ("2", "n2", "false"))
N3: Sample = (corosync.MEMBER_VOTES, 1, ("3", "n3", "false"))
QDEVICE: Sample = (corosync.MEMBER_VOTES, 1, ("0", "Qdevice", "false"))


def votes(total: int) -> tuple[Sample, ...]:
    return (corosync.QUORUM_VOTES, 3, ("expected_votes",)), (corosync.QUORUM_VOTES, total, ("total_votes",))


def qdevice(*flags: str, node_id: str = "1") -> Sample:
    return corosync.MEMBER_QDEVICE, tuple(state in flags for state in corosync.MEMBER_QDEVICE.states), (node_id, "")


def ring(number: int, healthy: int = 1) -> Sample:
    return corosync.RINGS, healthy, ("1.1", "1", str(number), f"192.0.2.{number}")


def peer(number: int, node_id: int, connected: int) -> Sample:
    return corosync.LINK_CONNECTED, connected, (str(number), f"192.0.2.{number}", str(node_id), f"n{node_id}")


def links(*connected: tuple[int, int, int], members: Sequence[Sample] = (N2, N3)) -> tuple[Sample, ...]:
    return KNET, N1, *members, ring(0), ring(1), *(peer(*each) for each in connected)


ALL_UP = links((0, 2, 1), (0, 3, 1), (1, 2, 1), (1, 3, 1))
LINK_1_DOWN = links((0, 2, 1), (0, 3, 1), (1, 2, 0), (1, 3, 0))
N3_LOST_ON_1 = links((0, 2, 1), (0, 3, 1), (1, 2, 1), (1, 3, 0))
N3_KILLED = links((0, 2, 1), (0, 3, 0), (1, 2, 1), (1, 3, 0))
"""Node 3 is still a member, but reached over no link."""
ALL_DOWN = links((0, 2, 0), (0, 3, 0), (1, 2, 0), (1, 3, 0))
"""The members are not lost yet."""
PARTLY_UNKNOWN = links((0, 2, 1), (0, 3, 1), (1, 2, 0))
"""The state of node 3 on link 1 cannot be read."""
ALONE = links((0, 2, 0), (0, 3, 0), (1, 2, 0), (1, 3, 0), members=())

COROSYNC: Mapping[str, Walk] = {
    "quorum-lost": Walk(
        before=(UP, (corosync.QUORATE, 1, ())),
        present=(UP, (corosync.QUORATE, 0, ())),
        absent=(UP, (corosync.QUORATE, 1, ())),
        unknown=(((corosync.UP, 0, ()), (corosync.QUORATE, 0, ())), (UP,)),
        collector="corosync",
    ),
    "votes-missing": Walk(
        before=votes(3), present=votes(2), absent=votes(3), unknown=((), votes(3)[:1]), collector="corosync"
    ),
    "qdevice-lost": Walk(
        before=(N1, N2, QDEVICE, qdevice("registered", "alive", "vote")),
        present=(N1, N2, QDEVICE, qdevice("registered")),
        absent=(N1, N2, QDEVICE, qdevice("registered", "alive", "vote")),
        gone=(N1, N2, (corosync.QDEVICE_CONFIGURED, 0, ())),
        unknown=(
            (),
            (N1, N2),
            (N1, N2, qdevice()),
            (N1, N2, qdevice(), (corosync.QDEVICE_CONFIGURED, 1, ())),
            (N1, N2, QDEVICE, qdevice(), qdevice("registered", "alive", "vote", node_id="2")),
        ),
        collector="corosync",
    ),
    "corosync-down": Walk(
        before=(UP,),
        present=((corosync.UP, 0, ()),),
        absent=(UP,),
        gone=(),
        unused_when_gone=True,
        unknown=((),),
        collector="corosync",
    ),
    "link-down": Walk(
        object="link 1",
        before=ALL_UP,
        present=LINK_1_DOWN,
        absent=N3_LOST_ON_1,
        gone=(KNET, N1, N2, N3, ring(0), peer(0, 2, 1), peer(0, 3, 1)),
        unknown=((), ALONE, ALL_DOWN, PARTLY_UNKNOWN, (KNET, N1, N2, ring(0), ring(1))),
        collector="corosync",
    ),
    "link-peer-down": Walk(
        object="link 1 to n3",
        before=ALL_UP,
        present=N3_LOST_ON_1,
        absent=ALL_UP,
        gone=links((0, 2, 1), (1, 2, 1), members=(N2,)),
        unknown=((), LINK_1_DOWN, ALONE, N3_KILLED, links((0, 2, 1), (0, 3, 0), (1, 2, 1), (1, 3, 0), members=(N2,))),
        collector="corosync",
    ),
}

# --- SBD -------------------------------------------------------------------------------------------------------------

DEVICE = "/dev/sdb"


def device(status: str) -> Sample:
    return sbd.DEVICES, 1, (DEVICE, status)


OTHER_DEVICE: Sample = (sbd.DEVICES, 1, ("/dev/sdc", "healthy"))


def timeouts(msgwait: int) -> tuple[Sample, ...]:
    return (sbd.TIMEOUTS, 5, (DEVICE, "watchdog")), (sbd.TIMEOUTS, msgwait, (DEVICE, "msgwait"))


def slot(message: str, node: str = "n2") -> tuple[Sample, ...]:
    return (sbd.SLOTS, 1, (DEVICE, node, message)), (sbd.SLOT_SENDER, 1, (DEVICE, node, "n1"))


HEALTHY = device("healthy")

SBD: Mapping[str, Walk] = {
    "sbd-device": Walk(
        object=DEVICE,
        before=(HEALTHY,),
        present=(device("unhealthy"),),
        absent=(HEALTHY,),
        gone=(OTHER_DEVICE,),
        unknown=((), slot("clear")),
        collector="sbd",
    ),
    "sbd-timeouts": Walk(
        object=DEVICE,
        before=(HEALTHY, *timeouts(10)),
        present=(HEALTHY, *timeouts(9)),
        absent=(HEALTHY, *timeouts(10)),
        gone=(OTHER_DEVICE,),
        unknown=((), (device("unhealthy"),), (HEALTHY, timeouts(10)[0])),
        collector="sbd",
    ),
    "sbd-message": Walk(
        object="n2",
        before=(HEALTHY, *slot("clear")),
        present=(HEALTHY, *slot("off")),
        absent=(HEALTHY, *slot("clear")),
        gone=(HEALTHY, *slot("clear", "n3")),
        unknown=((), (HEALTHY,), (OTHER_DEVICE, HEALTHY)),
        collector="sbd",
    ),
}

# --- DRBD ------------------------------------------------------------------------------------------------------------

PEER = ("r0", "1", "0")


def volume(
    disk: str = "uptodate", role: str = "Secondary", *, quorum: int = 1, disk_lost: int = 0
) -> tuple[Sample, ...]:
    return (
        (drbd.RESOURCES, 1, ("r0", role, "0", disk)),
        (drbd.DISKLESS_UNINTENTIONAL, disk_lost, ("r0", "0")),
        (drbd.QUORUM, quorum, ("r0", "0")),
    )


def connection(state: str) -> Sample:
    return drbd.CONNECTION_STATE, drbd.CONNECTION_STATE.flags_for(state), ("r0", "1", "b")


def replication(state: str, *suspended: str, out_of_sync: int = 0) -> tuple[Sample, ...]:
    reasons = tuple(reason in suspended for reason in drbd.RESYNC_SUSPENDED.states)
    return (
        (drbd.REPLICATION_STATE, drbd.REPLICATION_STATE.flags_for(state), PEER),
        (drbd.RESYNC_SUSPENDED, reasons, PEER),
        (drbd.OUT_OF_SYNC, out_of_sync, PEER),
        (drbd.CONNECTIONS, 1, ("r0", "1", "Secondary", "0", "uptodate")),
    )


def suspended(value: int, *reasons: str) -> tuple[Sample, ...]:
    flags = tuple(reason in reasons for reason in drbd.SUSPENDED_REASON.states)
    return (drbd.SUSPENDED, value, ("r0",)), (drbd.SUSPENDED_REASON, flags, ("r0",))


def path(address: int, established: int) -> Sample:
    return drbd.PATH_ESTABLISHED, established, ("r0", "1", "b", f"192.0.2.{address}:7000", "192.0.2.9:7000")


CONNECTED = (*volume(), connection("Connected"))
IN_SYNC = (*CONNECTED, *replication("Established"))
DIFFERENT = (*CONNECTED, *replication("Established", out_of_sync=12288))
OFFLINE = (*volume(), connection("Connecting"), *replication("Off", out_of_sync=12288))
UNREADABLE: Sample = (drbd.DEVICE_SIZE, 1e9, ("r0", "0"))
"""All that is left of a volume whose state cannot be read."""

DRBD: Mapping[str, Walk] = {
    "drbd-disk": Walk(
        object="r0/0",
        before=volume(),
        present=volume("inconsistent"),
        absent=volume(),
        gone=(),
        unknown=((UNREADABLE,), (*volume("inconsistent"), connection("Connected"), *replication("SyncTarget"))),
        collector="drbd",
    ),
    "drbd-disk-lost": Walk(
        object="r0/0",
        before=volume(),
        present=volume("diskless", disk_lost=1),
        absent=volume("outdated"),
        gone=(),
        unknown=((UNREADABLE,), volume("attaching"), volume("negotiating")),
        collector="drbd",
    ),
    "drbd-connection": Walk(
        object="r0 to b",
        before=CONNECTED,
        present=(*volume(), connection("StandAlone")),
        absent=CONNECTED,
        gone=volume(),
        unknown=((*volume(), connection("Frozen")), (*volume(), (drbd.CONGESTED, 0, ("r0", "1", "b")))),
        collector="drbd",
    ),
    "drbd-path": Walk(
        object="r0 to b (192.0.2.2:7000 to 192.0.2.9:7000)",
        before=(*CONNECTED, path(1, 1), path(2, 1)),
        present=(*CONNECTED, path(1, 1), path(2, 0)),
        absent=(*CONNECTED, path(1, 1), path(2, 1)),
        gone=(*CONNECTED, path(1, 1)),
        unknown=((*volume(), connection("Connecting"), path(1, 0), path(2, 0)),),
        collector="drbd",
    ),
    "drbd-out-of-sync": Walk(
        object="r0/0 to b",
        before=IN_SYNC,
        present=DIFFERENT,
        absent=IN_SYNC,
        gone=volume(),
        unknown=(OFFLINE, CONNECTED, (*CONNECTED, *replication("VerifyS", out_of_sync=12288))),
        collector="drbd",
    ),
    "drbd-resync-suspended": Walk(
        object="r0/0 to b",
        before=IN_SYNC,
        present=(*CONNECTED, *replication("SyncTarget", "dependency", out_of_sync=8)),
        absent=(*CONNECTED, *replication("SyncTarget", out_of_sync=8)),
        gone=volume(),
        unknown=(OFFLINE, CONNECTED),
        collector="drbd",
    ),
    "drbd-behind": Walk(
        object="r0/0 to b",
        before=IN_SYNC,
        present=(*CONNECTED, *replication("Ahead")),
        absent=(*CONNECTED, *replication("SyncSource", out_of_sync=8)),
        gone=volume(),
        unknown=(OFFLINE, CONNECTED),
        collector="drbd",
    ),
    "drbd-split-brain": Walk(
        object="r0/0",
        before=CONNECTED,
        present=(*CONNECTED, (drbd.SPLIT_BRAIN, 1, ("r0", "0"))),
        absent=CONNECTED,
        gone=(),
        collector="drbd",
    ),
    "drbd-quorum": Walk(
        object="r0/0",
        before=volume(),
        present=volume(quorum=0),
        absent=volume(),
        gone=(),
        unknown=((UNREADABLE,),),
        collector="drbd",
    ),
    "drbd-suspended": Walk(
        object="r0",
        before=(*volume(), *suspended(0)),
        present=(*volume(), *suspended(1, "quorum")),
        absent=(*volume(), *suspended(0)),
        gone=(),
        unknown=(volume(),),
        collector="drbd",
    ),
    "drbd-io-failures": Walk(
        object="r0",
        before=(*volume(), (drbd.FORCE_IO_FAILURES, 0, ("r0",))),
        present=(*volume(), (drbd.FORCE_IO_FAILURES, 1, ("r0",))),
        absent=(*volume(), (drbd.FORCE_IO_FAILURES, 0, ("r0",))),
        gone=(),
        unknown=(volume(),),
        collector="drbd",
    ),
}

WALKS: Mapping[str, Walk] = {**PACEMAKER, **COROSYNC, **ARBITRATION, **SBD, **DRBD}
