"""Proofs that the conditions of booth share. Pure."""

from __future__ import annotations

from gateway.conditions.model import Finding, Gone
from gateway.conditions.view import ClusterView
from gateway.subsystems.booth import facts
from gateway.subsystems.booth.booth_list import TICKETS
from gateway.subsystems.booth.facts import Ticket


def ticket_of(view: ClusterView, finding: Finding) -> Ticket | None:
    """Returns the ticket that a finding is about, or None if booth does not list it."""
    return view.fact(facts.tickets).get(finding.object)


def is_ticket_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether neither booth nor its configuration has a ticket any more."""
    configuration = finding.fields["configuration"]
    return (
        finding.object not in view.fact(facts.tickets)
        and view.has_read_all("booth", f"list {configuration}", TICKETS)
        and view.has_read_everything("booth", f"configuration {configuration}")
        and view.has_succeeded("booth", f"configuration {configuration}")
        and finding.object not in view.fact(facts.configured_tickets)
    )


def is_configuration_gone(view: ClusterView, finding: Finding) -> bool:
    """Returns whether the configuration of a ticket, a member or a daemon was removed."""
    return view.status_of("booth", f"configuration {finding.fields['configuration']}") is None


CONFIGURATION_GONE = Gone(
    "its configuration was removed",
    "The configuration {configuration} of booth no longer exists",
    is_configuration_gone,
)
TICKET_GONE = Gone(
    "neither booth nor its configuration has the ticket any more",
    "The ticket {ticket} no longer exists",
    is_ticket_gone,
    otherwise=CONFIGURATION_GONE,
)
