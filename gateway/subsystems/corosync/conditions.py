"""Corosync's conditions: quorum, votes, the quorum device and links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.conditions.matching import has_number, is_among, is_not_among, names_in, number_equals, read_from
from gateway.conditions.model import (
    CLUSTER,
    LINK,
    QUORUM,
    QUORUM_LOSS,
    Absent,
    Condition,
    Finding,
    Gone,
    Severity,
    Source,
)
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.corosync import facts, metrics

QUORUMTOOL = read_from("corosync", "corosync-quorumtool")
CFGTOOL = read_from("corosync", "corosync-cfgtool")


def find_missing_votes(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if votes are missing."""
    votes = {str(row["type"]): float(row["value"]) for row in view.rows(metrics.QUORUM_VOTES)}
    expected, total = votes.get("expected_votes"), votes.get("total_votes")
    if expected is not None and total is not None and total < expected:
        yield Finding("", {"total": f"{total:g}", "expected": f"{expected:g}"})


def find_lost_qdevice(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if the quorum device of this node does not vote."""
    local = facts.local_node(view)
    for row in view.rows(metrics.MEMBER_QDEVICE):
        if row["node"] == local and row["registered"] and not (row["alive"] and row["vote"]):
            yield Finding("", {"what": "does not vote" if row["alive"] else "is not reached"})


def _member_links(view: ClusterView) -> Iterator[tuple[str, bool, Row]]:
    """Yields for each link to a member: its number, whether it is connected, and its row.

    A peer that is no longer a member is a lost node, not a lost link.
    """
    members = {row["node_id"] for row in view.rows(metrics.MEMBER_VOTES)}
    for row in view.rows(metrics.LINK_CONNECTED):
        if row["peer_node_id"] in members:
            yield str(row["number"]), bool(row["value"]), row


def find_lost_links(view: ClusterView) -> Iterator[Finding]:
    """Yields the links over which no member is connected."""
    states: defaultdict[str, list[bool]] = defaultdict(list)
    for number, connected, _ in _member_links(view):
        states[number].append(connected)
    for number, connected_peers in states.items():
        if not any(connected_peers):
            yield Finding(f"link {number}", {"number": number})


def find_lost_link_peers(view: ClusterView) -> Iterator[Finding]:
    """Yields the members that are not connected over a link to which other members are connected."""
    lost_links = {finding.fields["number"] for finding in find_lost_links(view)}
    for number, connected, row in _member_links(view):
        if not connected and number not in lost_links:
            peer = str(row["peer"] or f"node {row['peer_node_id']}")
            fields = {
                "number": number,
                "peer": peer,
                "node_id": str(row["peer_node_id"]),
                "address": str(row["address"]),
            }
            yield Finding(f"link {number} to {peer}", fields)


def has_all_votes(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether both numbers of votes are known; fewer than expected would be a finding."""
    return {"expected_votes", "total_votes"} <= {row["type"] for row in view.rows(metrics.QUORUM_VOTES)}


def qdevice_votes(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether the quorum device votes for this node."""
    local = facts.local_node(view)
    return any(
        row["node"] == local and row["registered"] and row["alive"] and row["vote"]
        for row in view.rows(metrics.MEMBER_QDEVICE)
    )


def has_no_qdevice(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether members are listed without a quorum device."""
    return view.has(metrics.MEMBER_VOTES) and not view.has(metrics.MEMBER_QDEVICE)


configured_links = names_in(metrics.RINGS, about="link {number}")


def _link_peer(row: Row) -> str:
    peer = row["peer"] or f"node {row['peer_node_id']}"
    return f"link {row['number']} to {peer}"


def working_links(view: ClusterView) -> frozenset[str]:
    """Returns the links over which a member is connected."""
    return frozenset(f"link {number}" for number, connected, _ in _member_links(view) if connected)


def link_peers(view: ClusterView) -> frozenset[str]:
    """Returns the names of all pairs of a link and a peer."""
    return frozenset(_link_peer(row) for row in view.rows(metrics.LINK_CONNECTED))


def working_link_peers(view: ClusterView) -> frozenset[str]:
    """Returns the names of the pairs of a link and a peer that is connected over it."""
    return frozenset(_link_peer(row) for row in view.rows(metrics.LINK_CONNECTED) if row["value"])


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="quorum-lost",
        severity=Severity.CRITICAL,
        category=QUORUM_LOSS,
        raised="This node's partition has lost quorum",
        cleared="This node's partition has quorum again",
        meaning="The node cannot reach a majority. Its resources are stopped, and it may be fenced within seconds.",
        action="Check the network first: run `corosync-cfgtool -s` here and `corosync-quorumtool` on the other nodes.",
        find=number_equals(metrics.QUORATE, 0),
        source=Source(collector="corosync", requires=lambda view: view.number(metrics.UP) == 1),
        absent=Absent("corosync-quorumtool or the quorum service reports quorum", has_number(metrics.QUORATE)),
        local=True,
    ),
    Condition(
        name="votes-missing",
        severity=Severity.MAJOR,
        category=QUORUM,
        raised="{total} of {expected} expected votes are present",
        cleared="All expected votes are present",
        meaning="A node or the quorum device is missing. If one more is lost, quorum may be lost.",
        action="Bring the missing node back, or lower the expected votes if it was removed permanently.",
        find=find_missing_votes,
        source=QUORUMTOOL,
        absent=Absent("corosync-quorumtool counts all expected votes", has_all_votes),
        hold=5.0,
        local=True,
    ),
    Condition(
        name="qdevice-lost",
        severity=Severity.MAJOR,
        category=QUORUM,
        raised="The quorum device {what}",
        cleared="The quorum device votes again",
        meaning="Quorum now depends on the nodes alone.",
        action="Run `corosync-qdevice-tool -s` here, and `corosync-qnetd-tool -s` on the server of the quorum device.",
        find=find_lost_qdevice,
        source=QUORUMTOOL,
        absent=Absent("corosync-quorumtool shows a quorum device that votes for this node", qdevice_votes),
        gone=Gone(
            "corosync-quorumtool lists no quorum device", "No quorum device is configured any more", has_no_qdevice
        ),
        hold=5.0,
        local=True,
    ),
    Condition(
        name="corosync-down",
        severity=Severity.CRITICAL,
        category=CLUSTER,
        raised="Corosync does not run on this node",
        cleared="Corosync runs on this node again",
        meaning="The node is not part of the cluster.",
        action="Check `systemctl status corosync` and the log of Corosync, then start the cluster on this node.",
        find=number_equals(metrics.UP, 0),
        source=Source(collector="corosync"),
        absent=Absent("a tool gets an answer from Corosync", has_number(metrics.UP)),
        local=True,
    ),
    Condition(
        name="link-down",
        severity=Severity.MAJOR,
        category=LINK,
        about="the link",
        raised="Nobody is reached over link {number}",
        cleared="Link {number} is up again",
        meaning="This node has lost one of the networks of the cluster; the other networks still work.",
        action="Check the interface, the cable and the switch of that network.",
        find=find_lost_links,
        source=CFGTOOL,
        absent=Absent("a member is reached over the link", is_among(working_links)),
        gone=Gone(
            "corosync-cfgtool no longer lists the link",
            "Link {number} is no longer configured",
            is_not_among(configured_links),
        ),
        hold=2.0,
        local=True,
    ),
    Condition(
        name="link-peer-down",
        severity=Severity.MINOR,
        category=LINK,
        about="the link and the node",
        raised="{peer} is not reached over link {number}",
        cleared="{peer} is reached over link {number} again",
        meaning="One link to a peer is lost; the peer is still a member.",
        action="Check the interface of that node on the network of the link.",
        find=find_lost_link_peers,
        source=CFGTOOL,
        absent=Absent("the peer is reached over the link", is_among(working_link_peers)),
        gone=Gone(
            "corosync-cfgtool no longer lists the peer on the link",
            "{peer} is no longer configured on link {number}",
            is_not_among(link_peers),
        ),
        hold=2.0,
        local=True,
    ),
)
