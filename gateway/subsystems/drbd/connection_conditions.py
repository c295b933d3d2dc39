"""Conditions of DRBD's connections and their paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.model import DRBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView
from gateway.subsystems.drbd import facts, metrics
from gateway.subsystems.drbd.evidence import (
    CONNECTION_GONE,
    DRBDSETUP,
)


def find_lost_connections(view: ClusterView) -> Iterator[Finding]:
    """Yields the connections that are not established."""
    names = view.accumulated(facts.peer_names)
    for (resource, peer_node_id), state in view.fact(facts.connection_states).items():
        if state not in {"", "Connected"}:
            peer = names[resource, peer_node_id]
            fields = {"resource": resource, "peer_node_id": peer_node_id, "peer": peer, "state": state}
            yield Finding(f"{resource} to {peer}", fields)


def is_connection_established(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the connection of a finding is established."""
    key = (finding.fields["resource"], finding.fields["peer_node_id"])
    return view.fact(facts.connection_states).get(key) == "Connected"


_PathKey = tuple[str, ...]
"""The resource, the id of the peer, and the two addresses of a path."""

_PATH_LABELS = ("resource", "peer_node_id", "local_address", "peer_address")


def _path(row: Mapping[str, str | float]) -> _PathKey:
    return tuple(str(row[label]) for label in _PATH_LABELS)


def find_lost_paths(view: ClusterView) -> Iterator[Finding]:
    """Yields the paths of established connections that are not established.

    The TCP transport uses one path at a time. Where its module is loaded, only connections that have used several paths
    at once are expected to use all of them.
    """
    tcp = any(row["transport"] == "tcp" for row in view.rows(metrics.TRANSPORT_LOADED))
    states, multipath = view.fact(facts.connection_states), view.accumulated(facts.multipath)
    for row in view.rows(metrics.PATH_ESTABLISHED):
        connection = (str(row["resource"]), str(row["peer_node_id"]))
        uses_all_paths = not tcp or connection in multipath
        if not row["value"] and uses_all_paths and states.get(connection) == "Connected":
            peer = view.accumulated(facts.peer_names)[connection]
            name = f"{row['resource']} to {peer} ({row['local_address']} to {row['peer_address']})"
            yield Finding(name, {**dict(zip(_PATH_LABELS, _path(row), strict=True)), "peer": peer})


def is_path_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether other paths of a connection are listed, or its connection is no longer listed."""
    connection = _path(finding.fields)[:2]
    paths = {_path(row) for row in view.rows(metrics.PATH_ESTABLISHED)}
    lists_others = any(path[:2] == connection for path in paths) and _path(finding.fields) not in paths
    return facts.is_complete(view) and (lists_others or connection not in view.fact(facts.listed_connections))


def is_path_established(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the path of a finding is established."""
    return any(row["value"] and _path(row) == _path(finding.fields) for row in view.rows(metrics.PATH_ESTABLISHED))


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-connection",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the peer",
        raised="DRBD connection {resource} to {peer} is down: {state}",
        cleared="DRBD connection {resource} to {peer} is up again",
        meaning="Data is not replicated to the peer. StandAlone means that the connection was disconnected or refused.",
        action="Check the peer and the replication network. If the connection is StandAlone, find the reason in "
        "`journalctl -k` on both nodes, then run `drbdadm connect RESOURCE`. If the peer was removed, run `drbdadm "
        "adjust RESOURCE`.",
        source=DRBDSETUP,
        find=find_lost_connections,
        absent=Absent("drbdsetup shows the connection as Connected", is_connection_established),
        gone=CONNECTION_GONE,
        hold=15.0,
        local=True,
    ),
    Condition(
        name="drbd-path",
        severity=Severity.MINOR,
        category=DRBD,
        about="the resource, the peer and the addresses",
        raised="DRBD path {local_address} to {peer_address} of {resource} is down",
        cleared="DRBD path {local_address} to {peer_address} of {resource} is up again",
        meaning="The connection uses its other paths. The TCP transport uses one path at a time; its unused paths are "
        "no alarm.",
        action="Check the network between the two addresses.",
        source=DRBDSETUP,
        find=find_lost_paths,
        absent=Absent("drbdsetup shows the path as established", is_path_established),
        gone=Gone(
            "drbdsetup lists other paths of the connection, or no longer lists the connection",
            "DRBD path {local_address} to {peer_address} of {resource} is no longer configured",
            is_path_gone,
        ),
        hold=30.0,
        local=True,
    ),
)
