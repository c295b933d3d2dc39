"""Facts that conditions derive from DRBD's samples. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from gateway.conditions.view import ClusterView, Row
from gateway.samples import Metric
from gateway.status import Status
from gateway.subsystems.drbd import metrics

RESYNCING = frozenset({"SyncSource", "SyncTarget"})
"""The replication states in which data is copied, unless the resynchronization is suspended."""

RESYNC_WAITING = frozenset({"PausedSyncS", "PausedSyncT"})
"""The replication states in which a resynchronization waits."""

RESYNC_TARGET = frozenset({"StartingSyncT", "WFBitMapT", "WFSyncUUID", "SyncTarget"})
"""The replication states in which this node's copy is being brought up to date."""

DISK_LOST = frozenset({"diskless", "failed"})
"""The states of a disk that has no data, in lower case."""

NOT_UP_TO_DATE = frozenset({"attaching", "detaching", "negotiating", "inconsistent", "outdated", "consistent"})
"""The states of a disk that is there and not up to date. ``dunknown`` says nothing."""

WITH_DATA = frozenset({"inconsistent", "outdated", "consistent", "uptodate"})
"""The states of a disk that has data, good or bad."""


class PeerVolume(NamedTuple):
    """A volume as replicated with one peer.

    Attributes:
        resource: the resource.
        peer_node_id: DRBD's id of the peer.
        volume: the number of the volume.
    """

    resource: str
    peer_node_id: str
    volume: str


def is_readable(view: ClusterView) -> bool:
    """Returns whether a view shows DRBD's resources: drbdsetup succeeded, or the module is not loaded.

    Without the module there is no resource.
    """
    return view.status_of("drbd", "drbdsetup") in {Status.OK, Status.NOT_RUNNING}


def is_complete(view: ClusterView) -> bool:
    """Returns whether a view shows all of DRBD's resources: nothing in the output of drbdsetup was unreadable."""
    return is_readable(view) and view.has_read_everything("drbd", "drbdsetup")


def _listed(view: ClusterView, names: tuple[str, ...], listing: tuple[Metric, ...]) -> frozenset[tuple[str, ...]]:
    """Returns the values of labels in the samples of any of several metrics."""
    objects: set[tuple[str, ...]] = set()
    for metric in listing:
        positions = [metric.labels.index(name) for name in names]
        for labels in view.snapshot.samples_by_metric.get(metric, {}):
            objects.add(tuple(labels[position] for position in positions))
    return frozenset(objects)


def listed_volumes(view: ClusterView) -> frozenset[tuple[str, ...]]:
    """Returns the resource and the number of every volume that drbdsetup lists, even if a value cannot be read."""
    metrics_of_volumes = (metrics.RESOURCES, metrics.QUORUM, metrics.DISKLESS_UNINTENTIONAL, metrics.DEVICE_SIZE)
    return _listed(view, ("resource", "volume"), metrics_of_volumes)


def listed_connections(view: ClusterView) -> frozenset[tuple[str, ...]]:
    """Returns the resource and the id of the peer of every connection that drbdsetup lists."""
    metrics_of_connections = (metrics.CONNECTION_STATE, metrics.CONGESTED, metrics.AP_IN_FLIGHT)
    return _listed(view, ("resource", "peer_node_id"), metrics_of_connections)


def listed_resources(view: ClusterView) -> frozenset[tuple[str, ...]]:
    """Returns the name of every resource that drbdsetup lists."""
    names = {(resource,) for resource, _ in view.fact(listed_volumes) | view.fact(listed_connections)}
    return _listed(view, ("resource",), (metrics.SUSPENDED, metrics.FORCE_IO_FAILURES)) | names


def state_of(metric: Metric, row: Row) -> str:
    """Returns the state that is set in a sample; empty for a state that the metric does not know."""
    return next((state for state in metric.states if row[state]), "")


def peer_names(view: ClusterView) -> Mapping[tuple[str, str], str]:
    """Returns the name of each peer, by resource and id."""
    return {
        (str(row["resource"]), str(row["peer_node_id"])): str(row["peer"])
        for row in view.rows(metrics.CONNECTION_STATE)
    }


def connection_states(view: ClusterView) -> Mapping[tuple[str, str], str]:
    """Returns the state of each connection, by resource and id of the peer."""
    return {
        (str(row["resource"]), str(row["peer_node_id"])): state_of(metrics.CONNECTION_STATE, row)
        for row in view.rows(metrics.CONNECTION_STATE)
    }


def roles(view: ClusterView) -> Mapping[str, str]:
    """Returns the role of each resource on this node."""
    return {str(row["resource"]): str(row["role"]) for row in view.rows(metrics.RESOURCES)}


