"""Where Pacemaker's conditions are read from, and the proofs that several of them share. Pure."""

from __future__ import annotations

from gateway.conditions.matching import read_from
from gateway.conditions.model import Finding, Gone, Source
from gateway.conditions.view import ClusterView
from gateway.subsystems.pacemaker import facts, metrics

CRM_MON = read_from("pacemaker", "crm_mon")
CONSTRAINTS = read_from("pacemaker", "cibadmin", "crm_mon")
"""The constraints in effect; those with a rule may expire, and crm_mon has the time."""
STATES = Source(collector="pacemaker", commands=("crm_mon",), requires=facts.dc)
"""The states of nodes and resources. Without a designated controller they are unknown: crm_mon shows all as offline."""


def node_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a node is no longer configured: other nodes are listed, and it is not."""
    # a node whose states cannot be read has no sample of NODES
    listed = any(any(view.rows(metric, node=finding.object)) for metric in (metrics.NODES, metrics.NODE_INFO))
    return view.has(metrics.NODES) and not listed


NODE_GONE = Gone("crm_mon lists other nodes, but no longer this one", "{node} is no longer configured", node_is_removed)


def resource_is_removed(view: ClusterView, finding: Finding) -> bool:
    """Returns whether a resource is no longer configured: crm_mon lists all resources, and not this one."""
    return view.number(metrics.RESOURCES_UNLISTED) == 0 and finding.fields["resource"] not in view.fact(facts.resources)


RESOURCE_GONE = Gone(
    "crm_mon lists all configured resources, but no longer this one",
    "{resource} is no longer configured",
    resource_is_removed,
)
