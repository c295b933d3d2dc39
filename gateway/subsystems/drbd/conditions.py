"""DRBD's conditions: disks, connections, split brain, quorum and suspended I/O."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import evidence_from, samples_where
from gateway.conditions.model import DRBD, Condition, Finding, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import metrics

DRBDSETUP = evidence_from("drbd", "drbdsetup")


def disks(view: ClusterView) -> Iterator[Finding]:
    """Finds volumes that are not up to date. A client is diskless on purpose; one that is not has lost its disk."""
    lost = {(row["resource"], row["volume"]): row["value"] for row in view.rows(metrics.DISKLESS_UNINTENTIONAL)}
    for row in view.rows(metrics.RESOURCES):
        state = row["disk_state"]
        client = state == "diskless" and lost.get((row["resource"], row["volume"])) == 0
        if state != "uptodate" and not client:
            yield Finding(f"{row['resource']}/{row['volume']}", {"state": str(state)})


def connections(view: ClusterView) -> Iterator[Finding]:
    """Finds connections that are not there; what has split is another condition."""
    for row in view.rows(metrics.CONNECTION_STATE):
        if not row["Connected"] and not row["StandAlone"]:
            states = metrics.CONNECTION_STATE.states
            state = next((state for state in states if row[state]), "unknown")
            yield Finding(f"{row['resource']} to {row['peer']}", {"state": state})


def split_brain(view: ClusterView) -> Iterator[Finding]:
    """Finds what has split, by the state of a connection or by the record of the handler."""
    for row in view.rows(metrics.CONNECTION_STATE):
        if row["StandAlone"]:
            yield Finding(f"{row['resource']} to {row['peer']}", {"why": "the connection is StandAlone"})
    for row in view.rows(metrics.SPLIT_BRAIN):
        yield Finding(f"{row['resource']}/{row['volume']}", {"why": "the handler has recorded it"})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-disk",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {object} is {state}",
        cleared="DRBD volume {object} is up to date again",
        meaning="This node's copy of the data is missing or old.",
        action="`drbdadm status`; look at the disk, or wait for the resynchronisation.",
        find=disks,
        has_evidence=DRBDSETUP,
        local=True,
    ),
    Condition(
        name="drbd-connection",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the peer",
        raised="DRBD connection {object} is {state}",
        cleared="DRBD connection {object} is there again",
        meaning="Data is not replicated to that peer.",
        action="Look at the peer and at the network of the replication.",
        find=connections,
        has_evidence=DRBDSETUP,
        hold=5.0,
        local=True,
    ),
    Condition(
        name="drbd-split-brain",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource, and the volume or the peer",
        raised="DRBD split brain of {object}: {why}",
        cleared="DRBD split brain of {object} is resolved",
        meaning="Both sides have written: the copies differ, and one has to be given up.",
        action="Decide which copy to keep; `drbdadm connect --discard-my-data RESOURCE` on the other node.",
        find=split_brain,
        has_evidence=lambda view: DRBDSETUP(view) and view.has_evidence("drbd", "split brain"),
        local=True,
    ),
    Condition(
        name="drbd-quorum",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {resource}/{volume} has no quorum",
        cleared="DRBD volume {resource}/{volume} has quorum again",
        meaning="I/O is suspended or fails until enough peers are back.",
        action="Bring the peers back; look at the network of the replication.",
        find=samples_where(metrics.QUORUM, lambda row: row["value"] == 0, about="{resource}/{volume}"),
        has_evidence=DRBDSETUP,
        local=True,
    ),
    Condition(
        name="drbd-suspended",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource",
        raised="I/O of DRBD resource {resource} is suspended",
        cleared="I/O of DRBD resource {resource} goes on",
        meaning="Whatever uses the resource hangs.",
        action="`drbdsetup status` tells why: quorum, fencing, no data, or by hand (`drbdadm resume-io RESOURCE`).",
        find=samples_where(metrics.SUSPENDED, lambda row: row["value"] == 1, about="{resource}"),
        has_evidence=DRBDSETUP,
        local=True,
    ),
)
