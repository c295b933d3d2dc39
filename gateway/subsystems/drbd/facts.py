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

QUEUED = frozenset({"SyncTarget", "PausedSyncT"})
"""The replication states in which this node's copy may wait for another resynchronization."""

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


_METRICS_OF_CONNECTIONS = (metrics.CONNECTION_STATE, metrics.CONGESTED, metrics.AP_IN_FLIGHT)


def listed_connections(view: ClusterView) -> frozenset[tuple[str, ...]]:
    """Returns the resource and the id of the peer of every connection that drbdsetup lists."""
    return _listed(view, ("resource", "peer_node_id"), _METRICS_OF_CONNECTIONS)


def listed_resources(view: ClusterView) -> frozenset[tuple[str, ...]]:
    """Returns the name of every resource that drbdsetup lists."""
    names = {(resource,) for resource, _ in view.fact(listed_volumes) | view.fact(listed_connections)}
    return _listed(view, ("resource",), (metrics.SUSPENDED, metrics.FORCE_IO_FAILURES)) | names


def state_of(metric: Metric, row: Row) -> str:
    """Returns the state that is set in a sample; empty for a state that the metric does not know."""
    return next((state for state in metric.states if row[state]), "")


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
    return _diskless(view, unintentional=0)


def lost_disks(view: ClusterView) -> frozenset[tuple[str, str]]:
    """Returns the resources and volumes whose disk has failed, or that are diskless and not on purpose."""
    failed = {key for key, state in view.fact(disk_states).items() if state == "failed"}
    return frozenset(failed) | _diskless(view, unintentional=1)


def _diskless(view: ClusterView, *, unintentional: int) -> frozenset[tuple[str, str]]:
    volumes = {
        (str(row["resource"]), str(row["volume"]))
        for row in view.rows(metrics.DISKLESS_UNINTENTIONAL)
        if row["value"] == unintentional
    }
    return frozenset(key for key, state in view.fact(disk_states).items() if state == "diskless" and key in volumes)


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


def _listed_peer_volumes(view: ClusterView) -> frozenset[PeerVolume]:
    """Returns each volume of a resource with each peer of the resource."""
    return frozenset(
        PeerVolume(resource, peer_node_id, volume)
        for resource, peer_node_id in view.fact(listed_connections)
        for other, volume in view.fact(listed_volumes)
        if other == resource
    )


def idle_volumes(view: ClusterView) -> frozenset[tuple[str, str]]:
    """Returns the resources and volumes that are certainly not being brought up to date, nor wait for it.

    While a value of drbdsetup cannot be read, this is certain for a volume only if its replication with each peer is
    known.
    """
    volumes = {(resource, volume) for resource, volume in view.fact(listed_volumes)}
    states, suspended = view.fact(replication_states), view.fact(suspensions)
    if not is_complete(view):
        pairs = view.fact(_listed_peer_volumes)
        volumes &= {(key.resource, key.volume) for key in pairs}
        volumes -= {(key.resource, key.volume) for key in pairs if not states.get(key)}
    if not is_queue_stuck(view):
        volumes -= {
            (key.resource, key.volume)
            for key, state in states.items()
            if state in QUEUED and "user" not in suspended.get(key, ())
        }
    return frozenset(volumes) - view.fact(updating_volumes)


# --- Values that outlive a view --------------------------------------------------------------------------------------


def peer_names(view: ClusterView, before: Mapping[tuple[str, str], str] | None) -> Mapping[tuple[str, str], str]:
    """Accumulates the name by which people know each peer, by resource and id.

    If a name cannot be read, it is the last one, so that an alarm about the peer stays the same; or the id if there is
    none.
    """
    before = before or {}
    if not is_readable(view):
        return before
    names = {}
    for resource, peer_node_id, name in _listed(view, ("resource", "peer_node_id", "peer"), _METRICS_OF_CONNECTIONS):
        key = (resource, peer_node_id)
        names[key] = name or before.get(key) or f"node {peer_node_id}"
    return names if is_complete(view) else {**before, **names}


class Progress(NamedTuple):
    """How the amounts of data out of sync change.

    Attributes:
        amounts: the last amounts.
        running: the volumes that were being resynchronized when the amounts were read.
        compared: those of them that were being resynchronized before, too, and whose amounts are known.
        unknown: those of them that were being resynchronized before, too, and whose amounts are not known.
        shrinking: the volumes whose last amount is smaller than the one before.
    """

    amounts: Mapping[PeerVolume, float]
    running: frozenset[PeerVolume]
    compared: frozenset[PeerVolume]
    unknown: frozenset[PeerVolume]
    shrinking: frozenset[PeerVolume]


_NO_PROGRESS = Progress({}, frozenset(), frozenset(), frozenset(), frozenset())


def progress(view: ClusterView, before: Progress | None) -> Progress:
    """Accumulates how the amounts of data out of sync change."""
    before = before or _NO_PROGRESS
    if not is_readable(view):
        return before
    amounts, running = view.fact(out_of_sync), view.fact(running_resyncs)
    shrinking = frozenset(key for key, amount in amounts.items() if amount < before.amounts.get(key, 0))
    repeated = running & before.running
    compared = repeated & amounts.keys() & before.amounts.keys()
    return Progress(amounts, running, compared, repeated - compared, shrinking)


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


def is_queue_stuck(view: ClusterView) -> bool:
    """Returns whether certainly no resynchronization of this node makes progress."""
    return is_complete(view) and not view.fact(is_queue_moving) and not view.accumulated(progress).unknown


def is_queue_moving(view: ClusterView) -> bool:
    """Returns whether a resynchronization of this node makes progress; others may wait for it."""
    now = view.accumulated(progress)
    return bool(now.shrinking) or bool(now.running - now.compared - now.unknown)


def updating_volumes(view: ClusterView) -> frozenset[tuple[str, str]]:
    """Returns the resources and volumes whose copy on this node is being brought up to date, or waits its turn."""
    states, suspended = view.fact(replication_states), view.fact(suspensions)
    is_moving = view.fact(is_queue_moving)
    return frozenset(
        (key.resource, key.volume)
        for key, state in states.items()
        if (state in RESYNC_TARGET and not suspended.get(key))
        or (state in QUEUED and "user" not in suspended.get(key, ()) and is_moving)
    )


ACCUMULATORS = (peer_names, progress, multipath)
