"""Booth's conditions: the daemon, the other members, and the tickets as booth sees them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.conditions.matching import names_in
from gateway.conditions.model import BOOTH, Absent, Condition, Finding, Gone, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import facts, metrics
from gateway.subsystems.booth.booth_list import CONFLICTS
from gateway.subsystems.booth.booth_peers import PEERS
from gateway.subsystems.booth.evidence import CONFIGURATION_GONE, TICKET_GONE, ticket_of
from gateway.subsystems.booth.facts import Peer, Ticket
from gateway.subsystems.booth.grant_conditions import GRANTS

CONFIGURATIONS = Source(collector="booth", commands=("configurations",))

answering = names_in(metrics.UP, lambda row: row["value"] == 1, about="{configuration}")


def _fields(ticket: Ticket) -> dict[str, str]:
    return {"configuration": ticket.configuration, "ticket": ticket.name, "leader": ticket.leader}


# --- The daemon ------------------------------------------------------------------------------------------------------


def find_silent_daemons(view: ClusterView) -> Iterator[Finding]:
    """Yields the configurations whose daemon does not answer."""
    for row in view.rows(metrics.UP):
        if row["value"] == 0:
            yield Finding(str(row["configuration"]), {"configuration": str(row["configuration"])})


def daemon_answers(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the daemon of a configuration answers."""
    return finding.object in view.fact(answering)


# --- Tickets ---------------------------------------------------------------------------------------------------------


def find_tickets_without_leader(view: ClusterView) -> Iterator[Finding]:
    """Yields the tickets that no site holds, unless they were revoked."""
    for ticket in view.fact(facts.tickets).values():
        if ticket.state == "no_leader" and not facts.may_have_leader(view, ticket):
            yield Finding(ticket.key, _fields(ticket))


