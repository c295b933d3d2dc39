"""DRBD's conditions: disks, connections, split brain, quorum and suspended I/O."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import is_among, is_not_among, names_in, read_from, samples_where
from gateway.conditions.model import DRBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import metrics

DRBDSETUP = read_from("drbd", "drbdsetup")

volumes = names_in(metrics.RESOURCES, about="{resource}/{volume}")
resources = names_in(metrics.RESOURCES, about="{resource}")
connections = names_in(metrics.CONNECTION_STATE, about="{resource} to {peer}")


def find_bad_disks(view: ClusterView) -> Iterator[Finding]:
    """Yields the volumes that are not up to date, except for intentionally diskless clients."""
    disk_lost = {(row["resource"], row["volume"]): row["value"] for row in view.rows(metrics.DISKLESS_UNINTENTIONAL)}
    for row in view.rows(metrics.RESOURCES):
        state = row["disk_state"]
        client = state == "diskless" and disk_lost.get((row["resource"], row["volume"])) == 0
        if state != "uptodate" and not client:
            yield Finding(f"{row['resource']}/{row['volume']}", {"state": str(state)})


def find_lost_connections(view: ClusterView) -> Iterator[Finding]:
    """Yields the connections that are not established. StandAlone ones are reported as a split brain instead."""
    for row in view.rows(metrics.CONNECTION_STATE):
        if not row["Connected"] and not row["StandAlone"]:
            states = metrics.CONNECTION_STATE.states
            state = next((state for state in states if row[state]), "unknown")
            yield Finding(f"{row['resource']} to {row['peer']}", {"state": state})


def find_split_brains(view: ClusterView) -> Iterator[Finding]:
    """Yields the split brains, which show in the state of a connection or in the records of the handler."""
    for row in view.rows(metrics.CONNECTION_STATE):
        if row["StandAlone"]:
            yield Finding(
                f"{row['resource']} to {row['peer']}",
                {"resource": str(row["resource"]), "why": "the connection is StandAlone"},
            )
    for row in view.rows(metrics.SPLIT_BRAIN):
        yield Finding(
            f"{row['resource']}/{row['volume']}",
            {"resource": str(row["resource"]), "why": "the handler has recorded it"},
        )


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-disk",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {object} is {state}",
        cleared="DRBD volume {object} is up to date again",
        meaning="The copy of the data on this node is missing or outdated.",
        action="Run `drbdadm status`. Check the disk, or wait for the resynchronisation to finish.",
        find=find_bad_disks,
        source=DRBDSETUP,
        absent=Absent("drbdsetup shows the volume as up to date, or as that of a client", is_among(volumes)),
        gone=Gone(
            "drbdsetup no longer lists the volume",
            "DRBD volume {object} is no longer configured on this node",
            is_not_among(volumes),
        ),
        local=True,
    ),
    Condition(
        name="drbd-connection",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the peer",
        raised="DRBD connection {object} is {state}",
        cleared="DRBD connection {object} is there again",
        meaning="Data is not replicated to the peer.",
        action="Check the peer and the replication network.",
        find=find_lost_connections,
        source=DRBDSETUP,
        absent=Absent("drbdsetup shows the connection as Connected", is_among(connections)),
        gone=Gone(
            "drbdsetup no longer lists the connection",
            "DRBD connection {object} is no longer configured on this node",
            is_not_among(connections),
        ),
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
        meaning="Both nodes have written to the volume. The copies differ, and one of them must be discarded.",
        action="Decide which copy to keep, and run `drbdadm connect --discard-my-data RESOURCE` on the other node.",
        find=find_split_brains,
        source=read_from("drbd", "drbdsetup", "split brain"),
        absent=Absent("drbdsetup lists the resource, and nothing shows a split brain", is_among(resources, "resource")),
        gone=Gone(
            "drbdsetup no longer lists the resource",
            "DRBD resource {resource} is no longer configured on this node",
            is_not_among(resources, "resource"),
        ),
        local=True,
    ),
    Condition(
        name="drbd-quorum",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource and the volume",
        raised="DRBD volume {resource}/{volume} has no quorum",
        cleared="DRBD volume {resource}/{volume} has quorum again",
        meaning="I/O is suspended or fails until enough peers are connected again.",
        action="Bring the peers back, and check the replication network.",
        find=samples_where(metrics.QUORUM, lambda row: row["value"] == 0, about="{resource}/{volume}"),
        source=DRBDSETUP,
        absent=Absent("drbdsetup shows the volume with quorum", is_among(volumes)),
        gone=Gone(
            "drbdsetup no longer lists the volume",
            "DRBD volume {object} is no longer configured on this node",
            is_not_among(volumes),
        ),
        local=True,
    ),
    Condition(
        name="drbd-suspended",
        severity=Severity.CRITICAL,
        category=DRBD,
        about="the resource",
        raised="I/O of DRBD resource {resource} is suspended",
        cleared="I/O of DRBD resource {resource} goes on",
        meaning="Every program that uses the resource hangs.",
        action="Run `drbdsetup status` for the reason: quorum, fencing, no data, or user. If it is user, run "
        "`drbdadm resume-io RESOURCE`.",
        find=samples_where(metrics.SUSPENDED, lambda row: row["value"] == 1, about="{resource}"),
        source=DRBDSETUP,
        absent=Absent("drbdsetup lists the resource without a suspension", is_among(resources)),
        gone=Gone(
            "drbdsetup no longer lists the resource",
            "DRBD resource {object} is no longer configured on this node",
            is_not_among(resources),
        ),
        local=True,
    ),
)
