"""What a person has to know about Corosync: quorum and votes, and the links of this node. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.conditions.matching import read_from
from gateway.conditions.model import LINK, QUORUM
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.corosync import facts, metrics
from gateway.summary import UNKNOWN, Cell, Description, Fact, Health, Summary, Table, number, urgent_first
from gateway.summary import Row as TableRow

_DOWN = Cell("Corosync is not running on this node", Health.PROBLEM)


def _votes(view: ClusterView) -> dict[str, float]:
    return {str(row["type"]): float(row["value"]) for row in view.rows(metrics.QUORUM_VOTES)}


# --- quorum ----------------------------------------------------------------------------------------------------------


def describe_quorum(view: ClusterView) -> Description:
    """Describes quorum, votes and members."""
    votes = _votes(view)
    total, expected = votes.get("total_votes"), votes.get("expected_votes")
    has_all = total is None or expected is None or total >= expected
    flags = ", ".join(str(row["flag"]) for row in view.rows(metrics.QUORUM_FLAGS))
    quorum_facts = (
        Fact("Votes present", UNKNOWN if total is None else Cell(f"{total:g}", _vote_health(has_all))),
        Fact("Votes expected", number(expected)),
        Fact("Votes needed for quorum", number(votes.get("quorum"))),
    )
    return Description(
        headline=_quorum_headline(view, total, expected),
        facts=(*quorum_facts, Fact("Flags", Cell(flags))) if flags else quorum_facts,
        tables=(
            Table(
                caption="Members of this node's partition",
                columns=("Member", "Node ID", "Votes", "Quorum device"),
                rows=tuple(_members(view)),
                empty="There are no members.",
            ),
        ),
    )


def _vote_health(has_all: bool) -> Health:  # noqa: FBT001 - the value to convert
    return Health.OK if has_all else Health.WARNING


def _quorum_headline(view: ClusterView, total: float | None, expected: float | None) -> Cell:
    if view.number(metrics.UP) == 0:
        return _DOWN
    quorate = view.number(metrics.QUORATE)
    if quorate is None:
        return UNKNOWN
    votes = "" if total is None or expected is None else f", {total:g} of {expected:g} votes"
    if not quorate:
        return Cell(f"no quorum{votes}", Health.PROBLEM)
    has_all = total is None or expected is None or total >= expected
    return Cell(f"quorate{votes}", _vote_health(has_all))


def _members(view: ClusterView) -> Iterator[TableRow]:
    devices = {str(row["node_id"]): row for row in view.rows(metrics.MEMBER_QDEVICE)}
    for row in view.rows(metrics.MEMBER_VOTES):
        name, node_id = str(row["node"]), str(row["node_id"])
        if node_id == facts.QDEVICE_ID:
            name = "quorum device"
        elif row["local"] == "true":
            name += " (this node)"
        yield Cell(name), Cell(node_id), number(row["value"]), _device_state(devices.get(node_id))


def _device_state(row: Row | None) -> Cell:
    if row is None or not row["registered"]:
        return Cell("")
    alive = {True: "alive", False: "not alive"}.get(row["alive"])
    votes = {True: "votes", False: "does not vote"}.get(row["vote"])
    words = ", ".join(filter(None, (alive, votes)))
    return Cell(words, Health.WARNING if False in (row["alive"], row["vote"]) else Health.NONE) if words else UNKNOWN


# --- links -----------------------------------------------------------------------------------------------------------


_MAX_NAMES = 3
"""The number of nodes that a headline names for each link; it counts the others."""


def describe_links(view: ClusterView) -> Description:
    """Describes the links of this node, and each peer on them."""
    return Description(
        headline=_DOWN if view.number(metrics.UP) == 0 else _links_headline(view),
        tables=(
            Table(
                caption="Links of this node",
                columns=("Link", "Address of this node", "Peer", "State"),
                rows=urgent_first((*_peers(view), *_rings(view))),
                empty="There are no links.",
            ),
        ),
    )


def _links_headline(view: ClusterView) -> Cell:
    states = view.fact(facts.full_link_states)
    if not states:
        return UNKNOWN
    if set(states.values()) == {None}:
        count = "1 link" if len(states) == 1 else f"{len(states)} links"
        why = ": there is no other member" if view.fact(facts.is_alone) else ""
        return Cell(f"{count}, state unknown{why}", Health.UNKNOWN)
    working = sum(state is True for state in states.values())
    text = f"{working} of {len(states)} links work fully"
    reasons = [f"link {number}: {_why(view, number, state)}" for number, state in states.items() if not state]
    health = Health.WARNING if False in states.values() else Health.UNKNOWN if reasons else Health.OK
    return Cell("; ".join((text, *reasons)), health)


def _why(view: ClusterView, number: str, state: bool | None) -> str:  # noqa: FBT001 - the state to explain
    """Returns why a link does not work fully."""
    if state is None:
        return "unknown"
    if not any(view.rows(metrics.LINK_CONNECTED, number=number)):
        return "marked as faulty"
    members = [entry for entry in view.fact(facts.members_on_links) if entry.number == number]
    lost = [_peer_name(view, entry.peer_id, entry.peer) for entry in members if not entry.connected]
    if not lost:
        return "a member cannot be reached"  # the tool numbers the nodes by an index
    if len(lost) == len(members) > 1:
        return "no member can be reached"
    return f"{_list_names(lost)} cannot be reached"


def _list_names(names: Sequence[str]) -> str:
    """Returns ``a``, ``a and b``, or ``a, b, c and 2 others``."""
    shown = list(names[:_MAX_NAMES])
    if more := len(names) - len(shown):
        shown.append("1 other" if more == 1 else f"{more} others")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _peer_name(view: ClusterView, node_id: str, name: str) -> str:
    """Returns the name of a peer on a link: the one in the sample, or the one that it has as a member."""
    return (
        name
        or next((str(row["node"]) for row in view.rows(metrics.MEMBER_VOTES, node_id=node_id)), "")
        or (f"node {node_id}")
    )


def _peers(view: ClusterView) -> Iterator[TableRow]:
    members = view.fact(facts.other_members)
    for row in view.rows(metrics.LINK_CONNECTED):
        peer_id = str(row["peer_node_id"])
        if row["value"]:
            state = Cell("connected", Health.OK)
        elif peer_id in members:
            state = Cell("not connected", Health.PROBLEM)
        else:
            state = Cell("not connected; the node is no member", Health.WARNING)
        name = _peer_name(view, peer_id, str(row["peer"]))
        yield Cell(str(row["number"])), Cell(str(row["address"])), Cell(name), state


def _rings(view: ClusterView) -> Iterator[TableRow]:
    """Yields the links for which Corosync lists no peers."""
    with_peers = {row["number"] for row in view.rows(metrics.LINK_CONNECTED)}
    for row in view.rows(metrics.RINGS):
        if row["number"] not in with_peers:
            state = Cell("no fault", Health.OK) if row["value"] else Cell("faulty", Health.PROBLEM)
            yield Cell(str(row["number"])), Cell(str(row["address"])), Cell("all"), state


SUMMARIES = (
    Summary(category=QUORUM, source=read_from("corosync", "corosync-quorumtool"), describe=describe_quorum),
    Summary(category=LINK, source=read_from("corosync", "corosync-cfgtool"), describe=describe_links),
)