def disk_states(view: ClusterView) -> Mapping[tuple[str, str], str]:
    """Returns the state of each disk of this node in lower case, by resource and volume."""
    return {(str(row["resource"]), str(row["volume"])): str(row["disk_state"]) for row in view.rows(metrics.RESOURCES)}


def clients(view: ClusterView) -> frozenset[tuple[str, str]]:
    """Returns the resources and volumes that are diskless on purpose."""
    intentional = {
        (str(row["resource"]), str(row["volume"]))
        for row in view.rows(metrics.DISKLESS_UNINTENTIONAL)
        if row["value"] == 0
    }
    return frozenset(key for key, state in view.fact(disk_states).items() if state == "diskless" and key in intentional)


def _peer_volume(row: Row) -> PeerVolume:
    return PeerVolume(str(row["resource"]), str(row["peer_node_id"]), str(row["volume"]))


def peer_disk_states(view: ClusterView) -> Mapping[PeerVolume, str]:
    """Returns the state of each disk of the peers in lower case."""
    return {_peer_volume(row): str(row["peer_disk_state"]) for row in view.rows(metrics.CONNECTIONS)}


def replication_states(view: ClusterView) -> Mapping[PeerVolume, str]:
    """Returns the state of each replication."""
    return {_peer_volume(row): state_of(metrics.REPLICATION_STATE, row) for row in view.rows(metrics.REPLICATION_STATE)}


def suspensions(view: ClusterView) -> Mapping[PeerVolume, tuple[str, ...]]:
    """Returns why each resynchronization is suspended; empty if it is not."""
    states = metrics.RESYNC_SUSPENDED.states
    return {
        _peer_volume(row): tuple(state for state in states if row[state]) for row in view.rows(metrics.RESYNC_SUSPENDED)
    }


def out_of_sync(view: ClusterView) -> Mapping[PeerVolume, float]:
    """Returns how many bytes of each volume differ from each peer."""
    return {_peer_volume(row): float(row["value"]) for row in view.rows(metrics.OUT_OF_SYNC)}


def running_resyncs(view: ClusterView) -> frozenset[PeerVolume]:
    """Returns the volumes that are being resynchronized with a peer."""
    suspended = view.fact(suspensions)
    states = view.fact(replication_states)
    return frozenset(key for key, state in states.items() if state in RESYNCING and not suspended.get(key))


# --- Values that outlive a view --------------------------------------------------------------------------------------


class Progress(NamedTuple):
    """How the amounts of data out of sync change.

    Attributes:
        amounts: the last amounts.
        running: the volumes that were being resynchronized when the amounts were read.
        compared: those of them that were being resynchronized before, too.
        shrinking: the volumes whose last amount is smaller than the one before.
    """

    amounts: Mapping[PeerVolume, float]
    running: frozenset[PeerVolume]
    compared: frozenset[PeerVolume]
    shrinking: frozenset[PeerVolume]


_NO_PROGRESS = Progress({}, frozenset(), frozenset(), frozenset())


def progress(view: ClusterView, before: Progress | None) -> Progress:
    """Accumulates how the amounts of data out of sync change."""
    before = before or _NO_PROGRESS
    if not is_readable(view):
        return before
    amounts, running = view.fact(out_of_sync), view.fact(running_resyncs)
    shrinking = frozenset(key for key, amount in amounts.items() if amount < before.amounts.get(key, 0))
    return Progress(amounts, running, running & before.running, shrinking)


def multipath(view: ClusterView, before: frozenset[tuple[str, str]] | None) -> frozenset[tuple[str, str]]:
    """Accumulates the connections, by resource and id of the peer, that have used several paths at once."""
    before = before or frozenset()
    if not is_readable(view):
        return before
    established = Counter(
        (str(row["resource"]), str(row["peer_node_id"])) for row in view.rows(metrics.PATH_ESTABLISHED) if row["value"]
    )
    now = {connection for connection, paths in established.items() if paths > 1}
    return frozenset(now | (before & view.fact(connection_states).keys()))


# --- The queue of resynchronizations ---------------------------------------------------------------------------------


def is_queue_moving(view: ClusterView) -> bool:
    """Returns whether a resynchronization of this node makes progress; others may wait for it."""
    now = view.accumulated(progress)
    return bool(now.shrinking) or bool(now.running - now.compared)


def updating_volumes(view: ClusterView) -> frozenset[tuple[str, str]]:
    """Returns the resources and volumes whose copy on this node is being brought up to date, or waits its turn."""
    states, suspended = view.fact(replication_states), view.fact(suspensions)
    is_moving = view.fact(is_queue_moving)
    return frozenset(
        (key.resource, key.volume)
        for key, state in states.items()
        if (state in RESYNC_TARGET and not suspended.get(key))
        or (state in {"SyncTarget", "PausedSyncT"} and "user" not in suspended.get(key, ()) and is_moving)
    )


ACCUMULATORS = (progress, multipath)