def has_leader(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a site holds a ticket, or it was revoked."""
    ticket = ticket_of(view, finding)
    return ticket is not None and ticket.state in {"granted", "commit_pending", "revoked"}


def find_expiring_tickets(view: ClusterView) -> Iterator[Finding]:
    """Yields the tickets that were not renewed when they should have been."""
    for ticket in view.fact(facts.tickets).values():
        left = _time_left(view, ticket)
        if left is not None and ticket.leader and left < facts.least_time(view, ticket):
            seconds = f"expires in {left:.0f} s" if left > 0 else "has expired"
            yield Finding(ticket.key, {**_fields(ticket), "expires": seconds})


def _time_left(view: ClusterView, ticket: Ticket) -> float | None:
    if ticket.expiry is None or not facts.has_own_clock(view, ticket.configuration):
        return None
    return ticket.expiry - view.snapshot.time


def is_renewed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a ticket has been renewed, or no site holds it any more."""
    ticket = ticket_of(view, finding)
    if ticket is None:
        return False
    left = _time_left(view, ticket)
    return ticket.state in {"no_leader", "revoked"} or (left is not None and left >= facts.least_time(view, ticket))


def find_conflicts(view: ClusterView) -> Iterator[Finding]:
    """Yields the manual tickets that several sites hold."""
    for row in view.rows(metrics.TICKET_CONFLICT):
        fields = {name: str(row[name]) for name in ("configuration", "ticket", "sites")}
        yield Finding(facts.key(fields["configuration"], fields["ticket"]), fields)


def has_no_conflict(view: ClusterView, finding: Finding) -> bool:
    """Returns whether booth lists a ticket without a warning about it."""
    command = f"list {finding.fields['configuration']}"
    return ticket_of(view, finding) is not None and view.has_read_all("booth", command, CONFLICTS)


# --- Members ---------------------------------------------------------------------------------------------------------


def find_unreachable_peers(view: ClusterView) -> Iterator[Finding]:
    """Yields the members that have sent no valid message since the daemon was started, or for longer than they should.

    At its start, a daemon asks all members for the state of each ticket. Without tickets, none has anything to say.
    Booth also counts messages that it rejects, because the other member has another key or another configuration.
    """
    with_tickets = view.fact(facts.configurations_with_tickets)
    for peer in view.fact(facts.peers).values():
        if peer.received == 0 and peer.configuration in with_tickets:
            yield _silent_peer(peer, "message", "since boothd was started")
        elif peer.received and peer.accepted == 0:
            yield _silent_peer(peer, "valid message", f"since boothd was started, and {peer.rejected:.0f} rejected")
        else:
            last = facts.last_valid_contact(view, peer)
            limit = facts.longest_silence(view, peer)
            if last is None or limit is None or not facts.has_own_clock(view, peer.configuration):
                continue
            if (silence := view.snapshot.time - last) > limit:
                yield _silent_peer(
                    peer, "message" if last == peer.last_contact else "valid message", f"for {silence:.0f} s"
                )


def _silent_peer(peer: Peer, what: str, since: str) -> Finding:
    return Finding(
        peer.key,
        {
            "configuration": peer.configuration,
            "peer": peer.address,
            "type": peer.type,
            "what": what,
            "since": since,
            "last": "" if peer.last_contact is None else repr(peer.last_contact),
            "received": repr(peer.received),
            "accepted": repr(peer.accepted or 0.0),
        },
    )


def is_heard(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a valid message from a member was received after the alarm was raised."""
    peer, before = view.fact(facts.peers).get(finding.object), finding.fields
    if peer is None or not peer.accepted or not peer.received or peer.last_contact is None:
        return False
    is_restarted = before["received"] != "None" and peer.received < float(before["received"])
    is_later = not before["last"] or peer.last_contact > float(before["last"])
    return is_later and (is_restarted or peer.accepted > float(before["accepted"]))


def is_peer_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether booth no longer lists a member."""
    configuration, peers = finding.fields["configuration"], view.fact(facts.peers)
    return (
        finding.object not in peers
        and any(peer.configuration == configuration for peer in peers.values())
        and view.has_read_all("booth", f"peers {configuration}", PEERS)
    )


_LIST = "Run `booth list` on all sites and arbitrators"

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        name="booth-down",
        severity=Severity.MAJOR,
        category=BOOTH,
        about="the configuration",
        raised="The booth daemon of the configuration {configuration} does not answer",
        cleared="The booth daemon of the configuration {configuration} answers again",
        meaning="This site or arbitrator takes no part in decisions about tickets. A site loses its tickets.",
        action="On an arbitrator, run `systemctl start booth@NAME`. On a site, check the resources of booth and of its "
        "address with `crm_mon -1 -r`.",
        source=CONFIGURATIONS,
        find=find_silent_daemons,
        absent=Absent("`booth list` is answered", daemon_answers),
        gone=CONFIGURATION_GONE,
        hold=30.0,
        local=True,
    ),
    Condition(
        name="booth-ticket-no-leader",
        severity=Severity.MAJOR,
        category=BOOTH,
        about="the ticket",
        raised="No site holds the ticket {ticket}: it was lost or never granted",
        cleared="The ticket {ticket} was granted to a site, or revoked",
        meaning="The resources that depend on the ticket run nowhere.",
        action=f"{_LIST}. Repair the network between them, or grant the ticket with `booth grant -s SITE TICKET`.",
        source=CONFIGURATIONS,
        find=find_tickets_without_leader,
        absent=Absent("`booth list` shows the site that holds the ticket, or that it was revoked", has_leader),
        gone=TICKET_GONE,
        hold=30.0,
    ),
    Condition(
        name="booth-ticket-expiring",
        severity=Severity.MAJOR,
        category=BOOTH,
        about="the ticket",
        raised="Ticket {ticket} of {leader} {expires} without renewal",
        cleared="The ticket {ticket} is renewed again, or its site has given it up",
        meaning="The site does not reach a majority of members. It will lose the ticket and stop its resources.",
        action=f"{_LIST}, and check the network between them.",
        source=CONFIGURATIONS,
        find=find_expiring_tickets,
        absent=Absent("`booth list` shows that the ticket was renewed, or that no site holds it", is_renewed),
        gone=TICKET_GONE,
    ),
    Condition(
        name="booth-ticket-conflict",
        severity=Severity.CRITICAL,
        category=BOOTH,
        about="the ticket",
        raised="Several sites hold the ticket {ticket}: {sites}",
        cleared="No more than one site holds the ticket {ticket}",
        meaning="The same resources run at several sites, which can destroy data.",
        action="Decide which site keeps the ticket, and run `booth revoke -s SITE TICKET` for the others.",
        source=CONFIGURATIONS,
        find=find_conflicts,
        absent=Absent("`booth list` shows the ticket without a warning", has_no_conflict),
        gone=TICKET_GONE,
    ),
    *GRANTS,
    Condition(
        name="booth-peer-unreachable",
        severity=Severity.MINOR,
        category=BOOTH,
        about="the member",
        raised="No {what} from the {type} {peer} {since}",
        cleared="The {type} {peer} sends messages again",
        meaning="If another member fails, tickets can be lost and not be taken over.",
        action="Check the network to the member (UDP port 9929, unless configured), and run `booth status` there. If "
        "its messages are rejected, compare the keys (authfile) and the configurations.",
        source=CONFIGURATIONS,
        find=find_unreachable_peers,
        absent=Absent("`booth peers` shows a message that was received since then, and not rejected", is_heard),
        gone=Gone(
            "`booth peers` lists others and no longer this one",
            "The {type} {peer} is no longer a member of booth",
            is_peer_gone,
            otherwise=CONFIGURATION_GONE,
        ),
        hold=60.0,  # a member answers within seconds when boothd is started
        local=True,
    ),
)
