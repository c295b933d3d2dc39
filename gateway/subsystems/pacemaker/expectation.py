"""Which resources should run or be promoted, as far as it is known: quorum, target roles, tickets, options. Pure.

A resource that is stopped is only a problem if it should run. If it is unknown whether it should, it is neither a
problem nor none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from gateway.conditions.view import ClusterView, Row
from gateway.samples import Labels
from gateway.subsystems.pacemaker import metrics, resource_facts
from gateway.subsystems.pacemaker.cib import TICKETS as TICKET_CONSTRAINTS
from gateway.subsystems.pacemaker.cluster_status import STOP_ALL, TARGET_ROLES, TARGETS, TICKETS
from gateway.subsystems.pacemaker.resource_facts import CLONE, GROUP, RESOURCE

_NONE: frozenset[str] = frozenset()
_PROMOTED = frozenset({"promoted", "master"})
_NOT_PROMOTED = frozenset({"stopped", "unpromoted", "slave"})


class Exemptions(NamedTuple):
    """The ids of resources, groups and clones that need not run, or need not be promoted.

    Attributes:
        not_running: those that need not run.
        not_promoted: those that need not be promoted.
        unknown: those of which neither is known.
        all_unknown: whether neither is known of any resource.
    """

    not_running: frozenset[str] = _NONE
    not_promoted: frozenset[str] = _NONE
    unknown: frozenset[str] = _NONE
    all_unknown: bool = False

    def are_unknown_for(self, names: Collection[str]) -> bool:
        """Returns whether it is unknown if a resource with these ids (its own, its group's, its clone's) is exempt."""
        return self.all_unknown or not self.unknown.isdisjoint(names)


def option(view: ClusterView, name: str) -> bool | None:
    """Returns a cluster option; None if it is unknown."""
    return next((bool(row["value"]) for row in view.rows(metrics.CLUSTER_OPTION, option=name)), None)


def exemptions(view: ClusterView) -> Exemptions:
    """Returns which resources need not run, or need not be promoted. Query it through ``ClusterView.fact``."""
    by_ticket, roles = _exempt_by_ticket(view), list(view.rows(metrics.RESOURCE_INFO))
    stopped = {str(row["resource"]) for row in roles if row["target_role"] == "stopped" or row["maintenance"] == "true"}
    not_promoted = {str(row["resource"]) for row in roles if row["target_role"] in _NOT_PROMOTED}
    odd = {str(row["resource"]) for row in roles if row["target_role"] and row["target_role"] not in TARGET_ROLES}
    return Exemptions(
        by_ticket.not_running | stopped,
        by_ticket.not_promoted | not_promoted,
        by_ticket.unknown | odd,
        by_ticket.all_unknown or not _resources_may_run(view) or not view.has_read_all("pacemaker", "crm_mon", TARGETS),
    )


def _resources_may_run(view: ClusterView) -> bool:
    """Returns whether this partition may certainly run resources. Without quorum, another one may run them."""
    ignores_quorum = any(True for _ in view.rows(metrics.NO_QUORUM_POLICY, state="ignore"))
    return ignores_quorum or view.number(metrics.QUORATE) == 1


def _exempt_by_ticket(view: ClusterView) -> Exemptions:
    """Returns what may not run on this site because its ticket is not granted, or in standby.

    crm_mon lists every ticket that a constraint names.
    """
    usable = {str(row["ticket"]): _is_usable(row) for row in view.rows(metrics.TICKETS)}
    if all(usable.values()) and view.has_read_all("pacemaker", "crm_mon", TICKETS) and not _names_others(view, usable):
        return Exemptions()
    if not view.has_read_all("pacemaker", "cibadmin", TICKET_CONSTRAINTS):
        return Exemptions(all_unknown=True)
    listed = view.fact(resource_facts.resources)
    uses = [row for row in view.rows(metrics.TICKET_CONSTRAINTS) if not usable.get(str(row["ticket"]))]
    lacking = [row for row in uses if usable.get(str(row["ticket"])) is False]
    return Exemptions(
        not_running=frozenset(str(row["resource"]) for row in lacking if row["role"] not in _PROMOTED),
        not_promoted=frozenset(str(row["resource"]) for row in lacking),
        unknown=frozenset(str(row["resource"]) for row in uses if row not in lacking),
        all_unknown=any(row["resource"] not in listed for row in uses),  # it may be a tag
    )


def _names_others(view: ClusterView, tickets: Collection[str]) -> bool:
    """Returns whether a constraint names a ticket that crm_mon does not list."""
    return any(row["ticket"] not in tickets for row in view.rows(metrics.TICKET_CONSTRAINTS))


def _is_usable(ticket: Row) -> bool | None:
    """Returns whether a ticket is granted and not in standby; None if that is unknown."""
    if ticket["granted"] is False or ticket["standby"]:
        return False
    return True if ticket["granted"] and ticket["standby"] is False else None


def _anything_may_run(view: ClusterView) -> bool:
    """Returns whether the option stop-all-resources is certainly not set.

    It stops all resources except those that are needed for fencing. crm_mon prints it since 2.0.5.
    """
    value = option(view, STOP_ALL)
    if value is not None:
        return not value
    return view.has_read_all("pacemaker", "crm_mon", STOP_ALL) and view.fact(resource_facts.activity).services_run


def stopped_instances(view: ClusterView) -> Sequence[Row]:
    """Returns the labels of the instances that are stopped and should run. Query it through ``ClusterView.fact``."""
    return tuple(
        dict(zip(metrics.RESOURCES.labels, labels, strict=True))
        for labels in view.fact(resource_facts.activity).stopped
        if should_run(view, labels)
    )


def should_run(view: ClusterView, stopped: Labels) -> bool | None:
    """Returns whether a managed instance that is stopped should run, by its labels; None if that is unknown."""
    exempt, names = view.fact(exemptions), {stopped[RESOURCE], stopped[GROUP], stopped[CLONE]}
    if option(view, STOP_ALL) or not exempt.not_running.isdisjoint(names):
        return False
    return None if exempt.are_unknown_for(names) or not view.fact(_anything_may_run) else True


def need_not_run(view: ClusterView, instances: Sequence[Row]) -> bool:
    """Returns whether it is known of all these instances that they need not run."""
    if option(view, STOP_ALL):
        return bool(instances)
    exempt = view.fact(exemptions).not_running
    return bool(instances) and all(
        row["managed"] == "false" or not exempt.isdisjoint({row["resource"], row["group"], row["clone"]})
        for row in instances
    )


def are_stopped_on_purpose(view: ClusterView, instances: Sequence[Row]) -> bool:
    """Returns whether all these instances are managed and stopped, and need not run."""
    all_are_stopped = all(row["active"] is False and row["managed"] == "true" for row in instances)
    return all_are_stopped and need_not_run(view, instances)
