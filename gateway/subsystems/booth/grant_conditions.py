"""The conditions of tickets about which booth and Pacemaker disagree. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.conditions.model import BOOTH, Absent, Condition, Finding, Gone, Severity, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import facts
from gateway.subsystems.booth.evidence import is_configuration_gone, is_ticket_gone, ticket_of
from gateway.subsystems.booth.facts import Ticket
from gateway.subsystems.pacemaker import metrics as pacemaker
from gateway.subsystems.pacemaker.cluster_status import TICKETS


def _is_answered(view: ClusterView) -> bool:
    return view.has_succeeded("booth", "configurations") and view.has_succeeded("pacemaker", "crm_mon")


BOTH = Source(collector="booth", requires=_is_answered)


def granted_in_pacemaker(view: ClusterView) -> Mapping[str, bool | None]:
    """Returns whether Pacemaker has granted each ticket of its CIB; None if that cannot be read."""
    return {str(row["ticket"]): row["granted"] for row in view.rows(pacemaker.TICKETS)}


def _has_pacemaker_granted(view: ClusterView, ticket: str) -> bool | None:
    """Returns whether Pacemaker has granted a ticket; one that its CIB does not have is not granted."""
    granted = view.fact(granted_in_pacemaker)
    if ticket in granted:
        return granted[ticket]
    return False if view.has_read_all("pacemaker", "crm_mon", TICKETS) else None


def _has_booth_granted(ticket: Ticket) -> bool | None:
    """Returns whether booth has granted a ticket to this site; None if that is unknown, or about to change."""
    return None if ticket.state in {"", "commit_pending"} else ticket.here


def _tickets_where(view: ClusterView, *, booth: bool, pacemaker: bool) -> Iterator[Finding]:
    for ticket in view.fact(facts.tickets).values():
        if _has_booth_granted(ticket) is booth and _has_pacemaker_granted(view, ticket.name) is pacemaker:
            fields = {
                "configuration": ticket.configuration,
                "ticket": ticket.name,
                "leader": ticket.leader or "no site",
            }
            yield Finding(ticket.key, fields)


def find_missing_grants(view: ClusterView) -> Iterator[Finding]:
    """Yields the tickets that booth has granted to this site and Pacemaker has not."""
    return _tickets_where(view, booth=True, pacemaker=False)


def find_stale_grants(view: ClusterView) -> Iterator[Finding]:
    """Yields the tickets that Pacemaker has granted and booth has not granted to this site."""
    return _tickets_where(view, booth=False, pacemaker=True)


def do_agree(view: ClusterView, finding: Finding) -> bool:
    """Returns whether booth and Pacemaker say the same about a ticket."""
    ticket = ticket_of(view, finding)
    if ticket is None:
        return False
    booth = _has_booth_granted(ticket)
    return booth is not None and booth is _has_pacemaker_granted(view, ticket.name)


def is_nowhere(view: ClusterView, finding: Finding) -> bool:
    """Returns whether booth, its configuration and Pacemaker no longer have a ticket."""
    is_gone = is_ticket_gone(view, finding) or is_configuration_gone(view, finding)
    return is_gone and _has_pacemaker_granted(view, finding.fields["ticket"]) is False


_AGREE = Absent("`booth list` and crm_mon show the same of the ticket", do_agree)
_GONE = Gone(
    "neither booth nor its configuration has the ticket any more, and Pacemaker has not granted it",
    "The ticket {ticket} no longer exists",
    is_nowhere,
)

GRANTS: tuple[Condition, ...] = (
    Condition(
        name="booth-grant-missing",
        severity=Severity.MAJOR,
        category=BOOTH,
        about="the ticket",
        raised="Booth has granted ticket {ticket} here, but Pacemaker has not",
        cleared="Booth and Pacemaker agree about the ticket {ticket}",
        meaning="The resources that depend on the ticket run nowhere, although this site holds it.",
        action="Run `booth revoke -s SITE TICKET`, then `booth grant -s SITE TICKET`. Do not move the ticket with "
        "`crm_ticket`.",
        source=BOTH,
        find=find_missing_grants,
        absent=_AGREE,
        gone=_GONE,
        hold=30.0,  # booth writes to the CIB after it has decided
    ),
    Condition(
        name="booth-grant-stale",
        severity=Severity.CRITICAL,
        category=BOOTH,
        about="the ticket",
        raised="Pacemaker granted ticket {ticket} here, but booth to {leader}",
        cleared="Booth and Pacemaker agree about the ticket {ticket}",
        meaning="The same resources can run at two sites, which can destroy data.",
        action="If another site holds the ticket, run `crm_ticket --ticket TICKET --revoke --force` here. If none "
        "does, grant it to this site with `booth grant -s SITE TICKET`.",
        source=BOTH,
        find=find_stale_grants,
        absent=_AGREE,
        gone=_GONE,
        hold=30.0,
    ),
)
