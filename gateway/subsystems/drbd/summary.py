"""What a person has to know about DRBD: the volumes of this node, and their replication. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.conditions.matching import read_from
from gateway.conditions.model import DRBD
from gateway.conditions.view import ClusterView
from gateway.status import Status
from gateway.subsystems.drbd import facts, metrics
from gateway.subsystems.drbd.facts import PeerVolume
from gateway.summary import UNKNOWN, Cell, Description, Health, Summary, Table, health_of_row, urgent_first, worst
from gateway.summary import Row as TableRow


def describe_drbd(view: ClusterView) -> Description:
    """Describes the volumes of this node, and how they are replicated."""
    volumes, peers = tuple(_volumes(view)), tuple(_peer_volumes(view))
    return Description(
        headline=_headline(view, volumes, peers),
        tables=(
            Table(
                caption="Split brains that were recorded",
                columns=("Resource", "Volume"),
                rows=tuple(
                    (Cell(str(row["resource"]), Health.PROBLEM), Cell(str(row["volume"])))
                    for row in view.rows(metrics.SPLIT_BRAIN)
                ),
            ),
            Table(
                caption="Volumes of this node",
                columns=("Resource", "Volume", "Role", "Disk", "DRBD quorum", "I/O"),
                rows=urgent_first(volumes),
                empty="There are no resources.",
            ),
            Table(
                caption="Replication",
                columns=("Resource", "Volume", "Peer", "Connection", "Replication", "Peer's disk", "In sync"),
                rows=urgent_first(peers),
            ),
        ),
    )


def _headline(view: ClusterView, volumes: tuple[TableRow, ...], peers: tuple[TableRow, ...]) -> Cell:
    if view.status_of("drbd", "drbdsetup") is Status.NOT_RUNNING:
        return Cell("the kernel module is not loaded")
    if not facts.is_readable(view):
        return UNKNOWN
    if not volumes:
        return Cell("no resources")
    health = worst((Health.OK, *map(health_of_row, (*volumes, *peers))))
    if any(view.rows(metrics.SPLIT_BRAIN)):
        return Cell("split brain", Health.PROBLEM)
    current = sum(state == "uptodate" for state in view.fact(facts.disk_states).values())
    remarks = [
        *(["I/O suspended"] if any(row["value"] for row in view.rows(metrics.SUSPENDED)) else []),
        *(["no quorum"] if any(not row["value"] for row in view.rows(metrics.QUORUM)) else []),
        *(["resynchronizing"] if view.fact(facts.running_resyncs) else []),
    ]
    return Cell(", ".join((f"{current} of {len(volumes)} volumes up to date", *remarks)), health)


# --- volumes ---------------------------------------------------------------------------------------------------------


def _volumes(view: ClusterView) -> Iterator[TableRow]:
    roles, disks = view.fact(facts.roles), view.fact(facts.disk_states)
    clients, lost = view.fact(facts.clients), view.fact(facts.lost_disks)
    quorum = {(str(row["resource"]), str(row["volume"])): row["value"] for row in view.rows(metrics.QUORUM)}
    suspended = _suspended(view)
    for resource, volume in sorted((str(name), str(number)) for name, number in view.fact(facts.listed_volumes)):
        key = (resource, volume)
        yield (
            Cell(resource),
            Cell(volume),
            Cell(roles[resource]) if resource in roles else UNKNOWN,
            _disk(disks.get(key), is_client=key in clients, is_lost=key in lost),
            UNKNOWN if key not in quorum else Cell("yes") if quorum[key] else Cell("no", Health.PROBLEM),
            suspended.get(resource, UNKNOWN),
        )


def _disk(state: str | None, *, is_client: bool = False, is_lost: bool = False) -> Cell:
    if not state or state == "dunknown":
        return UNKNOWN
    if is_client:
        return Cell("diskless on purpose")
    if is_lost:
        return Cell(f"{state}: the disk was lost", Health.PROBLEM)
    return Cell(state, Health.OK if state == "uptodate" else Health.WARNING)


def _suspended(view: ClusterView) -> Mapping[str, Cell]:
    reasons = {str(row["resource"]): row for row in view.rows(metrics.SUSPENDED_REASON)}
    cells = {}
    for row in view.rows(metrics.SUSPENDED):
        name = str(row["resource"])
        words = [state for state in metrics.SUSPENDED_REASON.states if reasons.get(name, {}).get(state)]
        text = f"suspended: {', '.join(words)}" if words else "suspended"
        cells[name] = Cell(text, Health.PROBLEM) if row["value"] else Cell("not suspended")
    return cells


# --- replication -----------------------------------------------------------------------------------------------------


class _Connection(NamedTuple):
    """The connection to a peer.

    Attributes:
        peer: the name of the peer.
        state: DRBD's word for its state.
    """

    peer: str
    state: Cell


def _connections(view: ClusterView) -> Mapping[tuple[str, str], _Connection]:
    connections = {}
    for row in view.rows(metrics.CONNECTION_STATE):
        state, peer_id = facts.state_of(metrics.CONNECTION_STATE, row), str(row["peer_node_id"])
        health = Health.OK if state == "Connected" else Health.PROBLEM if state == "StandAlone" else Health.WARNING
        name = str(row["peer"]) or f"node {peer_id}"
        connections[str(row["resource"]), peer_id] = _Connection(name, Cell(state, health) if state else UNKNOWN)
    return connections


def _peer_volumes(view: ClusterView) -> Iterator[TableRow]:
    connections, states = view.fact(_connections), view.fact(facts.replication_states)
    disks, in_sync = view.fact(facts.peer_disk_states), _percentages(view)
    for key in sorted({*states, *disks, *in_sync}):
        connection = connections.get((key.resource, key.peer_node_id))
        connection = connection or _Connection(f"node {key.peer_node_id}", UNKNOWN)
        yield (
            Cell(key.resource),
            Cell(key.volume),
            Cell(connection.peer),
            connection.state,
            _replication(states.get(key)),
            _disk(disks.get(key)),
            in_sync.get(key, UNKNOWN),
        )


def _replication(state: str | None) -> Cell:
    return Cell(state, Health.OK if state == "Established" else Health.WARNING) if state else UNKNOWN


def _percentages(view: ClusterView) -> Mapping[PeerVolume, Cell]:
    return {
        PeerVolume(str(row["resource"]), str(row["peer_node_id"]), str(row["volume"])): Cell(
            f"{row['value']:g} %", Health.NONE if row["value"] >= 100 else Health.WARNING
        )
        for row in view.rows(metrics.CONNECTIONS_SYNC)
    }


SUMMARIES = (Summary(category=DRBD, source=read_from("drbd", "drbdsetup"), describe=describe_drbd),)
