"""Facts that conditions and the alarm engine derive from Corosync's samples. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import metrics

QDEVICE_ID = "0"
"""The id with which corosync-quorumtool lists the quorum device among the members."""


def local_node(view: ClusterView) -> str:
    """Returns the name that Corosync has for this node while it runs, or "" if it is unknown."""
    return next((str(row["node"]) for row in view.rows(metrics.MEMBER_VOTES, local="true")), "")


def local_node_id(view: ClusterView) -> str:
    """Returns the id of this node, or "" if it is unknown."""
    return next((str(row["node_id"]) for row in view.rows(metrics.MEMBER_VOTES, local="true")), "")


def configured_node(view: ClusterView) -> str:
    """Returns the name of this node in corosync.conf, or "" if it is unknown."""
    return next((str(row["node"]) for row in view.rows(metrics.INFO)), "")


def cluster_name(view: ClusterView) -> str:
    """Returns the name of the cluster, or "" if it is unknown."""
    return next((str(row["cluster_name"]) for row in view.rows(metrics.INFO) if row["cluster_name"]), "")


def other_members(view: ClusterView) -> frozenset[str]:
    """Returns the ids of the members except for this node."""
    members = (row for row in view.rows(metrics.MEMBER_VOTES) if row["local"] != "true")
    return frozenset(str(row["node_id"]) for row in members if row["node_id"] != QDEVICE_ID)


class PeerOnLink(NamedTuple):
    """A peer on a link, or the link of this node.

    Attributes:
        number: the number of the link.
        peer_id: the id of the peer.
        peer: the name of the peer; empty if it is unknown.
        address: the address of this node on the link.
        connected: whether the peer is connected over the link.
    """

    number: str
    peer_id: str
    peer: str
    address: str
    connected: bool


_BY_INDEX = frozenset({"3.0.0", "3.0.1"})
"""The versions whose corosync-cfgtool numbers the nodes by an index instead of their ids."""


def _lists_peers_by_index(view: ClusterView) -> bool:
    return any(row["version"] in _BY_INDEX for row in view.rows(metrics.INFO))


def peers_on_links(view: ClusterView) -> tuple[PeerOnLink, ...]:
    """Returns every peer on every link; none if their ids are unknown."""
    if _lists_peers_by_index(view):
        return ()
    return tuple(
        PeerOnLink(
            str(row["number"]), str(row["peer_node_id"]), str(row["peer"]), str(row["address"]), bool(row["value"])
        )
        for row in view.rows(metrics.LINK_CONNECTED)
    )


def members_on_links(view: ClusterView) -> tuple[PeerOnLink, ...]:
    """Returns every member on every link. A peer that is no longer a member is a lost node, not a lost link."""
    members = view.fact(other_members)
    return tuple(entry for entry in view.fact(peers_on_links) if entry.peer_id in members)


def reached_members(view: ClusterView) -> frozenset[str]:
    """Returns the ids of the members that are connected over any link.

    A member that is connected over none is about to be lost, or this node is: its links are not faulty for that.
    """
    return frozenset(entry.peer_id for entry in view.fact(members_on_links) if entry.connected)


def _knows_all_members(view: ClusterView) -> bool:
    """Returns whether corosync-quorumtool has listed the members, and every row could be read."""
    return view.has(metrics.MEMBER_VOTES) and view.has_read_everything("corosync", "corosync-quorumtool")


def lists_all_members(view: ClusterView, number: str) -> bool:
    """Returns whether the state of every other member on a link is known."""
    listed = {entry.peer_id for entry in view.fact(members_on_links) if entry.number == number}
    return _knows_all_members(view) and listed >= view.fact(other_members)


def _lists_peers(view: ClusterView) -> bool:
    """Returns whether corosync-cfgtool lists the peers on each link, as it does for knet, the default of Corosync 3."""
    return any(
        row["transport"] == "knet" or (not row["transport"] and str(row["version"]).startswith("3."))
        for row in view.rows(metrics.INFO)
    )


def _has_no_votequorum(view: ClusterView) -> bool:
    """Returns whether Corosync is too old to list its members."""
    return any(str(row["version"]).startswith("1.") for row in view.rows(metrics.INFO))


def link_states(view: ClusterView) -> Mapping[str, bool]:
    """Returns whether each link works; a link is left out if that is unknown.

    A link works if a member is connected over it. It does not if no member is, although members are reached over
    another link. Without knet, Corosync lists no peers, and reports whether the ring itself is faulty. While this node
    is alone, nothing is known about its links.
    """
    connected: defaultdict[str, list[bool]] = defaultdict(list)
    for entry in view.fact(members_on_links):
        connected[entry.number].append(entry.connected)
    states = {
        number: any(values)
        for number, values in connected.items()
        if any(values) or (view.fact(reached_members) and lists_all_members(view, number))
    }
    with_peers = {entry.number for entry in view.fact(peers_on_links)}
    if _lists_peers_by_index(view):
        return states
    has_company = bool(view.fact(other_members)) or _has_no_votequorum(view)
    proves_rings = has_company and not _lists_peers(view)
    for row in view.rows(metrics.RINGS):
        number = str(row["number"])
        if number not in with_peers and (not row["value"] or proves_rings):
            states[number] = bool(row["value"])
    return states


def is_alone(view: ClusterView) -> bool:
    """Returns whether there is certainly no other member."""
    return _knows_all_members(view) and not view.fact(other_members)


def full_link_states(view: ClusterView) -> Mapping[str, bool | None]:
    """Returns whether each link works fully, in the order of the links; None if that is unknown.

    A link works fully if every other member is connected over it; ``link_states`` needs only one. The values are those
    of ``corosync_rings``, except that a node without other members knows nothing about its links. Without peers, it is
    what ``link_states`` returns.
    """
    rings = {str(row["number"]): bool(row["value"]) for row in view.rows(metrics.RINGS)}
    with_peers = {str(row["number"]) for row in view.rows(metrics.LINK_CONNECTED)}
    states: Mapping[str, bool | None] = {} if view.fact(is_alone) else rings
    return {
        number: (states if number in with_peers else view.fact(link_states)).get(number)
        for number in sorted(rings.keys() | with_peers)
    }


def node_ids(view: ClusterView, before: Mapping[str, str] | None) -> Mapping[str, str]:
    """Accumulates the id of every node that has been a member, by its name."""
    members = {str(row["node"]): str(row["node_id"]) for row in view.rows(metrics.MEMBER_VOTES)}
    return {**(before or {}), **members}


def node_names(view: ClusterView, before: Mapping[str, str] | None) -> Mapping[str, str]:
    """Accumulates the last known name of every node that has been on a link, by its id."""
    names = {entry.peer_id: entry.peer for entry in view.fact(peers_on_links) if entry.peer}
    return {**(before or {}), **names}


ACCUMULATORS = (node_ids, node_names)
