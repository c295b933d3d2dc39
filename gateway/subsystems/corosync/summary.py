"""What a person has to know about Corosync: quorum and votes, and the links of this node. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import read_from
from gateway.conditions.model import LINK, QUORUM
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.corosync import facts, metrics
from gateway.summary import UNKNOWN, Cell, Description, Fact, Health, Summary, Table, count_of, number, urgent_first
from gateway.summary import Row as TableRow

_DOWN = Cell("Corosync does not run on this node", Health.PROBLEM)


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
    words = [word for word, is_set in (("alive", row["alive"]), ("votes", row["vote"])) if is_set]
    if row["alive"] is False or row["vote"] is False:
        return Cell(", ".join(words) or "not alive, does not vote", Health.WARNING)
    return Cell(", ".join(words)) if words else UNKNOWN


# --- links -----------------------------------------------------------------------------------------------------------


def describe_links(view: ClusterView) -> Description:
    """Describes the links of this node, and each peer on them."""
    states = view.fact(facts.link_states)
    numbers = sorted({str(row["number"]) for row in (*view.rows(metrics.RINGS), *view.rows(metrics.LINK_CONNECTED))})
    working = sum(states.get(link, False) for link in numbers)
    headline = count_of(working, len(numbers), "links work") if numbers else UNKNOWN
    if unknown := [link for link in numbers if link not in states]:
        health = Health.UNKNOWN if all(states.values()) else Health.WARNING
        headline = Cell(f"{working} of {len(numbers)} links work, {len(unknown)} unknown", health)
    return Description(
        headline=_DOWN if view.number(metrics.UP) == 0 else headline,
        tables=(
            Table(
                caption="Links of this node",
                columns=("Link", "Address of this node", "Peer", "State"),
                rows=urgent_first((*_peers(view), *_rings(view))),
                empty="There are no links.",
            ),
        ),
    )


def _peers(view: ClusterView) -> Iterator[TableRow]:
    members = view.fact(facts.other_members)
    names = {str(row["node_id"]): str(row["node"]) for row in view.rows(metrics.MEMBER_VOTES)}
    for row in view.rows(metrics.LINK_CONNECTED):
        peer_id = str(row["peer_node_id"])
        name = str(row["peer"]) or names.get(peer_id) or f"node {peer_id}"
        if row["value"]:
            state = Cell("connected", Health.OK)
        elif peer_id in members:
            state = Cell("not connected", Health.PROBLEM)
        else:
            state = Cell("not connected; the node is no member", Health.WARNING)
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
