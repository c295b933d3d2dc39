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


def votes(view: ClusterView) -> Iterator[Finding]:
    """Finds that votes are missing."""
    votes = {str(row["type"]): float(row["value"]) for row in view.rows(metrics.QUORUM_VOTES)}
    expected, total = votes.get("expected_votes"), votes.get("total_votes")
    if expected is not None and total is not None and total < expected:
        yield Finding("", {"total": f"{total:g}", "expected": f"{expected:g}"})


def qdevice(view: ClusterView) -> Iterator[Finding]:
    """Finds that the quorum device of this node does not vote."""
    local = facts.local_node(view)
    for row in view.rows(metrics.MEMBER_QDEVICE):
        if row["node"] == local and row["registered"] and not (row["alive"] and row["vote"]):
            yield Finding("", {"what": "does not vote" if row["alive"] else "is not reached"})


def _peers(view: ClusterView) -> Iterator[tuple[str, bool, Row]]:
    """Yields each peer that is a member of the partition on each link, and whether it is reached over that.

    A peer that is no member any longer is a lost node, not a lost link.
    """
    members = {row["node_id"] for row in view.rows(metrics.MEMBER_VOTES)}
    for row in view.rows(metrics.LINK_CONNECTED):
        if row["peer_node_id"] in members:
            yield str(row["number"]), bool(row["value"]), row


def links(view: ClusterView) -> Iterator[Finding]:
    """Finds links over which no member is reached."""
    reached: defaultdict[str, list[bool]] = defaultdict(list)
    for number, connected, _ in _peers(view):
        reached[number].append(connected)
    for number, peers in reached.items():
        if not any(peers):
            yield Finding(f"link {number}", {"number": number})


def link_peers(view: ClusterView) -> Iterator[Finding]:
    """Finds members that are not reached over a link, though others are."""
    whole = {finding.fields["number"] for finding in links(view)}
    for number, connected, row in _peers(view):
        if not connected and number not in whole:
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
        action="Look for the network first: `corosync-cfgtool -s`, the other nodes' `corosync-quorumtool`.",
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
        meaning="A node or the quorum device is gone: one more may cost quorum.",
        action="Bring the missing node back, or lower the expected votes if it is gone for good.",
        find=votes,
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
        meaning="Quorum depends on the nodes alone.",
        action="Look at `corosync-qdevice-tool -s` here, and at `corosync-qnetd-tool -s` on the server.",
        find=qdevice,
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
        action="`systemctl status corosync`, its log, then start the cluster on this node.",
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
        meaning="A network of the cluster is lost for this node; the others carry on.",
        action="Look at the interface, the cable and the switch of that network.",
        find=links,
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
        meaning="One link to one peer is lost; the node is a member still.",
        action="Look at that node's interface on the network of the link.",
        find=link_peers,
        has_evidence=CFGTOOL,
        hold=2.0,
        local=True,
    ),
)
