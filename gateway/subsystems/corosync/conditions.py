"""Corosync's conditions: quorum, votes, the quorum device and links."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import has_number, number_equals, read_from
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
from gateway.conditions.view import ClusterView
from gateway.subsystems.corosync import facts, metrics
from gateway.subsystems.corosync.facts import PeerOnLink

QUORUMTOOL = read_from("corosync", "corosync-quorumtool")
CFGTOOL = ("corosync", "corosync-cfgtool")
LINKS = read_from(*CFGTOOL)

LINK_HOLD = 10.0
"""Seconds for which a link must be down.

knet does not notice at the same time on all links that a node is lost: the moments differ by up to the interval of its
pings, a quarter of the token timeout. This is enough for a token timeout of 40 seconds.
"""


def find_missing_votes(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if votes are missing."""
    votes = {str(row["type"]): float(row["value"]) for row in view.rows(metrics.QUORUM_VOTES)}
    expected, total = votes.get("expected_votes"), votes.get("total_votes")
    if expected is not None and total is not None and total < expected:
        yield Finding("", {"total": f"{total:g}", "expected": f"{expected:g}"})


def has_all_votes(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether both numbers of votes are known; fewer than expected would be a finding."""
    return {"expected_votes", "total_votes"} <= {row["type"] for row in view.rows(metrics.QUORUM_VOTES)}


def find_lost_qdevice(view: ClusterView) -> Iterator[Finding]:
    """Yields a finding if the quorum device of this node does not vote."""
    for row in view.rows(metrics.MEMBER_QDEVICE, node_id=facts.local_node_id(view)):
        if row["registered"] and not (row["alive"] and row["vote"]):
            yield Finding("", {"what": "does not vote" if row["alive"] else "is not reached"})
        elif not row["registered"] and view.number(metrics.QDEVICE_CONFIGURED) == 1:
            yield Finding("", {"what": "is not registered: corosync-qdevice does not run"})


def qdevice_votes(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether the quorum device votes for this node."""
    rows = view.rows(metrics.MEMBER_QDEVICE, node_id=facts.local_node_id(view))
    return any(row["registered"] and row["alive"] and row["vote"] for row in rows)


def has_no_qdevice(view: ClusterView, _finding: Finding) -> bool:
    """Returns whether the configuration has no quorum device, and no listed member has registered one."""
    is_listed = any(True for _ in view.rows(metrics.MEMBER_VOTES, node_id=facts.QDEVICE_ID))
    is_registered = any(row["registered"] for row in view.rows(metrics.MEMBER_QDEVICE))
    is_complete = view.has_read_everything("corosync", "corosync-quorumtool")
    is_listing = is_complete and view.has(metrics.MEMBER_VOTES)
    return is_listing and not is_listed and not is_registered and view.number(metrics.QDEVICE_CONFIGURED) == 0


def find_lost_links(view: ClusterView) -> Iterator[Finding]:
    """Yields the links over which no member is connected, and the rings that Corosync has marked as faulty.

    If no member is connected over any link, either this node or its peers are lost, and the links may be in order.
    """
    with_peers = {entry.number for entry in view.fact(facts.peers_on_links)}
    for number, works in view.fact(facts.link_states).items():
        if not works:
            why = "no member can be reached over it" if number in with_peers else "Corosync marks the ring as faulty"
            yield Finding(f"link {number}", {"number": number, "why": why})


def link_works(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a member is reached over a link."""
    return view.fact(facts.link_states).get(finding.fields["number"]) is True


def is_link_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether links are listed with all members, and a link is not among them."""
    numbers = {str(row["number"]) for row in view.rows(metrics.RINGS)}
    with_peers = {entry.number for entry in view.fact(facts.peers_on_links)}
    return (
        view.has_read_everything(*CFGTOOL)
        and bool(numbers)
        and finding.fields["number"] not in numbers | with_peers
        and all(facts.lists_all_members(view, number) for number in with_peers)
    )


def _name(view: ClusterView, entry: PeerOnLink) -> str:
    return view.accumulated(facts.node_names).get(entry.peer_id, f"node {entry.peer_id}")


def find_lost_link_peers(view: ClusterView) -> Iterator[Finding]:
    """Yields the members that are not connected over a link, but over another; the link itself has to work.

    A member that is connected over no link is about to be lost.
    """
    states, reached = view.fact(facts.link_states), view.fact(facts.reached_members)
    for entry in view.fact(facts.members_on_links):
        if not entry.connected and entry.peer_id in reached and states.get(entry.number):
            peer = _name(view, entry)
            fields = {"number": entry.number, "peer": peer, "node_id": entry.peer_id, "address": entry.address}
            yield Finding(f"link {entry.number} to {peer}", fields)


def _peers_of(view: ClusterView, finding: Finding) -> Iterator[PeerOnLink]:
    number, peer_id = finding.fields["number"], finding.fields["node_id"]
    return (entry for entry in view.fact(facts.peers_on_links) if (entry.number, entry.peer_id) == (number, peer_id))


def is_link_peer_reached(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a peer is connected over a link."""
    return any(entry.connected for entry in _peers_of(view, finding))


def is_link_peer_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether all members are listed on a link, and a peer is not among those listed."""
    number = finding.fields["number"]
    peers = {entry.peer_id for entry in view.fact(facts.peers_on_links) if entry.number == number}
    is_listing = view.has_read_everything(*CFGTOOL) and bool(peers) and facts.lists_all_members(view, number)
    return is_listing and finding.fields["node_id"] not in peers


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="quorum-lost",
        severity=Severity.CRITICAL,
        category=QUORUM_LOSS,
        raised="This node's partition has lost quorum",
        cleared="This node's partition has quorum again",
        meaning="The node cannot reach a majority. Unless no-quorum-policy says otherwise, its resources are stopped, "
        "and it may be fenced within seconds.",
        action="Check the network first: run `corosync-cfgtool -s` here and `corosync-quorumtool` on the other nodes.",
        source=Source(collector="corosync", requires=lambda view: view.number(metrics.UP) == 1),
        find=number_equals(metrics.QUORATE, 0),
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
        action="Run `corosync-quorumtool` to see who is present, and bring the missing node or quorum device back. If "
        "a node was removed permanently, remove it from `corosync.conf` on all nodes and run `corosync-cfgtool -R`.",
        source=QUORUMTOOL,
        find=find_missing_votes,
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
        action="Run `corosync-qdevice-tool -s` here, and `corosync-qnetd-tool -s` on the arbitrator. Start "
        "corosync-qdevice or corosync-qnetd where it does not run.",
        source=QUORUMTOOL,
        find=find_lost_qdevice,
        absent=Absent("corosync-quorumtool shows that the quorum device votes for this node", qdevice_votes),
        gone=Gone(
            "corosync.conf has no quorum device, and corosync-quorumtool lists none",
            "The quorum device is no longer configured",
            has_no_qdevice,
        ),
        hold=10.0,  # corosync-qdevice starts after Corosync, and stops before it
        local=True,
    ),
    Condition(
        name="corosync-down",
        severity=Severity.CRITICAL,
        category=CLUSTER,
        raised="Corosync is not running on this node",
        cleared="Corosync is running on this node again",
        meaning="The node is not part of the cluster.",
        action="Run `systemctl status corosync` and `journalctl -u corosync` for the reason, then start the cluster "
        "on this node: `crm cluster start` or `pcs cluster start`.",
        source=Source(collector="corosync"),
        find=number_equals(metrics.UP, 0),
        absent=Absent("a tool gets an answer from Corosync", has_number(metrics.UP)),
        gone=Gone(
            "Corosync does not run, and corosync.conf does not exist",
            "This node is no longer a member of a cluster",
            lambda view, _: view.is_unused("corosync"),
        ),
        local=True,
    ),
    Condition(
        name="link-down",
        severity=Severity.MAJOR,
        category=LINK,
        about="the link",
        raised="Link {number} is down: {why}",
        cleared="Link {number} is up again",
        meaning="This node has lost one of the networks of the cluster; the members are still reached over another "
        "one.",
        action="Run `corosync-cfgtool -s`, and check the interface, the cable and the switch of that network. With "
        "Corosync 2, run `corosync-cfgtool -r` after the repair.",
        source=LINKS,
        find=find_lost_links,
        absent=Absent(
            "a member is reached over the link, or Corosync 2 shows the ring without faults while there are other "
            "members",
            link_works,
        ),
        gone=Gone("corosync-cfgtool no longer lists the link", "Link {number} is no longer configured", is_link_gone),
        hold=LINK_HOLD,
        local=True,
    ),
    Condition(
        name="link-peer-down",
        severity=Severity.MINOR,
        category=LINK,
        about="the link and the node",
        raised="{peer} cannot be reached over link {number}",
        cleared="{peer} can be reached over link {number} again",
        meaning="One link to a peer is lost; the peer is still a member.",
        action="Run `corosync-cfgtool -s` on both nodes, and check their interfaces and the network of the link.",
        source=LINKS,
        find=find_lost_link_peers,
        absent=Absent("the peer is reached over the link", is_link_peer_reached),
        gone=Gone(
            "corosync-cfgtool no longer lists the peer on the link",
            "{peer} is no longer configured on link {number}",
            is_link_peer_gone,
        ),
        hold=LINK_HOLD,
        local=True,
    ),
)
