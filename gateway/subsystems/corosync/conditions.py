"""Corosync's conditions: quorum, votes, the quorum device and links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gateway.conditions.matching import evidence_from, has_samples, number_equals
from gateway.conditions.model import CLUSTER, LINK, QUORUM, QUORUM_LOSS, Condition, Finding, Severity
from gateway.conditions.view import ClusterView, Row
from gateway.subsystems.corosync import facts, metrics

QUORUMTOOL = evidence_from("corosync", "corosync-quorumtool")
CFGTOOL = evidence_from("corosync", "corosync-cfgtool")


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
        has_evidence=lambda view: view.number(metrics.UP) == 1 and view.has(metrics.QUORATE),
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
        has_evidence=QUORUMTOOL,
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
        has_evidence=QUORUMTOOL,
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
        has_evidence=has_samples(metrics.UP),
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
        has_evidence=CFGTOOL,
        hold=2.0,
        local=True,
    ),
    Condition(
        name="link-peer-down",
        severity=Severity.MINOR,
        category=LINK,
        about="the link and the node",
        raised="{peer} is not reached over link {number}",
        cleared="{peer} is reached over link {number} again, or is gone",
        meaning="One link to a peer is lost; the peer is still a member.",
        action="Check the interface of that node on the network of the link.",
        find=find_lost_link_peers,
        has_evidence=CFGTOOL,
        hold=2.0,
        local=True,
    ),
)
