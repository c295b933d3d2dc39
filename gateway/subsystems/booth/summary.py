"""What a person has to know about booth: its tickets, and the other members. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.model import BOOTH
from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import facts, metrics
from gateway.subsystems.booth.booth_list import TICKETS
from gateway.subsystems.booth.conditions import CONFIGURATIONS
from gateway.summary import (
    UNKNOWN,
    Cell,
    Description,
    Health,
    Summary,
    Table,
    count_of,
    moment,
    number,
    urgent_first,
    yes_or_no,
)
from gateway.summary import Row as TableRow

_STATES: Mapping[str, tuple[str, Health]] = {
    "granted": ("granted", Health.OK),
    "commit_pending": ("commit pending", Health.WARNING),
    "revoked": ("revoked", Health.NONE),
    "no_leader": ("no leader", Health.PROBLEM),
}


def describe_booth(view: ClusterView) -> Description:
    """Describes the daemons, the tickets and the other members."""
    return Description(
        headline=_headline(view),
        tables=(
            Table(
                caption="Daemons",
                columns=("Configuration", "Answers", "Runs on this host", "Member", "Address"),
                rows=urgent_first(_daemons(view)),
            ),
            Table(
                caption="Tickets",
                columns=("Ticket", "State", "Held by", "Here", "Expires", "Renewed", "Configuration"),
                rows=urgent_first(_tickets(view)),
                empty="No ticket is configured.",
            ),
            Table(
                caption="Members",
                columns=("Member", "Type", "Last message", "Sent", "Repeated", "Received", "Rejected", "Configuration"),
                rows=urgent_first(_peers(view)),
            ),
        ),
    )


def _headline(view: ClusterView) -> Cell:
    if any(row["value"] == 0 for row in view.rows(metrics.UP)):
        return Cell("the booth daemon does not answer", Health.PROBLEM)
    tickets = view.fact(facts.tickets).values()
    if not tickets:
        return Cell("no ticket is configured") if _has_no_tickets(view) else UNKNOWN
    if any(view.rows(metrics.TICKET_CONFLICT)):
        return Cell("several sites hold a ticket", Health.PROBLEM)
    managed = [ticket for ticket in tickets if ticket.state != "revoked"]
    held = sum(bool(ticket.leader) for ticket in managed)
    return count_of(held, len(managed), "tickets held", health=Health.PROBLEM)


def _has_no_tickets(view: ClusterView) -> bool:
    names = [str(row["configuration"]) for row in view.rows(metrics.UP)]
    has_read_all = bool(names) and all(view.has_read_all("booth", f"list {name}", TICKETS) for name in names)
    return has_read_all and not view.fact(facts.configured_tickets)


def _daemons(view: ClusterView) -> Iterator[TableRow]:
    running = {row["configuration"]: row["value"] for row in view.rows(metrics.RUNNING)}
    info = {row["configuration"]: row for row in view.rows(metrics.INFO)}
    for row in view.rows(metrics.UP):
        name = row["configuration"]
        own = info.get(name, {})
        yield (
            Cell(str(name)),
            yes_or_no(row["value"], bad=False, health=Health.PROBLEM),
            yes_or_no(running.get(name))._replace(health=Health.NONE),
            _text(own.get("type")),
            _text(own.get("address")),
        )


def _text(value: object) -> Cell:
    return Cell(str(value)) if value else Cell(None)


def _tickets(view: ClusterView) -> Iterator[TableRow]:
    renewed = {(row["configuration"], row["ticket"]): row["value"] for row in view.rows(metrics.TICKET_RENEWED)}
    conflicts = {(row["configuration"], row["ticket"]): row["sites"] for row in view.rows(metrics.TICKET_CONFLICT)}
    for ticket in view.fact(facts.tickets).values():
        labels = (ticket.configuration, ticket.name)
        conflict = conflicts.get(labels)
        yield (
            Cell(f"{ticket.name} (manual)" if ticket.manual else ticket.name),
            Cell(*_STATES[ticket.state]) if ticket.state else UNKNOWN,
            Cell(str(conflict), Health.PROBLEM) if conflict else Cell(ticket.leader),
            yes_or_no(ticket.here),
            _time(ticket.expiry),
            _time(renewed.get(labels)),
            Cell(ticket.configuration),
        )


def _time(time: float | None) -> Cell:
    return Cell("") if time is None else moment(time)


def _peers(view: ClusterView) -> Iterator[TableRow]:
    counters = {
        name: {(row["configuration"], row["peer"]): float(row["value"]) for row in view.rows(metric)}
        for name, metric in metrics.PEER_COUNTERS.items()
    }
    for peer in view.fact(facts.peers).values():
        labels = (peer.configuration, peer.address)
        rejected = [counters[name].get(labels) for name in facts.REJECTIONS]
        known = [each for each in rejected if each is not None]
        contact = Cell("never", Health.WARNING) if peer.received == 0 else moment(peer.last_contact)
        yield (
            Cell(peer.address),
            Cell(peer.type),
            contact,
            number(counters["sent"].get(labels)),
            number(counters["resends"].get(labels)),
            number(peer.received),
            Cell(f"{sum(known):g}", Health.WARNING if sum(known) else Health.NONE) if known else UNKNOWN,
            Cell(peer.configuration),
        )


SUMMARIES = (Summary(category=BOOTH, source=CONFIGURATIONS, describe=describe_booth),)
