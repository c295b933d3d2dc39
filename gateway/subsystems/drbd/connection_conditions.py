"""Conditions of DRBD's connections and their paths."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import is_among, names_in
from gateway.conditions.model import DRBD, Absent, Condition, Finding, Gone, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.drbd import facts, metrics
from gateway.subsystems.drbd.evidence import (
    CONNECTION_GONE,
    DRBDSETUP,
)


def find_lost_connections(view: ClusterView) -> Iterator[Finding]:
    """Yields the connections that are not established."""
    for row in view.rows(metrics.CONNECTION_STATE):
        state = facts.state_of(metrics.CONNECTION_STATE, row)
        if state not in {"", "Connected"}:
            labels = {label: str(row[label]) for label in metrics.CONNECTION_STATE.labels}
            yield Finding(f"{labels['resource']} to {labels['peer']}", {**labels, "state": state})


established_connections = names_in(metrics.CONNECTION_STATE, lambda row: row["Connected"], about="{resource} to {peer}")


def _path(row: Row) -> str:
    return f"{row['resource']} to {row['peer']} ({row['local_address']} to {row['peer_address']})"


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
            yield Finding(_path(row), {label: str(row[label]) for label in metrics.PATH_ESTABLISHED.labels})


def is_path_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the path of a finding is no longer listed."""
    return facts.is_complete(view) and finding.object not in {_path(row) for row in view.rows(metrics.PATH_ESTABLISHED)}


def established_paths(view: ClusterView) -> frozenset[str]:
    """Returns the names of the established paths."""
    return frozenset(_path(row) for row in view.rows(metrics.PATH_ESTABLISHED) if row["value"])


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="drbd-connection",
        severity=Severity.MAJOR,
        category=DRBD,
        about="the resource and the peer",
        raised="DRBD connection {resource} to {peer} is {state}",
        cleared="DRBD connection {resource} to {peer} is there again",
        meaning="Data is not replicated to the peer. StandAlone means that the connection was disconnected or refused.",
        action="Check the peer and the replication network. If the connection is StandAlone, find the reason in the "
        "kernel's log on both nodes, then run `drbdadm connect RESOURCE`. If the peer was removed, remove the "
        "connection: `drbdadm adjust RESOURCE`.",
        source=DRBDSETUP,
        find=find_lost_connections,
        absent=Absent("drbdsetup shows the connection as Connected", is_among(established_connections)),
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
        absent=Absent("drbdsetup shows the path as established", is_among(established_paths)),
        gone=Gone(
            "drbdsetup no longer lists the path",
            "DRBD path {local_address} to {peer_address} of {resource} is no longer configured",
            is_path_gone,
        ),
        hold=30.0,
        local=True,
    ),
)
